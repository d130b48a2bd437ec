#include "experiments/results_trace.h"
#include "base/err.h"
#include "base/mem.h"
#include "base/row.h"
#include "experiments/results_inside.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define NO_SYMBOL UINT32_MAX
#define CLOSE     1e-5 /* of 1 and what the probabilities of a row sum to: more than rounding leaves */

struct results_traces {
    struct results *r;
    enum trace_kind kind;
    uint64_t *row_offsets, *entry_offsets, *prompt_offsets; /* the first two: (n_records + 1,) */
    uint32_t *record_prompt;                                /* (n_records,) */
    sym_t *prompt;
    size_t n_prompts;
    struct space **spaces; /* (n_spaces,) as those of r; NULL: not yet */
    struct unit_trace row; /* of the last record */
};

static int damaged(const char *what)
{
    return err_set(ERR_DAMAGED, "the results file: '%s' does not fit the other arrays", what);
}

static bool has(const struct results *r, const char *path)
{
    return H5Lexists(r->file, "/trace", H5P_DEFAULT) > 0 && H5Lexists(r->file, path, H5P_DEFAULT) > 0;
}

/* n + 1 numbers from 0 on that never fall, into values of another array. */
static int read_offsets(struct results *r, const char *path, size_t n, const char *values, uint64_t **out)
{
    struct h5_dims d;
    uint64_t total;
    TRY(h5_get(r->file, path, H5T_NATIVE_UINT64, &d, out));
    if (d.rank != 1 || d.n[0] != n + 1 || (*out)[0] != 0)
        return damaged(path);
    for (size_t i = 0; i < n; i++)
        if ((*out)[i] > (*out)[i + 1])
            return damaged(path);
    TRY(h5_get_size(r->file, values, &total));
    return total == (*out)[n] ? 0 : damaged(values);
}

static int read_prompts(struct results_traces *t)
{
    struct results *r = t->r;
    struct h5_dims d;
    uint64_t n;
    TRY(h5_get_size(r->file, "/prompt/offsets", &n));
    if (n == 0)
        return damaged("/prompt/offsets");
    t->n_prompts = (size_t)n - 1;
    TRY(read_offsets(r, "/prompt/offsets", t->n_prompts, "/prompt/ids", &t->prompt_offsets));
    TRY(h5_get(r->file, "/prompt/ids", H5T_NATIVE_UINT32, &d, &t->prompt));
    TRY(h5_get(r->file, "/record/prompt", H5T_NATIVE_UINT32, &d, &t->record_prompt));
    if (d.rank != 1 || d.n[0] != r->n_records)
        return damaged("/record/prompt");
    for (size_t i = 0; i < r->n_records; i++)
        if (t->record_prompt[i] >= t->n_prompts)
            return damaged("/record/prompt");
    return 0;
}

static int read_traces(struct results_traces *t)
{
    struct results *r = t->r;
    bool full = t->kind == TRACE_FULL;
    TRY(read_offsets(r, "/trace/rows/offsets", r->n_records, "/trace/rows/log_z", &t->row_offsets));
    TRY(read_offsets(r, full ? "/trace/full/offsets" : "/trace/top/offsets", r->n_records,
                     full ? "/trace/full/score" : "/trace/top/score", &t->entry_offsets));
    return read_prompts(t);
}

static void look(const struct results *r, void (*verb)(void *))
{
    if (r->watch)
        verb(r->watch->ctx);
}

struct results_traces *results_traces_open(struct results *r)
{
    look(r, r->watch ? r->watch->begins : NULL);
    bool full = has(r, "/trace/full"), top = has(r, "/trace/top");
    look(r, r->watch ? r->watch->ends : NULL);
    if (!full && !top) {
        err_set(ERR_DATA,
                "%s: the run kept no rows (trace level 'token' or 'steps'), want a run with trace 'topk=K' or 'full', "
                "which another folder may have: run --trace full --out FOLDER, of one item with --item EVALSET/ID",
                r->path);
        return NULL;
    }
    struct results_traces *t = mem_alloc(1, sizeof *t);
    *t = (struct results_traces){ .r = r, .kind = full ? TRACE_FULL : TRACE_TOPK };
    t->spaces = mem_alloc(r->n_spaces, sizeof *t->spaces);
    look(r, r->watch ? r->watch->begins : NULL);
    int rc = read_traces(t);
    look(r, r->watch ? r->watch->ends : NULL);
    if (rc == 0)
        return t;
    results_traces_close(t);
    return NULL;
}

