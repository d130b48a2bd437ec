/* Partial rows: a row of which only the best symbols are known, and the probability of the others (the tail).
 *
 * Steps of a chain are applied to what is known, with bounds on what is not, so that what the real row would have become is
 * known where it can be: a symbol is certainly kept, certainly masked, or `maybe`; hidden symbols have scores of at most
 * `bound` and a log-sum-exp within [low, high].  Once no symbol is hidden and none is maybe, the row is exact, bit for
 * bit, and any step may follow; before that only the steps of a table here can be followed.
 *
 * Why the bounds hold: masses of a scaled tail lie between those of the flattest and of the most concentrated tail of its
 * mass and largest score (sums of powers are Schur-convex or -concave); cuts keep a prefix of a known order. */
#ifndef EXPERIMENTS_PARTIAL_H
#define EXPERIMENTS_PARTIAL_H

#include "decode/chain.h"
#include "experiments/unit.h"

#define PARTIAL_NONE UINT32_MAX /* no symbol */

struct partial {
    struct row row; /* known symbols; the hidden ones are masked here */
    bool *maybe;    /* (row.n,) the chain may have masked it */
    sym_t *known;   /* (n_known,) with those masked since */
    sym_t *order;   /* (row.n,) scratch */
    double *logp;   /* (row.n,) scratch */
    float *scratch; /* (row.n,) */
    size_t n_known;
    sym_t extra;     /* the chosen symbol, where it is known besides the best; PARTIAL_NONE */
    double n_hidden; /* at most */
    double bound;    /* -INFINITY: none hidden */
    double low, high;
    double heat; /* the chosen symbol was drawn, with the noise that decides again, at this temperature from the
                             whole row: score_w <= score + heat (noise - noise_w) of every other; 0: it was not */
    double chosen, first; /* raw: its score; bound as it was logged */
    double factor;        /* of all temperatures since */
    bool bounded;         /* a step was followed with bounds */
    bool behind;          /* hidden symbols stand behind the best of the same score */
    bool whole_z;         /* row.log_z is that of the whole row, not of what is known */
};

struct partial *partial_alloc(uint32_t n);
void partial_free(struct partial *p);

/* Row i of a TOPK trace, the symbol that was chosen (PARTIAL_NONE: none), and the temperature at which it was drawn from
 * all of the row (0: otherwise). */
void partial_set(struct partial *p, const struct unit_trace *x, size_t i, sym_t chosen, double heat);
bool partial_exact(const struct partial *p); /* nothing hidden, nothing maybe */
/* Step i of the chain; at is moved on to the next.  1; 0: what it does cannot be known, and p is spoilt; < 0. */
int partial_apply(struct partial *p, const struct chain *c, size_t i, void *state, struct transform_at *at);

/* Whether all parameters of a step but the first n are at their defaults. */
bool partial_plain(const struct transform *t, size_t n_params);

/* What is drawn with the noise of k, or without noise (k NULL: the best). */
enum partial_verdict { PARTIAL_SAME, PARTIAL_PARTED, PARTIAL_OPEN };
struct partial_decision {
    enum partial_verdict verdict; /* of what is drawn and `chosen` */
    sym_t symbol;                 /* what is drawn; PARTIAL_NONE: not known, or (exact) nothing is left */
    double low, high;             /* bounds of ln of the probability of `chosen`; 0 where none was */
};
struct partial_decision partial_decide(const struct partial *p, const struct rng_key *k, sym_t chosen);

#endif
