#include "base/err.h"
#include "base/mem.h"
#include "decode/chain.h"
#include "ensemble/bytes.h"
#include "experiments/fit_result.h"
#include "experiments/lms_inside.h"
#include "model/checkpoint.h"
#include "model/table.h"
#include "model/transformer.h"
#include <stdlib.h>
#include <string.h>

static const char *field(const json_t *o, const char *key)
{
    return json_string_value(json_object_get(o, key));
}

struct lms *lms_alloc(const json_t *what, struct threads *threads)
{
    struct lms *s = mem_alloc(1, sizeof *s);
    s->what = what;
    s->threads = threads;
    s->kernels = "";
    const json_t *nodes = json_object_get(what, "lms");
    s->n_nodes = json_array_size(nodes);
    s->nodes = mem_alloc(s->n_nodes, sizeof *s->nodes);
    for (size_t i = 0; i < s->n_nodes; i++) {
        s->nodes[i].doc = json_array_get(nodes, i);
        s->nodes[i].id = field(s->nodes[i].doc, "id");
    }
    s->n_fits = json_array_size(json_object_get(what, "fits"));
    s->node_places = doc_places(nodes, "id");
    s->fit_places = doc_places(json_object_get(what, "fits"), "id");
    s->fits = mem_alloc(s->n_fits, sizeof(json_t *));
    s->maps = mem_alloc(s->n_fits, sizeof(struct fit_maps *));
    return s;
}

/* Also after a build that failed, so that the next try begins anew. */
static void node_clear(struct lms_node *n)
{
    lm_free(n->lm);
    for (size_t k = 0; k < n->n_chains; k++)
        chain_free(n->chains[k]);
    free(n->chains);
    if (n->checkpoint)
        checkpoint_close(n->checkpoint);
    *n = (struct lms_node){ .id = n->id, .doc = n->doc };
}

void lms_close(struct lms *s)
{
    if (!s)
        return;
    for (size_t i = s->n_nodes; i-- > 0;)
        node_clear(&s->nodes[i]);
    for (size_t i = 0; i < s->n_fits; i++) {
        json_decref(s->fits[i]);
        fit_maps_free(s->maps[i]);
    }
    device_close(s->device);
    json_decref(s->node_places);
    json_decref(s->fit_places);
    free(s->nodes);
    free(s->fits);
    free(s->maps);
    free(s);
}

static struct lms_node *node_find(const struct lms *s, const char *id)
{
    size_t i = doc_place(s->node_places, id);
    return i < s->n_nodes ? &s->nodes[i] : NULL;
}

const struct checkpoint *lms_checkpoint(const struct lms *s, const char *id)
{
    const struct lms_node *n = node_find(s, id);
    return n ? n->checkpoint : NULL;
}

static json_t **fit_find(const struct lms *s, const char *id)
{
    size_t i = doc_place(s->fit_places, id);
    return i < s->n_fits ? &s->fits[i] : NULL;
}

const json_t *lms_node(const struct lms *s, const char *id)
{
    const struct lms_node *n = node_find(s, id);
    return n ? n->doc : NULL;
}

const json_t *lms_fit(const struct lms *s, const char *id)
{
    return json_array_get(json_object_get(s->what, "fits"), doc_place(s->fit_places, id));
}

int lms_set_fit(struct lms *s, const char *fit, json_t *result)
{
    json_t **f = fit_find(s, fit);
    if (!f)
        return err_set(ERR_DATA, "the plan has no fit '%s'", fit);
    const json_t *doc = lms_fit(s, fit);
    TRY(fit_result_check(doc, result));
    struct fit_maps **maps = &s->maps[f - s->fits];
    fit_maps_free(*maps);
    *maps = fit_maps_are_wanted(doc) ? fit_maps_read(doc, result) : NULL;
    json_decref(*f);
    *f = json_incref(result);
    return 0;
}

