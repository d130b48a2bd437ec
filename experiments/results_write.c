/* A ledger to HDF5: the layout of results.h5. */
#include "experiments/results_write.h"
#include "base/err.h"
#include "base/mem.h"
#include "experiments/fit_place.h"
#include "experiments/h5.h"
#include "experiments/plan.h"
#include "experiments/results.h"
#include "experiments/results_parts.h"
#include <stdlib.h>
#include <string.h>

static void put_1d(struct h5 *h, const char *path, hid_t type, size_t n, const void *data)
{
    h5_put(h, &(struct h5_array){ .path = path, .type = type, .rank = 1, .dims = { n }, .data = data });
}

static void put_along(struct h5 *h, const char *path, const char *scale, hid_t type, size_t n, const void *data)
{
    h5_put(h, &(struct h5_array){
                  .path = path, .type = type, .rank = 1, .dims = { n }, .data = data, .scales = { scale } });
}

static const char *lm_field(const struct plan *p, size_t arm, const char *key)
{
    const char *s = json_string_value(json_object_get(plan_lm(p, p->arms[arm].lm), key));
    return s ? s : "";
}

/* Each arm's chain with what was fitted in its place; as in the plan where that is not known.  Texts, for text_free(). */
static struct text *arm_chains(const struct ledger *l)
{
    const struct plan *p = l->plan;
    struct text *out = mem_alloc(p->n_arms, sizeof *out);
    for (size_t i = 0; i < p->n_arms; i++) {
        const struct plan_arm *arm = &p->arms[i];
        const json_t *result = json_array_get(l->fits, doc_place(p->fit_places, arm->fit));
        if (result && !json_is_null(result))
            fit_place_fill(arm->chain, result, &out[i]);
        else
            text_add(&out[i], arm->chain);
    }
    return out;
}

static void write_arms(struct h5 *h, const struct ledger *l)
{
    const struct plan *p = l->plan;
    struct text *chains = arm_chains(l);
    const char **column = mem_alloc(p->n_arms, sizeof *column);
    uint8_t *repeats = mem_alloc(p->n_arms, 1);
#define COLUMN(path, value, put)                                                                                       \
    do {                                                                                                               \
        for (size_t i = 0; i < p->n_arms; i++)                                                                         \
            column[i] = (value);                                                                                       \
        put;                                                                                                           \
    } while (0)
    COLUMN("/arm", p->arms[i].name, put_1d(h, "/arm", H5_STRINGS, p->n_arms, column));
    h5_scale(h, "/arm");
    COLUMN("/arm_lm", p->arms[i].lm, put_along(h, "/arm_lm", "/arm", H5_STRINGS, p->n_arms, column));
    COLUMN("/arm_chain", text_s(&chains[i]), put_along(h, "/arm_chain", "/arm", H5_STRINGS, p->n_arms, column));
    COLUMN("/arm_search", p->arms[i].search, put_along(h, "/arm_search", "/arm", H5_STRINGS, p->n_arms, column));
    COLUMN("/arm_space", lm_field(p, i, "space"), put_along(h, "/arm_space", "/arm", H5_STRINGS, p->n_arms, column));
#undef COLUMN
    for (size_t i = 0; i < p->n_arms; i++)
        repeats[i] = p->arms[i].repeats;
    for (size_t i = p->n_arms; i < p->n_choices; i++)
        repeats[p->arms[i].arm] &= p->arms[i].repeats;
    put_along(h, "/arm_repeats", "/arm", H5T_STD_U8LE, p->n_arms, repeats);
    free(column);
    free(repeats);
    for (size_t i = 0; i < p->n_arms; i++)
        text_free(&chains[i]);
    free(chains);
}

/* What a reader should see before the text. */
static const char *prompt_shown(const struct prompt *prompt)
{
    static const char *const fields[] = { "instruction", "text", "context" };
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) {
        const char *s = prompt_field(prompt, fields[i]);
        if (s && *s)
            return s;
    }
    return "";
}

static void write_items(struct h5 *h, const struct plan *p)
{
    static const char *const paths[] = { "/item_set",  "/item_id",     "/item_lang",
                                         "/item_kind", "/item_prompt", "/item_task" };
    size_t n = p->n_items;
    const char **name = mem_alloc(n, sizeof *name), **column = mem_alloc(n, sizeof *column);
    int64_t *gold = mem_alloc(n, sizeof *gold);
    for (size_t i = 0; i < n; i++) {
        name[i] = p->items[i].name;
        gold[i] = p->items[i].item->kind == ITEM_CHOICE ? (int64_t)p->items[i].item->gold : -1;
    }
    put_1d(h, "/item", H5_STRINGS, n, name);
    h5_scale(h, "/item");
    for (size_t k = 0; k < sizeof paths / sizeof *paths; k++) {
        for (size_t i = 0; i < n; i++) {
            const struct item *item = p->items[i].item;
            const char *const value[] = { p->items[i].set->name,
                                          item->id,
                                          item->lang,
                                          evalset_kinds[item->kind],
                                          prompt_shown(p->items[i].prompt),
                                          p->items[i].task ? p->items[i].task : "" };
            column[i] = value[k];
        }
        put_along(h, paths[k], "/item", H5_STRINGS, n, column);
    }
    put_along(h, "/item_gold", "/item", H5T_STD_I64LE, n, gold);
    free(name);
    free(column);
    free(gold);
}

static void write_draws(struct h5 *h, const struct plan *p)
{
    int32_t *draw = mem_alloc(p->draws, sizeof *draw);
    for (uint32_t i = 0; i < p->draws; i++)
        draw[i] = (int32_t)i;
    put_1d(h, "/draw", H5T_STD_I32LE, p->draws, draw);
    h5_scale(h, "/draw");
    free(draw);
}

