/* Coordinates, metrics and records of a results file. */
#include "base/err.h"
#include "base/mem.h"
#include "experiments/results_inside.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

static int damaged(const char *what)
{
    return err_set(ERR_DAMAGED, "the results file: '%s' does not fit the other arrays", what);
}

/* A list of n strings that lives as long as r; NULL + error. */
static char **column(struct results *r, const char *path, size_t n)
{
    char **list;
    size_t got;
    if (h5_get_strings(r->file, path, &got, &list) < 0)
        return NULL;
    mem_grow(&r->columns, &r->cap_columns, r->n_columns + 1, sizeof *r->columns);
    r->columns[r->n_columns++] = (struct results_column){ list, got };
    if (got == n)
        return list;
    damaged(path);
    return NULL;
}

static int read_arms(struct results *r)
{
    uint64_t n;
    TRY(h5_get_size(r->file, "/arm", &n));
    r->n_arms = (size_t)n;
    char **name = column(r, "/arm", r->n_arms), **lm = column(r, "/arm_lm", r->n_arms);
    char **chain = column(r, "/arm_chain", r->n_arms), **search = column(r, "/arm_search", r->n_arms);
    if (!name || !lm || !chain || !search)
        return ERR_DAMAGED;
    r->arms = mem_alloc(r->n_arms, sizeof *r->arms);
    for (size_t i = 0; i < r->n_arms; i++)
        r->arms[i] = (struct results_arm){ name[i], lm[i], chain[i], search[i] };
    return 0;
}

static int read_items(struct results *r)
{
    struct h5_dims d;
    int64_t *gold;
    uint64_t count;
    TRY(h5_get_size(r->file, "/item", &count));
    size_t n = r->n_items = (size_t)count;
    char **name = column(r, "/item", n), **set = column(r, "/item_set", n), **id = column(r, "/item_id", n);
    char **lang = column(r, "/item_lang", n), **kind = column(r, "/item_kind", n),
         **shown = column(r, "/item_prompt", n);
    char **task = h5_has(r->file, "/item_task") ? column(r, "/item_task", n) : NULL;
    if (!name || !set || !id || !lang || !kind || !shown || (!task && h5_has(r->file, "/item_task")))
        return ERR_DAMAGED;
    TRY(h5_get(r->file, "/item_gold", H5T_NATIVE_INT64, &d, &gold));
    r->items = mem_alloc(n, sizeof *r->items);
    for (size_t i = 0; i < n && d.n[0] == n; i++)
        r->items[i] = (struct results_item){ .name = name[i],
                                             .set = set[i],
                                             .id = id[i],
                                             .lang = lang[i],
                                             .kind = kind[i],
                                             .prompt = shown[i],
                                             .task = task ? task[i] : "",
                                             .gold = gold[i] };
    free(gold);
    return d.rank == 1 && d.n[0] == n ? 0 : damaged("/item_gold");
}

int results_read_axes(struct results *r)
{
    struct h5_dims d;
    int32_t *draw;
    TRY(read_arms(r));
    TRY(read_items(r));
    TRY(h5_get(r->file, "/draw", H5T_NATIVE_INT32, &d, &draw));
    free(draw);
    if (d.rank != 1 || d.n[0] < 1 || d.n[0] > UINT32_MAX)
        return damaged("/draw");
    r->draws = (uint32_t)d.n[0];
    return 0;
}

static bool shape_is(const struct results *r, const struct h5_dims *d)
{
    return d->rank >= 1 && d->n[0] == r->n_arms && (d->rank < 2 || d->n[1] == r->n_items) &&
           (d->rank < 3 || d->n[2] == r->draws);
}

