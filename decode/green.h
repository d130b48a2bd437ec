/* Green lists: the keyed choice of a share of the vocabulary, by the symbols before, that the KGW watermark favours.
 *
 * Kirchenbauer et al. 2023 (arXiv 2301.10226, 2306.04634) as Hugging Face's WatermarkLogitsProcessor and the authors'
 * code (PyTorch on a CPU) compute it: a seed from the symbols, MT19937 from its low 32 bits, and the first
 * floor(n gamma) places of PyTorch's permutation of n symbols (swap place i with i + random % (n - i)).
 *   left   seed = key * last symbol                                        (KGW's simple_1, Algorithm 2)
 *   self   seed = min over the last `width` symbols c, the candidate s included, of key * (P[c] + 1) * (P[s] + 1),
 *          P the permutation of 1,000,003 that the key seeds; products in 64 bits, signed     (Algorithm 3) */
#ifndef DECODE_GREEN_H
#define DECODE_GREEN_H

#include "base/space.h"

#define GREEN_TABLE 1000003

enum green_scheme { GREEN_LEFT, GREEN_SELF };

struct green {
    enum green_scheme scheme;
    uint64_t key;    /* 1 .. 2^31 - 1 */
    double gamma;    /* share of the vocabulary that is green, in (0, 1) */
    uint32_t width;  /* symbols that a seed is made of; left uses the last of them */
    uint32_t *table; /* (GREEN_TABLE,) of self; NULL of left */
};

int green_scheme(const char *name, enum green_scheme *scheme); /* 0 or ERR_USAGE */
struct green *green_alloc(enum green_scheme scheme, uint64_t key, double gamma, uint32_t width);
void green_free(struct green *g);

/* Symbols of n that are green. */
uint32_t green_count(const struct green *g, uint32_t n);

/* The seed by the last width symbols s[width - 1] of left, s[0 .. width) of self, the candidate the last of these. */
uint32_t green_seed(const struct green *g, const sym_t s[]);

/* The list of a seed: the first green_count() entries of id[n]; n < 2^31. */
void green_list(const struct green *g, uint32_t seed, uint32_t n, sym_t id[]);

/* Whether v is in the list of a seed; without making it. */
bool green_has(const struct green *g, uint32_t seed, uint32_t n, sym_t v);

#endif
