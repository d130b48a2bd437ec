/* Seam probe: rows at many positions score a text in one round, and equal rows asked one by one and the exact table. */
#include "base/err.h"
#include "model/core.h"
#include "model/table.h"
#include "tests/lib/check.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

static const sym_t text[] = { 2, 0, 3, 3, 1, 0, 2, 2, 1, 4 }; /* 4 ends */
#define N (sizeof text / sizeof *text)

static int slot_of(struct lm *lm, size_t n)
{
    int slot = lm_fork(lm, LM_EMPTY, 0);
    check(lm_push(lm, slot, text, n, NULL) == 0, "%s", err_text());
    return slot;
}

/* log p(text) under the table, by its own account of itself. */
static double exact(const struct lm *lm)
{
    double total = 0, logp[5];
    for (size_t i = 0; i < N; i++) {
        table_logp(lm, text, i, logp);
        total += logp[text[i]];
    }
    return total;
}

/* One want: the rows after 0 .. N-1 symbols. */
static double at_once(struct lm *lm, struct core *core, struct row rows[])
{
    struct want w = { lm, slot_of(lm, N - 1), N, LM_TAP_FINAL };
    double total = 0;
    check(core_run(core, &w, 1) == 0 && lm_rows(&w, rows) == 0, "%s", err_text());
    for (size_t i = 0; i < N; i++)
        total += row_logp(&rows[i], text[i]);
    lm_drop(lm, w.slot);
    return total;
}

static double one_by_one(struct lm *lm, struct core *core, const struct row rows[])
{
    double total = 0;
    for (size_t i = 0; i < N; i++) {
        struct want w = { lm, slot_of(lm, i), 1, LM_TAP_FINAL };
        struct row r;
        check(core_run(core, &w, 1) == 0 && lm_rows(&w, &r) == 0, "%s", err_text());
        check(memcmp(r.score, rows[i].score, r.n * sizeof *r.score) == 0, "row %zu alone and among others", i);
        total += row_logp(&r, text[i]);
        lm_drop(lm, w.slot);
    }
    return total;
}

/* The probability of all strings that begin with the slot's prefix, given that prefix. */
static double enumerate(struct lm *lm, struct core *core, int slot)
{
    struct want w = { lm, slot, 1, LM_TAP_FINAL };
    struct row r;
    check(core_run(core, &w, 1) == 0 && lm_rows(&w, &r) == 0, "%s", err_text());
    double sum = exp(row_logp(&r, lm->space->n - 1));
    for (sym_t v = 0; v + 1 < lm->space->n; v++) {
        double p = exp(row_logp(&r, v));
        if (p == 0)
            continue;
        int next = lm_fork(lm, slot, lm_length(lm, slot));
        check(lm_push(lm, next, &v, 1, NULL) == 0, "%s", err_text());
        sum += p * enumerate(lm, core, next);
        lm_drop(lm, next);
    }
    return sum;
}

int main(void)
{
    struct lm *lm = table_open(&(struct table_options){ .n = 5, .max_length = 12, .seed = 11, .sharpness = 2 });
    struct lm *again = table_open(&(struct table_options){ .n = 5, .max_length = 12, .seed = 11, .sharpness = 2 });
    struct core *core = core_alloc();
    struct row rows[N];
    double want = exact(lm);
    check_near(at_once(lm, core, rows), want, 1e-6, "the score of a text");
    check(core_counts(core).rounds == 1 && core_counts(core).wanted == 1 && core_counts(core).computed == N,
          "one round, one want, every row once");
    check_near(one_by_one(lm, core, rows), want, 1e-6, "its symbols one by one");
    check(core_counts(core).computed == N && table_computed(lm) == N, "which computes nothing again");
    struct row others[N];
    check_near(at_once(again, core, others), want, 1e-6, "another table of the same seed");
    for (size_t i = 0; i < N; i++)
        check(memcmp(others[i].score, rows[i].score, rows[i].n * sizeof(float)) == 0,
              "row %zu is a function of its prefix", i);
    struct lm *tiny = table_open(&(struct table_options){ .n = 3, .max_length = 6, .seed = 2, .sharpness = 1 });
    check_near(enumerate(tiny, core, lm_fork(tiny, LM_EMPTY, 0)), 1, 1e-6, "all strings sum to one");
    core_free(core);
    lm_free(lm);
    lm_free(again);
    lm_free(tiny);
    return check_done("probe_rows");
}
