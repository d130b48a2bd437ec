/* Detection of the KGW watermark (decode/green.h) in a sequence of symbols.
 *
 * Every window of width + 1 symbols (left) or width (self) says of its last symbol whether it is green.  Green symbols of
 * a text that knows nothing of the key come with probability gamma, so that with g green among T scored
 *     z = (g - gamma T) / sqrt(T gamma (1 - gamma)),   p = erfc(z / sqrt 2) / 2        (the published test)
 * A window that comes again says nothing new: it is counted once, as in the paper, unless every is asked for (Hugging
 * Face's default), whose p-values are too small wherever text repeats itself.
 *
 * Windows that differ may still ask the same question: left seeds by the last symbol alone, self by the least product.
 * The exact test counts each pair of seed and symbol once: every pair is a coin of its own, and with h green among D
 *     p_exact = P(X >= h),   X ~ Binomial(D, floor(n gamma) / n)
 * holds for every text, however repetitive.  self with width 1 asks once a symbol and so finds little. */
#ifndef DECODE_DETECT_H
#define DECODE_DETECT_H

#include "decode/green.h"

enum detect_windows { DETECT_ONCE, DETECT_EVERY };

struct detect_args {
    const struct green *green;
    uint32_t n_symbols; /* of the vocabulary that the text was drawn from, as the lm's rows have it */
    enum detect_windows windows;
};

struct detect_result {
    size_t scored, green;
    double z, p; /* published */
    size_t distinct, distinct_green;
    double p_exact;
};

/* 0, or ERR_DATA: too short, or an id outside of the vocabulary. */
int detect_ids(const struct detect_args *a, const sym_t ids[], size_t n, struct detect_result *out);

#endif
