/* Tables to HDF5: the layout of results.h5. */
#include "base/err.h"
#include "base/mem.h"
#include "experiments/h5.h"
#include "experiments/lms.h"
#include "experiments/results.h"
#include "experiments/results_spaces.h"
#include "experiments/results_tables.h"
#include <math.h>
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
    const char *s = json_string_value(json_object_get(lms_node(p->what, p->arms[arm].lm), key));
    return s ? s : "";
}

static void write_arms(struct h5 *h, const struct plan *p)
{
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
    COLUMN("/arm_chain", p->arms[i].chain, put_along(h, "/arm_chain", "/arm", H5_STRINGS, p->n_arms, column));
    COLUMN("/arm_search", p->arms[i].search, put_along(h, "/arm_search", "/arm", H5_STRINGS, p->n_arms, column));
    COLUMN("/arm_space", lm_field(p, i, "space"), put_along(h, "/arm_space", "/arm", H5_STRINGS, p->n_arms, column));
#undef COLUMN
    for (size_t i = 0; i < p->n_arms; i++)
        repeats[i] = p->arms[i].repeats;
    put_along(h, "/arm_repeats", "/arm", H5T_STD_U8LE, p->n_arms, repeats);
    free(column);
    free(repeats);
}

/* What a reader should see before the text. */
static const char *prompt_shown(const struct item *item)
{
    static const char *const fields[] = { "instruction", "text", "context" };
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) {
        const char *s = prompt_field(&item->prompt, fields[i]);
        if (s && *s)
            return s;
    }
    return "";
}

