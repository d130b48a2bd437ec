/* dola(plausibility): decoding by contrasting layers.  Voice 0 is the last layer, the others are early exits of the same
 * prefix (taps).  The exit whose distribution is farthest from the last layer's (Jensen-Shannon divergence; the first among
 * equals) is the premature one, anew at every step, and
 *
 *   score(v) = ln p_last(v) - ln p_premature(v)   where p_last(v) >= plausibility * max p_last, else -inf
 *
 * -inf table: that of pool_signed.c with factors 1 and -1.  A dead exit is at the largest distance, ln 2. */
#include "base/row_math.h"
#include "ensemble/pool_rules.h"
#include "model/lm.h"
#include <math.h>

#define LN2 0.69314718055994530942

static double part(double p, double middle)
{
    return p > 0 ? p * math_log64(p / middle) : 0;
}

/* nats, 0 .. ln 2; summed in the order of symbols. */
static double jensen_shannon(const struct row *a, const struct row *b)
{
    double sum = 0;
    if (row_dead(b))
        return LN2;
    for (uint32_t v = 0; v < a->n; v++) {
        double p = math_exp64(a->score[v] - a->log_z), q = math_exp64(b->score[v] - b->log_z), m = (p + q) / 2;
        sum += part(p, m) + part(q, m);
    }
    return sum / 2;
}

static int dola_check(struct pool *p)
{
    (void)p;
    return 0;
}

static double dola_apply(const struct pool *p, struct row *out, const struct row rows[], const double weight[],
                         size_t n)
{
    static const double factor[2] = { 1, -1 };
    size_t premature = 1;
    double farthest = -INFINITY;
    (void)weight;
    if (row_dead(&rows[0]))
        return pool_dead(out, rows);
    for (size_t k = 1; k < n && n > 2; k++) {
        double distance = jensen_shannon(&rows[0], &rows[k]);
        if (distance > farthest) {
            farthest = distance;
            premature = k;
        }
    }
    const struct row pair[2] = { rows[0], rows[premature] };
    return pool_signed(out, pair, factor, 2, pool_plausible(&rows[0], p->value[0].number));
}

static const struct param dola_params[] = {
    { .name = "plausibility",
      .kind = PARAM_REAL,
      .min = 0,
      .max = 1,
      .value = 0.1,
      .meaning = "symbols below this share of the last layer's best are masked; 0 masks none" },
};

const struct pool_type pool_dola = {
    .name = "dola",
    .params = dola_params,
    .n_params = 1,
    .weighted = false,
    .sums_to_one = false,
    .min_voices = 2,
    .max_voices = LM_MAX_VOICES,
    .meaning = "first voice (last layer) against the farthest of the others (early exits), among what the first finds "
               "plausible",
    .source = "Chuang et al. 2023, arXiv 2309.03883",
    .check = dola_check,
    .apply = dola_apply,
    .value = NULL,
    .others = NULL,
};
