/* Contrast between two layers of one lm: two taps of a table as voices, against the formula over every prefix.
 * Each row of each tap is computed once, all in one round: no layer is a second lm. */
#include "base/err.h"
#include "ensemble/ensemble.h"
#include "model/core.h"
#include "model/table.h"
#include "tests/lib/check.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define N        6 /* a .. e, end */
#define LETTERS  3
#define PREFIXES 156 /* 1 + 5 + 25 + 125 */
#define EARLY    2

static void fail_on(int rc)
{
    if (rc >= 0)
        return;
    printf("%s\n", err_text());
    exit(1);
}

static size_t prefix_of(size_t i, sym_t out[LETTERS])
{
    size_t len = 0, n = 1;
    for (; i >= n; n *= N - 1, len++)
        i -= n;
    for (size_t k = 0; k < len; k++, i /= N - 1)
        out[k] = (sym_t)(i % (N - 1));
    return len;
}

/* The formula in plain probabilities, from the two layers' own rows. */
static size_t expected(const struct row *final, const struct row *early, double out[N])
{
    double top = 0, z = 0;
    size_t kept = 0;
    for (sym_t v = 0; v < N; v++)
        top = fmax(top, exp(row_logp(final, v)));
    for (sym_t v = 0; v < N; v++) {
        double e = exp(row_logp(final, v)), a = exp(row_logp(early, v));
        out[v] = e >= 0.1 * top && e > 0 ? pow(e, 1.5) / sqrt(a) : 0;
        kept += out[v] > 0;
        z += out[v];
    }
    for (sym_t v = 0; v < N; v++)
        out[v] /= z;
    return kept;
}

int main(void)
{
    struct core *core = core_alloc();
    struct lm *lm = table_open(&(struct table_options){ N, LETTERS, 77, 1.5 });
    struct voice voices[2] = { { .lm = lm, .name = "final" }, { .lm = lm, .name = "early", .tap = EARLY } };
    struct lm *dola = ensemble_open(voices, NULL, 2, "contrast");
    static struct want w[PREFIXES];
    size_t n_kept = 0, n_moved = 0;
    for (size_t i = 0; i < PREFIXES; i++) {
        sym_t prefix[LETTERS];
        size_t len = prefix_of(i, prefix);
        w[i] = (struct want){ .lm = dola, .slot = lm_fork(dola, LM_EMPTY, 0), .n_rows = 1, .tap = LM_TAP_FINAL };
        fail_on(lm_push(dola, w[i].slot, prefix, len, NULL));
    }
    fail_on(core_run(core, w, PREFIXES));
    check(core_counts(core).rounds == 1, "both layers in one round");
    check(table_computed(lm) == 2 * PREFIXES, "a row a layer and prefix, each once: %llu",
          (unsigned long long)table_computed(lm));
    check(core_counts(core).asked == 2 * PREFIXES, "and each asked for once");
    for (size_t i = 0; i < PREFIXES; i++) {
        sym_t prefix[LETTERS];
        struct row r, layers[2];
        double p[N];
        size_t len = prefix_of(i, prefix);
        int slot = lm_fork(lm, LM_EMPTY, 0);
        fail_on(lm_push(lm, slot, prefix, len, NULL));
        struct want own[2] = { { lm, slot, 1, LM_TAP_FINAL }, { lm, slot, 1, EARLY } };
        fail_on(lm_rows(&w[i], &r));
        fail_on(lm_rows(&own[0], &layers[0]));
        fail_on(lm_rows(&own[1], &layers[1]));
        n_kept += expected(&layers[0], &layers[1], p);
        n_moved += row_argmax(&r) != row_argmax(&layers[0]);
        for (sym_t v = 0; v < N; v++)
            check_near(exp(row_logp(&r, v)), p[v], 1e-6, "prefix %zu, symbol %u", i, (unsigned)v);
        lm_drop(lm, slot);
    }
    check(n_kept > PREFIXES && n_kept < PREFIXES * N, "the plausible are some: %zu", n_kept);
    check(n_moved > 0, "the contrast changes some best symbols: %zu", n_moved);
    check(table_computed(lm) == 2 * PREFIXES, "the layers' own rows were there");
    lm_free(dola);
    lm_free(lm);
    core_free(core);
    return check_done("probe_dola");
}
