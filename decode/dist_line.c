#include "decode/dist_line.h"
#include "base/err.h"
#include "base/hash.h"
#include "base/num.h"
#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define MAX_DRAWS 1000000 /* of one line: the answer stays a line */
#define MAX_TOP   1e9     /* of the largest score: log Z, a double, has to tell it from its neighbours */

static int known_members(const struct dist_line *l)
{
    static const char *const names[] = { "id",           "logits",  "probs",   "history", "prompt",
                                         "chain",        "seed",    "draw",    "item",    "space",
                                         "unnormalised", "profile", "invalid", "draft",   "proposed" };
    return doc_known(l->object, l->where, "member", names, sizeof names / sizeof *names);
}

static int read_id(struct dist_line *l)
{
    const json_t *id = json_object_get(l->object, "id");
    if (id && !json_is_string(id) && !json_is_integer(id) && !json_is_null(id))
        return err_set(ERR_DATA, "%s: 'id' is neither a string nor an integer", l->where);
    if (id) {
        text_clear(&l->id);
        doc_canonical(&l->id, id);
    }
    return 0;
}

/* The distribution that an object holds; 1: it has none. */
static int read_values(const json_t *object, const char *where, struct dist_values *out)
{
    json_t *logits = json_object_get(object, "logits"), *probs = json_object_get(object, "probs");
    if (logits && probs)
        return err_set(ERR_DATA, "%s: both 'logits' and 'probs', want one of them", where);
    if (!logits && !probs)
        return 1;
    out->are_probs = probs != NULL;
    return doc_array(object, where, probs ? "probs" : "logits", &out->list);
}

static int read_row(struct dist_line *l)
{
    int rc = read_values(l->object, l->where, &l->values);
    if (rc != 0)
        return rc < 0 ? rc : err_set(ERR_DATA, "%s: neither 'logits' nor 'probs', want one of them", l->where);
    size_t n = json_array_size(l->values.list);
    if (n == 0 || n > UINT32_MAX)
        return err_set(ERR_DATA, "%s: a distribution of %zu symbols, want at least one", l->where, n);
    l->n = (uint32_t)n;
    return 0;
}

static int read_invalid(struct dist_line *l)
{
    static const char *const names[] = { "error", "replace" };
    const char *word = names[0];
    TRY(doc_maybe_string(l->object, l->where, "invalid", &word));
    l->replaces = strcmp(word, names[1]) == 0;
    if (l->replaces || strcmp(word, names[0]) == 0)
        return 0;
    return err_add(err_unknown(ERR_DATA, "value of 'invalid'", word, names, 2), "%s", l->where);
}

static int read_draft(struct dist_line *l)
{
    json_t *draft = json_object_get(l->object, "draft");
    l->proposed = -1;
    TRY(doc_maybe_int(l->object, l->where, "proposed", &l->proposed));
    bool given = json_object_get(l->object, "proposed") && !json_is_null(json_object_get(l->object, "proposed"));
    if (given && (l->proposed < 0 || l->proposed >= (int64_t)l->n))
        return err_set(ERR_DATA, "%s: 'proposed' is %lld, want a symbol in 0 .. %u", l->where, (long long)l->proposed,
                       l->n - 1);
    if (!draft || json_is_null(draft))
        return 0;
    if (!given)
        return err_set(ERR_DATA, "%s: 'draft' without 'proposed', the symbol that it proposes", l->where);
    if (!json_is_object(draft))
        return err_set(ERR_DATA, "%s: 'draft' is no object with 'logits' or 'probs'", l->where);
    int rc = read_values(draft, l->where, &l->draft);
    if (rc != 0)
        return rc < 0 ? rc : err_set(ERR_DATA, "%s: 'draft' has neither 'logits' nor 'probs'", l->where);
    if (json_array_size(l->draft.list) != l->n)
        return err_set(ERR_DATA, "%s: 'draft' has %zu symbols, want %u", l->where, json_array_size(l->draft.list),
                       l->n);
    return 0;
}

