/* What the weights of ensembles cost in hindsight, along a text, and how unsure the voices were: curves for the report, of what
 * results.h5 has of every symbol.
 *
 * With L the loss of the ensemble (nats under its row, before any chain) and p_k the probabilities that the voices gave the
 * symbols, after t symbols
 *
 *   over_voice     L - min_k sum -ln p_k              over the best single voice; with Bayes' weights and the linear rule at
 *                                                     most ln 1/w_k, ln K where they began equal (Cesa-Bianchi & Lugosi 2006)
 *   over_weights   L - min_w sum -ln sum_k w_k p_k    over the best fixed weights of the linear pool
 *
 * both chosen anew at every t, so that each is a regret of that t.  For other rules too the second is against linear pools:
 * what a log pool would have lost under other weights is not in the results.  A voice that took no part in a step (gated) is
 * given what the pool gave.
 *
 * Of each lm its first arm: the texts that it scored, or where there are none those that it generated.  Of these
 * REGRET_TEXTS, evenly over all items; of these again the longer half, as far as the shortest of it goes (REGRET_STEPS at
 * most), so that every point is a mean over the same texts. */
#ifndef EXPERIMENTS_REGRET_H
#define EXPERIMENTS_REGRET_H

#include "experiments/results.h"

#define REGRET_LMS    8
#define REGRET_TEXTS  64
#define REGRET_STEPS  1024
#define REGRET_POINTS 33 /* of a curve, the first after 0 symbols */

struct regret {
    uint32_t arm;
    bool scored;  /* texts of the evalsets; else generated */
    bool learns;  /* its weights change along the text */
    bool bounded; /* over_voice cannot pass `most` */
    size_t n_texts;
    uint32_t n_voices;
    size_t n_points, at[REGRET_POINTS];                            /* symbols */
    double over_voice[REGRET_POINTS], over_weights[REGRET_POINTS]; /* nats, means over texts */
    /* nats a symbol, means since the point before; NAN at [0], and where no text tells of it */
    double data[REGRET_POINTS], mutual[REGRET_POINTS];
    double most; /* ln 1/w of the voice that began with the least weight */
};

/* out (REGRET_LMS,) in the order of arms: lms whose weights learn come in first, where not all have room.  *n: how many.
 * 0 or ERR_DAMAGED. */
int regret_of(struct results *r, struct regret out[], size_t *n);

/* max over weights w of sum ln sum_k w_k p[i * n_voices + k] over n symbols, to 0.01 nats; weight (n_voices,), which sums to
 * one: where to begin, and the best. */
double regret_best_weights(const double p[], size_t n, uint32_t n_voices, double weight[]);

#endif
