/* An ensemble is an lm: voices, each with its own prompt template and transforms, and a rule that makes one row of
 * their rows.
 *
 *   [voice transforms: temperature, calibration, truncation] -> pool rule
 * What is put after the pool (temperature, truncation) is the chain's business.
 *
 * Voices borrow their lms and transforms, which must outlive the ensemble; the lms share one symbol space by hash.  One
 * lm may be several voices (other prompts, other taps).  The ensemble is pure when all of its voices are and
 * its rule does not sample.
 *
 * Beyond the laws of model/lm.h:
 * 1. A row's log-weight is the pool's log Z; with mode=global it is the increment of the global target.  A voice's own
 *    log-weight counts in mode=global only, where its prefix mass is the sum of log p + log-weight.
 * 2. Prefix masses start after the prompt: what prompt() gave is given, what push() gave is said.
 * 3. push() reads the rows of the last round, so it comes before the next need() of the ensemble or of its voices; a
 *    fork of the whole of a slot may be pushed in its stead.  Symbols pushed unread (scoring) are read by the next
 *    rows().
 * 4. The trace has one entry a voice.  A voice that took no part (gated) has logp NAN and share 0.
 * 5. A slot is forked inside its prompt only where all voices' prompts have one length (ERR_USAGE otherwise), for a
 *    position in one voice's prompt is none in another's.  After a failed prompt() a slot may only be dropped.
 *    Where the rule samples, it does so of a prompt with an address; without one nothing is drawn, all voices take part
 *    and the row is the linear pool that draws follow: so is a text scored.
 * 6. Voices of weight 0 are computed and traced all the same: observers.
 * 7. There are no taps of an ensemble: only LM_TAP_FINAL may be wanted. */
#ifndef ENSEMBLE_ENSEMBLE_H
#define ENSEMBLE_ENSEMBLE_H

#include "base/transform.h"
#include "ensemble/pool.h"
#include "model/lm.h"

struct voice {
    struct lm *lm;
    const char *name;          /* unique in the ensemble; NULL: the lm's */
    const char *template_name; /* NULL: the lm's own */
    const char *const *drop;   /* (n_drop,) prompt fields that this voice does not see (context-aware decoding) */
    size_t n_drop;
    const struct transform *const *transforms; /* (n_transforms,) no state, no noise; applied to its row in order */
    size_t n_transforms;
    uint32_t tap; /* LM_TAP_FINAL, or an early exit */
};

/* rule: pool text ("linear", "log", "power(0.5)", "gated(tau=0.4)"); weights (n,) >= 0, sum > 0, made to sum to one for
 * rules that say so; NULL: equal (1 each, then made to sum to one).  NULL + ERR_USAGE: unequal symbol spaces (says what
 * to do), negative weights, unknown rule, two voices of one name, a transform that keeps state or draws. */
struct lm *ensemble_open(const struct voice voices[], const double weights[], size_t n, const char *rule);

/* The same with weights that learn while a text goes on (ensemble/weighting.h), from `weights` on. */
struct ensemble_rule {
    const char *rule;
    const char *weighting; /* "bayes", "share(0.02)", ...; NULL: fixed */
};
struct lm *ensemble_open_by(const struct voice voices[], const double weights[], size_t n,
                            const struct ensemble_rule *r);

/* The voices' rows (n_voices,) after their transforms, `back` positions before the last that was wanted of the slot in the
 * last round, whose rows have been read; for fits of weights.  Of an ensemble that asks all its voices at every step.  Valid
 * until its next call.  0 or what a transform says. */
bool ensemble_asks_all(const struct lm *lm); /* whether it is such an ensemble, its weights fixed */
int ensemble_voices(const struct lm *lm, int slot, uint32_t back, struct row out[]);

#endif
