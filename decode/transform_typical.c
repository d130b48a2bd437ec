/* typical: keeps the symbols whose surprise is nearest to the entropy, until their probability reaches the mass.
 *
 * Order: |-ln p - H| ascending, then symbol id ascending; H in nats; the symbol that crosses the mass is kept.
 * Other systems: Hugging Face also keeps every tie of the crossing symbol's score; llama.cpp stops only above the mass
 * (strict) and gives NaN on masked symbols; Aphrodite and ExLlama drop the crossing symbol. */
#include "decode/scratch.h"
#include "decode/transforms.h"
#include <math.h>

static int typical_apply(const struct transform *t, void *state, struct row *r, const struct transform_at *at)
{
    float *distance = at->work->spare[SCRATCH_STEP];
    (void)state;
    if (row_dead(r))
        return 0;
    double center = r->log_z - row_entropy(r); /* the score whose surprise is the entropy */
    for (uint32_t v = 0; v < r->n; v++)
        distance[v] = (float)fabs((double)r->score[v] - center); /* +inf for a masked symbol */
    row_keep_mass_by(r, distance, t->value[0].number, transform_count(t, 1), at->work);
    return 0;
}

static bool typical_single(const struct transform *t)
{
    return t->value[0].number == 0 && transform_count(t, 1) == 1;
}

static const struct param typical_params[] = {
    { .name = "mass",
      .kind = PARAM_REAL,
      .max = 1,
      .required = true,
      .meaning = "probability that the kept symbols reach" },
    PARAM_MIN_KEEP,
};

const struct transform_type transform_typical = {
    .name = "typical",
    .params = typical_params,
    .n_params = 2,
    .meaning = "keeps the symbols whose surprise is nearest to the entropy",
    .domain = "probabilities",
    .source = "Meister et al. 2023",
    .start = transform_start_none,
    .apply = typical_apply,
    .accept = transform_accept_none,
    .single = typical_single,
};
