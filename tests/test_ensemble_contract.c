/* The laws of model/lm.h over ensembles of tables: every sort of rule, transforms, taps, nesting; and rows() of different
 * slots from several threads at once. */
#include "base/err.h"
#include "base/mem.h"
#include "base/threads.h"
#include "ensemble/ensemble.h"
#include "model/core.h"
#include "model/table.h"
#include "tests/lib/check.h"
#include "tests/lib/lm_contract.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define N       7
#define LENGTH  24
#define N_SLOTS 40

/* What an ensemble is made of; freed with it. */
struct made {
    struct lm *lm, *inner, *leaf[3];
};

static int sharpen_apply(const struct transform *t, void *state, struct row *r, const struct transform_at *at)
{
    (void)t;
    (void)state;
    row_scale(r, 1.5);
    row_keep_rank(r, 4, at->work);
    return 0;
}
static const struct transform_type sharpen_type = { .name = "sharpen", .apply = sharpen_apply };
static const struct transform sharpen = { .type = &sharpen_type };
static const struct transform *const sharper[] = { &sharpen };

static struct made *leaves(void)
{
    struct made *m = mem_alloc(1, sizeof *m);
    for (uint64_t i = 0; i < 3; i++)
        m->leaf[i] = table_open(&(struct table_options){ N, LENGTH + 1, 40 + i, 1.5 });
    return m;
}

static void unmake(struct made *m)
{
    lm_free(m->lm);
    lm_free(m->inner);
    for (size_t i = 0; i < 3; i++)
        lm_free(m->leaf[i]);
    free(m);
}

static struct made *pair(const char *rule)
{
    struct made *m = leaves();
    const struct voice v[2] = { { .lm = m->leaf[0], .name = "a" }, { .lm = m->leaf[1], .name = "b" } };
    m->lm = ensemble_open(v, (double[]){ 0.3, 0.7 }, 2, rule);
    return m;
}

/* rule: a weighting. */
static struct made *learning(const char *rule)
{
    struct made *m = leaves();
    const struct voice v[2] = { { .lm = m->leaf[0], .name = "a" }, { .lm = m->leaf[1], .name = "b" } };
    const char *pool = strncmp(rule, "logistic", 8) == 0 ? "product" : "linear";
    m->lm = ensemble_open_by(v, (double[]){ 0.3, 0.7 }, 2, &(struct ensemble_rule){ pool, rule });
    return m;
}

static struct made *transformed(const char *rule)
{
    struct made *m = leaves();
    const struct voice v[2] = { { .lm = m->leaf[0], .name = "a", .transforms = sharper, .n_transforms = 1 },
                                { .lm = m->leaf[1], .name = "b" } };
    m->lm = ensemble_open(v, (double[]){ 0.3, 0.7 }, 2, rule);
    return m;
}

static struct made *layers(const char *rule)
{
    struct made *m = leaves();
    const struct voice v[2] = { { .lm = m->leaf[0], .name = "final" },
                                { .lm = m->leaf[0], .name = "early", .tap = 2 } };
    m->lm = ensemble_open(v, NULL, 2, rule);
    return m;
}

/* A gate of two tables is the leader of the outer rule. */
static struct made *nested(const char *rule)
{
    struct made *m = leaves();
    const struct voice v[2] = { { .lm = m->leaf[0], .name = "a" }, { .lm = m->leaf[1], .name = "b" } };
    m->inner = ensemble_open(v, (double[]){ 0.3, 0.7 }, 2, "gated(0.4)");
    const struct voice w[2] = { { .lm = m->inner, .name = "inner" }, { .lm = m->leaf[2], .name = "c" } };
    m->lm = ensemble_open(w, (double[]){ 0.6, 0.4 }, 2, rule);
    return m;
}

