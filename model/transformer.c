#include "model/transformer.h"
#include "base/err.h"
#include "base/hash.h"
#include "base/mem.h"
#include "base/num.h"
#include "model/checkpoint_settle.h"
#include "model/core.h"
#include "model/device_plan.h"
#include "model/forward_cpu.h"
#include "model/forward_device.h"
#include "model/pass.h"
#include "model/remote.h"
#include "model/rope.h"
#include "model/template.h"
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define DEFAULT_KV_BYTES  ((size_t)512 << 20)
#define DEFAULT_ROW_BYTES ((size_t)256 << 20)
#define DEFAULT_CHUNK     ((size_t)256)
#define DEVICE_CHUNK      ((size_t)1024)
#define ACTIVATION_BYTES  ((size_t)512 << 20) /* of a chunk at most, unless one position takes more */

struct transformer {
    struct lm lm;
    struct leaf leaf;
    struct checkpoint *c;
    struct weights *weights;
    const struct kernels *kernels;
    enum kernel_kv kv_type;
    enum kernel_mode mode;
    uint32_t planned;
    struct text path; /* name of the kernels, or of the device's */
    struct text refused, positions;
    struct tree *tree;
    struct device *device; /* NULL: the processor */
    struct device_pages *pages;
    struct remote *remote;   /* of the device: where rows may stay */
    struct device_plan plan; /* of the device */
    struct kv *kv;
    struct row_store *store;
    struct forward *forward;
    struct pass *pass;
    struct space *bare; /* the space of a checkpoint without tokenizer; NULL otherwise */
    char hash[65];
};

static int transformer_compute(void *self, const struct leaf_want w[], size_t n, struct queue *q)
{
    struct transformer *t = self;
    uint64_t computed = 0;
    int rc = pass_run(t->pass, w, n, queue_run(q), &computed);
    queue_computed(q, computed);
    return rc;
}

static int check_want(const struct transformer *t, const struct want *w)
{
    size_t length = tree_length(t->tree, w->slot);
    uint32_t n_layers = t->c->config.n_layers;
    if (length == 0)
        return err_set(ERR_DATA, "%s: an empty prefix has no next symbol: want at least one symbol before it",
                       t->lm.name);
    assert(w->n_rows >= 1 && w->n_rows <= length);
    assert(w->tap != LM_TAP_THERE || t->remote);
    if (w->tap != LM_TAP_FINAL && w->tap != LM_TAP_HIDDEN && w->tap != LM_TAP_THERE && w->tap >= n_layers)
        return err_set(ERR_USAGE, "%s: early exit after layer %u, want 1 to %u", t->lm.name, w->tap, n_layers - 1);
    return 0;
}

static int transformer_need(void *self, const struct want w[], size_t n, struct queue *q)
{
    struct transformer *t = self;
    for (size_t i = 0; i < n; i++) {
        TRY(check_want(t, &w[i]));
        const uint32_t *end = tree_path(t->tree, w[i].slot) + tree_length(t->tree, w[i].slot);
        bool missing = false;
        for (const uint32_t *node = end - w[i].n_rows; node < end; node++) {
            struct kept_row *r = row_store_find(t->tree, *node, w[i].tap);
            missing |= r == NULL;
            if (r)
                row_store_use(t->store, r, queue_run(q));
        }
        if (missing)
            queue_add(q, &t->leaf, &(struct leaf_want){ w[i].slot, w[i].n_rows, w[i].tap });
    }
    return 0;
}

static int transformer_rows(void *self, const struct want *w, struct row out[])
{
    struct transformer *t = self;
    const uint32_t *node = tree_path(t->tree, w->slot) + tree_length(t->tree, w->slot) - w->n_rows;
    for (uint32_t i = 0; i < w->n_rows; i++) {
        const struct kept_row *r = row_store_find(t->tree, node[i], w->tap);
        assert(r && r->ready); /* the core has run over this want */
        out[i] = r->row;
    }
    return 0;
}

static int transformer_remote(void *self, const struct want *w, struct remote_row *out)
{
    struct transformer *t = self;
    uint32_t node = tree_path(t->tree, w->slot)[tree_length(t->tree, w->slot) - 1];
    const struct kept_row *r = row_store_find(t->tree, node, w->tap);
    assert(w->n_rows == 1 && r && r->ready && r->block);
    *out = (struct remote_row){ .remote = t->remote, .n = 1 };
    out->block[0] = r->block;
    out->measured[0] = &r->measured;
    return 1;
}

