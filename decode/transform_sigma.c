/* top_n_sigma: keeps the scores within n standard deviations of the largest.
 *
 * Mean and deviation are those of the scores that are not masked: sigma=population divides by their number, sigma=sample by
 * one less (one symbol: 0).  n = 0 keeps the maximum and its equals.  Scores and sigma scale alike, so that a temperature
 * changes nothing behind it, and must not stand before it where that is wanted.
 *
 * Other systems: llama.cpp has the population's sigma over finite logits and reads n <= 0 as off (its profile says so); the
 * paper's code, Aphrodite and text-generation-webui have the sample's, the last of them counting masked logits as 0, and
 * Aphrodite gives NaN where any is masked. */
#include "decode/transforms.h"
#include <math.h>

enum { SIGMA_POPULATION, SIGMA_SAMPLE };
enum { ZERO_TOP, ZERO_OFF };

static int sigma_apply(const struct transform *t, void *state, struct row *r, const struct transform_at *at)
{
    double n = t->value[0].number, mean, variance, count = row_count(r);
    (void)state;
    if (n == 0 && transform_word(t, 3) == ZERO_OFF)
        return 0;
    row_spread(r, &mean, &variance);
    if (transform_word(t, 2) == SIGMA_SAMPLE && count > 1)
        variance *= count / (count - 1);
    double reach = n * sqrt(variance); /* inf * 0: equal scores all stay */
    double least = (double)row_max(r) - (reach > 0 ? reach : 0);
    transform_keep_above(r, least > -3e38 ? (float)least : -INFINITY, transform_count(t, 1), at->work);
    return 0;
}

static const char *const sigmas[] = { "population", "sample", NULL };
static const char *const zeros[] = { "top", "off", NULL };
static const struct param sigma_params[] = {
    { .name = "n",
      .kind = PARAM_REAL,
      .max = INFINITY,
      .required = true,
      .meaning = "standard deviations below the largest score" },
    PARAM_MIN_KEEP,
    { .name = "sigma", .kind = PARAM_WORD, .words = sigmas, .meaning = "population or sample deviation" },
    { .name = "zero", .kind = PARAM_WORD, .words = zeros, .meaning = "n = 0 keeps the top score alone, or is off" },
};

const struct transform_type transform_top_n_sigma = {
    .name = "top_n_sigma",
    .params = sigma_params,
    .n_params = 4,
    .meaning = "keeps the scores within n standard deviations of the largest",
    .domain = "logits",
    .source = "Tang et al. 2024 (arXiv 2411.07641)",
    .shown = { "top_n_sigma=1" },
    .start = transform_start_none,
    .apply = sigma_apply,
    .accept = transform_accept_none,
    .single = transform_never_single,
    .truncates = true,
    .blind = true,
};
