/* skew and tfs: what needs every symbol in rank order.  These two alone sort the whole row.
 *
 *   skew(skew, order)   F'_i = F_i^c, c = exp(skew), of the cumulated probabilities F_i in rank order (order=rank) or by
 *                       symbol id (order=id): ExLlama 2 draws with u^exp(-skew), which is the former; Aphrodite bends the
 *                       sums in the order of ids.  Above 0 mass moves down the order, below 0 up
 *   tfs(z, min_keep)    tail-free: the second differences of the sorted probabilities, absolute and normalised to a sum
 *                       of 1, are added up; symbol i (from 0) goes where the sum of the first i exceeds z, symbol 0 never,
 *                       the last always.  Fewer than three symbols, or no curvature at all: nothing goes.  z = 1 is off
 *
 * p'_i = F_i^c - F_{i-1}^c = F_i^c (1 - (1 - x_i)^c), x_i = p_i / F_i, which cancels nothing; its log is
 * score_i + (c - 1) ln F_i + ln(c g(x_i)), g = (1 - (1 - x)^c) / (c x), by its series where x is small. */
#include "base/row_math.h"
#include "decode/transforms.h"
#include <math.h>

#define NEAR 1e-5 /* x and c x below which the first terms of the series are exact to double precision */

/* log of (1 - (1 - x)^c) / x, 0 < x <= 1. */
static double log_gain(double x, double c)
{
    double rest = x < 1 ? math_exp64(c * math_log64(1 - x)) : 0;
    return math_log64(fmax(1 - rest, 0x1p-1000)) - math_log64(x);
}

/* Bends the scores in the order of id[]; p[i] is the probability of id[i].  The log of the sum grows by -ln(1 - x).  Scores
 * too small for a probability move with the last sum. */
static void skew_in_order(struct row *r, const sym_t id[], const float p[], uint32_t n, double c)
{
    double sum = 0, log_sum = 0, log_c = math_log64(c), shift = log_c;
    for (uint32_t i = 0; i < n; i++) {
        sum += (double)p[i];
        double x = p[i] > 0 ? (double)p[i] / sum : 0;
        if (x >= NEAR || c * x >= NEAR) {
            log_sum = math_log64(sum);
            shift = (c - 1) * log_sum + log_gain(x, c);
        } else if (x > 0) {
            log_sum += x + x * x / 2;
            shift = (c - 1) * log_sum + log_c - (c - 1) * x / 2 + (c - 1) * (c - 5) * x * x / 24;
        }
        r->score[id[i]] = (float)fmax((double)r->score[id[i]] - r->log_z + shift, -3e38);
    }
}

/* The probabilities of id[n], in w->value. */
static void probabilities(const struct row *r, const sym_t id[], uint32_t n, struct row_work *w)
{
    for (uint32_t i = 0; i < n; i++)
        w->value[i] = r->score[id[i]];
    row_exp(r, w->value, n);
}

static int skew_apply(const struct transform *t, void *state, struct row *r, const struct transform_at *at)
{
    double c = math_exp64(t->value[0].number);
    struct row_work *w = at->work;
    (void)state;
    if (t->value[0].number == 0 || row_dead(r))
        return 0;
    bool by_id = transform_word(t, 1) == 1;
    uint32_t n = by_id ? row_at_least(r, -INFINITY, w) : row_top(r, r->n, w, w->id, w->mass);
    probabilities(r, w->id, n, w);
    skew_in_order(r, w->id, w->value, n, c);
    return row_measure(r);
}

/* The second difference, absolute. */
static double bend(const float p[3])
{
    return fabs((double)p[2] - 2 * (double)p[1] + (double)p[0]);
}

/* Of the sorted: how many stand before the first that goes. */
static uint32_t tail_free(const float p[], uint32_t n, double z)
{
    double total = 0, sum = 0;
    for (uint32_t i = 0; i + 2 < n; i++)
        total += bend(p + i);
    if (!(total > 0))
        return n;
    for (uint32_t i = 0; i + 2 < n; i++) {
        sum += bend(p + i);
        if (sum > z * total)
            return i + 1;
    }
    return n - 1;
}

static int tfs_apply(const struct transform *t, void *state, struct row *r, const struct transform_at *at)
{
    double z = t->value[0].number;
    uint32_t min_keep = transform_count(t, 1);
    struct row_work *w = at->work;
    (void)state;
    if (z >= 1 || row_dead(r))
        return 0;
    uint32_t n = row_top(r, r->n, w, w->id, w->mass);
    probabilities(r, w->id, n, w);
    uint32_t kept = n < 3 ? n : tail_free(w->value, n, z);
    kept = kept > min_keep ? kept : min_keep;
    row_mask_after(r, w->id[(kept < n ? kept : n) - 1]);
    return 0;
}

static const char *const orders[] = { "rank", "id", NULL };
static const struct param skew_params[] = {
    { .name = "skew",
      .kind = PARAM_REAL,
      .min = -20,
      .max = 20,
      .required = true,
      .meaning = "log of the exponent of the cumulated probabilities; 0 is off" },
    { .name = "order",
      .kind = PARAM_WORD,
      .words = orders,
      .meaning = "what they are cumulated by: rank, most probable first, or symbol id" },
};
static const struct param tfs_params[] = {
    { .name = "z",
      .kind = PARAM_REAL,
      .max = 1,
      .required = true,
      .meaning = "share of the curvature of the sorted probabilities that is kept; 1 is off" },
    PARAM_MIN_KEEP,
};

const struct transform_type transform_skew = {
    .name = "skew",
    .params = skew_params,
    .n_params = 2,
    .meaning = "moves probability down the order (above 0) or up (below 0) by a power of its sums",
    .domain = "probabilities",
    .source = "ExLlamaV2 2024 (skew)",
    .start = transform_start_none,
    .apply = skew_apply,
    .accept = transform_accept_none,
    .single = transform_never_single,
    .blind = true,
};

const struct transform_type transform_tfs = {
    .name = "tfs",
    .params = tfs_params,
    .n_params = 2,
    .meaning = "tail-free: cuts where the sorted probabilities stop bending",
    .domain = "probabilities",
    .source = "Phénix and Egan 2019 (tail free sampling)",
    .start = transform_start_none,
    .apply = tfs_apply,
    .accept = transform_accept_none,
    .single = transform_never_single,
    .truncates = true,
    .blind = true,
};
