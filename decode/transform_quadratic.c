/* quadratic ("smoothing"): bends the scores about the largest.
 *
 *   score' = max - k f d^2 + s f d^3,   d = score - max, k = (3 - curve) / 2, s = (curve - 1) / 2
 * factor f = 0 is off; curve = 1 is the plain parabola, which brings near rivals nearer and sends the tail away.
 * A masked symbol stays masked; the scores of others never become so (least: that of -FLT_MAX).
 *
 * Other systems: ExLlama 2 has no curve. */
#include "decode/transforms.h"

static int quadratic_apply(const struct transform *t, void *state, struct row *r, const struct transform_at *at)
{
    double factor = t->value[0].number, curve = t->value[1].number;
    (void)state;
    (void)at;
    if (factor > 0)
        row_bend(r, -(3 - curve) / 2 * factor, (curve - 1) / 2 * factor);
    return 0;
}

static const struct param quadratic_params[] = {
    { .name = "factor", .kind = PARAM_REAL, .max = 1e6, .required = true, .meaning = "strength; 0 is off" },
    { .name = "curve",
      .kind = PARAM_REAL,
      .min = 1,
      .max = 1000,
      .value = 1,
      .meaning = "1 is a parabola; above, a cubic part takes over" },
};

const struct transform_type transform_quadratic = {
    .name = "quadratic",
    .params = quadratic_params,
    .n_params = 2,
    .meaning = "smoothing: evens out the best symbols and sinks the tail, by a parabola of the scores",
    .domain = "logits",
    .source = "kalomaze 2024 (text-generation-webui, smoothing_factor and smoothing_curve)",
    .shown = { "quadratic(0.4, curve=2)" },
    .start = transform_start_none,
    .apply = quadratic_apply,
    .accept = transform_accept_none,
    .single = transform_never_single,
    .blind = true,
};
