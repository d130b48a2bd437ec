/* top_k, top_p, min_p: truncations in the order score descending, then symbol id ascending.
 *
 * Each keeps a prefix of that order, at least min_keep symbols of those not masked:
 *   top_k   the first k; k = 0 is off; k beyond what is left keeps all
 *   top_p   the shortest prefix whose probability reaches p; p = 0 keeps min_keep, p = 1 all that is not masked
 *   min_p   what has at least p times the probability of the maximum; p = 0 is off, p > 1 keeps min_keep
 * The probability is that of the row as the step finds it: top_k=2 | top_p=0.7 measures p after top_k renormalised.
 *
 * Where systems disagree a parameter says what is meant, and profiles set it (decode/profiles.c):
 *   ties    id: equals of the last kept go by symbol id.  all: they stay, as with Hugging Face's top_k, T5's and ExLlama's
 *           thresholds
 *   bound   reach: the shortest prefix whose probability is at least p.  over: is more than p, one symbol more where p is met
 *           exactly (SGLang).  below: the longest whose probability is at most p (ExLlama drops the crossing symbol)
 *   of      kept: the probability as the step finds it.  given: as it was before the truncations right in front of the
 *           step, so that they do not add up (SGLang's joint filters)
 *   zero    one: p = 0 keeps min_keep.  off: it is off (MLX)
 * Masses compare as row_keep_mass() does: what differs by 2^-22 of itself is equal.
 * Hugging Face and vLLM cut an ascending sort, whose order of equals is the library's; their profiles leave it to the id.
 * llama.cpp's GPU graph compares min_p with > instead of >=. */
#include "base/num.h"
#include "base/row_math.h"
#include "decode/scratch.h"
#include "decode/transforms.h"
#include <math.h>

/* Masks of r what is less than all that the cut copy of it kept. */
static void keep_equals(struct row *r, const struct row *cut)
{
    row_mask_below(r, row_min(cut));
}

static struct row copy_of(const struct row *r, const struct transform_at *at)
{
    struct row copy = row_over(at->work->spare[SCRATCH_STEP], r->n);
    row_copy(&copy, r);
    return copy;
}

static int top_k_apply(const struct transform *t, void *state, struct row *r, const struct transform_at *at)
{
    uint32_t k = transform_count(t, 0), min_keep = transform_count(t, 1);
    (void)state;
    if (k == 0)
        return 0;
    k = k > min_keep ? k : min_keep;
    if (transform_word(t, 2) == TIES_ID) {
        row_keep_rank(r, k, at->work);
        return 0;
    }
    struct row cut = copy_of(r, at);
    row_keep_rank(&cut, k, at->work);
    keep_equals(r, &cut);
    return 0;
}

static bool top_k_single(const struct transform *t)
{
    return transform_count(t, 0) == 1 && transform_count(t, 1) == 1 && transform_word(t, 2) == TIES_ID;
}

enum { OF_KEPT, OF_GIVEN };
enum { ZERO_ONE, ZERO_OFF };

/* The mass which a prefix is more than only if it is more than p by a share of 2^-22. */
#define JUST_OVER (1 + 0x1p-21)

/* As row_keep_mass() with another boundary. */
static void keep_mass(struct row *r, double p, enum transform_bound bound, uint32_t min_keep, struct row_work *w)
{
    if (bound == BOUND_REACH) {
        row_keep_mass(r, p, min_keep, w);
        return;
    }
    row_keep_mass(r, p > 0 ? p * JUST_OVER : 0x1p-1000, min_keep, w);
    uint32_t n = row_count(r);
    if (bound == BOUND_BELOW && p * JUST_OVER < 1 && n > min_keep)
        row_keep_rank(r, n - 1, w);
}

static int top_p_apply(const struct transform *t, void *state, struct row *r, const struct transform_at *at)
{
    double p = t->value[0].number;
    uint32_t min_keep = transform_count(t, 1);
    enum transform_bound bound = (enum transform_bound)transform_word(t, 2);
    (void)state;
    if (p >= 1 || (p == 0 && transform_word(t, 5) == ZERO_OFF))
        return 0;
    if (transform_word(t, 4) == OF_GIVEN)
        p *= math_exp64(at->cut);
    if (transform_word(t, 3) == TIES_ID) {
        keep_mass(r, p, bound, min_keep, at->work);
        return 0;
    }
    struct row cut = copy_of(r, at);
    keep_mass(&cut, p, bound, min_keep, at->work);
    keep_equals(r, &cut);
    return 0;
}

static bool top_p_single(const struct transform *t)
{
    return t->value[0].number == 0 && transform_count(t, 1) == 1 && transform_word(t, 3) == TIES_ID &&
           transform_word(t, 5) == ZERO_ONE;
}

static int min_p_apply(const struct transform *t, void *state, struct row *r, const struct transform_at *at)
{
    double p = t->value[0].number;
    (void)state;
    if (p == 0)
        return 0;
    float least = p > 1 ? INFINITY : (float)((double)row_max(r) + num_log(p));
    transform_keep_above(r, least, transform_count(t, 1), at->work);
    return 0;
}

static bool min_p_single(const struct transform *t)
{
    return t->value[0].number > 1 && transform_count(t, 1) == 1;
}

static const char *const of_words[] = { "kept", "given", NULL };
static const char *const zero_words[] = { "one", "off", NULL };
static const struct param top_k_params[] = {
    { .name = "k", .kind = PARAM_INT, .max = UINT32_MAX, .required = true, .meaning = "symbols kept; 0 is off" },
    PARAM_MIN_KEEP,
    PARAM_TIES,
};
static const struct param top_p_params[] = {
    { .name = "p",
      .kind = PARAM_REAL,
      .max = 1,
      .required = true,
      .meaning = "probability that the kept symbols reach" },
    PARAM_MIN_KEEP,
    PARAM_BOUND,
    PARAM_TIES,
    { .name = "of",
      .kind = PARAM_WORD,
      .words = of_words,
      .meaning = "what p is a share of: kept, as the step finds it; given, before the truncations in front of it" },
    { .name = "zero", .kind = PARAM_WORD, .words = zero_words, .meaning = "p = 0 keeps min_keep (one) or all (off)" },
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
    .n_params = 3,
    .meaning = "keeps the k most probable symbols",
    .domain = "logits",
    .source = "Fan, Lewis, Dauphin 2018",
    .shown = { "top_k=4" },
    .start = transform_start_none,
    .apply = top_k_apply,
    .accept = transform_accept_none,
    .single = top_k_single,
    .truncates = true,
    .blind = true,
};

const struct transform_type transform_top_p = {
    .name = "top_p",
    .params = top_p_params,
    .n_params = 6,
    .meaning = "keeps the fewest symbols whose probability reaches p (nucleus)",
    .domain = "probabilities",
    .source = "Holtzman et al. 2020",
    .shown = { "top_p=0.8" },
    .start = transform_start_none,
    .apply = top_p_apply,
    .accept = transform_accept_none,
    .single = top_p_single,
    .truncates = true,
    .blind = true,
};

const struct transform_type transform_min_p = {
    .name = "min_p",
    .params = min_p_params,
    .n_params = 2,
    .meaning = "keeps what is at least p times as probable as the most probable symbol",
    .domain = "probabilities",
    .source = "Nguyen et al. 2024 (arXiv 2407.01082)",
    .shown = { "min_p=0.2" },
    .start = transform_start_none,
    .apply = min_p_apply,
    .accept = transform_accept_none,
    .single = min_p_single,
    .truncates = true,
    .blind = true,
};
