/* The transforms of the table, and what their files share; program.c and round.c read what penalties and biases list. */
#ifndef DECODE_TRANSFORMS_H
#define DECODE_TRANSFORMS_H

#include "decode/chain.h"

/* What reads the row alone. */
extern const struct transform_type transform_temperature, transform_normalise;        /* transform_scale.c */
extern const struct transform_type transform_dynatemp, transform_edt;                 /* transform_heat.c */
extern const struct transform_type transform_quadratic;                               /* transform_quadratic.c */
extern const struct transform_type transform_skew, transform_tfs;                     /* transform_sorted.c */
extern const struct transform_type transform_top_k, transform_top_p, transform_min_p; /* transform_cut.c */
extern const struct transform_type transform_top_a, transform_epsilon, transform_eta, transform_p_less,
    transform_p_less_norm;                                          /* transform_threshold.c */
extern const struct transform_type transform_typical;               /* transform_typical.c */
extern const struct transform_type transform_top_n_sigma;           /* transform_sigma.c */
extern const struct transform_type transform_top_h, transform_ees;  /* transform_entropy.c */
extern const struct transform_type transform_min_k, transform_diff; /* transform_gap.c */
extern const struct transform_type transform_xtc;                   /* transform_xtc.c */
extern const struct transform_type transform_conformal;             /* transform_conformal.c */

/* What reads the history, keeps state, masks or biases. */
extern const struct transform_type transform_repetition, transform_repetition_norm, transform_frequency,
    transform_presence, transform_prompt_reward;                                        /* transform_penalty.c */
extern const struct transform_type transform_no_repeat_ngram;                           /* transform_ngram.c */
extern const struct transform_type transform_dry;                                       /* transform_dry.c */
extern const struct transform_type transform_mirostat1, transform_mirostat2;            /* transform_mirostat.c */
extern const struct transform_type transform_adaptive_p;                                /* transform_adaptive.c */
extern const struct transform_type transform_loop;                                      /* transform_loop.c */
extern const struct transform_type transform_budget;                                    /* transform_budget.c */
extern const struct transform_type transform_force;                                     /* transform_force.c */
extern const struct transform_type transform_min_tokens, transform_length_decay;        /* transform_length.c */
extern const struct transform_type transform_bias, transform_allow, transform_suppress; /* transform_bias.c */
extern const struct transform_type transform_sequence_bias, transform_ban;              /* transform_sequence.c */
extern const struct transform_type transform_synthid;                                   /* transform_synthid.c */
extern const struct transform_type transform_green;                                     /* transform_green.c */

/* For types without state, and for types that never promise a single symbol. */
void transform_start_none(const struct transform *t, void *state);
void transform_accept_none(const struct transform *t, void *state, const struct transform_choice *c);
bool transform_never_single(const struct transform *t);

/* A parameter that counts symbols: an integer in [0, UINT32_MAX]. */
uint32_t transform_count(const struct transform *t, size_t param);

/* A word parameter's place among its words. */
int transform_word(const struct transform *t, size_t param);

/* Divides the scores by a temperature: 0 keeps the first maximum, inf is uniform over what is not masked. */
void transform_temper(struct row *r, double temperature);

/* A probability and a bound are known to about 2^-22 of themselves, a score to 2^-24 of itself: the score that stands for
 * "log p reaches logp", low enough that rounding drops no symbol at the bound. */
float transform_least(const struct row *r, double logp);

/* Keeps what has at least that score, and the first min_keep of the rank order. */
void transform_keep_above(struct row *r, float least, uint32_t min_keep, struct row_work *w);

/* What a rule says of a row's prefix in rank order: logp[n] are log-probabilities, descending; whole: there are no
 * more.  Returns how many to keep (>= 1), or 0 where more must be seen; whole decides always. */
typedef uint32_t transform_prefix_rule(const struct transform *t, const struct row *r, const double logp[], uint32_t n,
                                       bool whole);
#define TRANSFORM_FIRST 64 /* symbols that decide mostly */
struct transform_prefix {
    transform_prefix_rule *rule;
    uint32_t min_keep;
    uint32_t first; /* length of the first prefix shown, > 0 */
};
/* Shows the rule ever longer prefixes until it decides, and keeps what it says, at least min_keep. */
void transform_keep_prefix(const struct transform *t, struct row *r, const struct transform_at *at,
                           const struct transform_prefix *p);