static void free_row(struct unit_trace *x)
{
    free(x->log_z);
    free(x->tail);
    free(x->chosen);
    free(x->id);
    free(x->score);
    *x = (struct unit_trace){ 0 };
}

void results_traces_close(struct results_traces *t)
{
    if (!t)
        return;
    for (size_t i = 0; i < t->r->n_spaces; i++)
        space_free(t->spaces[i]);
    free_row(&t->row);
    free(t->spaces);
    free(t->row_offsets);
    free(t->entry_offsets);
    free(t->prompt_offsets);
    free(t->record_prompt);
    free(t->prompt);
    free(t);
}

const sym_t *results_traces_prompt(const struct results_traces *t, const struct results_record *x, size_t *n)
{
    uint32_t i = t->record_prompt[x - t->r->records];
    *n = (size_t)(t->prompt_offsets[i + 1] - t->prompt_offsets[i]);
    return t->prompt + t->prompt_offsets[i];
}

/* The kind of a space is not stored: the one whose hash is the file's. */
static struct space *space_of(const struct results_space *s, const uint8_t *special, const sym_t *ends, size_t n_ends)
{
    static const enum space_kind kinds[] = { SPACE_TOKEN, SPACE_BYTE };
    for (size_t k = 0; k < 2; k++) {
        char hash[17];
        struct space *made = space_alloc(kinds[k], (uint32_t)s->n, s->bytes, s->offsets, special, ends, n_ends);
        snprintf(hash, sizeof hash, "%016llx", (unsigned long long)made->hash);
        if (strcmp(hash, s->hash) == 0)
            return made;
        space_free(made);
    }
    err_set(ERR_DAMAGED, "the results file: '/space/%.40s' does not have that hash", s->hash);
    return NULL;
}

static struct space *read_space(struct results *r, const struct results_space *s)
{
    struct text special_path = { 0 }, ends_path = { 0 };
    struct h5_dims d = { 0 }, e = { 0 };
    uint8_t *special = NULL;
    sym_t *ends = NULL;
    struct space *space = NULL;
    text_addf(&special_path, "/space/%s/special", s->hash);
    text_addf(&ends_path, "/space/%s/ends", s->hash);
    int rc = h5_get(r->file, text_s(&special_path), H5T_NATIVE_UINT8, &d, &special);
    rc = rc < 0 ? rc : h5_get(r->file, text_s(&ends_path), H5T_NATIVE_UINT32, &e, &ends);
    if (rc == 0 && (d.rank != 1 || d.n[0] != s->n || e.rank != 1 || s->n == 0 || s->n >= UINT32_MAX))
        rc = damaged(text_s(&special_path));
    if (rc == 0)
        space = space_of(s, special, ends, (size_t)e.n[0]);
    free(special);
    free(ends);
    text_free(&special_path);
    text_free(&ends_path);
    return space;
}

const struct space *results_traces_space(struct results_traces *t, uint32_t arm)
{
    struct results *r = t->r;
    size_t i = r->arm_space[arm];
    if (!t->spaces[i]) {
        look(r, r->watch ? r->watch->begins : NULL);
        t->spaces[i] = read_space(r, &r->spaces[i]);
        look(r, r->watch ? r->watch->ends : NULL);
    }
    return t->spaces[i];
}

static void *part(struct results *r, const char *path, hid_t type, uint64_t first, uint64_t n)
{
    void *out = mem_alloc((size_t)n, H5Tget_size(type));
    if (h5_get_part(r->file, path, type, first, n, out) == 0)
        return out;
    free(out);
    return NULL;
}

static int load(struct results_traces *t, size_t record)
{
    struct results *r = t->r;
    struct unit_trace *x = &t->row;
    uint64_t row = t->row_offsets[record], entry = t->entry_offsets[record];
    uint64_t n = t->row_offsets[record + 1] - row, entries = t->entry_offsets[record + 1] - entry;
    bool full = t->kind == TRACE_FULL;
    free_row(x);
    if (n > TRACE_MOST / sizeof(double) || entries > TRACE_MOST / sizeof(float) || (n == 0) != (entries == 0) ||
        (n > 0 && (entries % n != 0 || entries / n > UINT32_MAX)))
        return damaged(full ? "/trace/full/offsets" : "/trace/top/offsets");
    x->kind = t->kind;
    x->n = (size_t)n;
    x->width = n > 0 ? (uint32_t)(entries / n) : 0;
    x->log_z = part(r, "/trace/rows/log_z", H5T_NATIVE_DOUBLE, row, n);
    x->score = part(r, full ? "/trace/full/score" : "/trace/top/score", H5T_NATIVE_FLOAT, entry, entries);
    if (full)
        return x->log_z && x->score ? 0 : err_code();
    x->tail = part(r, "/trace/top/tail", H5T_NATIVE_DOUBLE, row, n);
    x->chosen = part(r, "/trace/top/chosen", H5T_NATIVE_FLOAT, row, n);
    x->id = part(r, "/trace/top/ids", H5T_NATIVE_UINT32, entry, entries);
    return x->log_z && x->score && x->tail && x->chosen && x->id ? 0 : err_code();
}

