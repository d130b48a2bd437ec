/* typical: keeps the symbols whose surprise is nearest to the entropy, until their probability reaches the mass.
 *
 * Order: |-ln p - H| ascending, then symbol id ascending; H in nats; at least min_keep are kept.  bound and ties as in
 * transform_cut.c: Hugging Face keeps the symbol that crosses the mass and every tie of its distance, llama.cpp stops only
 * above the mass, Aphrodite and ExLlama 2 drop the crossing symbol.  llama.cpp gives NaN on masked symbols, and ExLlama 2
 * uses x + ln(x + 1e-10) for ln p: neither is repeated here. */
#include "decode/scratch.h"
#include "decode/transforms.h"
#include <math.h>

#define JUST_OVER (1 + 0x1p-21) /* as in transform_cut.c */

/* The last of what is kept, in the order of distance, then id. */
static sym_t farthest(const struct row *r, const float distance[])
{
    sym_t last = 0;
    float most = -1;
    for (uint32_t v = 0; v < r->n; v++)
        if (r->score[v] > -INFINITY && distance[v] >= most) {
            most = distance[v];
            last = v;
        }
    return last;
}

/* Of the prefix that reaches the mass, at least min_keep long; below: without the symbol that crosses it.  0 < mass < 1. */
static sym_t last_of_copy(const struct transform *t, struct row *copy, const float distance[], double mass,
                          struct row_work *w)
{
    uint32_t min_keep = transform_count(t, 1);
    row_keep_mass_by(copy, distance, mass, min_keep, w);
    sym_t last = farthest(copy, distance);
    if (transform_word(t, 2) != BOUND_BELOW || row_count(copy) <= min_keep)
        return last;
    row_shift(copy, &last, 1, -INFINITY);
    return farthest(copy, distance);
}

static int typical_apply(const struct transform *t, void *state, struct row *r, const struct transform_at *at)
{
    float *distance = at->work->spare[SCRATCH_STEP];
    double mass = t->value[0].number;
    int bound = transform_word(t, 2);
    (void)state;
    mass = bound == BOUND_REACH ? mass : fmax(mass * JUST_OVER, 0x1p-1000);
    if (mass >= 1)
        return 0;
    double center = r->log_z - row_entropy(r); /* the score whose surprise is the entropy */
    row_distance(r, center, distance);
    sym_t last;
    if (transform_count(t, 1) == 1 && bound != BOUND_BELOW) {
        last = row_mass_near(r, center, distance, mass, at->work);
    } else {
        struct row copy = row_over(at->work->spare[SCRATCH_SECOND], r->n);
        row_copy(&copy, r);
        last = last_of_copy(t, &copy, distance, mass, at->work);
    }
    row_mask_far(r, distance, distance[last], transform_word(t, 3) == TIES_ALL ? r->n - 1 : last);
    return 0;
}

static bool typical_single(const struct transform *t)
{
    return t->value[0].number == 0 && transform_count(t, 1) == 1 && transform_word(t, 3) == TIES_ID;
}

static const struct param typical_params[] = {
    { .name = "mass",
      .kind = PARAM_REAL,
      .max = 1,
      .required = true,
      .meaning = "probability that the kept symbols reach" },
    PARAM_MIN_KEEP,
    PARAM_BOUND,
    PARAM_TIES,
};

const struct transform_type transform_typical = {
    .name = "typical",
    .params = typical_params,
    .n_params = 4,
    .meaning = "keeps the symbols whose surprise is nearest to the entropy",
    .domain = "probabilities",
    .source = "Meister et al. 2023",
    .shown = { "typical=0.6" },
    .start = transform_start_none,
    .apply = typical_apply,
    .accept = transform_accept_none,
    .single = typical_single,
    .truncates = true,
    .blind = true,
};
