/* bench --tokenize: bytes per second that a checkpoint's tokenizer encodes and decodes, on one thread. */
#ifndef CLI_BENCH_TOKENIZE_H
#define CLI_BENCH_TOKENIZE_H

#include "cli/options.h"

/* The operands are a checkpoint (or its tokenizer alone) and files of text.  Prints a line for each.  0 or ERR_*. */
int bench_tokenize(const struct args *a);

#endif