static int read_metric(struct results *r, const char *name)
{
    struct text path = { 0 };
    struct h5_dims d;
    struct results_metric m = { 0 };
    double direction = 0, *value = NULL;
    char *unit = NULL, *meaning = NULL;
    text_addf(&path, "/metric/%s", name);
    int rc = h5_get(r->file, text_s(&path), H5T_NATIVE_DOUBLE, &d, &value);
    rc = rc < 0 ? rc : h5_get_text(r->file, text_s(&path), "units", &unit);
    rc = rc < 0 ? rc : h5_get_text(r->file, text_s(&path), "long_name", &meaning);
    rc = rc < 0 ? rc : h5_get_real(r->file, text_s(&path), "direction", &direction);
    rc = rc < 0 ? rc : h5_get_real(r->file, text_s(&path), "minimum", &m.min);
    rc = rc < 0 ? rc : h5_get_real(r->file, text_s(&path), "maximum", &m.max);
    if (rc == 0 && !shape_is(r, &d))
        rc = damaged(text_s(&path));
    text_free(&path);
    m.name = mem_string(name);
    m.unit = unit;
    m.meaning = meaning;
    m.value = value;
    m.direction = direction > 0 ? 1 : direction < 0 ? -1 : 0;
    m.level = rc == 0 ? (enum metric_level)(3 - d.rank) : METRIC_RECORD;
    mem_grow(&r->metrics, &r->cap_metrics, r->n_metrics + 1, sizeof *r->metrics);
    r->metrics[r->n_metrics++] = m; /* also when it failed: results_close() frees it */
    return rc;
}

/* In the order of names, which is the order the writer has. */
int results_read_metrics(struct results *r)
{
    char **names = NULL;
    size_t n = 0;
    int rc = 0;
    if (H5Lexists(r->file, "/metric", H5P_DEFAULT) > 0)
        rc = h5_get_names(r->file, "/metric", &n, &names);
    for (size_t i = 0; i < n; i++) {
        rc = rc < 0 ? rc : read_metric(r, names[i]);
        free(names[i]);
    }
    free(names);
    return rc;
}

/* Offsets of n_records stretches: n + 1 numbers that never fall. */
static int read_offsets(struct results *r, const char *path, uint64_t **out)
{
    struct h5_dims d;
    TRY(h5_get(r->file, path, H5T_NATIVE_UINT64, &d, out));
    if (d.rank != 1 || d.n[0] != r->n_records + 1 || (*out)[0] != 0)
        return damaged(path);
    for (size_t i = 0; i < r->n_records; i++)
        if ((*out)[i] > (*out)[i + 1])
            return damaged(path);
    return 0;
}

static int read_flat(struct results *r, const char *path, hid_t type, uint64_t n, void *out)
{
    struct h5_dims d;
    TRY(h5_get(r->file, path, type, &d, out));
    return d.rank == 1 && d.n[0] == n ? 0 : damaged(path);
}

static int read_column(struct results *r, const char *path, void (*put)(struct results_record *, double))
{
    double *x = NULL;
    int rc = read_flat(r, path, H5T_NATIVE_DOUBLE, r->n_records, &x);
    for (size_t i = 0; i < r->n_records && rc == 0; i++)
        put(&r->records[i], x[i]);
    free(x);
    return rc;
}

/* No number of the file is beyond a conversion; what is none of ours does not fit the other arrays. */
static uint32_t whole(double x)
{
    return x >= 0 && x < UINT32_MAX ? (uint32_t)x : UINT32_MAX;
}

static void put_arm(struct results_record *r, double x)
{
    r->arm = whole(x);
}
static void put_item(struct results_record *r, double x)
{
    r->item = whole(x);
}
static void put_draw(struct results_record *r, double x)
{
    r->draw = whole(x);
}
static void put_end(struct results_record *r, double x)
{
    static const char *const names[] = { "", "symbol", "string", "limit", "dead" };
    r->end = names[x >= 0 && x <= 4 ? (size_t)x : 0];
}
static void put_symbols(struct results_record *r, double x)
{
    r->n_symbols = whole(x);
}
static void put_weight(struct results_record *r, double x)
{
    r->log_weight = x;
}
static void put_nll(struct results_record *r, double x)
{
    r->nll = x;
}
static void put_judge(struct results_record *r, double x)
{
    r->judge_nll = x;
}

