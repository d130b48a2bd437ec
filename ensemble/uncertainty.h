/* How unsure an ensemble is at a step, and whether because the text may go on in many ways or because its voices differ.
 *
 * Of voices p_k of weights w_k, made to sum to one, with the mixture m = sum_k w_k p_k (Malinin & Gales 2021, "Uncertainty
 * estimation in autoregressive structured prediction", section 3; there the weights are equal):
 *
 *   total    H(m) = data + mutual
 *   data     sum_k w_k H(p_k)                              expected entropy: what no further voice would take away
 *   mutual   sum_k w_k KL(p_k || m)  = H(m) - data         mutual information, the generalised Jensen-Shannon divergence
 *   rmi      sum_k w_k KL(m || p_k)                        reverse mutual information
 *   epkl     sum_jk w_j w_k KL(p_j || p_k) = mutual + rmi  expected pairwise KL divergence
 *   agreement   the weight of the largest set of voices whose best symbol is the same: 1 - the variation ratio (Freeman
 *               1965; Gal 2016, section 3.3), 1 where all agree
 *
 * They are of the voices, whatever the rule that pools them: the entropy of a log pool, say, is not `total`.  Voices of
 * weight 0 and dead ones are left out; where none is left all is 0 and agreement 1.  rmi and epkl are INFINITY where a
 * voice gives 0 to what another allows (truncated voices mostly do); nothing is NaN. */
#ifndef ENSEMBLE_UNCERTAINTY_H
#define ENSEMBLE_UNCERTAINTY_H

#include "base/row.h"

struct uncertainty {
    double data, mutual, rmi, epkl; /* nats */
    double agreement;
};

struct uncertainty uncertainty_of(const struct row rows[], const double weight[], size_t n);
/* The same where row_pool_apart() of these rows and weights has been made in the pass that pools them. */
struct uncertainty uncertainty_from(const struct row_apart *apart, const struct row rows[], const double weight[],
                                    size_t n);

/* The agreement alone, of the voices' best symbols; those of weight 0 and dead ones are left out. */
double uncertainty_agreement(const sym_t best[], const bool living[], const double weight[], size_t n);

#endif
