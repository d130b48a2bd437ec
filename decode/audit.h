/* An audit: does a strategy follow the distribution that it claims?  On an lm whose strings can all be enumerated, the
 * claim is computed exactly (decode/strings.h) and compared with many draws.
 *
 * A search claims one of three things of a chain:
 *   chain   each string with its probability under the chain, step by step (sample, and whatever is to equal it)
 *   greedy  the string of arg maxima
 *   best    the string that is best by the search's own score: ln p, or that over a penalty of its length (beam,
 *           best_first); among strings that end with support, where there are any.  A narrow beam may miss it: that is no
 *           bias, and `gap` says by how much
 * Of a chain with steps that draw by themselves (xtc) the claim is the mean over their draws (decode/strings.h).
 * The measured distribution is the mean over draws of sum exp(log_weight) [string of the hypothesis], which is right for
 * searches that give one hypothesis of weight 0 and for those that give several weighted ones.
 *
 * Total variation is half the sum of |measured - claimed|.  Measured from N draws it is above 0 even where the claim
 * holds; `noise` is what the claim itself would show on average, p the share of such repetitions that show at least as
 * much: small p is bias.  tv_low is tv less that quantile of the noise (triangle inequality), tv_high is tv plus what one
 * draw more or less can do (McDiarmid), each with the stated confidence.  Of searches that give several weighted strings
 * p and tv_low see those apart that are expected 20 times, and the others together (decode/audit_noise.h). */
#ifndef DECODE_AUDIT_H
#define DECODE_AUDIT_H

#include "decode/strings.h"

enum audit_claim { AUDIT_NONE, AUDIT_CHAIN, AUDIT_GREEDY, AUDIT_BEST };

struct audit_args {
    struct strings_args on; /* lm, core, chain, prompt, limit; address.seed is that of the draws */
    const char *search;     /* "sample", "beam(8)" */
    struct lm *draft;       /* for searches that use one; may be NULL */
    uint32_t draws;
    double confidence; /* of the interval, in (0, 1) */
};

struct audit {
    enum audit_claim claim;
    size_t strings; /* that the chain can make */
    uint32_t draws; /* made; 1 where the outcome does not depend on the draw */
    double tv, tv_low, tv_high, noise, p;
    double outside; /* measured weight of strings that the chain cannot make: 0, or the strategy is wrong */
    double dead;    /* claimed probability of ending without support */
    double gap;     /* greedy, best: score of the claimed string less that of the one found; greedy's score is ln p */
};

/* 0; ERR_USAGE (unknown search, one that claims no distribution, too many strings); what the lm met. */
int audit_run(const struct audit_args *args, struct audit *out);

const char *audit_claim_name(enum audit_claim c);

#endif