/* Scores of a row that can be measured, and are to be believed. */
static bool row_fits(const struct unit_trace *x, size_t i)
{
    const float *score = x->score + i * x->width;
    double most = -INFINITY, sum = 0;
    for (uint32_t k = 0; k < x->width; k++) {
        if (!(fabs((double)score[k]) <= ROW_SCORE_MOST || (double)score[k] == -INFINITY))
            return false;
        most = fmax(most, (double)score[k]);
    }
    if (!(most > -INFINITY))
        return x->log_z[i] == -INFINITY;
    for (uint32_t k = 0; k < x->width; k++)
        sum += exp((double)score[k] - most);
    double log_z = most + log(sum), rest = x->kind == TRACE_TOPK ? x->tail[i] : 0;
    if (!(rest >= 0) || !isfinite(x->log_z[i]))
        return false;
    return fabs(exp(log_z - x->log_z[i]) + rest - 1) <= CLOSE;
}

/* Best first, none twice in a row of the order, nothing after the first that is no symbol. */
static bool best_fit(const struct unit_trace *x, size_t i, uint32_t n)
{
    const sym_t *id = x->id + i * x->width;
    const float *score = x->score + i * x->width;
    for (uint32_t k = 0; k < x->width; k++) {
        bool none = id[k] == NO_SYMBOL;
        if ((!none && id[k] >= n) || none != ((double)score[k] == -INFINITY))
            return false;
        if (k > 0 && !none && (score[k] > score[k - 1] || (score[k] == score[k - 1] && id[k] <= id[k - 1])))
            return false;
    }
    return true;
}

/* A symbol that was chosen has the score it is listed with, or one that is no better than the worst listed. */
static bool chosen_fits(const struct unit_trace *x, size_t i, sym_t chosen)
{
    double score = (double)x->chosen[i];
    if (!(fabs(score) <= ROW_SCORE_MOST))
        return false;
    for (uint32_t k = 0; k < x->width; k++)
        if (x->id[i * x->width + k] == chosen)
            return x->score[i * x->width + k] == x->chosen[i];
    return score <= (double)x->score[(i + 1) * x->width - 1];
}

static int check(const struct results_traces *t, const struct results_record *r, const struct results_tokens *tokens,
                 uint32_t n)
{
    const struct unit_trace *x = &t->row;
    bool dead = strcmp(r->end, "dead") == 0, top = x->kind == TRACE_TOPK;
    if (x->n != 0 && x->n != tokens->n && !(dead && x->n == tokens->n + 1))
        return damaged("/trace/rows/offsets");
    if (x->n > 0 && (top ? x->width > n : x->width != n))
        return damaged(top ? "/trace/top/offsets" : "/trace/full/offsets");
    for (size_t i = 0; i < tokens->n; i++)
        if (tokens->id[i] >= n)
            return damaged("/tokens/ids");
    for (size_t i = 0; i < x->n; i++) {
        bool said = i < tokens->n;
        if (!row_fits(x, i) || (top && !best_fit(x, i, n)) || (top && said && !chosen_fits(x, i, tokens->id[i])) ||
            (!top && said && !((double)x->score[i * n + tokens->id[i]] > -INFINITY)))
            return err_set(ERR_DAMAGED, "the results file: row %zu of record %zu in '/trace' is none that was logged",
                           i, (size_t)(r - t->r->records));
    }
    return 0;
}

int results_traces_get(struct results_traces *t, const struct results_record *x, struct unit_trace *out)
{
    struct results_tokens tokens;
    const struct space *space = results_traces_space(t, x->arm);
    if (!space)
        return ERR_DAMAGED;
    TRY(results_tokens(t->r, x, &tokens));
    look(t->r, t->r->watch ? t->r->watch->begins : NULL);
    int rc = load(t, (size_t)(x - t->r->records));
    look(t->r, t->r->watch ? t->r->watch->ends : NULL);
    TRY(rc);
    TRY(check(t, x, &tokens, space->n));
    *out = t->row;
    return 0;
}
