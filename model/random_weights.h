/* Checkpoints of random weights in memory, for timing: of any shape and weight type; a tokenizer of bytes. */
#ifndef MODEL_RANDOM_WEIGHTS_H
#define MODEL_RANDOM_WEIGHTS_H

#include "model/checkpoint.h"

struct random_weights;

/* shape: "15M", "110M", "1.1B", "7B", "8B", "70B" (Llamas of that many parameters), or what convert_checkpoint() takes
 * after "random:".  Matrices get the type where their rows are a multiple of its block, else q8_0, else bf16; their
 * values are about uniform with the variance 1 / width, and no file has them.  NULL + ERR_USAGE, ERR_DATA, ERR_IO,
 * ERR_MEMORY; free with random_weights_close(). */
struct random_weights *random_weights_open(const char *shape, enum dtype type);
void random_weights_close(struct random_weights *r);                    /* NULL is fine */
struct checkpoint *random_weights_checkpoint(struct random_weights *r); /* valid until then */

#endif
