/* Signed sums of log-probabilities: what steers one voice by the difference of others.
 *
 *   rule                             voices                      score
 *   contrast(plausibility, strength) expert, amateur             (1+s) ln p_e - s ln p_a, or with form=plain ln p_e - s ln p_a
 *   cfg(scale)                       conditional, unconditional  ln p_u + scale (ln p_c - ln p_u); with top_k=k that only
 *                                                                says which k symbols of the conditional voice stay
 *   cad(alpha)                       with context, without       (1+alpha) ln p_w - alpha ln p_o
 *   dexperts(alpha)                  base, expert, anti-expert   ln p_b + alpha (ln p_e - ln p_a)
 *   strength(alpha)                  base, tuned                 ln p_b + alpha (ln p_t - ln p_b)
 *
 * Weights say nothing.  DExperts truncates its base first: give the base voice the chain top_p=0.9; proxy tuning does not.
 *
 * -inf table: a voice with a positive factor vetoes (p = 0 is 0 in the pool); under a negative factor a probability below
 * FLOOR, 0 included, counts as FLOOR, so that the score stays finite and such a symbol all but wins; a voice with factor 0
 * is dropped.  A dead voice vetoes everything, or is flat.  The mask of contrast, p_e >= plausibility * max p_e (inclusive,
 * in double), is never empty: it contains the expert's best.
 *
 * Works on scores in host memory. */
#include "base/err.h"
#include "base/row_math.h"
#include "ensemble/pool_rules.h"
#include <assert.h>
#include <math.h>
#include <string.h>

#define FLOOR (-126 * 0.69314718055994530942) /* ln of the least normal float, 2^-126 */

enum { MOST_VOICES = 3 };

static double logp_at(const struct row *r, uint32_t v)
{
    return row_dead(r) ? -INFINITY : (double)r->score[v] - r->log_z;
}

double pool_signed(struct row *out, const struct row rows[], const double factor[], size_t n, double least)
{
    assert(out->ops == &row_cpu);
    for (size_t k = 0; k < n; k++)
        if (factor[k] > 0 && row_dead(&rows[k]))
            return pool_dead(out, rows);
    for (uint32_t v = 0; v < out->n; v++) {
        double score = rows[0].score[v] >= least ? 0 : -INFINITY;
        for (size_t k = 0; k < n; k++) {
            if (factor[k] == 0)
                continue;
            double logp = logp_at(&rows[k], v);
            if (factor[k] < 0 && !(logp > FLOOR))
                logp = FLOOR;
            if (logp == -INFINITY)
                score = -INFINITY;
            if (score > -INFINITY)
                score += factor[k] * logp;
        }
        out->score[v] = (float)score;
    }
    int rc = row_measure(out);
    assert(rc == 0);
    (void)rc;
    double log_z = out->log_z;
    row_normalise(out);
    return log_z;
}

double pool_plausible(const struct row *r, double plausibility)
{
    return (double)row_max(r) + (plausibility > 0 ? math_log64(plausibility) : -INFINITY);
}

static int no_check(struct pool *p)
{
    (void)p;
    return 0;
}

enum { PLAUSIBILITY, STRENGTH, FORM };

static int contrast_check(struct pool *p)
{
    static const char *const forms[] = { "scaled", "plain" };
    struct spec_value *form = &p->value[FORM];
    if (!form->text)
        return 0;
    if (strcmp(form->text, "scaled") == 0)
        form->text = NULL; /* the default: one canonical text */
    else if (strcmp(form->text, "plain") != 0)
        return err_add(err_unknown(ERR_USAGE, "form", form->text, forms, 2), "contrast");
    return 0;
}

static double contrast_apply(const struct pool *p, struct row *out, const struct row rows[], const double weight[],
                             size_t n)
{
    double strength = p->value[STRENGTH].number;
    const double factor[2] = { p->value[FORM].text ? 1 : 1 + strength, -strength };
    (void)weight;
    return row_dead(&rows[0])
               ? pool_dead(out, rows)
               : pool_signed(out, rows, factor, n, pool_plausible(&rows[0], p->value[PLAUSIBILITY].number));
}

