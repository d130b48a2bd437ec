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
    static const char *const names[] = { "id",   "logits", "probs", "history", "prompt",       "chain",
                                         "seed", "draw",   "item",  "space",   "unnormalised", "profile" };
    enum { N = sizeof names / sizeof names[0] };
    const char *key;
    json_t *value;
    json_object_foreach(l->object, key, value)
    {
        size_t i = 0;
        while (i < N && strcmp(names[i], key) != 0)
            i++;
        if (i == N) {
            err_unknown(ERR_DATA, "member", key, names, N);
            return err_add(ERR_DATA, "%s", l->where);
        }
    }
    return 0;
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

static int read_values(struct dist_line *l)
{
    json_t *logits = json_object_get(l->object, "logits"), *probs = json_object_get(l->object, "probs");
    if (logits && probs)
        return err_set(ERR_DATA, "%s: both 'logits' and 'probs', want one of them", l->where);
    if (!logits && !probs)
        return err_set(ERR_DATA, "%s: neither 'logits' nor 'probs', want one of them", l->where);
    l->are_probs = probs != NULL;
    TRY(doc_array(l->object, l->where, probs ? "probs" : "logits", &l->values));
    if (json_array_size(l->values) == 0 || json_array_size(l->values) > UINT32_MAX)
        return err_set(ERR_DATA, "%s: a distribution of %zu symbols, want at least one", l->where,
                       json_array_size(l->values));
    l->n = (uint32_t)json_array_size(l->values);
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

int dist_line_read(struct dist_line *l, const struct dist_options *o, const char *s, size_t n)
{
    text_add(&l->id, "null");
    l->object = doc_read(l->where, s, n);
    if (!l->object)
        return ERR_DATA;
    if (!json_is_object(l->object))
        return err_set(ERR_DATA, "%s: not a JSON object", l->where);
    TRY(read_id(l));
    TRY(known_members(l));
    if (o->members)
        json_object_update_missing(l->object, (json_t *)(uintptr_t)o->members);
    TRY(read_values(l));
    TRY(read_symbols(l, "history", &l->history));
    TRY(read_symbols(l, "prompt", &l->prompt));
    TRY(read_address(l));
    TRY(read_draws(l));
    return read_chain(l, o);
}

static int bad_value(const struct dist_line *l, size_t i, const json_t *m)
{
    struct text seen = { 0 };
    doc_canonical(&seen, m);
    err_set(ERR_DATA, "%s: %s[%zu] is %s, want %s", l->where, l->are_probs ? "probs" : "logits", i, text_s(&seen),
            l->are_probs ? "a number >= 0 or null" : "a float32 or null (-inf)");
    text_free(&seen);
    return ERR_DATA;
}

/* Of scores without support nothing is wanted. */
static int check_top(const struct dist_line *l, double top)
{
    if (!(fabs(top) > MAX_TOP) || isinf(top))
        return 0;
    return err_set(ERR_DATA,
                   "%s: the largest of 'logits' is %g, want a magnitude of at most %g: beyond it rounding "
                   "loses the probabilities",
                   l->where, top, MAX_TOP);
}

int dist_line_scores(const struct dist_line *l, float score[])
{
    size_t i;
    json_t *m;
    double top = -INFINITY;
    json_array_foreach(l->values, i, m)
    {
        double x = json_number_value(m);
        if (json_is_null(m))
            x = l->are_probs ? 0 : -INFINITY;
        else if (!json_is_number(m) || (l->are_probs ? x < 0 : fabs(x) > (double)FLT_MAX))
            return bad_value(l, i, m);
        score[i] = (float)(l->are_probs ? num_log(x) : x);
        top = fmax(top, (double)score[i]);
    }
    return check_top(l, top);
}

void dist_line_fini(struct dist_line *l)
{
    json_decref(l->object);
    text_free(&l->id);
    free(l->history.s);
    free(l->prompt.s);
    chain_free(l->chain);
}
