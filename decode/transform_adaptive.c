/* adaptive_p(target, decay): prefers symbols whose probability is near a target that makes up for what was said.
 *
 * A moving mean of the probability p (as this step finds it) of the symbols chosen is kept: sum <- p + decay sum, weight
 * <- 1 + decay weight, beginning at the target.  With a = clamp(2 target - sum / weight, 0, 1) and d = |p - a| / 0.3 the
 * new score of every symbol that is not masked is 5 - 10 d^2 / (1 + d).  Meant as the last step, behind a mild truncation
 * (min_p): all that is far from the target gets what its distance gives, however improbable.
 *
 * Other systems: llama.cpp updates only when the symbol accepted is the one that its own draw gave. */
#include "base/row_kernel.h"
#include "base/row_math.h"
#include "base/row_ops.h"
#include "decode/scratch.h"
#include "decode/transforms.h"
#include <math.h>

#define WIDTH 0.3f
#define PEAK  5.0f
#define SHARP 10.0f

struct adaptive {
    double sum, weight; /* of the moving mean */
    double log_z;       /* of the row that was found */
};

static void adaptive_start(const struct transform *t, void *state)
{
    struct adaptive *a = state;
    a->weight = 1 / (1 - t->value[1].number);
    a->sum = t->value[0].number * a->weight;
}

static int adaptive_apply(const struct transform *t, void *state, struct row *r, const struct transform_at *at)
{
    struct adaptive *a = state;
    double aim = fmin(fmax(2 * t->value[0].number - a->sum / a->weight, 0), 1);
    float shift = row_max(r);
    a->log_z = r->log_z;
    struct row found = row_over(at->work->spare[SCRATCH_FOUND], r->n);
    row_copy(&found, r);
    struct row_attract f = { shift, (float)math_exp64((double)shift - a->log_z), (float)aim, 1 / WIDTH, PEAK, SHARP };
    r->ops->kernel()->attract(r->score, found.score, r->n, &f);
    return row_measure(r);
}

static void adaptive_accept(const struct transform *t, void *state, const struct transform_choice *c)
{
    struct adaptive *a = state;
    const float *found = c->at->work->spare[SCRATCH_FOUND];
    a->sum = math_exp64((double)found[c->symbol] - a->log_z) + t->value[1].number * a->sum;
    a->weight = 1 + t->value[1].number * a->weight;
}

static const struct param adaptive_params[] = {
    { .name = "target", .kind = PARAM_REAL, .max = 1, .required = true, .meaning = "probability aimed at" },
    { .name = "decay",
      .kind = PARAM_REAL,
      .max = 0.99,
      .value = 0.9,
      .meaning = "weight of the past in the mean, for each symbol" },
};

const struct transform_type transform_adaptive_p = {
    .name = "adaptive_p",
    .params = adaptive_params,
    .n_params = 2,
    .meaning = "prefers symbols whose probability is near a target that adapts to what was chosen",
    .domain = "probabilities",
    .source = "llama.cpp #17927",
    .state_size = sizeof(struct adaptive),
    .shown = { "adaptive_p=0.2" },
    .start = adaptive_start,
    .apply = adaptive_apply,
    .accept = adaptive_accept,
    .single = transform_never_single,
    .keeps_row = true,
};
