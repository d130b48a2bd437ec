#include "decode/trace.h"
#include "base/err.h"
#include "base/mem.h"
#include "base/row_math.h"
#include "decode/scratch.h"
#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define NO_SYMBOL UINT32_MAX

static const struct param topk_params[] = {
    { .name = "k", .kind = PARAM_INT, .min = 1, .max = 1 << 20, .required = true, .meaning = "symbols kept of a row" },
};
static const struct {
    const char *name;
    size_t n_params;
} kinds[] = {
    [TRACE_TOKEN] = { "token", 0 },
    [TRACE_STEPS] = { "steps", 0 },
    [TRACE_TOPK] = { "topk", 1 },
    [TRACE_FULL] = { "full", 0 },
};
enum { N_KINDS = sizeof kinds / sizeof *kinds };

static int bind_level(const struct spec_step *step, struct trace_level *out)
{
    const char *names[N_KINDS];
    struct spec_value value[SPEC_MAX_PARAMS] = { 0 };
    for (size_t i = 0; i < N_KINDS; i++) {
        names[i] = kinds[i].name;
        if (strcmp(step->name, names[i]) != 0)
            continue;
        TRY(spec_bind(step, topk_params, kinds[i].n_params, value));
        *out = (struct trace_level){ (enum trace_kind)i, kinds[i].n_params > 0 ? (uint32_t)value[0].number : 0 };
        return 0;
    }
    return err_unknown(ERR_USAGE, "trace level", step->name, names, N_KINDS);
}

int trace_level(const char *text, struct trace_level *out)
{
    struct spec *spec = spec_parse("trace", text);
    if (!spec)
        return ERR_USAGE;
    int rc = spec->n_steps == 1 ? bind_level(&spec->steps[0], out)
                                : err_set(ERR_USAGE, "trace '%s' has %zu levels, want one", text, spec->n_steps);
    spec_free(spec);
    return rc;
}

void trace_level_text(struct trace_level level, struct text *out)
{
    text_add(out, kinds[level.kind].name);
    if (level.kind == TRACE_TOPK)
        text_addf(out, "=%u", level.k);
}

static uint32_t width_of(struct trace_level level, uint32_t n)
{
    if (level.kind == TRACE_TOPK)
        return level.k < n ? level.k : n;
    return level.kind == TRACE_FULL ? n : 0;
}

size_t trace_step_bytes(struct trace_level level, size_t n_chain, uint32_t n)
{
    static const size_t of_row[] = { [TRACE_TOKEN] = 0,
                                     [TRACE_STEPS] = 0,
                                     [TRACE_TOPK] = 2 * sizeof(double) + sizeof(float),
                                     [TRACE_FULL] = sizeof(double) };
    static const size_t of_symbol[] = { 0, 0, sizeof(sym_t) + sizeof(float), sizeof(float) };
    size_t report = level.kind >= TRACE_STEPS ? sizeof(uint32_t) + 3 * sizeof(float) : 0;
    return n_chain * report + of_row[level.kind] + width_of(level, n) * of_symbol[level.kind];
}

void trace_begin(struct trace *t, struct trace_level level, const struct chain *c, uint32_t n)
{
    t->level = level;
    t->n_chain = level.kind >= TRACE_STEPS ? (uint32_t)chain_length(c) : 0;
    t->width = width_of(level, n);
    if (level.kind == TRACE_TOPK)
        t->logp = mem_alloc(t->width, sizeof *t->logp);
}

struct chain_report *trace_reports(struct trace *t, size_t n)
{
    t->n = t->n < n ? t->n : n;
    if (t->n_chain == 0)
        return NULL;
    mem_grow(&t->report, &t->cap_report, (t->n + 1) * t->n_chain, sizeof *t->report);
    return t->report + t->n * t->n_chain;
}

static void grow(struct trace *t, size_t n)
{
    bool rows = t->level.kind >= TRACE_TOPK, best = t->level.kind == TRACE_TOPK;
    mem_grow(&t->report, &t->cap_report, n * t->n_chain, sizeof *t->report);
    mem_grow(&t->log_z, &t->cap_log_z, rows ? n : 0, sizeof *t->log_z);
    mem_grow(&t->tail, &t->cap_tail, best ? n : 0, sizeof *t->tail);
    mem_grow(&t->id, &t->cap_id, best ? n * t->width : 0, sizeof *t->id);
    mem_grow(&t->score, &t->cap_score, n * t->width, sizeof *t->score);
}

/* The probability of what is left when the best are masked, summed of itself: 1 minus theirs would lose it. */
static double tail_of(struct row *rest, const struct row *given)
{
    int rc = row_measure(rest);
    assert(rc == 0); /* scores of a measured row */
    return rc == 0 && !row_dead(rest) ? fmin(math_exp64(rest->log_z - given->log_z), 1) : 0;
}

static void add_best(struct trace *t, const struct row *given, struct row_work *work)
{
    sym_t *id = t->id + t->n * t->width;
    float *score = t->score + t->n * t->width;
    struct row rest = row_over(work->spare[SCRATCH_BEFORE], given->n);
    uint32_t n = row_top(given, t->width, work, id, t->logp);
    row_copy(&rest, given);
    for (uint32_t i = 0; i < t->width; i++) {
        if (i >= n)
            id[i] = NO_SYMBOL;
        score[i] = i < n ? rest.score[id[i]] : -INFINITY;
        if (i < n)
            rest.score[id[i]] = -INFINITY;
    }
    t->tail[t->n] = tail_of(&rest, given);
}

int trace_row(struct trace *t, const struct row *given, struct row_work *work)
{
    if (t->level.kind == TRACE_TOKEN)
        return 0;
    assert(t->level.kind != TRACE_FULL || given->n == t->width);
    if (trace_step_bytes(t->level, t->n_chain, given->n) * (t->n + 1) > TRACE_MOST)
        return err_set(ERR_DATA,
                       "the trace of a text passes %zu MiB at symbol %zu: ask for a lower trace level or a lower limit",
                       TRACE_MOST >> 20, t->n);
    grow(t, t->n + 1);
    if (t->level.kind >= TRACE_TOPK)
        t->log_z[t->n] = given->log_z;
    if (t->level.kind == TRACE_TOPK)
        add_best(t, given, work);
    if (t->level.kind == TRACE_FULL) {
        struct row copy = row_over(t->score + t->n * t->width, given->n);
        row_copy(&copy, given);
    }
    t->n++;
    return 0;
}

static void copy(void *to, const void *from, size_t bytes)
{
    if (bytes > 0)
        memcpy(to, from, bytes);
}

void trace_copy(struct trace *to, const struct trace *from)
{
    bool rows = from->level.kind >= TRACE_TOPK, best = from->level.kind == TRACE_TOPK;
    to->level = from->level;
    to->n_chain = from->n_chain;
    to->width = from->width;
    if (best && !to->logp)
        to->logp = mem_alloc(to->width, sizeof *to->logp);
    to->n = from->n;
    grow(to, to->n);
    copy(to->report, from->report, to->n * to->n_chain * sizeof *to->report);
    copy(to->log_z, from->log_z, rows ? to->n * sizeof *to->log_z : 0);
    copy(to->tail, from->tail, best ? to->n * sizeof *to->tail : 0);
    copy(to->id, from->id, best ? to->n * to->width * sizeof *to->id : 0);
    copy(to->score, from->score, to->n * to->width * sizeof *to->score);
}

void trace_fini(struct trace *t)
{
    free(t->report);
    free(t->log_z);
    free(t->tail);
    free(t->id);
    free(t->score);
    free(t->logp);
    *t = (struct trace){ 0 };
}