static void write_metrics(struct h5 *h, const struct plan *p, struct measures *measures)
{
    size_t n;
    const struct measure *m = measures_list(measures, &n);
    for (size_t i = 0; i < n; i++) {
        struct text path = { 0 };
        text_addf(&path, "/metric/%s", m[i].name);
        struct h5_array a = { .path = text_s(&path),
                              .type = H5T_IEEE_F64LE,
                              .rank = 3 - (int)m[i].level,
                              .dims = { p->n_arms, p->n_items, p->draws },
                              .data = m[i].value,
                              .unit = m[i].unit,
                              .meaning = m[i].meaning,
                              .scales = { "/arm", "/item", "/draw" } };
        h5_put(h, &a);
        h5_int(h, a.path, "direction", m[i].direction);
        h5_real(h, a.path, "minimum", m[i].min);
        h5_real(h, a.path, "maximum", m[i].max);
        text_free(&path);
    }
}

static void write_arm_cost(struct h5 *h, const struct ledger *l, const double symbols[])
{
    const struct plan *p = l->plan;
    double *seconds = mem_alloc(p->n_arms, sizeof *seconds);
    for (size_t s = 0; s < json_array_size(l->sessions); s++) {
        const json_t *arms = json_object_get(json_array_get(l->sessions, s), "arms");
        for (size_t i = 0; i < p->n_arms; i++)
            seconds[i] += json_number_value(json_object_get(arms, p->arms[i].name));
    }
    put_along(h, "/cost/arm_symbols", "/arm", H5T_IEEE_F64LE, p->n_arms, symbols);
    put_along(h, "/cost/arm_seconds", "/arm", H5T_IEEE_F64LE, p->n_arms, seconds);
    free(seconds);
}

static void write_sessions(struct h5 *h, const struct ledger *l)
{
    static const char *const columns[] = { "seconds", "computed", "rounds", "wanted", "asked" };
    size_t n = json_array_size(l->sessions);
    double *x = mem_alloc(n, sizeof *x);
    for (size_t c = 0; c < sizeof columns / sizeof *columns; c++) {
        struct text path = { 0 };
        for (size_t s = 0; s < n; s++)
            x[s] = json_number_value(json_object_get(json_array_get(l->sessions, s), columns[c]));
        text_addf(&path, "/cost/session_%s", columns[c]);
        put_1d(h, text_s(&path), H5T_IEEE_F64LE, n, x);
        text_free(&path);
    }
    free(x);
}

/* The positions of each checkpoint of the plan, by the lm's id. */
static void write_positions(struct h5 *h, const struct plan *p)
{
    struct text t = { 0 };
    json_t *all = json_object(), *node;
    size_t i;
    json_array_foreach(json_object_get(p->what, "lms"), i, node)
    {
        json_t *positions = json_object_get(node, "positions");
        if (positions)
            json_object_set(all, json_string_value(json_object_get(node, "id")), positions);
    }
    doc_canonical(&t, all);
    h5_text(h, "/", "positions", text_s(&t));
    json_decref(all);
    text_free(&t);
}

static void write_provenance(struct h5 *h, const struct ledger *l)
{
    struct text doc = { 0 };
    doc_canonical(&doc, l->plan->doc);
    h5_text(h, "/", "plan", text_s(&doc));
    text_clear(&doc);
    const struct run_compacted *c = &l->state;
    json_t *provenance =
        json_pack("{s:O, s:I, s:I, s:I, s:I, s:I}", "sessions", l->sessions, "units", (json_int_t)c->units, "missing",
                  (json_int_t)c->missing, "unjudged", (json_int_t)c->unjudged, "failed", (json_int_t)c->failed,
                  "damaged", (json_int_t)c->damaged);
    doc_canonical(&doc, provenance);
    json_decref(provenance);
    h5_text(h, "/", "provenance", text_s(&doc));
    text_free(&doc);
    h5_text(h, "/", "Conventions", "CF-1.8");
    h5_text(h, "/", "title", l->plan->name);
    h5_text(h, "/", "plan_hash", l->plan->hash);
    write_positions(h, l->plan);
    h5_int(h, "/", "schema", RESULTS_SCHEMA);
}

/* Everything whose size is the plan's. */
static int write_rest(struct h5 *h, struct ledger *l, struct measures *m, const double arm_symbols[])
{
    write_metrics(h, l->plan, m);
    TRY(results_write_spaces(h, l->plan));
    results_write_fits(h, l);
    write_arm_cost(h, l, arm_symbols);
    write_sessions(h, l);
    write_provenance(h, l);
    return 0;
}

int results_write(struct ledger *l, const char *path)
{
    struct h5 *h = h5_create(path);
    if (!h)
        return err_code();
    struct measures *m = measures_alloc(l->plan);
    int rc = m ? 0 : err_code();
    double *arm_symbols = mem_alloc(l->plan->n_arms, sizeof *arm_symbols);
    write_arms(h, l);
    write_items(h, l->plan);
    write_draws(h, l->plan);
    rc = rc < 0 ? rc : results_write_records(h, l, m, arm_symbols);
    rc = rc < 0 ? rc : write_rest(h, l, m, arm_symbols);
    measures_free(m);
    free(arm_symbols);
    if (rc < 0) {
        struct text why = { 0 };
        text_add(&why, err_text());
        h5_close(h);
        err_set((enum err)rc, "%s", text_s(&why));
        text_free(&why);
        return rc;
    }
    return h5_close(h);
}
