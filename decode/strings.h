/* All strings that a chain can make of a small lm, each with its exact log-probability: the reference of `audit`.
 *
 * A string ends with an end symbol, at the limit, where the lm has no room, or where the chain leaves nothing (dead).
 * Strings are in lexicographic order of their symbols; none is the beginning of another, but for a dead one where only some
 * of what random steps may decide is dead.
 *
 * Steps that draw by themselves (xtc) are summed over: at each position every decision of theirs has its probability, apart
 * from those at other positions. */
#ifndef DECODE_STRINGS_H
#define DECODE_STRINGS_H

#include "decode/chain.h"
#include "model/core.h"

#define STRINGS_MOST    (1u << 18) /* strings, and STRINGS_DEPTH symbols each, that an enumeration may have */
#define STRINGS_DEPTH   64u
#define STRINGS_CHANCES 6 /* steps that draw by themselves, in one chain */

/* Everything is borrowed. */
struct strings_args {
    struct lm *lm;
    struct core *core;
    const struct chain *chain;
    const struct prompt *prompt;
    uint32_t max_symbols;       /* 0: no limit */
    struct rng_address address; /* step is filled */
};

struct string {
    size_t at;  /* its first symbol in strings.symbols */
    uint32_t n; /* the end symbol included */
    bool dead;
    double logp;        /* under the chain, step by step */
    bool most_probable; /* each of its symbols is the chain's arg max: what greedy finds */
};

struct strings {
    struct string *all; /* (n,) */
    size_t n, cap;
    struct symbols symbols;
};

/* Fills *out, which is zero.  0; ERR_USAGE (too many or too long to enumerate; a step that draws beside one that keeps
 * state, which then depends on the draw); what the lm or the chain met. */
int strings_enumerate(const struct strings_args *args, struct strings *out);
void strings_fini(struct strings *s);

/* The string with these symbols; NULL: the chain cannot make it. */
const struct string *strings_find(const struct strings *s, const sym_t symbols[], size_t n);

#endif
