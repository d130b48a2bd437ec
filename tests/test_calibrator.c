/* ensemble/calibrator and the measures of calibration in evalsets/, against scikit-learn, betacal and numpy
 * (fixtures/calibrate/calibrators.py); laws over every registered calibrator; identities of the measures. */
#include "base/err.h"
#include "base/rng.h"
#include "ensemble/calibrator.h"
#include "evalsets/brier.h"
#include "evalsets/reliability_mass.h"
#include "evalsets/selective.h"
#include "tests/lib/check.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST = 1000 };

static double p[MOST];
static bool y[MOST];
static size_t n;

/* What a name's measure is, of p and y. */
static double measure(const char *name)
{
    struct reliability bins[RELIABILITY_BINS], mass[RELIABILITY_BINS];
    struct brier b;
    reliability_fill(bins, RELIABILITY_BINS, p, y, n);
    reliability_fill_mass(mass, RELIABILITY_BINS, p, y, n);
    brier_decompose(p, y, n, RELIABILITY_BINS, &b);
    const struct {
        const char *name;
        double value;
    } all[] = { { "ece", reliability_ece(bins, RELIABILITY_BINS) },
                { "ece_mass", reliability_ece(mass, RELIABILITY_BINS) },
                { "l2_debiased", reliability_l2_debiased(mass, RELIABILITY_BINS) },
                { "brier", b.score },
                { "reliability", b.reliability },
                { "resolution", b.resolution },
                { "uncertainty", b.uncertainty },
                { "aurc", selective_aurc(p, y, n) } };
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        if (strcmp(all[i].name, name) == 0)
            return all[i].value;
    return NAN;
}

static void line(const char *name, const char *a, double b)
{
    struct calibrator c;
    if (strcmp(name, "event") == 0) {
        p[n] = strtod(a, NULL);
        y[n++] = b > 0;
    } else if (strcmp(name, "measure") == 0) {
        check_near(measure(a), b, 1e-12, "%s", a);
    } else {
        check(calibrator_fit(name, p, y, n, &c) == 0, "%s: %s", name, err_text());
        /* scikit-learn's own solvers stop at gradients of 1e-4 or so */
        check_near(calibrator_apply(&c, strtod(a, NULL)), b, strcmp(name, "isotonic") == 0 ? 1e-12 : 2e-4, "%s(%s)",
                   name, a);
        calibrator_fini(&c);
    }
}

static void against_reference(void)
{
    FILE *f = fopen(CHORALE_HOME "/tests/fixtures/calibrate/calibrators.txt", "r");
    char name[32], a[64], b[64];
    size_t lines = 0;
    check(f != NULL, "the fixture opens");
    for (; f && fscanf(f, "%31s %63s %63s", name, a, b) == 3; lines++)
        line(name, a, strtod(b, NULL));
    check(lines == 338, "the fixture has %zu lines", lines);
    if (f)
        fclose(f);
}

/* Mean (q - y)^2 of a calibrator on the events. */
static double loss(const struct calibrator *c)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++) {
        double gap = (c ? calibrator_apply(c, p[i]) : p[i]) - y[i];
        sum += gap * gap;
    }
    return sum / (double)n;
}

static void laws(void)
{
    size_t n_types;
    const struct calibrator_type *const *types = calibrator_types(&n_types);
    for (size_t t = 0; t < n_types; t++) {
        struct calibrator c;
        const char *name = types[t]->name;
        double before = -1, mean = 0, rate = 0;
        check(calibrator_fit(name, p, y, n, &c) == 0, "%s: %s", name, err_text());
        for (int i = 0; i <= 1000; i++) {
            double q = calibrator_apply(&c, i / 1000.);
            check(q >= 0 && q <= 1, "%s(%g) is %g", name, i / 1000., q);
            check(q >= before - 1e-12 || strcmp(name, "histogram") == 0, "%s does not fall at %g", name, i / 1000.);
            before = q;
        }
        for (size_t i = 0; i < n; i++) {
            mean += calibrator_apply(&c, p[i]) / (double)n;
            rate += y[i] / (double)n;
        }
        check_near(mean, rate, strcmp(name, "platt") == 0 ? 0.01 : 1e-6, "%s: the mean is the rate", name);
        check(loss(&c) < loss(NULL), "%s: the Brier score falls: %g, %g", name, loss(&c), loss(NULL));
        check(types[t]->meaning && types[t]->source, "%s says what it is", name);
        calibrator_fini(&c);
    }
}

