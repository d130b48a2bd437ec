/* contrast(plausibility, strength): contrastive decoding.  Voice 0 is the expert e, voice 1 the amateur a:
 *
 *   score(v) = (1 + strength) ln p_e(v) - strength ln p_a(v)   where p_e(v) >= plausibility * max p_e, else -inf
 *
 * The mask is Li et al. 2023 (plausibility 0.1), the two-strength form O'Brien & Lewis 2023 (strength 0.5): strength 0
 * leaves the expert, cut at the plausible.  Weights say nothing.  Comparisons are inclusive and in double.
 *
 * -inf table: outside the mask -inf whatever the amateur says; p_e = 0 is outside every mask.  Inside it, an amateur's
 * probability below FLOOR, 0 included, counts as FLOOR: the score stays finite, and such a symbol all but wins.
 * The mask is never empty: it contains the expert's best.  A dead expert is a dead pool; a dead amateur is flat.
 *
 * Works on scores in host memory. */
#include "base/row_math.h"
#include "ensemble/pool_rules.h"
#include <assert.h>
#include <math.h>

#define FLOOR (-126 * 0.69314718055994530942) /* ln of the least normal float, 2^-126 */

enum { PLAUSIBILITY, STRENGTH };

static int contrast_check(struct pool *p)
{
    (void)p;
    return 0;
}

static double amateur_logp(const struct row *a, uint32_t v)
{
    double logp = row_dead(a) ? -INFINITY : (double)a->score[v] - a->log_z;
    return logp > FLOOR ? logp : FLOOR;
}

static double contrast_apply(const struct pool *p, struct row *out, const struct row rows[], const double weight[],
                             size_t n)
{
    const struct row *e = &rows[0], *a = &rows[1];
    double plausibility = p->value[PLAUSIBILITY].number, strength = p->value[STRENGTH].number;
    (void)weight;
    assert(n == 2 && e->ops == &row_cpu && a->ops == &row_cpu && out->ops == &row_cpu);
    (void)n;
    if (row_dead(e))
        return pool_dead(out, rows);
    double least = (double)row_max(e) + (plausibility > 0 ? math_log64(plausibility) : -INFINITY);
    for (uint32_t v = 0; v < out->n; v++) {
        double score = (1 + strength) * (e->score[v] - e->log_z) - strength * amateur_logp(a, v);
        bool plausible = e->score[v] >= least && e->score[v] > -INFINITY;
        out->score[v] = plausible ? (float)score : -INFINITY;
    }
    int rc = row_measure(out);
    assert(rc == 0);
    (void)rc;
    double log_z = out->log_z;
    row_normalise(out);
    return log_z;
}

static const struct param contrast_params[] = {
    { .name = "plausibility",
      .kind = PARAM_REAL,
      .min = 0,
      .max = 1,
      .value = 0.1,
      .meaning = "symbols below this share of the expert's best are masked; 0 masks none" },
    { .name = "strength",
      .kind = PARAM_REAL,
      .min = 0,
      .max = 100,
      .value = 0.5,
      .meaning = "weight of the amateur's log-probabilities, taken away" },
};

const struct pool_type pool_contrast = {
    .name = "contrast",
    .params = contrast_params,
    .n_params = 2,
    .weighted = false,
    .sums_to_one = false,
    .min_voices = 2,
    .max_voices = 2,
    .meaning = "first voice (expert) against the second (amateur), among what the expert finds plausible",
    .source = "Li et al. 2023; O'Brien & Lewis 2023",
    .check = contrast_check,
    .apply = contrast_apply,
    .value = NULL,
    .others = NULL,
};
