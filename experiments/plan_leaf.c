#include "experiments/plan_leaf.h"
#include "base/err.h"
#include "base/hash.h"
#include "decode/chain.h"
#include "decode/search.h"
#include "experiments/pack.h"
#include "model/checkpoint.h"
#include "model/rope.h"
#include "model/table.h"
#include <string.h>

static json_t *hex64(uint64_t x)
{
    char s[17];
    for (int i = 15; i >= 0; i--, x >>= 4)
        s[i] = "0123456789abcdef"[x & 15];
    s[16] = 0;
    return json_string(s);
}

static json_t *checkpoint_node(const char *name)
{
    struct checkpoint *c = checkpoint_open(name);
    if (!c || checkpoint_hash(c) < 0) {
        if (c)
            checkpoint_close(c);
        return NULL;
    }
    json_t *node = json_pack("{s:s, s:s, s:s, s:o, s:I, s:I}", "kind", "model", "name", name, "hash", c->hash, "space",
                             hex64(vocab_space(c->vocab)->hash), "bytes", (json_int_t)checkpoint_bytes(c), "parameters",
                             (json_int_t)checkpoint_parameters(c));
    struct text positions = { 0 };
    rope_describe(&c->config, c->config.max_positions, &positions);
    if (positions.len > 0)
        json_object_set_new(node, "positions", json_string(positions.s));
    text_free(&positions);
    checkpoint_close(c);
    return node;
}

int plan_leaf_table(const json_t *node, const char *where)
{
    int64_t n, length, seed;
    double sharpness;
    TRY(doc_int(node, where, "n", &n));
    TRY(doc_int(node, where, "length", &length));
    TRY(doc_int(node, where, "seed", &seed));
    TRY(doc_real(node, where, "sharpness", &sharpness));
    const double x[TABLE_NUMBERS] = { (double)n, (double)length, (double)seed, sharpness };
    return table_check(x, where, ERR_DATA);
}

static json_t *table_node(const char *name)
{
    struct table_options o;
    if (table_parse(name, &o) < 0)
        return NULL;
    struct lm *lm = table_open(&o);
    json_t *node = json_pack("{s:s, s:s, s:I, s:I, s:I, s:f, s:o}", "kind", "table", "name", name, "n", (json_int_t)o.n,
                             "length", (json_int_t)o.max_length, "seed", (json_int_t)o.seed, "sharpness", o.sharpness,
                             "space", hex64(lm->space->hash));
    lm_free(lm);
    return node;
}

json_t *plan_leaf(const char *name)
{
    return strncmp(name, "table:", 6) == 0 ? table_node(name) : checkpoint_node(name);
}

json_t *plan_leaf_fit(const char *on, const char *lang, enum item_kind kind)
{
    struct evalset *e = evalset_open(on);
    if (!e)
        return NULL;
    json_t *items = json_array();
    for (size_t i = 0; i < e->n_items; i++) {
        char hash[65];
        plan_leaf_item(&e->items[i], hash);
        if (e->items[i].kind == kind && (!lang || strcmp(e->items[i].lang, lang) == 0))
            json_array_append_new(items, json_string(hash));
    }
    json_t *node = json_pack("{s:s, s:o}", "on", on, "items", items);
    if (json_array_size(items) == 0) {
        err_set(ERR_USAGE, "fit: '%s' has no %s to fit on%s%s", on, kind == ITEM_TEXT ? "texts" : "choices",
                lang ? " in language " : "", lang ? lang : "");
        json_decref(node);
        node = NULL;
    }
    evalset_close(e);
    return node;
}

static void set_chain(const struct lua_transforms *transforms, const struct chain *c, json_t *out)
{
    json_object_set_new(out, "chain", json_string(chain_text(c)));
    lua_transforms_code(transforms, chain_text(c), out);
}

int plan_leaf_chain(const struct lua_transforms *transforms, const char *chain, json_t *out)
{
    struct chain *c = lua_transforms_chain(transforms, chain);
    if (!c)
        return ERR_USAGE;
    int rc =
        chain_state_size(c) == 0 ? 0 : err_set(ERR_USAGE, "chain '%s' of a voice: a step of it keeps state", chain);
    set_chain(transforms, c, out);
    chain_free(c);
    return rc;
}

int plan_leaf_choice(const struct lua_transforms *transforms, const char *chain, const char *search, json_t *out)
{
    struct text canonical = { 0 };
    struct chain *c = lua_transforms_chain(transforms, chain);
    int rc = c ? search_canonical(search, &canonical) : ERR_USAGE;
    if (rc == 0)
        rc = search_takes(search, c);
    if (rc == 0) {
        bool repeats = chain_greedy(c) || (!search_random(text_s(&canonical)) && !chain_random(c));
        set_chain(transforms, c, out);
        json_object_set_new(out, "search", json_string(text_s(&canonical)));
        json_object_set_new(out, "repeats", json_boolean(repeats));
    }
    chain_free(c);
    text_free(&canonical);
    return rc;
}

/* A limit that is none would let texts run on; beyond 32 bits it would become none. */
int plan_leaf_limits(const json_t *limit)
{
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)limit, key, value)
    {
        json_int_t x = json_integer_value(value);
        if (x < 1 || x > INT32_MAX)
            return err_set(ERR_USAGE, "limit: %s is %lld, want 1 .. %d", key, (long long)x, INT32_MAX);
    }
    return 0;
}

static void pack_string(struct text *t, const char *s)
{
    pack_u8(t, s != NULL);
    if (s)
        pack_bytes(t, s, strlen(s));
}

void plan_leaf_item(const struct item *item, char hex[65])
{
    struct text t = { 0 };
    pack_u32(&t, item->kind);
    pack_u64(&t, item->hash); /* the address of its noise */
    for (size_t i = 0; i < item->prompt.n_fields; i++) {
        pack_string(&t, item->prompt.fields[i].name);
        pack_string(&t, item->prompt.fields[i].text);
    }
    pack_u32(&t, (uint32_t)item->prompt.n_fields);
    for (size_t i = 0; i < item->prompt.n_turns; i++) {
        pack_string(&t, item->prompt.turns[i].role);
        pack_string(&t, item->prompt.turns[i].text);
    }
    pack_u32(&t, (uint32_t)item->prompt.n_turns);
    for (size_t i = 0; i < item->n_choices; i++)
        pack_string(&t, item->choices[i]);
    pack_u32(&t, (uint32_t)item->n_choices);
    pack_string(&t, item->text);
    hash_sha256(t.s, t.len, hex);
    text_free(&t);
}