static int transformer_push(void *self, int slot, const sym_t s[], size_t n, struct lm_trace *trace)
{
    struct transformer *t = self;
    size_t length = tree_length(t->tree, slot);
    if (n > t->lm.max_length - length)
        return err_set(ERR_DATA, "%s: a prefix of %zu symbols, its context limit is %u (max_position_embeddings)",
                       t->lm.name, length + n, t->lm.max_length);
    for (size_t i = 0; i < n; i++)
        assert(s[i] < t->lm.space->n);
    tree_push(t->tree, slot, s, n);
    if (trace)
        *trace = (struct lm_trace){ 0 };
    return 0;
}

/* What a prompt of nothing begins with: bos, also where the tokenizer puts none in front of texts, else what ends a text
 * (lm-evaluation-harness, prefix_token_id). */
static void begin_empty(const struct vocab *v, struct symbols *s)
{
    int64_t bos = vocab_bos(v);
    if (bos >= 0)
        symbols_add(s, &(sym_t){ (sym_t)bos }, 1);
    else if (vocab_space(v)->n_ends > 0)
        symbols_add(s, vocab_space(v)->ends, 1);
}

static int transformer_prompt(void *self, int slot, const struct prompt *p, struct symbols *seen)
{
    struct transformer *t = self;
    struct symbols s = { 0 };
    assert(tree_length(t->tree, slot) == 0);
    if (!t->c->vocab)
        return err_set(ERR_DATA, "%s: has no tokenizer: cannot read a prompt", t->lm.name);
    int rc = template_render(t->c->vocab, t->c->chat_template, p, &s);
    if (rc == 0 && s.n == 0)
        begin_empty(t->c->vocab, &s);
    if (rc == 0)
        rc = transformer_push(t, slot, s.s, s.n, NULL);
    if (rc == 0 && seen)
        symbols_add(seen, s.s, s.n);
    free(s.s);
    return rc;
}

static int transformer_fork(void *self, int src, size_t len)
{
    struct transformer *t = self;
    return tree_fork(t->tree, src, len);
}

static void transformer_drop(void *self, int slot)
{
    struct transformer *t = self;
    tree_drop(t->tree, slot);
}

static size_t transformer_length(void *self, int slot)
{
    struct transformer *t = self;
    return tree_length(t->tree, slot);
}

static size_t transformer_room(void *self, int slot)
{
    struct transformer *t = self;
    return t->lm.max_length - tree_length(t->tree, slot);
}

static void transformer_free(void *self)
{
    struct transformer *t = self;
    pass_free(t->pass);
    forward_free(t->forward);
    row_store_free(t->store);
    remote_close(t->remote);
    kv_free(t->kv);
    device_pages_close(t->pages);
    tree_free(t->tree);
    weights_close(t->weights);
    space_free(t->bare);
    text_free(&t->path);
    text_free(&t->refused);
    text_free(&t->positions);
    free(t);
}

static const struct lm_type transformer_type = {
    .name = "transformer",
    .prompt = transformer_prompt,
    .push = transformer_push,
    .fork = transformer_fork,
    .drop = transformer_drop,
    .length = transformer_length,
    .room = transformer_room,
    .need = transformer_need,
    .rows = transformer_rows,
    .remote = transformer_remote,
    .free = transformer_free,
};

/* Symbols without text: what a checkpoint without tokenizer speaks. */
static struct space *bare_space(uint32_t n)
{
    uint64_t *offsets = mem_alloc(n + (size_t)1, sizeof *offsets);
    uint8_t *special = mem_alloc(n, 1);
    struct space *s = space_alloc(SPACE_TOKEN, n, special, offsets, special, NULL, 0);
    free(offsets);
    free(special);
    return s;
}

static uint32_t types_of(const struct checkpoint *c)
{
    uint32_t types = KERNEL_TYPE(DTYPE_F32);
    for (size_t i = 0; i < c->n_tensors; i++)
        types |= KERNEL_TYPE(c->tensors[i].type);
    return types;
}

/* The device's path is a name like those of kernels: rows of one are not those of another. */
static int choose_path(struct transformer *t, const struct transformer_options *o)
{
    const struct device *d = t->device;
    t->kernels = kernel_choose(d ? NULL : o->kernels, d ? KERNEL_F32 : t->mode, types_of(t->c), &t->refused);
    if (!t->kernels)
        return err_code();
    if (!d) {
        text_add(&t->path, t->kernels->name);
        return 0;
    }
    text_addf(&t->path, "%s sm_%u%u%s", d->api->name, d->info.major, d->info.minor,
              d->deterministic ? " deterministic" : "");
    if (o->kernels && strcmp(o->kernels, text_s(&t->path)) != 0)
        return err_set(ERR_USAGE, "kernels '%s': device %s has '%s'", o->kernels, d->name, text_s(&t->path));
    return 0;
}

