/* A fit recovers the truth: labels drawn from a table sharpened by a known temperature, fitted on the table's own rows. */
#include "base/err.h"
#include "ensemble/calibrate.h"
#include "ensemble/ensemble.h"
#include "model/core.h"
#include "model/table.h"
#include "tests/lib/check.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define N         12
#define LETTERS   7
#define POSITIONS 4000
#define BATCH     50

static void fail_on(int rc)
{
    if (rc >= 0)
        return;
    printf("%s\n", err_text());
    exit(1);
}

static double uniform(uint32_t i, uint32_t lane)
{
    struct rng_address a = { .seed = 7, .lane = lane, .purpose = RNG_TEST };
    struct rng_key k = rng_key(&a);
    return rng_uniform(&k, i);
}

/* A label of p(v)^(1/T), by the inverse of its distribution function. */
static sym_t label_of(const struct row *r, double temperature, double u)
{
    double z = 0, below = 0;
    for (sym_t v = 0; v < r->n; v++)
        z += exp(row_logp(r, v) / temperature);
    for (sym_t v = 0; v < r->n; v++) {
        below += exp(row_logp(r, v) / temperature) / z;
        if (u < below)
            return v;
    }
    return r->n - 1;
}

/* Random prefixes of random lengths, in batches; the next letter is not the label's business. */
static struct calibrate *label(struct lm *lm, struct core *core, double temperature)
{
    struct calibrate *c = calibrate_alloc();
    struct want w[BATCH];
    for (uint32_t i = 0; i < POSITIONS; i += BATCH) {
        for (uint32_t j = 0; j < BATCH; j++) {
            sym_t prefix[LETTERS];
            size_t len = (size_t)(uniform(i + j, 1) * LETTERS);
            for (uint32_t k = 0; k < len; k++)
                prefix[k] = (sym_t)(uniform(i + j, 2 + k) * (N - 1));
            w[j] = (struct want){ .lm = lm, .slot = lm_fork(lm, LM_EMPTY, 0), .n_rows = 1, .tap = LM_TAP_FINAL };
            fail_on(lm_push(lm, w[j].slot, prefix, len, NULL));
        }
        fail_on(core_run(core, w, BATCH));
        for (uint32_t j = 0; j < BATCH; j++) {
            struct row r;
            fail_on(lm_rows(&w[j], &r));
            fail_on(calibrate_add(c, &r, label_of(&r, temperature, uniform(i + j, 100))));
            lm_drop(lm, w[j].slot);
        }
    }
    return c;
}

static void recovers(struct lm *lm, struct core *core, double temperature)
{
    struct calibrate *c = label(lm, core, temperature);
    struct calibrate_fit fit;
    struct calibrate_bin bins[15];
    fail_on(calibrate_temperature(c, &fit));
    double off = log(fit.temperature) - log(temperature);
    check(fabs(off) < 4 * fit.error, "%s: fitted %.4f for %.4f, %.2f standard errors away", lm->name, fit.temperature,
          temperature, off / fit.error);
    check(fit.error > 0.002 && fit.error < 0.05, "%s: a standard error of %.4f says something", lm->name, fit.error);
    check(fit.nll_after <= fit.nll_before, "%s: the fit does not hurt", lm->name);
    double before = calibrate_reliability(c, 1, bins, 15), after = calibrate_reliability(c, fit.temperature, bins, 15);
    size_t n = 0;
    for (size_t b = 0; b < 15; b++)
        n += bins[b].n;
    check(n == POSITIONS, "every position is in a bin");
    check(after < 0.03, "%s at %.2f: calibrated afterwards, ECE %.4f", lm->name, temperature, after);
    if (temperature != 1)
        check(after < before / 2, "%s at %.2f: ECE from %.4f to %.4f", lm->name, temperature, before, after);
    calibrate_free(c);
}

int main(void)
{
    struct core *core = core_alloc();
    struct lm *a = table_open(&(struct table_options){ N, LETTERS, 31, 2 });
    struct lm *b = table_open(&(struct table_options){ N, LETTERS, 32, 2 });
    struct voice voices[2] = { { .lm = a, .name = "a" }, { .lm = b, .name = "b" } };
    struct lm *pair = ensemble_open(voices, NULL, 2, "linear");
    recovers(a, core, 0.5);
    recovers(a, core, 1);
    recovers(a, core, 1.7);
    recovers(pair, core, 0.6); /* an ensemble is calibrated like any lm */
    lm_free(pair);
    lm_free(a);
    lm_free(b);
    core_free(core);
    return check_done("probe_fit");
}
