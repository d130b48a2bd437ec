/* Made vocabularies of byte-level BPE, small enough for the table to speak: for enumeration. */
#ifndef TESTS_MADE_VOCAB_H
#define TESTS_MADE_VOCAB_H

#include "model/vocab.h"

struct made_vocab {
    const char *const *bytes; /* (n_bytes,) single bytes, in the byte alphabet where they are not letters */
    size_t n_bytes;
    const char *const *merge; /* (n_merges,) "left right", in order of rank */
    size_t n_merges;
    const char *const *extra; /* (n_extra,) tokens that no merge makes */
    size_t n_extra;
    const char *pre_tokenizer; /* JSON; NULL: no text is cut */
    bool ignore_merges;
    bool is_chars;        /* BPE of characters with byte fallback: extra tokens may be "<0xC3>" */
    bool is_unigram;      /* pieces are bytes and extra, each less probable than those before */
    const char *alphabet; /* the bytes that its texts are made of, for tests; NULL: the single ones given */
};

/* Ids: the bytes, what the merges make, the extra ones, the end.  Fails the test when it cannot be read. */
struct vocab *made_vocab_open(const struct made_vocab *m);

#endif