static const struct subject {
    const char *rule;
    struct made *(*make)(const char *rule);
} subjects[] = {
    { "linear", pair },
    { "log", pair },
    { "product", pair },
    { "power(-0.5)", pair },
    { "min", pair },
    { "max(mode=global)", pair },
    { "linear(mode=global)", pair },
    { "power(0.5, mode=global)", pair },
    { "gated(0.4)", pair },
    { "contrast", pair },
    { "sampled", pair },
    { "cfg(2)", pair },
    { "dola", layers },
    { "bayes", learning },
    { "prompt", learning },
    { "prompt(0.3, last=2)", learning },
    { "share(0.1)", learning },
    { "logistic(contexts=bytes)", learning },
    { "log", transformed },
    { "linear(mode=global)", transformed },
    { "gated(0.4, rule=log)", transformed },
    { "contrast", layers },
    { "linear", nested },
    { "sampled", nested },
    { "gated(0.3)", nested },
    { "power(2, mode=global)", nested },
};

/* Opened ensembles and what they are made of, for close(). */
static struct made *open_now[16];

static struct lm *open_subject(void *ctx, size_t n_threads, size_t chunk)
{
    const struct subject *s = ctx;
    size_t i = 0;
    (void)n_threads;
    (void)chunk;
    while (open_now[i])
        i++;
    open_now[i] = s->make(s->rule);
    check(open_now[i]->lm != NULL, "%s opens", s->rule);
    return open_now[i]->lm;
}

static void close_subject(void *ctx, struct lm *lm)
{
    (void)ctx;
    size_t i = 0;
    while (!open_now[i] || open_now[i]->lm != lm)
        i++;
    unmake(open_now[i]);
    open_now[i] = NULL;
}

/* rows() of many slots, by several threads, against one. */
struct reading {
    struct want want[N_SLOTS];
    struct row row[N_SLOTS];
    int rc[N_SLOTS];
};

static void read_part(void *ctx, size_t i, size_t worker)
{
    struct reading *r = ctx;
    (void)worker;
    r->rc[i] = lm_rows(&r->want[i], &r->row[i]);
}

static void read_slots(const struct subject *s, size_t n_threads, float out[N_SLOTS][N])
{
    struct made *m = s->make(s->rule);
    struct core *core = core_alloc();
    struct threads *threads = threads_alloc(n_threads);
    static struct reading r;
    for (size_t i = 0; i < N_SLOTS; i++) {
        sym_t prefix[6];
        for (size_t k = 0; k < 6; k++)
            prefix[k] = (sym_t)((i * 5 + k * k * (i % 7)) % (N - 1));
        r.want[i] = (struct want){ m->lm, lm_fork(m->lm, LM_EMPTY, 0), 1, LM_TAP_FINAL };
        check(lm_push(m->lm, r.want[i].slot, prefix, 1 + i % 6, NULL) == 0, "push");
    }
    check(core_run(core, r.want, N_SLOTS) == 0, "core_run: %s", err_text());
    threads_run(threads, N_SLOTS, read_part, &r);
    for (size_t i = 0; i < N_SLOTS; i++) {
        check(r.rc[i] == 0, "%s: slot %zu is read", s->rule, i);
        memcpy(out[i], r.row[i].score, sizeof out[i]);
    }
    threads_free(threads);
    core_free(core);
    unmake(m);
}

static void law_threads(const struct subject *s)
{
    static float one[N_SLOTS][N], four[N_SLOTS][N];
    read_slots(s, 1, one);
    read_slots(s, 4, four);
    check(memcmp(one, four, sizeof one) == 0, "%s: rows read by four threads", s->rule);
}

int main(void)
{
    for (size_t i = 0; i < sizeof subjects / sizeof *subjects; i++) {
        char name[64];
        snprintf(name, sizeof name, "%zu: %s", i, subjects[i].rule);
        lm_contract(&(struct lm_subject){ .name = name,
                                          .open = open_subject,
                                          .close = close_subject,
                                          .ctx = (void *)(uintptr_t)&subjects[i],
                                          .n_symbols = N - 1,
                                          .length = LENGTH });
        law_threads(&subjects[i]);
    }
    return check_done("ensemble_contract");
}
