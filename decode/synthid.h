/* SynthID-Text's g-values: bits that keys draw from the symbols said, and the test that finds them in a text.
 *
 * Dathathri et al. 2024 (Nature 634) as Hugging Face's SynthIDTextWatermarkLogitsProcessor computes them: with
 * f(h, x) = 6364136223846793005 (h + x) + 1 in 64 bits, begun at 1, a context (the last ngram - 1 generated symbols, zeros
 * before the first) has the hash f(.. f(1, c_1) .., c_m), a candidate v behind it f(context, v), and layer l of it
 * f(that, key_l); its low 16 bits choose the g-value from a table of 65,536 bits (MT19937 of the table's seed, each % 2).
 * A context that came before, among the last `history`, gets no watermark. */
#ifndef DECODE_SYNTHID_H
#define DECODE_SYNTHID_H

#include "base/space.h"

#define SYNTHID_TABLE      65536
#define SYNTHID_MAX_LAYERS 64
#define SYNTHID_MAX_NGRAM  64

struct synthid {
    uint32_t n_layers, ngram, history;
    uint64_t key[SYNTHID_MAX_LAYERS];
    uint8_t table[SYNTHID_TABLE];
};

/* keys: decimal texts.  NULL + ERR_USAGE.  For free(). */
struct synthid *synthid_alloc(const char *const keys[], size_t n_keys, uint32_t ngram, uint32_t history);
void synthid_table(struct synthid *s, uint32_t seed); /* other than 0, which alloc makes */

/* The context before symbol n of s[], padded with zeros; and whether one of the `history` before it, of the symbols from
 * `first` on, is the same. */
uint64_t synthid_context(const struct synthid *y, const sym_t s[], size_t n);
bool synthid_again(const struct synthid *y, const sym_t s[], size_t first, size_t n);

/* The g-value of v behind a context in a layer: 0 or 1. */
uint8_t synthid_bit(const struct synthid *y, uint64_t context, sym_t v, uint32_t layer);

/* All g-values at once, since a symbol's depend on the low 16 bits of context + v alone: entry i of 2 SYNTHID_TABLE, for
 * context + v = i modulo SYNTHID_TABLE, has that of layer 32 k + l in bit l; array k follows array k - 1.  From entry
 * context % SYNTHID_TABLE on stand those of the symbols 0, 1, ... in a row.  For free(). */
uint32_t *synthid_bits(const struct synthid *y);

/* Over symbols ngram - 1 .. n - 1 of a text whose contexts are not repeated: how many, and how many of their bits are 1. */
struct synthid_score {
    size_t scored, bits, ones;
    double mean, z, p; /* of `ones` among `bits` fair coins: (ones - bits / 2) / sqrt(bits / 4), normal */
};
int synthid_detect(const struct synthid *y, const sym_t s[], size_t n,
                   struct synthid_score *out); /* 0, ERR_DATA: short */

#endif
