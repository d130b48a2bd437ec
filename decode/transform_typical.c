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

static void keep_mass(struct row *r, double center, const float distance[], double mass, uint32_t min_keep,
                      struct row_work *w)
{
    if (min_keep == 1)
        row_keep_mass_near(r, center, distance, mass, w);
    else
        row_keep_mass_by(r, distance, mass, min_keep, w);
}

static void cut(const struct transform *t, struct row *r, double center, const float distance[], struct row_work *w)
{
    double mass = t->value[0].number;
    uint32_t min_keep = transform_count(t, 1);
    int bound = transform_word(t, 2);
    if (bound != BOUND_REACH)
        mass = mass > 0 ? mass * JUST_OVER : 0x1p-1000;
    keep_mass(r, center, distance, mass, min_keep, w);
    if (bound == BOUND_BELOW && mass < 1 && row_count(r) > min_keep) {
        sym_t last = farthest(r, distance);
        row_shift(r, &last, 1, -INFINITY);
    }
}

static int typical_apply(const struct transform *t, void *state, struct row *r, const struct transform_at *at)
{
    float *distance = at->work->spare[SCRATCH_STEP];
    (void)state;
    if (row_dead(r) || t->value[0].number >= 1)
        return 0;
    double center = r->log_z - row_entropy(r); /* the score whose surprise is the entropy */
    row_distance(r, center, distance);
    if (transform_word(t, 3) == TIES_ID) {
        cut(t, r, center, distance, at->work);
        return 0;
    }
    struct row kept = row_over(at->work->spare[SCRATCH_SECOND], r->n);
    row_copy(&kept, r);
    cut(t, &kept, center, distance, at->work);
    float most = distance[farthest(&kept, distance)];
    for (uint32_t v = 0; v < r->n; v++)
        r->score[v] = distance[v] <= most ? r->score[v] : -INFINITY;
    return row_measure(r);
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
    .start = transform_start_none,
    .apply = typical_apply,
    .accept = transform_accept_none,
    .single = typical_single,
    .truncates = true,
};
