/* Bags of word n-grams, and the ratios that diversity metrics make of them. */
#ifndef EVALSETS_NGRAM_H
#define EVALSETS_NGRAM_H

#include "evalsets/words.h"

#define NGRAM_MAX 4

struct ngram {
    uint32_t id[NGRAM_MAX]; /* word numbers; 0 behind the order */
};

/* Filled by ngram_add(), usable after ngram_sort(). */
struct ngram_bag {
    struct ngram *gram; /* (n,) distinct, ascending */
    size_t *count;      /* (n,) how often each */
    size_t n;           /* distinct n-grams */
    size_t total;       /* n-grams with repetitions */
    size_t cap, cap_count;
};

/* Adds the n-grams of one text (1 <= order <= NGRAM_MAX); none crosses from one text into the next. */
void ngram_add(struct ngram_bag *b, const struct words *w, unsigned order);
void ngram_sort(struct ngram_bag *b);
void ngram_free(struct ngram_bag *b); /* leaves it empty and usable */

size_t ngram_count(const struct ngram_bag *b, const struct ngram *g);      /* 0 when absent */
size_t ngram_common(const struct ngram_bag *a, const struct ngram_bag *b); /* distinct n-grams in both */

/* Distinct n-grams / all n-grams of n_texts texts together; NAN when there is none. */
double ngram_distinct(const struct words texts[], size_t n_texts, unsigned order);

/* Expectation-adjusted distinct: distinct words / those expected of `total` uniform draws from a vocabulary of
 * n_vocab words, N / (V (1 - ((V - 1) / V)^C)).  NAN for total == 0. */
double ngram_ead(size_t distinct, size_t total, size_t n_vocab);

#endif