static int read_symbols(const struct dist_line *l, const char *key, struct symbols *out)
{
    json_t *list = json_object_get(l->object, key), *m;
    size_t i;
    if (!list || json_is_null(list))
        return 0;
    TRY(doc_array(l->object, l->where, key, &list));
    json_array_foreach(list, i, m)
    {
        json_int_t v = json_integer_value(m);
        if (!json_is_integer(m) || v < 0 || v >= (json_int_t)l->n) {
            struct text seen = { 0 };
            doc_canonical(&seen, m);
            text_add(&seen, json_is_real(m) ? " (no integer)" : "");
            err_set(ERR_DATA, "%s: %s[%zu] is %s, want a symbol in 0 .. %u", l->where, key, i, text_s(&seen), l->n - 1);
            text_free(&seen);
            return ERR_DATA;
        }
        sym_t s = (sym_t)v;
        symbols_add(out, &s, 1);
    }
    return 0;
}

static int read_space(struct dist_line *l)
{
    const char *hex = NULL;
    TRY(doc_maybe_string(l->object, l->where, "space", &hex));
    l->has_space = hex != NULL;
    if (!hex)
        return 0;
    if (strlen(hex) != 16 || strspn(hex, "0123456789abcdef") != 16)
        return err_set(ERR_DATA, "%s: 'space' is '%s', want 16 lower-case hex digits", l->where, hex);
    l->address.space = strtoull(hex, NULL, 16);
    return 0;
}

/* The address of the first draw; the item is the id's text unless it is given. */
static int read_address(struct dist_line *l)
{
    const json_t *id = json_object_get(l->object, "id");
    const char *item = json_is_string(id) ? json_string_value(id) : text_s(&l->id);
    int64_t seed = 0;
    TRY(doc_maybe_string(l->object, l->where, "item", &item));
    TRY(doc_maybe_int(l->object, l->where, "seed", &seed));
    if (seed < 0)
        return err_set(ERR_DATA, "%s: 'seed' is %lld, want 0 or more", l->where, (long long)seed);
    l->address = (struct rng_address){
        .seed = (uint64_t)seed, .item = hash_string(item), .step = (uint32_t)l->history.n, .purpose = RNG_DRAW
    };
    return read_space(l);
}

static int read_draws(struct dist_line *l)
{
    l->n_draws = -1;
    TRY(doc_maybe_int(l->object, l->where, "draw", &l->n_draws));
    const json_t *given = json_object_get(l->object, "draw");
    if (given && !json_is_null(given) && (l->n_draws < 0 || l->n_draws > MAX_DRAWS))
        return err_set(ERR_DATA, "%s: 'draw' is %lld, want 0 .. %d", l->where, (long long)l->n_draws, MAX_DRAWS);
    return doc_maybe_bool(l->object, l->where, "unnormalised", &l->unnormalised);
}

/* The chain, with the line's profile at its head. */
static int read_chain(struct dist_line *l, const struct dist_options *o)
{
    const char *chain = "", *profile = NULL;
    struct text whole = { 0 };
    TRY(doc_maybe_string(l->object, l->where, "chain", &chain));
    TRY(doc_maybe_string(l->object, l->where, "profile", &profile));
    if (profile && *profile)
        text_addf(&whole, "%s%s%s", *profile == '@' ? "" : "@", profile, chain[strspn(chain, " \t")] ? " | " : "");
    text_add(&whole, chain);
    l->chain = o->types ? chain_parse_types(text_s(&whole), o->types, o->n_types) : chain_parse(text_s(&whole));
    text_free(&whole);
    return l->chain ? 0 : ERR_USAGE;
}

static int pool(const struct dist_line *l, const struct dist_options *o)
{
    int rc = o->pool(l->object);
    return rc < 0 ? err_add(rc, "%s", l->where) : 0;
}

