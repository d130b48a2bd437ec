/* sampled: one voice, drawn by the weights anew at every position, is the pool there.  A symbol drawn from it has exactly
 * the distribution of the linear pool, at the cost of one voice; an arg max, a truncation or a temperature of it is another
 * thing than that of the linear pool, and log-probabilities of a draw are the drawn voice's.
 *
 * The draw is addressed: (seed, item, draw) of the prompt and the position, so that the lm is not pure: its rows are a
 * function of (lm, prefix, prompt with its address).  Where nothing is drawn, as in scoring, the row is the linear pool:
 * each position draws anew, so that a text's probability, summed over the draws, is the product of those.
 * -inf table: the drawn voice's row; dead where it is. */
#include "ensemble/pool_rules.h"
#include "model/lm.h"

static int sampled_check(struct pool *p)
{
    (void)p;
    return 0;
}

size_t pool_member(const double weight[], size_t n, double u)
{
    double sum = 0;
    size_t last = 0;
    for (size_t k = 0; k < n; k++) {
        if (weight[k] == 0)
            continue;
        last = k;
        sum += weight[k];
        if (u < sum)
            break;
    }
    return last; /* rounding may leave the sum below u: the last that has weight */
}

/* Of several rows, the distribution of what is drawn. */
static double sampled_apply(const struct pool *p, struct row *out, const struct row rows[], const double weight[],
                            size_t n)
{
    (void)p;
    return pool_mean(out, rows, weight, n, 1);
}

const struct pool_type pool_sampled = {
    .name = "sampled",
    .weighted = true,
    .sums_to_one = true,
    .samples = true,
    .min_voices = 1,
    .max_voices = LM_MAX_VOICES,
    .meaning = "one voice drawn by the weights at every step: the linear pool of draws at the cost of one voice",
    .source = "mixture by drawing the component, as ancestral sampling of any mixture",
    .check = sampled_check,
    .apply = sampled_apply,
    .value = NULL,
    .others = NULL,
};
