/* Draws: how one symbol is taken from a row.  Rows of a table, chosen by name: sample(draw=cdf).
 *
 *   gumbel      the default: Gumbel arg max with top-down noise (base/row.h).  Paired across arms: a symbol keeps its
 *               noise whatever the chain does, so that arms part only where they differ by more than their noise.
 *   cdf         the first symbol, in the order of ids, at which the cumulated probability passes a uniform number of 53
 *               bits.  A symbol's probability is right to 2^-50 and to 2^-21 of itself (float exp); what is less
 *               probable than 2^-53, or than e^-87 of the largest, may never come.
 *   arithmetic  the code of a draw is (draw + 1) / (n + 1) + b mod 1, b uniform and common to each n draws in a row; a
 *               step takes the symbol whose interval holds the code, which becomes its place in that interval.  Every
 *               draw is exact by itself; together they are spread evenly over the strings.  A double holds 53 bits of the
 *               code and a step uses up -log2 p of them: fresh addressed bits come in below, so that the code has no end.
 *   greedy      the most probable symbol, the lowest id among equals; no noise.
 *
 * Sources: Gumbel arg max, Maddison et al. 2014; arithmetic sampling, Vilnis et al. 2023 (arXiv 2210.15458). */
#ifndef DECODE_DRAW_H
#define DECODE_DRAW_H

#include "base/row.h"

struct draw_type;

/* What one hypothesis's draws remember; plain memory: a clone is a copy. */
struct draw {
    const struct draw_type *type;
    double n;     /* draws that share a lattice of codes */
    double code;  /* in [0, 1) */
    double width; /* the code is known to this much */
    bool begun;
};

struct draw_type {
    const char *name;
    const char *meaning, *source;
    bool random; /* its outcome depends on the draw */
    bool whole;  /* it reads the probabilities of all symbols, not only what is best under their noise */
    bool moves;  /* what it takes depends on what it took before */
    /* r is not dead; work: of at least r->n symbols, its spare[] is left alone. */
    sym_t (*take)(struct draw *d, const struct row *r, const struct rng_address *a, struct row_work *work);
};

const struct draw_type *const *draw_types(size_t *n);
const struct draw_type *draw_find(const char *name); /* NULL + ERR_USAGE that lists and suggests */

/* The address is that of the step, with purpose RNG_DRAW and lane 0. */
sym_t draw_symbol(struct draw *d, const struct row *r, const struct rng_address *a, struct row_work *work);

/* One of the best symbols of a row under noise. */
struct draw_best {
    sym_t id;
    float score;  /* as it is in the row */
    double value; /* ln p + Gumbel noise */
};

/* The k best symbols by value, best first: a sample of k without replacement (Gumbel top-k), whose first is
 * row_draw()'s.  Returns how many: fewer where fewer are not masked.  r's scores are changed on the way and put back. */
uint32_t draw_top(struct row *r, const struct rng_key *key, uint32_t k, struct draw_best best[]);

/* What is left of p where q proposed and x was refused: max(p - q, 0), in out, a row of as many symbols; q NULL: all of q
 * stood on x.  Dead where nothing is left but rounding. */
void draw_residual(const struct row *p, const struct row *q, sym_t x, struct row *out);

/* The rejection rule of speculative decoding (Leviathan et al. 2023): x, drawn from q (NULL: it stood on x alone), is taken
 * for p with this probability, min(1, p(x) / q(x)). */
double draw_accepts(const struct row *p, const struct row *q, sym_t x);
/* What the rule takes at an address of purpose RNG_DRAW: x, or a draw from draw_residual(), which is made in rest. */
sym_t draw_proposed(const struct row *p, const struct row *q, sym_t x, const struct rng_address *a, struct row *rest);

#endif
