/* Units: the work of a run, one (arm, item, draw) each, and what the journal says about them.
 *
 * A unit's key hashes all that affects its outcome: the lm's key, the item's content, the compute mode and kernels, and
 * for generated texts chain, search, limits, seed and draw; and the trace level, so that what was logged at one is never
 * taken for another, and the draft of a speculative search, since what it saved is logged.  Choice and scoring items have
 * no chain, search or draw in their keys, and arms whose draws would be equal have draw 0: such units are computed once and
 * counted often. */
#ifndef EXPERIMENTS_UNIT_H
#define EXPERIMENTS_UNIT_H

#include "base/text.h"
#include "decode/hyp.h"
#include "experiments/plan.h"

struct unit_key {
    uint64_t a, b; /* two hashes of the same bytes: 128 bits */
};

struct unit_key unit_key(const struct plan *p, const struct plan_arm *arm, const struct plan_item *item, uint32_t draw);
struct unit_key unit_text_key(const char *text, size_t n);
/* A text, given by its key, under the judge for an item. */
struct unit_key unit_judge_key(const struct plan *p, const struct plan_item *item, struct unit_key text);
struct unit_key unit_fit_key(const struct plan *p, const json_t *fit);
bool unit_key_equal(struct unit_key x, struct unit_key y);

/* What a hypothesis kept of its rows at the trace level of its run (decode/trace.h), as columns. */
struct unit_trace {
    enum trace_kind kind; /* TOKEN: nothing */
    size_t n; /* rows: n_steps, and one more where the chain left nothing (HYP_DEAD); 0: the search keeps none */
    uint32_t n_chain;           /* steps of the chain */
    uint32_t width;             /* entries of a row; 0 below TOPK */
    uint32_t *kept;             /* (n, n_chain) */
    float *mass, *entropy, *kl; /* (n, n_chain) */
    double *log_z;              /* (n,) TOPK, FULL */
    double *tail;               /* (n,) TOPK: probability of what is not among the best */
    float *chosen;              /* (n,) TOPK: raw score of the chosen symbol; -INFINITY where none was */
    uint32_t *id;               /* (n, width) TOPK; UINT32_MAX: none */
    float *score;               /* (n, width) TOPK, FULL: raw */
};

/* One hypothesis, its steps as columns. */
struct unit_record {
    enum hyp_end end;
    double log_weight;
    const char *text;
    size_t n_text;
    size_t n_steps;
    uint32_t n_voices;
    uint32_t proposed, accepted, passes;                       /* of a speculative search (decode/hyp.h); 0 elsewhere */
    uint32_t *symbol, *kept;                                   /* (n_steps,) */
    float *logp, *logp_final, *entropy, *entropy_final, *mass; /* (n_steps,) */
    float *data_entropy, *disagreement, *epkl, *rmi, *agreement; /* (n_steps,) of the voices; NAN without any */
    float *voice_logp, *voice_share, *voice_weight;              /* (n_steps, n_voices) */
    struct unit_trace trace;
};

/* What a unit gave.  Decoded: everything lies in one block of memory, text points into the payload. */
struct unit_result {
    struct unit_key key;
    enum item_kind kind;
    const uint32_t *prompt; /* (n_prompt,) symbols of the prompt as the first voice saw it */
    size_t n_prompt;
    struct unit_record *records; /* GENERATE; TEXT: one, whose steps have symbol, logp and the voices */
    size_t n_records;
    const double *choice_logp; /* (n_choices,) CHOICE */
    const uint32_t *choice_symbols;
    size_t n_choices;
    void *memory;
};

/* Kinds of journal frames: the first byte of a payload. */
enum unit_frame {
    UNIT_RESULT = 1,
    UNIT_JUDGED = 2, /* key, nll, symbols */
    UNIT_FIT = 3,    /* key, JSON */
    UNIT_FAILED = 4, /* key, message; it does not count as done */
    UNIT_SESSION = 5 /* JSON: what a session cost */
};

/* Payloads, appended to t; each returns the bytes of its head (experiments/journal.h): the kind, the key, and of a RESULT
 * the keys of its texts that are not empty, for who looks for texts that wait for the judge. */
size_t unit_write_hyps(struct text *t, struct unit_key key, const struct symbols *prompt, const struct hyp hyps[],
                       size_t n);
/* traces: (text->n,) of an ensemble; NULL: the lm has no voices. */
size_t unit_write_text(struct text *t, struct unit_key key, const struct symbols *text, const double logp[],
                       const struct lm_trace traces[]);
size_t unit_write_choices(struct text *t, struct unit_key key, const double logp[], const uint32_t n_symbols[],
                          size_t n);
size_t unit_write_judged(struct text *t, struct unit_key key, double nll, uint32_t n_symbols);
size_t unit_write_message(struct text *t, enum unit_frame kind, struct unit_key key, const char *message);

/* What a head says, or a payload, which begins with its head; false when it is not one of ours. */
struct unit_head {
    enum unit_frame frame;
    struct unit_key key;
    const uint8_t *texts; /* RESULT: (n_texts, 16) keys, packed; unit_head_text() */
    size_t n_texts;
};
bool unit_head(const void *head, size_t n, struct unit_head *out);
struct unit_key unit_head_text(const struct unit_head *h, size_t i);

/* The rest of a payload that is no RESULT; false when it is not one of ours. */
bool unit_judged(const void *payload, size_t n, double *nll, uint32_t *n_symbols);
/* Of FAILED, FIT, SESSION: within the payload, not terminated. */
bool unit_message(const void *payload, size_t n, const char **message, size_t *n_message);

/* A RESULT in full: 0 or ERR_DAMAGED. */
int unit_decode(const void *payload, size_t n, struct unit_result *out);
void unit_fini(struct unit_result *r);

#endif
