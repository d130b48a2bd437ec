/* Weights of a pool fitted on labelled positions: EM for the linear rule, Newton's method for log and product.
 *
 *   linear   w_k <- mean over t of w_k p_k(y_t) / sum_j w_j p_j(y_t)            the likelihood never falls; it is concave
 *   log      minimise sum over t of ln Z_t(w) - sum_k w_k ln p_k(y_t)           convex, gradient E_q[ln p_k] - ln p_k(y),
 *                                                                               curvature Cov_q(ln p)
 * Weights are >= 0 throughout.  For `log` they sum to one, for `product` they are free.  Newton steps keep weights that
 * would become negative at 0 (an active set) and are halved until the loss falls; the optimum is the one that the
 * conditions of Karush, Kuhn and Tucker name, to TOLERANCE, and the same bits in every run.
 *
 * Positions are kept whole: n_voices x n_symbols floats each, at most WEIGHTS_FIT_BYTES together.  One owner thread. */
#ifndef ENSEMBLE_WEIGHTS_FIT_H
#define ENSEMBLE_WEIGHTS_FIT_H

#include "base/row.h"
#include "model/lm.h"

#define WEIGHTS_FIT_BYTES ((size_t)4 << 30)

struct weights_fit; /* a growing set of labelled positions */

struct weights_fit *weights_fit_alloc(uint32_t n_voices, uint32_t n_symbols);
void weights_fit_free(struct weights_fit *f);

/* One position: the voices' rows (n_voices,), and the symbol that came.  Copies.  0; ERR_DATA (a voice is dead, or no voice
 * gives the label any probability); ERR_MEMORY: too many positions. */
int weights_fit_add(struct weights_fit *f, const struct row rows[], sym_t label);

enum weights_fit_rule { WEIGHTS_LINEAR, WEIGHTS_LOG, WEIGHTS_PRODUCT };

struct weights_fitted {
    double weight[LM_MAX_VOICES];
    double nll;                      /* nats a position, under these weights */
    double nll_equal;                /* under equal weights (1/K; 1 each for product) */
    double nll_voice[LM_MAX_VOICES]; /* of each voice alone */
    size_t n, iterations;
};

/* 0; ERR_DATA: no positions, or (log, product) a voice that gives a label probability 0: it may not be a factor. */
int weights_fit(const struct weights_fit *f, enum weights_fit_rule rule, struct weights_fitted *out);

/* nats a position of the rule at weights (n_voices,); INFINITY where a label gets probability 0. */
double weights_fit_nll(const struct weights_fit *f, enum weights_fit_rule rule, const double weight[]);

/* One step of EM for the linear rule, from weight (n_voices,) to weight.  For tests. */
void weights_fit_em(const struct weights_fit *f, double weight[]);

/* The derivatives of the log pool's sum over positions of -ln q(y): gradient (K,), curvature (K, K).  For tests. */
void weights_fit_slope(const struct weights_fit *f, const double weight[], double gradient[], double curvature[]);

#endif