/* Words of the rules on which systems disagree (decode/profiles.c). */
enum transform_bound { BOUND_REACH, BOUND_OVER, BOUND_BELOW };
enum transform_ties { TIES_ID, TIES_ALL };
extern const char *const transform_bound_words[], *const transform_ties_words[];

/* The parameters of truncations, spelled once. */
#define PARAM_TIES                                                                                                     \
    {                                                                                                                  \
        .name = "ties", .kind = PARAM_WORD, .words = transform_ties_words,                                             \
        .meaning = "id: equals go by symbol id; all: all that equal the last kept stay"                                \
    }
#define PARAM_BOUND                                                                                                    \
    {                                                                                                                  \
        .name = "bound", .kind = PARAM_WORD, .words = transform_bound_words,                                           \
        .meaning = "reach: until the mass is met; over: until it is passed; below: while it is not passed"             \
    }

#define PARAM_MIN_KEEP                                                                                                 \
    {                                                                                                                  \
        .name = "min_keep", .kind = PARAM_INT, .min = 1, .max = UINT32_MAX, .value = 1,                                \
        .meaning = "symbols kept at least"                                                                             \
    }

/* Symbol i of prompt and made text, seen as one sequence of transform_said() symbols. */
size_t transform_said(const struct transform_at *at);
sym_t transform_symbol(const struct transform_at *at, size_t i);

/* Symbols and a value each: what a penalty or a bias does to single scores, told to who does it elsewhere
 * (decode/program.h).  A growing list, for free(). */
struct transform_listed {
    sym_t *symbol;
    double *value;
    size_t n, cap_symbol, cap_value;
};
void transform_list(struct transform_listed *list, sym_t v, double value);

/* The symbols that t changes after `at` in a row of n symbols, appended: of penalties by factor the divisor of a positive
 * score, else what is added; of allow, those that stay.  1; 0: t is no penalty (no bias); ERR_* as apply().  Uses
 * at->work->spare[SCRATCH_STEP]. */
int transform_penalty_listed(const struct transform *t, const struct transform_at *at, uint32_t n,
                             struct transform_listed *out);
int transform_bias_listed(const struct transform *t, const struct transform_at *at, uint32_t n,
                          struct transform_listed *out);

/* For types whose extra is a struct phrases of single symbols: of the list parameter `param`, or of the last one, `ends`. */
struct phrases;
int transform_prepare_phrases(struct transform *t, size_t param, const struct space *space);
int transform_prepare_ends(struct transform *t, const struct space *space);
void transform_release_phrases(struct transform *t);

/* Masks all but the end symbols, the space's and these; what was masked stays so. */
int transform_only_ends(const struct phrases *ends, struct row *r, const struct transform_at *at);

/* Masks all but v, which may be masked too: then the row is dead.  0, ERR_DATA when v is not of the row. */
int transform_only(struct row *r, sym_t v);

/* 0, or ERR_DATA "symbol 300 of the history is outside of the distribution's 0 .. 256". */
int transform_inside(sym_t v, uint32_t n);

/* The rightmost stretch, places counted backwards from the end, that is known to equal the sequence's end; zeroed: none. */
struct transform_stretch {
    size_t left, right; /* [left, right) */
};

/* How many symbols, at most `most`, the sequence and the sequence without its last k symbols have in common at their ends.
 * For k that grows from call to call, where at->work->tail holds these numbers for all k below `most` (transform_tail()), or
 * for all smaller k while it is made.  In linear time over all calls.  k + most is at most the symbols said. */
size_t transform_common(const struct transform_at *at, struct transform_stretch *known, size_t k, size_t most);

/* The last at most `last_n` (-1: all) and ROW_WORK_TAIL symbols said, of which N: at->work->tail[k], 0 < k < N, becomes how
 * many symbols the sequence and the sequence without its last k symbols have in common at their ends.  In linear time.
 * Returns N. */
size_t transform_tail(const struct transform_at *at, double last_n);

#endif
