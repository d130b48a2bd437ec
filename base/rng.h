/* Randomness is an address, not a history: Philox4x32-10 (Salmon et al., SC 2011) with this bit layout.
 *
 *   key      = XXH3 of (seed, item, space), low word first
 *   counter0 = index: which block of symbols, which lane of a draw; the caller's running number
 *   counter1 = step:  symbols generated so far
 *   counter2 = draw:  which of an item's draws
 *   counter3 = purpose << 24 | lane (24 bits: particle, beam, chain position)
 *
 * The arm is not in the address: arms share their noise, so that comparisons are paired (common random numbers).
 * Noise of different symbol spaces is independent. */
#ifndef BASE_RNG_H
#define BASE_RNG_H

#include <gsl/gsl_rng.h>
#include <stdint.h>

enum rng_purpose {
    RNG_DRAW = 1,     /* the noise of symbols */
    RNG_ACCEPT = 2,   /* accept or reject (MH, speculative) */
    RNG_RESAMPLE = 3, /* particles */
    RNG_CHAIN = 4,    /* a random transform (xtc) */
    RNG_MEMBER = 5,   /* sampled member of an ensemble */
    RNG_BOOTSTRAP = 6,
    RNG_REJECT = 8, /* draws beside a step's own, and what was rejected before (AWRS) */
    RNG_TEST = 255,
};

struct rng_address {
    uint64_t seed;  /* of the experiment */
    uint64_t item;  /* hash of the item's id */
    uint64_t space; /* hash of the symbol space */
    uint32_t draw;
    uint32_t step;
    uint32_t lane; /* < 2^24 */
    enum rng_purpose purpose;
};

struct rng_key {
    uint32_t key[2];
    uint32_t counter[3]; /* counter1 .. counter3 */
};

/* The address in Philox's own terms, so that many indices of one address cost one hash. */
struct rng_key rng_key(const struct rng_address *a);

/* Four random words at an index of an address. */
void rng_words(const struct rng_key *k, uint32_t index, uint32_t out[4]);

/* The raw generator, for its published known answers. */
void rng_philox(const uint32_t counter[4], const uint32_t key[2], uint32_t out[4]);

/* An odd multiple of 2^-53, from 52 random bits: never 0, never 1, as often u as 1 - u. */
double rng_open53(uint32_t high, uint32_t low);
double rng_uniform(const struct rng_key *k, uint32_t index); /* rng_open53 of the first two words */

/* A gsl_rng_type over the same generator, for GSL's distributions: rng_gsl_seek() puts r at an address, index 0.
 * gsl_rng_get() gives its words in order, 2^34 before they repeat; gsl_rng_uniform() a multiple of 2^-53 in [0, 1);
 * gsl_rng_set(r, s) is the address of seed s whose other fields are 0. */
extern const gsl_rng_type *const rng_gsl_philox;
void rng_gsl_seek(gsl_rng *r, const struct rng_address *a);

#endif