/* The factors of the rules with one parameter x: constant + slope x for each voice. */
struct line {
    double constant, slope;
};
static const struct line cfg_lines[2] = { { 0, 1 }, { 1, -1 } };
static const struct line cad_lines[2] = { { 1, 1 }, { 0, -1 } };
static const struct line dexperts_lines[3] = { { 1, 0 }, { 0, 1 }, { 0, -1 } };
static const struct line strength_lines[2] = { { 1, -1 }, { 0, 1 } };

static double lines_apply(const struct line line[], const struct pool *p, struct row *out, const struct row rows[],
                          size_t n)
{
    double factor[MOST_VOICES];
    assert(n <= MOST_VOICES);
    for (size_t k = 0; k < n; k++)
        factor[k] = line[k].constant + line[k].slope * p->value[0].number;
    return pool_signed(out, rows, factor, n, -INFINITY);
}

#define LINES(NAME)                                                                                                    \
    static double NAME##_apply(const struct pool *p, struct row *out, const struct row rows[], const double weight[],  \
                               size_t n)                                                                               \
    {                                                                                                                  \
        (void)weight;                                                                                                  \
        return lines_apply(NAME##_lines, p, out, rows, n);                                                             \
    }
LINES(cad)
LINES(dexperts)
LINES(strength)

enum { SCALE, TOP_K };

static uint32_t at_least(const struct row *r, float least)
{
    uint32_t n = 0;
    for (uint32_t v = 0; v < r->n; v++)
        n += r->score[v] >= least;
    return n;
}

/* The largest score that at least k symbols have: by halves between scores, of which there are 2^32. */
static float score_of_rank(const struct row *r, uint32_t k)
{
    double low = (double)row_max(r), step = 1;
    while (at_least(r, (float)(low - step)) < k && isfinite((float)(low - step)))
        step *= 2;
    float high = (float)low, least = (float)(low - step);
    for (float middle = least; least < high; middle = (float)(((double)least + (double)high) / 2)) {
        if (middle == least)
            middle = nextafterf(least, high);
        if (at_least(r, middle) >= k)
            least = middle;
        else
            high = nextafterf(middle, -INFINITY);
    }
    return least;
}

/* Masks given but for the k best of the guided row, which becomes that; equals by symbol. */
static double keep_guided(struct row *guided, const struct row *given, uint32_t k)
{
    if (row_dead(guided))
        return pool_dead(guided, given);
    float least = score_of_rank(guided, k < row_count(guided) ? k : row_count(guided));
    uint32_t above = at_least(guided, nextafterf(least, INFINITY)), equals = k > above ? k - above : 0;
    for (uint32_t v = 0; v < guided->n; v++) {
        float score = guided->score[v];
        bool stays = score > least || (score == least && equals > 0);
        equals -= stays && score == least;
        guided->score[v] = stays ? given->score[v] : -INFINITY;
    }
    int rc = row_measure(guided);
    assert(rc == 0);
    (void)rc;
    double log_z = guided->log_z - given->log_z;
    row_normalise(guided);
    return log_z;
}

static double cfg_apply(const struct pool *p, struct row *out, const struct row rows[], const double weight[], size_t n)
{
    double log_z = lines_apply(cfg_lines, p, out, rows, n), k = p->value[TOP_K].number;
    (void)weight;
    return k > 0 ? keep_guided(out, &rows[0], (uint32_t)k) : log_z;
}

static const struct param contrast_params[] = {
    { .name = "plausibility",
      .kind = PARAM_REAL,
      .min = 0,
      .max = 1,
      .value = 0.1,
      .meaning = "symbols below this share of the expert's best are masked; 0 masks none" },
    { .name = "strength",
      .kind = PARAM_REAL,
      .min = 0,
      .max = 100,
      .value = 0.5,
      .meaning = "weight of the amateur's log-probabilities, taken away" },
    { .name = "form",
      .kind = PARAM_TEXT,
      .meaning = "scaled: the expert counts 1 + strength (O'Brien & Lewis); plain: the expert counts 1 (Li et al.)" },
};
static const struct param cfg_params[] = {
    { .name = "scale",
      .kind = PARAM_REAL,
      .min = -100,
      .max = 100,
      .value = 1.5,
      .meaning = "1 is the conditional voice, 0 the unconditional; above 1 follows the condition more" },
    { .name = "top_k",
      .kind = PARAM_INT,
      .min = 0,
      .max = UINT32_MAX,
      .meaning =
          "symbols of the conditional voice that stay as it has them, those that guidance likes best; 0: the guided "
          "row (Dia)" },
};
static const struct param cad_params[] = {
    { .name = "alpha",
      .kind = PARAM_REAL,
      .min = 0,
      .max = 100,
      .value = 0.5,
      .meaning = "how much what the context changes is amplified; 0 is off" },
};
static const struct param dexperts_params[] = {
    { .name = "alpha",
      .kind = PARAM_REAL,
      .min = -100,
      .max = 100,
      .value = 1,
      .meaning = "weight of expert less anti-expert; 0 is the base, 2 as DExperts, 1 as proxy tuning" },
};
static const struct param strength_params[] = {
    { .name = "alpha",
      .kind = PARAM_REAL,
      .min = -100,
      .max = 100,
      .value = 1,
      .meaning = "0 is the base voice, 1 the tuned one, beyond 1 more than tuned" },
};

#define STEERED .weighted = false, .sums_to_one = false, .value = NULL, .others = NULL

const struct pool_type pool_contrast = {
    .name = "contrast",
    .params = contrast_params,
    .n_params = 3,
    .min_voices = 2,
    .max_voices = 2,
    .meaning = "first voice (expert) against the second (amateur), among what the expert finds plausible",
    .source = "Li et al. 2023; O'Brien & Lewis 2023",
    .check = contrast_check,
    .apply = contrast_apply,
    STEERED,
};

const struct pool_type pool_cfg = {
    .name = "cfg",
    .params = cfg_params,
    .n_params = 2,
    .min_voices = 2,
    .max_voices = 2,
    .meaning = "first voice (with the condition) away from the second (without): classifier-free guidance",
    .source = "Sanchez et al. 2023, arXiv 2306.17806; top_k: Hugging Face, DiaClassifierFreeGuidance",
    .check = no_check,
    .apply = cfg_apply,
    STEERED,
};

const struct pool_type pool_cad = {
    .name = "cad",
    .params = cad_params,
    .n_params = 1,
    .min_voices = 2,
    .max_voices = 2,
    .meaning = "first voice (sees the context) away from the second (does not): context-aware decoding",
    .source = "Shi et al. 2023, arXiv 2305.14739",
    .check = no_check,
    .apply = cad_apply,
    STEERED,
};

const struct pool_type pool_dexperts = {
    .name = "dexperts",
    .params = dexperts_params,
    .n_params = 1,
    .min_voices = 3,
    .max_voices = 3,
    .meaning = "first voice (base) steered by the second (expert) less the third (anti-expert); proxy tuning",
    .source = "Liu et al. 2021 (DExperts), arXiv 2105.03023; Liu et al. 2024 (proxy tuning), arXiv 2401.08565",
    .check = no_check,
    .apply = dexperts_apply,
    STEERED,
};

const struct pool_type pool_strength = {
    .name = "strength",
    .params = strength_params,
    .n_params = 1,
    .min_voices = 2,
    .max_voices = 2,
    .meaning = "base x (tuned / base)^alpha, first voice base, second tuned: how strongly to follow the tuning",
    .source = "Mitchell et al. 2023 (emulated fine-tuning), arXiv 2310.12962",
    .check = no_check,
    .apply = strength_apply,
    STEERED,
};