static void put_reward(struct results_record *r, double x)
{
    r->reward = x;
}

static int read_reward(struct results *r)
{
    for (size_t i = 0; i < r->n_records; i++)
        r->records[i].reward = NAN;
    return h5_has(r->file, "/record/reward") ? read_column(r, "/record/reward", put_reward) : 0;
}

static int read_columns(struct results *r)
{
    static const struct {
        const char *path;
        void (*put)(struct results_record *, double);
    } columns[] = { { "/record/arm", put_arm },         { "/record/item", put_item },
                    { "/record/draw", put_draw },       { "/record/end", put_end },
                    { "/record/nll", put_nll },         { "/record/n_symbols", put_symbols },
                    { "/record/judge_nll", put_judge }, { "/record/log_weight", put_weight } };
    for (size_t i = 0; i < sizeof columns / sizeof *columns; i++)
        TRY(read_column(r, columns[i].path, columns[i].put));
    TRY(read_reward(r));
    return read_flat(r, "/record/n_voices", H5T_NATIVE_UINT32, r->n_records, &r->record_voices);
}

static int read_stretches(struct results *r)
{
    TRY(read_offsets(r, "/text/offsets", &r->text_offsets));
    TRY(read_offsets(r, "/tokens/offsets", &r->token_offsets));
    TRY(read_offsets(r, "/tokens/voice_offsets", &r->voice_offsets));
    TRY(read_offsets(r, "/choice/offsets", &r->choice_offsets));
    TRY(read_flat(r, "/text/bytes", H5T_NATIVE_UINT8, r->text_offsets[r->n_records], &r->text));
    TRY(read_flat(r, "/choice/logp", H5T_NATIVE_DOUBLE, r->choice_offsets[r->n_records], &r->choice_logp));
    for (size_t i = 0; i < r->n_records; i++) {
        struct results_record *x = &r->records[i];
        x->text = r->text + r->text_offsets[i];
        x->n_text = (size_t)(r->text_offsets[i + 1] - r->text_offsets[i]);
        x->choice_logp = r->choice_logp + r->choice_offsets[i];
        x->n_choices = (size_t)(r->choice_offsets[i + 1] - r->choice_offsets[i]);
        uint64_t steps = r->token_offsets[i + 1] - r->token_offsets[i];
        if (x->arm >= r->n_arms || x->item >= r->n_items || x->draw >= r->draws || steps != x->n_symbols ||
            r->voice_offsets[i + 1] - r->voice_offsets[i] != steps * r->record_voices[i])
            return damaged("/record");
    }
    return 0;
}

int results_read_records(struct results *r)
{
    struct h5_dims d, e;
    uint64_t n;
    TRY(h5_get_size(r->file, "/record/arm", &n));
    r->n_records = (size_t)n;
    r->records = mem_alloc(r->n_records, sizeof *r->records);
    TRY(read_columns(r));
    TRY(read_stretches(r));
    TRY(results_check_tokens(r)); /* the traces themselves are read later, a part at a time */
    TRY(h5_get(r->file, "/unit/record", H5T_NATIVE_INT64, &d, &r->unit_record));
    TRY(h5_get(r->file, "/unit/count", H5T_NATIVE_UINT32, &e, &r->unit_count));
    if (d.rank != 3 || e.rank != 3 || !shape_is(r, &d) || !shape_is(r, &e))
        return damaged("/unit");
    for (size_t i = 0; i < r->n_arms * r->n_items * r->draws; i++)
        if (r->unit_count[i] > 0 &&
            (r->unit_record[i] < 0 || (uint64_t)r->unit_record[i] + r->unit_count[i] > r->n_records))
            return damaged("/unit/record");
    return 0;
}