int dist_line_read(struct dist_line *l, const struct dist_options *o, const char *s, size_t n)
{
    text_add(&l->id, "null");
    l->object = doc_read(l->where, s, n);
    if (!l->object)
        return ERR_DATA;
    if (!json_is_object(l->object))
        return err_set(ERR_DATA, "%s: not a JSON object", l->where);
    TRY(read_id(l));
    if (o->pool && json_object_get(l->object, "rule"))
        TRY(pool(l, o));
    TRY(known_members(l));
    if (o->members)
        json_object_update_missing(l->object, (json_t *)(uintptr_t)o->members);
    TRY(read_row(l));
    TRY(read_invalid(l));
    TRY(read_draft(l));
    TRY(read_symbols(l, "history", &l->history));
    TRY(read_symbols(l, "prompt", &l->prompt));
    TRY(read_address(l));
    TRY(read_draws(l));
    return read_chain(l, o);
}

static int bad_value(const struct dist_line *l, const struct dist_values *values, size_t i)
{
    struct text seen = { 0 };
    doc_canonical(&seen, json_array_get(values->list, i));
    err_set(ERR_DATA, "%s: %s%s[%zu] is %s, want %s", l->where, values == &l->draft ? "draft's " : "",
            values->are_probs ? "probs" : "logits", i, text_s(&seen),
            values->are_probs ? "a number >= 0 or null" : "a float32 or null (-inf)");
    text_free(&seen);
    return ERR_DATA;
}

/* Of scores without support nothing is wanted.  Of replaced ones the largest may stand so far above all others that its
 * probability is one in any arithmetic. */
static int check_top(const struct dist_line *l, const struct dist_values *values, double top, double next)
{
    if (!(fabs(top) > MAX_TOP) || isinf(top) || (l->replaces && top - next > MAX_TOP))
        return 0;
    return err_set(ERR_DATA,
                   "%s: the largest of %s'logits' is %g, want a magnitude of at most %g: beyond it rounding "
                   "loses the probabilities",
                   l->where, values == &l->draft ? "the draft's " : "", top, MAX_TOP);
}

/* As Hugging Face's InfNanRemove: nan, which is a text here as inf is, is 0; what is endless is the farthest float. */
static bool replaced(const json_t *m, double *x)
{
    static const char *const words[] = { "nan", "inf", "-inf" };
    static const double values[] = { 0, (double)FLT_MAX, -(double)FLT_MAX };
    for (size_t i = 0; json_is_string(m) && i < 3; i++)
        if (strcmp(json_string_value(m), words[i]) == 0) {
            *x = values[i];
            return true;
        }
    if (!json_is_null(m) && !json_is_number(m))
        return false;
    *x = json_is_null(m) ? values[2] : fmin(fmax(json_number_value(m), values[2]), values[1]);
    return true;
}

/* The score of an element. */
static bool score_of(const struct dist_line *l, const struct dist_values *values, const json_t *m, double *x)
{
    if (l->replaces && !values->are_probs)
        return replaced(m, x);
    double seen = json_is_null(m) ? 0 : json_number_value(m);
    if (!json_is_null(m) && (!json_is_number(m) || (values->are_probs ? seen < 0 : fabs(seen) > (double)FLT_MAX)))
        return false;
    *x = values->are_probs ? num_log(seen) : json_is_null(m) ? -INFINITY : seen;
    return true;
}

static int read_scores(const struct dist_line *l, const struct dist_values *values, float score[])
{
    size_t i;
    json_t *m;
    double top = -INFINITY, next = -INFINITY, x;
    json_array_foreach(values->list, i, m)
    {
        if (!score_of(l, values, m, &x))
            return bad_value(l, values, i);
        score[i] = (float)x;
        next = fmax(next, fmin(top, x));
        top = fmax(top, x);
    }
    return check_top(l, values, top, next);
}

int dist_line_scores(const struct dist_line *l, float score[])
{
    return read_scores(l, &l->values, score);
}

int dist_line_draft(const struct dist_line *l, float score[])
{
    return read_scores(l, &l->draft, score);
}

void dist_line_fini(struct dist_line *l)
{
    json_decref(l->object);
    text_free(&l->id);
    free(l->history.s);
    free(l->prompt.s);
    chain_free(l->chain);
}
