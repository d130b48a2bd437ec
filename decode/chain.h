/* A chain: an ordered list of transforms of one distribution.  Its canonical text is its identity.
 *
 *   temperature=0.8 | top_k=40 | top_p=0.95            ("" is the empty chain: the distribution as it is)
 *   @llamacpp | top_k=40 | top_p=0.95                  a profile at the head: that system's rules (decode/profiles.h)
 *   @tigerbot-v3 | min_p=0.05                          a preset at the head: its steps, then these (decode/presets.h)
 * Without a profile: smallest prefix whose mass reaches p, ties by symbol id, at least one kept, population sigma over the
 * scores that are not masked.  The canonical text has neither: it names every rule that is not the default.
 *
 * Invariants: a step never brings back what an earlier one masked; a dead row stays dead and ends the chain's work; the
 * state is plain bytes, so a clone is a memcpy and continues as the original would. */
#ifndef DECODE_CHAIN_H
#define DECODE_CHAIN_H

#include "base/transform.h"

struct chain;

/* What one step left, for `dist`, logs and reports.  All zero for a dead row. */
struct chain_report {
    uint32_t kept;
    double mass;       /* of the distribution before the step, kept by the step; 1 when nothing was masked */
    double entropy;    /* nats, after the step */
    double divergence; /* nats: KL of the row after the step from the row that the chain was given */
};

struct chain *chain_parse(const char *text); /* NULL + ERR_USAGE */
/* The same over another table (a script's own transforms beside the built-in ones); the types must outlive the chain. */
struct chain *chain_parse_types(const char *text, const struct transform_type *const types[], size_t n_types);
/* Resolves the texts among the parameters (bias, ban, budget, ...) in the lm's space and checks their ids, once, before
 * the chain is shared: a chain that holds texts is refused by chain_apply() until then.  The canonical text stays.  The
 * space must outlive the chain's use.  0 or ERR_USAGE. */
int chain_bind(struct chain *c, const struct space *space);
void chain_free(struct chain *c);
const char *chain_text(const struct chain *c); /* canonical; lives as long as c */
size_t chain_length(const struct chain *c);
const struct transform *chain_step(const struct chain *c, size_t i);
bool chain_greedy(const struct chain *c); /* it leaves one symbol, whatever the noise: draws would repeat */
/* For who sums over what random steps decide: their number, at most max, and by place in chance (chain_length(),) the
 * probability that each acts; a step with 0 < chance < 1 is one of them.  ERR_USAGE: one draws otherwise, or they are more. */
int chain_chances(const struct chain *c, double chance[], size_t max);
bool chain_random(const struct chain *c);    /* a step draws by itself: the outcome depends on the draw */
bool chain_keeps_row(const struct chain *c); /* chain_accept() reads the row again (adaptive_p) */
size_t chain_state_size(const struct chain *c);

/* state: chain_state_size() bytes aligned to 16, one a hypothesis. */
void chain_start(const struct chain *c, void *state);
/* Applies every step to r (measured) in place.  report (may be NULL) gets one entry a step.  0 or < 0.
 * Uses at->work: all but spare[SCRATCH_ROW], where r may lie; spare[SCRATCH_FOUND] is kept for chain_accept(). */
int chain_apply(const struct chain *c, void *state, struct row *r, const struct transform_at *at,
                struct chain_report report[]);
/* Step i of it alone, for who goes through a chain step by step (a row that is known in part); a dead row is left alone.
 * at is moved on to the next step. */
int chain_apply_step(const struct chain *c, size_t i, void *state, struct row *r, struct transform_at *at);
/* After chain_apply() of the row that the choice came from, before at->work serves another row. */
void chain_accept(const struct chain *c, void *state, const struct transform_choice *choice);

/* The probability under `before` of what `after` still allows; exactly 1 when nothing was masked in between, 0 when
 * either is dead.  scratch: n floats, may be before's own scores (which are then lost). */
double chain_mass(const struct row *before, const struct row *after, float *scratch);
/* The same of rows that live, from the sums alone: about 1 when nothing was masked. */
double chain_left(const struct row *before, const struct row *after, float *scratch);

/* The table. */
const struct transform_type *const *transform_types(size_t *n);

#endif