static void refused(const char *text, const double q[], const bool happened[], size_t m, enum err code,
                    const char *want)
{
    struct calibrator c;
    check(calibrator_fit(text, q, happened, m, &c) == (int)code && strstr(err_text(), want), "%s: %s", text,
          err_text());
}

static void refusals(void)
{
    static const double q[3] = { .2, .4, 1.5 };
    static const bool all[3] = { true, true, true };
    refused("plat", q, all, 2, ERR_USAGE, "did you mean 'platt'");
    refused("histogram(bins=0)", q, all, 2, ERR_USAGE, "bins is 0");
    refused("platt | beta", q, all, 2, ERR_USAGE, "2 steps");
    refused("isotonic", q, all, 3, ERR_DATA, "event 2 has probability 1.5");
    refused("isotonic", q, all, 0, ERR_DATA, "no labelled events");
    refused("platt", q, all, 2, ERR_DATA, "all 2 events had one outcome");
}

/* Events that a threshold parts: no finite optimum, a finite answer. */
static void separable(void)
{
    static const double q[6] = { .1, .2, .3, .7, .8, 1 };
    static const bool happened[6] = { false, false, false, true, true, true };
    static const char *const names[] = { "platt", "beta", "isotonic", "histogram(bins=2)" };
    for (size_t i = 0; i < 4; i++) {
        struct calibrator c;
        check(calibrator_fit(names[i], q, happened, 6, &c) == 0, "%s: %s", names[i], err_text());
        check(calibrator_apply(&c, .1) < .5 && calibrator_apply(&c, 1) > .5 && calibrator_apply(&c, 0) >= 0,
              "%s: %g, %g", names[i], calibrator_apply(&c, .1), calibrator_apply(&c, 1));
        calibrator_fini(&c);
    }
}

static void brier_is_its_parts(void)
{
    for (size_t bins = 1; bins <= 40; bins++) {
        struct brier b;
        brier_decompose(p, y, n, bins, &b);
        check_near(b.reliability - b.resolution + b.uncertainty + b.within, b.score, 1e-12, "%zu bins", bins);
    }
    struct brier none;
    brier_decompose(p, y, 0, 5, &none);
    check(isnan(none.score), "no forecasts");
    check_near(brier_classes((double[]){ .7, .2, .1 }, 3, 0), .09 + .04 + .01, 1e-12, "by hand");
}

/* p values of the resampling test are uniform for a calibrated predictor, and small for one that is not. */
static void resampling(void)
{
    enum { RUNS = 40, EVENTS = 200 };
    double low = 0, conf[EVENTS];
    bool right[EVENTS];
    struct reliability_test t;
    for (uint32_t r = 0; r < RUNS; r++) {
        const struct rng_address a = { .seed = 5, .draw = r, .purpose = RNG_TEST };
        struct rng_key k = rng_key(&a);
        for (uint32_t i = 0; i < EVENTS; i++) {
            conf[i] = rng_uniform(&k, 2 * i);
            right[i] = rng_uniform(&k, 2 * i + 1) < conf[i];
        }
        reliability_test(conf, right, EVENTS, 10, r, &t);
        low += t.p < 0.25;
    }
    check(fabs(low - RUNS / 4.) < 4 * sqrt(RUNS * .25 * .75), "a quarter of the p values is below 1/4: %g of %d", low,
          RUNS);
    reliability_test(p, y, n, RELIABILITY_BINS, 1, &t);
    check(t.p == 0.001 && t.mean < t.ece, "an over-confident one is found: p %g, ece %g, by chance %g", t.p, t.ece,
          t.mean);
}

static void selective_by_hand(void)
{
    static const double conf[5] = { .9, .8, .7, .6, .5 };
    static const bool right[5] = { true, true, false, true, false };
    check_near(selective_aurc(conf, right, 5), .196667, 1e-6, "AURC");
    check_near(selective_excess_aurc(conf, right, 5), .066667, 1e-6, "E-AURC");
    check(isnan(selective_aurc(conf, right, 0)), "of nothing");
}

int main(void)
{
    against_reference();
    laws();
    refusals();
    separable();
    brier_is_its_parts();
    resampling();
    selective_by_hand();
    return check_done("calibrator");
}
