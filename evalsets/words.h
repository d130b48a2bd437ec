/* Words as the metrics count them, in any script, without a tokenizer.
 *
 * A word is a run of letters, marks and digits (Unicode categories L, M, N), lower-cased; an apostrophe belongs to it
 * only between two of them (don't, o'clock), and the typographic one counts as '.  Every CJK character (Han, kana) is
 * a word of its own.  Everything else, invalid UTF-8 included, separates.  No normalisation: e with a combining accent
 * and the composed letter are two different words. */
#ifndef EVALSETS_WORDS_H
#define EVALSETS_WORDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum word_class {
    WORD_NONE,   /* separates */
    WORD_LETTER, /* part of a run */
    WORD_CJK,    /* a word of its own */
};

/* Text as lower-cased codepoints with their classes; any white space is ' ', an invalid byte U+FFFD. */
struct glyphs {
    uint32_t *code; /* (n,) */
    uint8_t *class; /* (n,) enum word_class */
    size_t n;
};
void words_fold(struct glyphs *g, const char *s, size_t n); /* g is overwritten; words_fold_free() */
void words_fold_free(struct glyphs *g);

/* Numbers for words: equal words, equal numbers, from 1 (0 is free for marks).  Grows as it reads. */
struct lexicon;
struct lexicon *words_lexicon_alloc(void);
void words_lexicon_free(struct lexicon *l);

/* A text as word numbers of one lexicon. */
struct words {
    uint32_t *id; /* (n,) */
    size_t n;
};
void words_read(struct words *w, struct lexicon *l, const char *s, size_t n); /* w is overwritten; words_free() */
void words_free(struct words *w);

size_t words_count(const char *s, size_t n);

/* Whether key stands in text: its characters in a row, letter case aside, not inside a longer word; CJK characters have
 * no such neighbours.  An empty key stands nowhere. */
bool words_contain(const struct glyphs *text, const struct glyphs *key);

#endif
