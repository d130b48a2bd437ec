/* Strings for comparing tokenizers, made of parts and characters by an address: string i is always the same.  The same
 * generator is in tests/fixtures/tokenizer/families.py, which asks the reference about them. */
#ifndef TESTS_FUZZ_STRINGS_H
#define TESTS_FUZZ_STRINGS_H

#include "base/text.h"

struct fuzz_strings {
    struct text blob;   /* parts.bin */
    size_t *from, *len; /* (n_parts,) */
    size_t n_parts, cap_from, cap_len;
};

int fuzz_strings_open(struct fuzz_strings *f, const char *path); /* 0 or ERR_IO */
void fuzz_strings_close(struct fuzz_strings *f);

/* String i into t; it need not be UTF-8. */
void fuzz_strings_make(const struct fuzz_strings *f, uint64_t i, struct text *t);

#endif
