/* Utilities: how good a text is where another is wanted, in [0, 1]; what minimum Bayes risk averages.
 *
 *   chrf      character F-score: n-grams of 1 to 6 characters, white space left out, beta 2 (Popovic 2015), as sacreBLEU's
 *             sentence chrF2
 *   bleu      sentence BLEU up to 4 words, sacreBLEU's exp smoothing and effective order, over the words of
 *             evalsets/words.h
 *   rouge_l   F1 of the longest common subsequence of words (Lin 2004)
 *   exact     1 where the texts are equal but for white space around them */
#ifndef DECODE_UTILITY_H
#define DECODE_UTILITY_H

#include "evalsets/bleu.h"
#include <stddef.h>

#define UTILITY_CHARS 6

/* A text prepared for all utilities of one kind. */
struct utility_text {
    const char *trimmed; /* (n_trimmed,) within the caller's text */
    size_t n_trimmed;
    uint32_t (
        *grams)[UTILITY_CHARS]; /* (n_chars, 6) sorted: what stands from each character on, + 1; 0 behind the end */
    size_t n_chars;
    struct words words;
    struct bleu_text bleu;
};

struct utility_type {
    const char *name, *meaning, *source;
    void (*init)(struct utility_text *t, struct lexicon *l, const char *s, size_t n);
    /* Of a hypothesis where a reference is wanted. */
    double (*value)(const struct utility_text *hypothesis, const struct utility_text *reference);
};
const struct utility_type *const *utility_types(size_t *n);
const struct utility_type *utility_find(const char *name); /* NULL + ERR_USAGE */

/* s must outlive t; texts that are compared share a lexicon. */
void utility_init(const struct utility_type *u, struct utility_text *t, struct lexicon *l, const char *s, size_t n);
void utility_fini(struct utility_text *t);

#endif
