/* min_k and diff: cuts at the widest gap of the rank order.
 *
 *   min_k(tau, min_keep)   scores l_0 >= l_1 >= ..., range R = l_0 - l_(n-1) over what is not masked:
 *                          k = max(argmax_i (l_(i-1) - l_i) / i, floor(tau / R)), the first of equal gaps; R = 0 keeps all.
 *                          Both terms divide by R + 1e-8 in the source; the first does not change by it.  tau = 0 makes it
 *                          invariant to the temperature
 *   diff(mass, min_p, min_keep)
 *                          cuts behind the largest fall p_i - p_(i+1) of the sorted probabilities, the first of equal ones;
 *                          mass: only where at least so much is kept (DiffSampling-lb, 0: off); min_p: only behind what has
 *                          at least min_p of the largest probability (DiffSampling-minp, 1: off).  No fall: all stay */
#include "base/row_math.h"
#include "decode/transforms.h"
#include <math.h>

#define MET (1 - 0x1p-22) /* as base/row.h: a mass reaches p when m >= p (1 - 2^-22) */

static uint32_t min_k_rule(const struct transform *t, const struct row *r, const double logp[], uint32_t n, bool whole)
{
    double low = (double)row_min(r) - r->log_z, range = logp[0] - low, best = 0;
    uint32_t cliff = 0;
    for (uint32_t i = 1; i < n; i++)
        if ((logp[i - 1] - logp[i]) / i > best) {
            best = (logp[i - 1] - logp[i]) / i;
            cliff = i;
        }
    if (!whole && (logp[n - 1] - low) / n >= best)
        return 0; /* a later gap may still be wider */
    double least = floor(t->value[0].number / (range + 1e-8));
    if (cliff == 0 || least >= UINT32_MAX)
        return UINT32_MAX;
    return least > cliff ? (uint32_t)least : cliff;
}

static int min_k_apply(const struct transform *t, void *state, struct row *r, const struct transform_at *at)
{
    (void)state;
    transform_keep_prefix(t, r, at, &(struct transform_prefix){ min_k_rule, transform_count(t, 1), TRANSFORM_FIRST });
    return 0;
}

static uint32_t diff_rule(const struct transform *t, const struct row *r, const double logp[], uint32_t n, bool whole)
{
    double mass = t->value[0].number * MET, least = t->value[1].number * math_exp64(logp[0]) * MET;
    double best = 0, sum = 0, p = math_exp64(logp[0]);
    uint32_t cut = 0;
    (void)r;
    for (uint32_t i = 1; i < n; i++) {
        double next = math_exp64(logp[i]);
        sum += p;
        bool inside = sum < mass || (t->value[1].number < 1 && next >= least);
        if (!inside && p - next > best) {
            best = p - next;
            cut = i;
        }
        p = next;
    }
    if (!whole && p >= best)
        return 0; /* no later fall is larger than what is left to fall */
    return cut > 0 ? cut : n;
}

static int diff_apply(const struct transform *t, void *state, struct row *r, const struct transform_at *at)
{
    (void)state;
    transform_keep_prefix(t, r, at, &(struct transform_prefix){ diff_rule, transform_count(t, 2), TRANSFORM_FIRST });
    return 0;
}

static const struct param min_k_params[] = {
    { .name = "tau",
      .kind = PARAM_REAL,
      .max = 1e6,
      .value = 3,
      .meaning = "over the range of the scores: symbols kept at least; 0 is the widest gap alone" },
    PARAM_MIN_KEEP,
};
static const struct param diff_params[] = {
    { .name = "mass", .kind = PARAM_REAL, .max = 1, .meaning = "probability kept at least; 0 is off" },
    { .name = "min_p",
      .kind = PARAM_REAL,
      .max = 1,
      .value = 1,
      .meaning = "what has at least this share of the largest probability is kept; 1 is off" },
    PARAM_MIN_KEEP,
};

const struct transform_type transform_min_k = {
    .name = "min_k",
    .params = min_k_params,
    .n_params = 2,
    .meaning = "cuts at the widest gap between the sorted scores, near gaps before far ones",
    .domain = "logits",
    .source = "arXiv 2604.11012",
    .shown = { "min_k" },
    .start = transform_start_none,
    .apply = min_k_apply,
    .accept = transform_accept_none,
    .single = transform_never_single,
    .truncates = true,
    .blind = true,
};

const struct transform_type transform_diff = {
    .name = "diff",
    .params = diff_params,
    .n_params = 3,
    .meaning = "DiffSampling: cuts behind the largest fall of the sorted probabilities",
    .domain = "probabilities",
    .source = "Franceschelli and Musolesi 2025 (arXiv 2502.14037)",
    .shown = { "diff" },
    .start = transform_start_none,
    .apply = diff_apply,
    .accept = transform_accept_none,
    .single = transform_never_single,
    .truncates = true,
    .blind = true,
};
