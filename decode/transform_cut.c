/* top_k, top_p, min_p: truncations in the order score descending, then symbol id ascending.
 *
 * Each keeps a prefix of that order, at least min_keep symbols of those not masked, and never a tie more:
 *   top_k   the first k; k = 0 is off; k beyond what is left keeps all
 *   top_p   the shortest prefix whose probability reaches p; p = 0 keeps min_keep, p = 1 all that is not masked
 *   min_p   what has at least p times the probability of the maximum; p = 0 is off, p > 1 keeps min_keep
 * The probability is that of the row as the step finds it: top_k=2 | top_p=0.7 measures p after top_k renormalised.
 *
 * Other systems: Hugging Face keeps all ties of the k-th score, T5 and ExLlama's fused kernel those of the last kept one;
 * MLX reads top_p = 0 as off; SGLang's default measures p before top_k renormalises, and keeps one more where the mass
 * is met exactly; ExLlama drops the crossing symbol; llama.cpp's GPU graph compares min_p with > instead of >=. */
#include "base/num.h"
#include "decode/scratch.h"
#include "decode/transforms.h"
#include <math.h>

static int top_k_apply(const struct transform *t, void *state, struct row *r, const struct transform_at *at)
{
    uint32_t k = transform_count(t, 0), min_keep = transform_count(t, 1);
    (void)state;
    if (k > 0 && !row_dead(r))
        row_keep_rank(r, k > min_keep ? k : min_keep, at->work);
    return 0;
}

static bool top_k_single(const struct transform *t)
{
    return transform_count(t, 0) == 1 && transform_count(t, 1) == 1;
}

static int top_p_apply(const struct transform *t, void *state, struct row *r, const struct transform_at *at)
{
    (void)state;
    if (!row_dead(r))
        row_keep_mass(r, t->value[0].number, transform_count(t, 1), at->work);
    return 0;
}

static bool none_but_min_keep(const struct transform *t)
{
    return t->value[0].number == 0 && transform_count(t, 1) == 1;
}

/* Survivors of the threshold are a prefix of the rank order, so min_keep only decides which of two prefixes it is. */
static int min_p_apply(const struct transform *t, void *state, struct row *r, const struct transform_at *at)
{
    double p = t->value[0].number;
    uint32_t min_keep = transform_count(t, 1);
    (void)state;
    if (p == 0 || row_dead(r))
        return 0;
    if (p > 1) {
        row_keep_rank(r, min_keep, at->work);
        return 0;
    }
    float least = (float)((double)row_max(r) + num_log(p));
    if (min_keep == 1) {
        row_mask_below(r, least);
        return 0;
    }
    struct row cut = row_over(at->work->spare[SCRATCH_STEP], r->n);
    row_copy(&cut, r);
    row_mask_below(&cut, least);
    if (row_count(&cut) < min_keep)
        row_keep_rank(r, min_keep, at->work);
    else
        row_mask_below(r, least);
    return 0;
}

static bool min_p_single(const struct transform *t)
{
    return t->value[0].number > 1 && transform_count(t, 1) == 1;
}

static const struct param top_k_params[] = {
    { .name = "k", .kind = PARAM_INT, .max = UINT32_MAX, .required = true, .meaning = "symbols kept; 0 is off" },
    PARAM_MIN_KEEP,
};
static const struct param top_p_params[] = {
    { .name = "p",
      .kind = PARAM_REAL,
      .max = 1,
      .required = true,
      .meaning = "probability that the kept symbols reach" },
    PARAM_MIN_KEEP,
};
static const struct param min_p_params[] = {
    { .name = "p",
      .kind = PARAM_REAL,
      .max = INFINITY,
      .required = true,
      .meaning = "least probability kept, as a share of the largest; above 1 keeps min_keep" },
    PARAM_MIN_KEEP,
};

const struct transform_type transform_top_k = {
    .name = "top_k",
    .params = top_k_params,
    .n_params = 2,
    .meaning = "keeps the k most probable symbols",
    .domain = "logits",
    .source = "Fan, Lewis, Dauphin 2018",
    .start = transform_start_none,
    .apply = top_k_apply,
    .accept = transform_accept_none,
    .single = top_k_single,
};

const struct transform_type transform_top_p = {
    .name = "top_p",
    .params = top_p_params,
    .n_params = 2,
    .meaning = "keeps the fewest symbols whose probability reaches p (nucleus)",
    .domain = "probabilities",
    .source = "Holtzman et al. 2020",
    .start = transform_start_none,
    .apply = top_p_apply,
    .accept = transform_accept_none,
    .single = none_but_min_keep,
};

const struct transform_type transform_min_p = {
    .name = "min_p",
    .params = min_p_params,
    .n_params = 2,
    .meaning = "keeps what is at least p times as probable as the most probable symbol",
    .domain = "probabilities",
    .source = "Nguyen et al. 2024 (arXiv 2407.01082)",
    .start = transform_start_none,
    .apply = min_p_apply,
    .accept = transform_accept_none,
    .single = min_p_single,
};