const json_t *lms_result(const struct lms *s, const char *fit)
{
    json_t **f = fit_find(s, fit);
    if (!f || !*f)
        err_set(ERR_DATA, "fit '%s' has no value yet", fit);
    return f ? *f : NULL;
}

const struct fit_maps *lms_maps(const struct lms *s, const char *fit)
{
    json_t **f = fit_find(s, fit);
    const struct fit_maps *maps = f ? s->maps[f - s->fits] : NULL;
    if (!maps)
        err_set(ERR_DATA, "fit '%s' has no maps yet", fit);
    return maps;
}

static const json_t *voices_of(const json_t *node)
{
    return json_object_get(node, "voices");
}

bool lms_ready(const struct lms *s, const char *id)
{
    const json_t *node = lms_node(s, id);
    const char *weights = field(json_object_get(node, "weights"), "fit");
    size_t i;
    json_t *v;
    if (weights && !*fit_find(s, weights))
        return false;
    json_array_foreach(voices_of(node), i, v)
    {
        const char *heat = field(json_object_get(v, "temperature"), "fit");
        const char *map = field(json_object_get(v, "calibration"), "fit");
        if ((heat && !*fit_find(s, heat)) || (map && !*fit_find(s, map)))
            return false;
        if (!lms_ready(s, field(v, "lm")))
            return false;
    }
    return true;
}

/* Other angles would be another model of the same weights. */
static int check_positions(const struct lms_node *n)
{
    const char *want = field(n->doc, "positions"), *seen = transformer_positions(n->lm);
    if (strcmp(want ? want : "", seen) == 0)
        return 0;
    return err_set(ERR_DATA, "%s: its positions are '%s', the plan was made with '%s'", n->checkpoint->name, seen,
                   want ? want : "");
}

static int open_device(struct lms *s)
{
    const char *name = field(s->what, "device");
    bool fixed = json_is_true(json_object_get(s->what, "deterministic"));
    if (s->device || device_is_cpu(name))
        return 0;
    s->device = device_open(name, fixed ? DEVICE_DETERMINISTIC : DEVICE_FAST);
    return s->device ? 0 : err_code();
}

static int build_model(struct lms *s, struct lms_node *n)
{
    const char *want = field(n->doc, "hash");
    if (!(n->checkpoint = checkpoint_open(field(n->doc, "name"))))
        return ERR_DATA;
    TRY(checkpoint_hash(n->checkpoint));
    if (strcmp(want, n->checkpoint->hash) != 0)
        return err_set(ERR_DATA,
                       "%s: its hash is %.12s..., the plan was made with %.12s...: the checkpoint has changed",
                       n->checkpoint->name, n->checkpoint->hash, want);
    TRY(open_device(s));
    const char *kernels = field(s->what, "kernels"), *kv = field(s->what, "kv");
    struct transformer_options o = { .mode = field(s->what, "mode"),
                                     .kernels = kernels && *kernels ? kernels : NULL,
                                     .kv = kv && *kv ? kv : NULL,
                                     .threads = s->threads,
                                     .device = s->device };
    if (!(n->lm = transformer_open(n->checkpoint, &o)))
        return err_code();
    s->kernels = transformer_kernels(n->lm);
    return check_positions(n);
}

static int build_table(struct lms *s, struct lms_node *n)
{
    (void)s;
    struct table_options o = { .n = (uint32_t)json_integer_value(json_object_get(n->doc, "n")),
                               .max_length = (uint32_t)json_integer_value(json_object_get(n->doc, "length")),
                               .seed = (uint64_t)json_integer_value(json_object_get(n->doc, "seed")),
                               .sharpness = json_number_value(json_object_get(n->doc, "sharpness")) };
    n->lm = table_open(&o);
    return 0;
}

static struct checkpoint *tokenizer_of(struct lms *s, const struct lms_node *n);