static int choose(struct transformer *t, const struct transformer_options *o)
{
    static const char *const modes[] = { [KERNEL_F32] = "f32", [KERNEL_NATIVE] = "native" };
    const char *name = o->mode ? o->mode : o->device ? "native" : "f32";
    t->mode = strcmp(name, "native") == 0 ? KERNEL_NATIVE : KERNEL_F32;
    if (strcmp(name, modes[t->mode]) != 0)
        return err_unknown(ERR_USAGE, "compute mode", name, modes, 2);
    return choose_path(t, o);
}

/* What is planned for more positions than a checkpoint has would be another model. */
static int plan_positions(struct transformer *t, const struct transformer_options *o)
{
    const struct config *g = &t->c->config;
    t->planned = o->max_positions > 0 ? o->max_positions : g->max_positions;
    if (t->planned > g->max_positions)
        return err_set(ERR_USAGE, "%s: %u positions, want at most %u", t->c->name, t->planned, g->max_positions);
    rope_describe(g, t->planned, &t->positions);
    return 0;
}

/* The type of keys and values. */
static int choose_kv(const struct transformer_options *o, enum kernel_mode mode, enum kernel_kv *type)
{
    const char *names[KERNEL_KV_TYPES], *name = o->kv;
    *type = o->device && mode == KERNEL_NATIVE ? KERNEL_KV_BF16 : KERNEL_KV_F32;
    for (int i = 0; i < KERNEL_KV_TYPES; i++) {
        names[i] = kernel_kv_name((enum kernel_kv)i);
        if (name && strcmp(name, names[i]) == 0) {
            *type = (enum kernel_kv)i;
            return 0;
        }
    }
    return name ? err_unknown(ERR_USAGE, "type of keys and values", name, names, KERNEL_KV_TYPES) : 0;
}

static int open_lm(struct transformer *t, const char *alias)
{
    struct checkpoint *c = t->c;
    struct text identity = { 0 };
    if (!c->vocab)
        t->bare = bare_space(c->config.n_vocab);
    const struct space *space = t->bare ? t->bare : vocab_space(c->vocab);
    if (space->n > c->config.n_vocab)
        return err_set(ERR_DATA, "%s: the tokenizer has %u symbols, the embedding %u rows", c->name, space->n,
                       c->config.n_vocab);
    text_addf(&identity, "%s %s %s", alias ? alias : c->hash, t->mode == KERNEL_NATIVE ? "native" : "f32",
              text_s(&t->path));
    if (c->config.rope.scaling != SCALING_NONE)
        text_addf(&identity, " %s", text_s(&t->positions));
    if (t->kv_type != KERNEL_KV_F32)
        text_addf(&identity, " kv %s", kernel_kv_name(t->kv_type));
    hash_sha256(text_s(&identity), identity.len, t->hash);
    text_free(&identity);
    t->lm = (struct lm){ .type = &transformer_type,
                         .self = t,
                         .space = space,
                         .name = c->name,
                         .hash = t->hash,
                         .max_length = t->planned,
                         .pure = true,
                         .layered = true };
    t->leaf = (struct leaf){ .self = t, .compute = transformer_compute };
    return 0;
}

/* Widths are numbers from a file: the weights prove them, but activations of many positions take more than weights. */
static size_t choose_chunk(const struct config *g, size_t asked)
{
    size_t chunk = asked > 0 ? asked : DEFAULT_CHUNK, fits = ACTIVATION_BYTES / forward_cpu.token_bytes(g);
    return chunk <= fits ? chunk : fits > 0 ? fits : 1;
}

/* A page holds all layers of KERNEL_PAGE positions and cannot be had in parts. */
static int check_page(const struct transformer *t, size_t kv_bytes)
{
    const struct config *g = &t->c->config;
    uint64_t page = 2 * (uint64_t)g->n_kv_heads * kernel_kv_bytes(t->kv_type, g->head_dim), limit = DEFAULT_KV_BYTES;
    limit = limit > kv_bytes ? limit : kv_bytes;
    if (!num_mul(page, g->n_layers, &page) || page > limit)
        return err_set(
            ERR_DATA,
            "%s: keys and values of %u positions take %llu bytes, want at most %llu (%u layers, %u heads of %u)",
            t->c->name, KERNEL_PAGE, (unsigned long long)page, (unsigned long long)limit, g->n_layers, g->n_kv_heads,
            g->head_dim);
    return 0;
}

