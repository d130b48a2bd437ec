/* A tokenizer that the command line names: a checkpoint, or a tokenizer.json or tokenizer.model file alone. */
#ifndef CLI_TOKENIZER_H
#define CLI_TOKENIZER_H

#include "model/checkpoint.h"

struct tokenizer {
    struct vocab *vocab;
    struct checkpoint *checkpoint; /* NULL: the vocabulary is k's own */
};

int tokenizer_open(struct tokenizer *k, const char *name); /* 0 or ERR_* */
void tokenizer_close(struct tokenizer *k);

#endif