static int build_bytes(struct lms *s, struct lms_node *n)
{
    const char *inner = field(json_array_get(voices_of(n->doc), 0), "lm");
    struct lm *lm = lms_find(s, inner);
    if (!lm)
        return err_code();
    const struct checkpoint *c = tokenizer_of(s, node_find(s, inner));
    if (!c || !c->vocab)
        return err_set(ERR_USAGE, "bytes: '%s' has no tokenizer", inner);
    json_int_t beam = json_integer_value(json_object_get(n->doc, "beam"));
    json_int_t ahead = json_integer_value(json_object_get(n->doc, "ahead"));
    struct bytes_options o = { .vocab = c->vocab,
                               .kind = field(n->doc, "covers"),
                               .beam = beam < 0 || beam > UINT32_MAX ? UINT32_MAX : (uint32_t)beam,
                               .lazy = json_number_value(json_object_get(n->doc, "lazy")),
                               .ahead = ahead < 0 || ahead > UINT32_MAX ? UINT32_MAX : (uint32_t)ahead };
    n->lm = bytes_open(lm, &o);
    return n->lm ? 0 : err_code();
}

static const struct {
    const char *kind;
    int (*build)(struct lms *s, struct lms_node *n);
} kinds[] = {
    { "model", build_model }, { "table", build_table }, { "ensemble", lms_build_ensemble }, { "bytes", build_bytes }
};

void lms_set_transforms(struct lms *s, const struct lua_transforms *transforms)
{
    s->transforms = transforms;
}

const struct lua_transforms *lms_transforms(const struct lms *s)
{
    return s->transforms;
}

struct lm *lms_find(struct lms *s, const char *id)
{
    struct lms_node *n = node_find(s, id);
    if (!n) {
        err_set(ERR_DATA, "the plan has no lm '%s'", id);
        return NULL;
    }
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds && !n->lm; i++)
        if (strcmp(field(n->doc, "kind"), kinds[i].kind) == 0 && kinds[i].build(s, n) < 0) {
            node_clear(n);
            return NULL;
        }
    return n->lm;
}

const char *lms_template(const struct lms *s, const char *id)
{
    return field(lms_node(s, id), "template");
}

struct device *lms_device(const struct lms *s)
{
    return s->device;
}

const char *lms_kernels(const struct lms *s)
{
    return s->kernels;
}

/* The checkpoint whose tokenizer speaks for a node over tokens: an ensemble's voices share one space, so the first will
 * do. */
static struct checkpoint *tokenizer_of(struct lms *s, const struct lms_node *n)
{
    const json_t *voices = voices_of(n->doc);
    return voices ? tokenizer_of(s, node_find(s, field(json_array_get(voices, 0), "lm"))) : n->checkpoint;
}

/* Without a tokenizer (tables): the longest symbol at each place. */
static int encode_greedy(const struct space *space, const char *text, size_t n, struct symbols *out)
{
    for (size_t at = 0; at < n;) {
        sym_t best = 0;
        size_t longest = 0;
        for (sym_t v = 0; v < space->n; v++) {
            size_t len;
            const uint8_t *piece = space_text(space, v, &len);
            if (len > longest && len <= n - at && memcmp(piece, text + at, len) == 0) {
                best = v;
                longest = len;
            }
        }
        if (longest == 0)
            return err_set(ERR_DATA, "the symbol space has nothing for byte 0x%02x of a text", (unsigned char)text[at]);
        symbols_add(out, &best, 1);
        at += longest;
    }
    return 0;
}

int lms_encode(struct lms *s, const char *id, const char *text, size_t n, struct symbols *out)
{
    struct lm *lm = lms_find(s, id);
    if (!lm)
        return ERR_DATA;
    if (lm->space->kind == SPACE_BYTE) {
        for (size_t i = 0; i < n; i++)
            symbols_add(out, &(sym_t){ (unsigned char)text[i] }, 1);
        return 0;
    }
    struct checkpoint *c = tokenizer_of(s, node_find(s, id));
    return c ? vocab_encode(c->vocab, text, n, out) : encode_greedy(lm->space, text, n, out);
}