static void write_items(struct h5 *h, const struct plan *p)
{
    static const char *const kinds[] = { [ITEM_GENERATE] = "generate", [ITEM_CHOICE] = "choice", [ITEM_TEXT] = "text" };
    static const char *const paths[] = { "/item_set", "/item_id", "/item_lang", "/item_kind", "/item_prompt" };
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
            const char *const value[] = { p->items[i].set->name, item->id, item->lang, kinds[item->kind],
                                          prompt_shown(item) };
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

static void write_metrics(struct h5 *h, const struct tables *t)
{
    size_t n;
    struct tables_metric *m = tables_metrics(t, &n);
    for (size_t i = 0; i < n; i++) {
        struct text path = { 0 };
        text_addf(&path, "/metric/%s", m[i].name);
        struct h5_array a = { .path = text_s(&path),
                              .type = H5T_IEEE_F64LE,
                              .rank = 3 - (int)m[i].level,
                              .dims = { t->plan->n_arms, t->plan->n_items, t->plan->draws },
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
    tables_metrics_fini(m, n);
}

static void write_units(struct h5 *h, const struct tables *t)
{
    const struct plan *p = t->plan;
    struct h5_array a = { .path = "/unit/record",
                          .type = H5T_STD_I64LE,
                          .rank = 3,
                          .dims = { p->n_arms, p->n_items, p->draws },
                          .data = t->first,
                          .meaning = "index of the unit's first record; -1: none",
                          .scales = { "/arm", "/item", "/draw" } };
    h5_put(h, &a);
    a.path = "/unit/count";
    a.type = H5T_STD_U32LE;
    a.data = t->count;
    a.meaning = "records of the unit";
    h5_put(h, &a);
}

/* One number of every record. */
static void put_records(struct h5 *h, const struct tables *t, const char *path,
                        double (*of)(const struct tables_record *))
{
    double *x = mem_alloc(t->n_records, sizeof *x);
    for (size_t i = 0; i < t->n_records; i++)
        x[i] = of(&t->records[i]);
    put_1d(h, path, H5T_IEEE_F64LE, t->n_records, x);
    free(x);
}

static void put_indices(struct h5 *h, const struct tables *t, const char *path,
                        uint32_t (*of)(const struct tables_record *))
{
    uint32_t *x = mem_alloc(t->n_records, sizeof *x);
    for (size_t i = 0; i < t->n_records; i++)
        x[i] = of(&t->records[i]);
    put_1d(h, path, H5T_STD_U32LE, t->n_records, x);
    free(x);
}

static uint32_t arm_of(const struct tables_record *r)
{
    return r->arm;
}
static uint32_t item_of(const struct tables_record *r)
{
    return r->item;
}
static uint32_t draw_of(const struct tables_record *r)
{
    return r->draw;
}
static uint32_t end_of(const struct tables_record *r)
{
    return r->unit->kind == ITEM_GENERATE ? (uint32_t)r->record->end : 0;
}
static uint32_t symbols_of(const struct tables_record *r)
{
    return (uint32_t)r->record->n_steps;
}
static uint32_t voices_of(const struct tables_record *r)
{
    return r->record->n_voices;
}
static double weight_of(const struct tables_record *r)
{
    return r->record->log_weight;
}
static double nll_of(const struct tables_record *r)
{
    return r->nll;
}
static double judge_of(const struct tables_record *r)
{
    return r->judge_nll;
}

static void write_records(struct h5 *h, const struct tables *t)
{
    put_indices(h, t, "/record/arm", arm_of);
    put_indices(h, t, "/record/item", item_of);
    put_indices(h, t, "/record/draw", draw_of);
    put_indices(h, t, "/record/end", end_of);
    h5_text(h, "/record/end", "long_name", "how the text ended: 0 open, 1 end symbol, 2 stop string, 3 limit, 4 dead");
    put_indices(h, t, "/record/n_symbols", symbols_of);
    put_indices(h, t, "/record/n_voices", voices_of);
    put_records(h, t, "/record/log_weight", weight_of);
    put_records(h, t, "/record/nll", nll_of);
    h5_text(h, "/record/nll", "units", "nats");
    put_records(h, t, "/record/judge_nll", judge_of);
    h5_text(h, "/record/judge_nll", "units", "nats");
}

static void write_calibration(struct h5 *h, const struct tables *t)
{
    static const char *const numbers[] = { "value", "nll_before", "nll_after", "ece_before", "ece_after" };
    static const char *const names[] = { "id", "what", "lm", "on" };
    static const char *const sides[] = { "before", "after" };
    static const char *const columns[] = { "confidence", "accuracy", "n" };
    for (size_t i = 0; i < json_array_size(t->fits); i++) {
        const json_t *fit = json_array_get(t->fits, i);
        struct text path = { 0 };
        for (size_t s = 0; s < 2 && !json_is_null(fit); s++)
            for (size_t c = 0; c < 3; c++) {
                const json_t *bins = json_object_get(fit, sides[s]);
                double x[RESULTS_BINS] = { 0 };
                for (size_t b = 0; b < RESULTS_BINS; b++)
                    x[b] = json_number_value(json_object_get(json_array_get(bins, b), columns[c]));
                text_clear(&path);
                text_addf(&path, "/calibration/fit_%03zu/%s_%s", i, sides[s], columns[c]);
                put_1d(h, text_s(&path), H5T_IEEE_F64LE, RESULTS_BINS, x);
            }
        text_clear(&path);
        text_addf(&path, "/calibration/fit_%03zu", i);
        for (size_t k = 0; k < 5 && !json_is_null(fit); k++)
            h5_real(h, text_s(&path), numbers[k], json_number_value(json_object_get(fit, numbers[k])));
        for (size_t k = 0; k < 4 && !json_is_null(fit); k++)
            h5_text(h, text_s(&path), names[k], json_string_value(json_object_get(fit, names[k])));
        text_free(&path);
    }
}

static void write_cost(struct h5 *h, const struct tables *t)
{
    const struct plan *p = t->plan;
    double *symbols = mem_alloc(p->n_arms, sizeof *symbols), *seconds = mem_alloc(p->n_arms, sizeof *seconds);
    for (size_t i = 0; i < t->n_records; i++)
        symbols[t->records[i].arm] += (double)t->records[i].record->n_steps;
    for (size_t s = 0; s < json_array_size(t->sessions); s++) {
        const json_t *arms = json_object_get(json_array_get(t->sessions, s), "arms");
        for (size_t i = 0; i < p->n_arms; i++)
            seconds[i] += json_number_value(json_object_get(arms, p->arms[i].name));
    }
    put_along(h, "/cost/arm_symbols", "/arm", H5T_IEEE_F64LE, p->n_arms, symbols);
    put_along(h, "/cost/arm_seconds", "/arm", H5T_IEEE_F64LE, p->n_arms, seconds);
    free(symbols);
    free(seconds);
    static const char *const columns[] = { "seconds", "computed", "rounds", "wanted", "asked" };
    size_t n = json_array_size(t->sessions);
    double *x = mem_alloc(n, sizeof *x);
    for (size_t c = 0; c < sizeof columns / sizeof *columns; c++) {
        struct text path = { 0 };
        for (size_t s = 0; s < n; s++)
            x[s] = json_number_value(json_object_get(json_array_get(t->sessions, s), columns[c]));
        text_addf(&path, "/cost/session_%s", columns[c]);
        put_1d(h, text_s(&path), H5T_IEEE_F64LE, n, x);
        text_free(&path);
    }
    free(x);
}

static void write_provenance(struct h5 *h, const struct tables *t)
{
    struct text doc = { 0 };
    doc_canonical(&doc, t->plan->doc);
    h5_text(h, "/", "plan", text_s(&doc));
    text_clear(&doc);
    json_t *provenance = json_pack("{s:O, s:I, s:I, s:I, s:I}", "sessions", t->sessions, "units",
                                   (json_int_t)t->state.units, "missing", (json_int_t)t->state.missing, "failed",
                                   (json_int_t)t->state.failed, "damaged", (json_int_t)t->state.damaged);
    doc_canonical(&doc, provenance);
    json_decref(provenance);
    h5_text(h, "/", "provenance", text_s(&doc));
    text_free(&doc);
    h5_text(h, "/", "Conventions", "CF-1.8");
    h5_text(h, "/", "title", t->plan->name);
    h5_text(h, "/", "plan_hash", t->plan->hash);
    h5_int(h, "/", "schema", RESULTS_SCHEMA);
}

int results_write(const struct tables *t, const char *path)
{
    struct h5 *h = h5_create(path);
    if (!h)
        return ERR_IO;
    write_arms(h, t->plan);
    write_items(h, t->plan);
    write_draws(h, t->plan);
    write_metrics(h, t);
    write_units(h, t);
    write_records(h, t);
    results_write_flat(h, t);
    int rc = results_write_spaces(h, t->plan);
    write_calibration(h, t);
    write_cost(h, t);
    write_provenance(h, t);
    int closed = h5_close(h);
    return rc < 0 ? rc : closed;
}
