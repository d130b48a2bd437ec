/* Sentence BLEU over word numbers, by the rules of the two tools whose values are quoted most. */
#ifndef EVALSETS_BLEU_H
#define EVALSETS_BLEU_H

#include "evalsets/ngram.h"

enum bleu_rule {
    BLEU_NLTK1,     /* NLTK method 1: 0.1 for a zero numerator; all orders count */
    BLEU_SACRE,     /* sacreBLEU `exp`: 1/2, 1/4, ... for zero numerators; 0 where an order has no n-grams */
    BLEU_SACRE_FIT, /* the same, over the orders that the hypothesis is long enough for (effective_order) */
};

/* A text prepared for comparison. */
struct bleu_text {
    size_t n_words;
    struct ngram_bag bag[NGRAM_MAX]; /* bag[i]: n-grams of order i + 1 */
};
void bleu_init(struct bleu_text *t, const struct words *w);
void bleu_fini(struct bleu_text *t);

/* BLEU in [0, 1] with n-grams up to `order`, uniform weights, clipped counts, and the brevity penalty against the reference
 * closest in length (ties: the shorter).  0 without a common word. */
double bleu_sentence(enum bleu_rule rule, unsigned order, const struct bleu_text *hypothesis,
                     const struct bleu_text *const references[], size_t n_references);

#endif