static struct forward_parts parts_of(const struct transformer *t, const struct transformer_options *o, size_t chunk)
{
    return (struct forward_parts){ .checkpoint = t->c,
                                   .weights = t->weights,
                                   .kernels = t->kernels,
                                   .kv = t->kv,
                                   .threads = o->threads,
                                   .mode = t->mode,
                                   .kv_type = t->kv_type,
                                   .n_scores = t->lm.space->n,
                                   .max_tokens = chunk,
                                   .planned = t->planned,
                                   .weight_bytes = t->plan.weight_most,
                                   .device = t->device };
}

/* Memory for pages comes from the device from here on. */
static int open_device(struct transformer *t, const struct transformer_options *o, size_t page_bytes, size_t *chunk)
{
    struct forward_parts parts = parts_of(t, o, o->chunk > 0 ? o->chunk : DEVICE_CHUNK);
    parts.weight_bytes = o->weight_bytes;
    TRY(forward_device_plan(&parts, &(struct device_ask){ t->c->name, 0, o->weight_bytes, o->kv_bytes, page_bytes },
                            &t->plan));
    *chunk = parts.max_tokens;
    t->pages = device_pages_open(t->device, page_bytes);
    return t->pages ? 0 : err_code();
}

static int open_forward(struct transformer *t, const struct transformer_options *o)
{
    const struct config *g = &t->c->config;
    const struct kv_shape shape = { g->n_layers, g->n_kv_heads, g->head_dim, t->kv_type };
    size_t chunk = choose_chunk(g, o->chunk), kv_bytes = o->kv_bytes > 0 ? o->kv_bytes : DEFAULT_KV_BYTES;
    struct kv_memory memory;
    TRY(check_page(t, kv_bytes));
    if (t->device) {
        TRY(open_device(t, o, kv_page_bytes(&shape), &chunk));
        memory = device_pages_memory(t->pages);
        kv_bytes = (size_t)t->plan.kv;
        t->remote = t->lm.remote = remote_open(t->device, t->lm.space->n);
        if (!t->remote)
            return err_code();
        row_store_place(t->store, t->remote);
    }
    t->kv = kv_alloc(t->tree, &shape, kv_bytes, t->device ? &memory : NULL);
    struct forward_parts parts = parts_of(t, o, chunk);
    t->forward = forward_alloc(t->device ? &forward_device : &forward_cpu, &parts);
    if (!t->forward)
        return err_code();
    t->pass = pass_alloc(&(struct pass_parts){ t->tree, t->kv, t->store, t->forward, o->threads, chunk, t->remote });
    return 0;
}

static int open_all(struct transformer *t, const struct transformer_options *o)
{
    t->device = o->device;
    if (!o->alias)
        TRY(checkpoint_hash(t->c)); /* it reads the files, which give their pages back then */
    if (!t->device)
        checkpoint_settle(t->c, o->threads);
    t->weights = weights_open(t->c);
    if (!t->weights)
        return ERR_DATA;
    TRY(choose(t, o));
    TRY(choose_kv(o, t->mode, &t->kv_type));
    TRY(plan_positions(t, o));
    TRY(open_lm(t, o->alias));
    t->tree = o->apart ? tree_alloc_apart() : tree_alloc();
    t->store =
        row_store_alloc(t->tree, t->lm.space->n, t->c->config.dim, o->row_bytes > 0 ? o->row_bytes : DEFAULT_ROW_BYTES);
    return open_forward(t, o);
}

struct lm *transformer_open(struct checkpoint *c, const struct transformer_options *o)
{
    struct transformer *t = mem_alloc(1, sizeof *t);
    t->c = c;
    if (open_all(t, o) < 0) {
        transformer_free(t);
        return NULL;
    }
    return &t->lm;
}

const char *transformer_kernels(const struct lm *lm)
{
    const struct transformer *t = lm->self;
    return text_s(&t->path);
}

const struct device_plan *transformer_plan(const struct lm *lm)
{
    const struct transformer *t = lm->self;
    return &t->plan;
}

size_t transformer_kv_bytes(const struct lm *lm)
{
    const struct transformer *t = lm->self;
    return kv_bytes(t->kv);
}

const char *transformer_refused(const struct lm *lm)
{
    const struct transformer *t = lm->self;
    return text_s(&t->refused);
}

const char *transformer_positions(const struct lm *lm)
{
    const struct transformer *t = lm->self;
    return text_s(&t->positions);
}
