/* A symbol drawn under a condition that few symbols are asked, with an unbiased estimate of what the condition leaves:
 * adaptive weighted rejection sampling (Lipkin et al. 2025, "Fast controlled generation from language models with adaptive
 * weighted rejection sampling", arXiv 2504.05410).
 *
 * Of a row p and a set C, masking asks every symbol whether it lies in C, draws from p 1_C / Z and has the log-weight
 * ln Z, Z = p(C).  Here symbols are drawn from p, never one twice that was rejected, until one lies in C: that one has the
 * same distribution, p 1_C / Z, exactly.  Its weight W is random with E[W | symbol] = Z whatever the symbol, so that it may
 * stand where Z stood: SMC's estimates stay unbiased.  Dead, where nothing lies in C.
 *
 *   recursive  W = (1 - r) (q + (1 - q) a): r the mass rejected, q the symbol's share in what was left, a whether the next
 *              symbol drawn, neither rejected nor it, lies in C.  Two questions at least.
 *   geometric  W = 1 / (1 + n), n the rejections before the second acceptance in draws with replacement (Haldane 1945),
 *              which are not made again: what was rejected before is counted by a geometric number.  Asks less where one
 *              symbol has most of the mass: taken where the largest probability is 2/3 or more, as its authors do.
 *
 * The first symbol drawn is the one that `sample` would draw with the same address.
 *
 * It is for conditions that are dear to ask of a symbol, a grammar or a program's answer, and no step of a chain is one: a
 * step masks in a pass over the row, and then Z is known, where W would add its variance and save nothing.  So nothing calls
 * it but its test, which is the invariant of docs/ensembles.md. */
#ifndef DECODE_AWRS_H
#define DECODE_AWRS_H

#include "base/row.h"

struct awrs_condition {
    bool (*holds)(void *context, sym_t s);
    void *context;
};

struct awrs_drawn {
    sym_t symbol;      /* nothing where dead */
    double log_weight; /* ln W; -INFINITY: dead */
    uint32_t n_asked;
};

/* r is not dead, and afterwards lacks the symbols that were rejected or weighed.  The address is that of the step, purpose
 * RNG_DRAW. */
struct awrs_drawn awrs_draw(struct row *r, const struct rng_address *a, const struct awrs_condition *c);

/* The estimator alone, told of symbols in the order in which they are drawn: for drivers of their own, and to be summed over
 * all orders. */
enum awrs_kind { AWRS_RECURSIVE, AWRS_GEOMETRIC };

struct awrs {
    enum awrs_kind kind;
    double left;      /* mass of what was not rejected */
    double share;     /* of the symbol accepted, in that */
    double n_rejects; /* as if drawn with replacement */
    uint32_t n_accepts;
    sym_t symbol;
    double weight;
};

/* A symbol drawn: its share in what could be drawn, and what the others have of it. */
struct awrs_seen {
    sym_t symbol;
    bool holds;
    double share, rest;
};

void awrs_begin(struct awrs *a, double largest); /* the largest probability chooses the kind */
/* Tells of a symbol; false: symbol and weight are known. */
bool awrs_take(struct awrs *a, const struct awrs_seen *seen);
/* Tells that symbols rejected before would have been drawn n times more. */
void awrs_repeat(struct awrs *a, double n);

#endif
