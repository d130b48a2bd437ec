/* skew and tfs: what needs every symbol in rank order.  These two alone sort the whole row.
 *
 *   skew(skew, order)   F'_i = F_i^c, c = exp(skew), of the cumulated probabilities F_i in rank order (order=rank) or by
 *                       symbol id (order=id): ExLlama 2 draws with u^exp(-skew), which is the former; Aphrodite bends the
 *                       sums in the order of ids.  Above 0 mass moves down the order, below 0 up
 *   tfs(z, min_keep)    tail-free: the second differences of the sorted probabilities, absolute and normalised to a sum
 *                       of 1, are added up; symbol i (from 0) goes where the sum of the first i exceeds z, symbol 0 never,
 *                       the last always.  Fewer than three symbols, or no curvature at all: nothing goes.  z = 1 is off
 *
 * base/row_kernel_skew.h has the arithmetic of skew. */
#include "base/row_kernel.h"
#include "base/row_math.h"
#include "base/row_ops.h"
#include "decode/transforms.h"
#include <math.h>

static double skew_by_rank(struct row *r, const struct row_skew *by, struct row_work *w)
{
    uint32_t n = row_top(r, r->n, w, w->id, w->mass);
    double log_z = r->ops->kernel()->skew(w->value, n, by);
    for (uint32_t i = 0; i < n; i++)
        r->score[w->id[i]] = w->value[i];
    return log_z;
}

static int skew_apply(const struct transform *t, void *state, struct row *r, const struct transform_at *at)
{
    double log_c = t->value[0].number, c = math_exp64(log_c);
    struct row_skew by = { row_max(r), r->log_z, c, log_c, c - 1, (c * c - 1) / 24, (c - 1) * (c - 2) / 6, fmax(c, 1) };
    (void)state;
    if (log_c == 0)
        return 0;
    bool by_id = transform_word(t, 1) == 1;
    r->log_z = by_id ? r->ops->kernel()->skew(r->score, r->n, &by) : skew_by_rank(r, &by, at->work);
    r->has_top = false; /* of scores that have changed */
    return 0;
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
    if (z >= 1)
        return 0;
    uint32_t n = row_top(r, r->n, w, w->id, w->mass);
    row_exp(r, w->value, n);
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
    .shown = { "skew=0.7" },
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
    .shown = { "tfs=0.7" },
    .start = transform_start_none,
    .apply = tfs_apply,
    .accept = transform_accept_none,
    .single = transform_never_single,
    .truncates = true,
    .blind = true,
};
