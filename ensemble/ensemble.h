/* An ensemble is an lm: voices, each with its own prompt template and transforms, and a rule that makes one row of
 * their rows.
 *
 *   [voice transforms: temperature, calibration, truncation] -> pool rule
 * What is put after the pool (temperature, truncation) is the chain's business.
 *
 * Voices borrow their lms, which must outlive the ensemble and share one symbol space by hash.  The ensemble is pure
 * when all of its voices are. */
#ifndef ENSEMBLE_ENSEMBLE_H
#define ENSEMBLE_ENSEMBLE_H

#include "base/transform.h"
#include "ensemble/pool.h"
#include "model/lm.h"

struct voice {
    struct lm *lm;
    const char *name;             /* unique in the ensemble; NULL: the lm's */
    const char *template_name;    /* NULL: the lm's own */
    const char *const *drop;      /* (n_drop,) prompt fields that this voice does not see (context-aware decoding) */
    size_t n_drop;
    const struct transform *const *transforms; /* (n_transforms,) stateless, applied to its row in order */
    size_t n_transforms;
    uint32_t tap; /* LM_TAP_FINAL, or an early exit */
};

/* rule: pool text ("linear", "log", "power(0.5)", "gated(tau=0.4)"); weights (n,) >= 0, sum > 0, made to sum to one for
 * rules that say so.  NULL + ERR_USAGE: unequal symbol spaces (says what to do), negative weights, unknown rule. */
struct lm *ensemble_open(const struct voice voices[], const double weights[], size_t n, const char *rule);

#endif
