/* The one seam: anything that gives a distribution over the next symbol for a prefix.
 *
 * A checkpoint is an lm, and so is an ensemble, a gate, a byte adapter and the exact table of the tests.  A *slot* is
 * an lm's name for one prefix.  Two phases, so that any nesting runs each checkpoint once a round over everything that
 * is wanted: need() enqueues what leaves must compute, the core (model/core.h) computes, rows() reads.
 *
 * Laws (tests/lib/lm_contract.h runs them over every lm type):
 * 1. Only the core, running the queue, computes; only it can fail for reasons of numbers.  Rows are a pure function of
 *    (lm, prefix, prompt).
 * 2. A slot is a name for a prefix; its KV is an evictable cache.  Equal prefixes are one computation, whoever holds
 *    them.  Forking costs no pass.
 * 3. Rows at one position do not depend on what else is in the batch, on chunks, threads or order: bit for bit.
 * 4. A row keeps raw scores and log Z, and a log-weight: the part of a global target that this step adds.
 * 5. An lm that is not pure (a sampled member) says so and is never shared across draws.
 *
 * Threads: prompt, push, fork, drop and need belong to one owner thread.  After need() and the core, rows() of
 * *different* slots may be called from several threads at once.  Rows are views that nobody writes into: valid to the end
 * of the core_run() that asked for them, whatever else is computed in it, and after it until the need() of the next. */
#ifndef MODEL_LM_H
#define MODEL_LM_H

#include "base/prompt.h"
#include "base/row.h"

#define LM_EMPTY      (-1) /* fork(self, LM_EMPTY, 0): a slot naming the empty prefix */
#define LM_MAX_VOICES 16

#define LM_TAP_FINAL  0u          /* the row of the last layer */
#define LM_TAP_THERE  0xfffffffeu /* that row of an lm with `remote`, left where it was computed: for lm_remote() */
#define LM_TAP_HIDDEN 0xffffffffu /* the final hidden state, a vector, not a distribution: log_z is NAN */
/* 1 .. n_layers - 1: early exit, the head applied after that many layers */

struct lm;
struct queue;
struct remote;
struct remote_row;

struct want {
    struct lm *lm;
    int slot;
    uint32_t n_rows; /* rows at the last n_rows positions of the prefix, 1 .. length */
    uint32_t tap;
};

/* What each voice gave a pushed symbol. */
struct lm_trace {
    uint32_t n_voices;           /* 0: the lm has none, or the slot had no row */
    float logp[LM_MAX_VOICES];   /* natural log of each voice's probability of the symbol, after its own transforms */
    float weight[LM_MAX_VOICES]; /* that the voice had in this step */
    float share[LM_MAX_VOICES];  /* the voice's responsibility for the symbol; sums to 1 */
    /* Of the voices' whole rows (ensemble/uncertainty.h): nats, and a share; all but the first NAN where not all were
     * asked. */
    float data_entropy; /* weighted mean of their entropies */
    float disagreement; /* mutual information: entropy of their mixture - data_entropy */
    float epkl, rmi;    /* expected pairwise KL divergence, reverse mutual information; INFINITY under a veto */
    float agreement;    /* weight of the largest party of voices with one arg max */
};

/* Growing list of symbols, for free(s). */
struct symbols {
    sym_t *s;
    size_t n, cap;
};

struct lm_type {
    const char *name;
    /* Renders, tokenises and pushes p onto an empty slot; computes nothing.  Appends to *seen (not NULL) the symbols of
     * the prompt as the first voice sees them.  0, ERR_USAGE (template), ERR_DATA (beyond the context limit). */
    int (*prompt)(void *self, int slot, const struct prompt *p, struct symbols *seen);
    /* Appends n symbols.  t (may be NULL) is filled for the last of them from the rows of the last round.
     * 0, ERR_DATA (beyond the context limit). */
    int (*push)(void *self, int slot, const sym_t s[], size_t n, struct lm_trace *t);
    /* What each voice gives s at the position `back` before the last of slot, one of those whose rows were wanted in the last
     * round and have been read: what push() gives where each symbol is drawn from one row.  May be called where rows() may,
     * for different slots in parallel.  NULL: an lm without voices.  0 or ERR_*. */
    int (*trace)(void *self, int slot, uint32_t back, sym_t s, struct lm_trace *t);
    /* A new slot naming the first len symbols of src (as pushed, the prompt's included); >= 0. */
    int (*fork)(void *self, int src, size_t len);
    void (*drop)(void *self, int slot);
    /* The number of symbols of the prefix (as the first voice counts them). */
    size_t (*length)(void *self, int slot);
    /* The number of symbols that push() will still take: max_length - length of a leaf; of a composite the least room of
     * its voices, whose prompts may be longer than the first's. */
    size_t (*room)(void *self, int slot);
    /* Enqueues the leaf wants of w[n] (all of this lm) that have not been computed.  1: another round is needed once these
     * have been computed; 0: after these rows() will do; < 0 failure. */
    int (*need)(void *self, const struct want w[], size_t n, struct queue *q);
    /* out[w->n_rows], in the order of positions.  0 or ERR_*. */
    int (*rows)(void *self, const struct want *w, struct row out[]);
    /* How the row of w, a want of one row and LM_TAP_THERE, is made of rows on a device: 1.  NULL: of lms without `remote`. */
    int (*remote)(void *self, const struct want *w, struct remote_row *out);
    void (*free)(void *self);
};

struct lm {
    const struct lm_type *type;
    void *self;
    const struct space *space;
    const char *name;          /* canonical text, the lm's identity in plans and results */
    const char *hash;          /* 64 hex digits: of everything that its rows depend on */
    const char *const *voices; /* (n_voices,) names of its voices; n_voices is 0 for a leaf */
    uint32_t n_voices;
    uint32_t max_length; /* symbols a slot may hold */
    bool pure;
    bool layered; /* LM_TAP_HIDDEN and the rows of its layers may be wanted: a checkpoint, no composite */
    struct remote
        *remote; /* where its rows may stay (model/remote.h), borrowed; NULL: they are in this machine's memory */
};

/* The verbs of the type, spelled for callers. */
int lm_prompt(struct lm *lm, int slot, const struct prompt *p, struct symbols *seen);
int lm_push(struct lm *lm, int slot, const sym_t s[], size_t n, struct lm_trace *t);
int lm_trace(struct lm *lm, int slot, uint32_t back, sym_t s, struct lm_trace *t); /* without voices: n_voices 0 */
int lm_fork(struct lm *lm, int src, size_t len);
void lm_drop(struct lm *lm, int slot);
size_t lm_length(struct lm *lm, int slot);
size_t lm_room(struct lm *lm, int slot);
int lm_rows(const struct want *w, struct row out[]);
int lm_remote(const struct want *w, struct remote_row *out); /* of LM_TAP_THERE: 1 or ERR_* */
void lm_free(struct lm *lm);                                 /* NULL is fine; composites borrow what they are made of */

void symbols_add(struct symbols *list, const sym_t s[], size_t n);

#endif
