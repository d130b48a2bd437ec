/* The temperature of an lm, with its reliability before and after. */
#include "base/err.h"
#include "base/mem.h"
#include "ensemble/calibrate.h"
#include "evalsets/reliability_mass.h"
#include "experiments/fit_types.h"
#include <stdlib.h>

static int temperature_open(struct fit *f, size_t *most)
{
    (void)most;
    f->kept = calibrate_alloc();
    return 0;
}

static void temperature_close(struct fit *f)
{
    calibrate_free(f->kept);
}

static int temperature_keep(struct fit *f, const struct row *r, const struct score_place *place)
{
    return calibrate_add(f->kept, r, place->label);
}

static json_t *reliability(const struct calibrate *c, double temperature, double *ece)
{
    struct calibrate_bin bins[FIT_BINS];
    json_t *out = json_array();
    *ece = calibrate_reliability(c, temperature, bins, FIT_BINS);
    for (size_t i = 0; i < FIT_BINS; i++)
        json_array_append_new(out, json_pack("{s:f, s:f, s:I}", "confidence", bins[i].n ? bins[i].confidence : 0,
                                             "accuracy", bins[i].n ? bins[i].accuracy : 0, "n", (json_int_t)bins[i].n));
    return out;
}

/* Whether what is seen could come from a calibrated lm. */
static double consistency(const struct calibrate *c, double temperature)
{
    size_t n = calibrate_count(c);
    double *confidence = mem_alloc(n, sizeof *confidence);
    bool *right = mem_alloc(n, sizeof *right);
    struct reliability_test test;
    calibrate_best(c, temperature, confidence, right);
    reliability_test(confidence, right, n, FIT_BINS, FIT_SEED, &test);
    free(confidence);
    free(right);
    return test.p;
}

static int temperature_result(struct fit *f, json_t *out)
{
    struct calibrate_fit c;
    double before, after;
    TRY(calibrate_temperature(f->kept, &c));
    if (c.bounded)
        return err_set(ERR_DATA, "no temperature in %g .. %g is best; the split does not suit the lm", CALIBRATE_MIN,
                       CALIBRATE_MAX);
    json_object_set_new(out, "value", json_real(c.temperature));
    json_object_set_new(out, "n", json_integer((json_int_t)c.n));
    json_object_set_new(out, "nll_before", json_real(c.nll_before));
    json_object_set_new(out, "nll_after", json_real(c.nll_after));
    json_object_set_new(out, "before", reliability(f->kept, 1, &before));
    json_object_set_new(out, "after", reliability(f->kept, c.temperature, &after));
    json_object_set_new(out, "ece_before", json_real(before));
    json_object_set_new(out, "ece_after", json_real(after));
    json_object_set_new(out, "consistent_before", json_real(consistency(f->kept, 1)));
    json_object_set_new(out, "consistent_after", json_real(consistency(f->kept, c.temperature)));
    json_object_set_new(out, "full_ece_before", json_real(calibrate_full_ece(f->kept, 1, FIT_BINS)));
    json_object_set_new(out, "full_ece_after", json_real(calibrate_full_ece(f->kept, c.temperature, FIT_BINS)));
    return 0;
}

const struct fit_type fit_temperature = {
    .name = "temperature",
    .open = temperature_open,
    .close = temperature_close,
    .keep = temperature_keep,
    .result = temperature_result,
};
