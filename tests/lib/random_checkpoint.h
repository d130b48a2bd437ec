/* Checkpoints of random weights, in memory, of any shape and weight type. */
#ifndef TESTS_RANDOM_CHECKPOINT_H
#define TESTS_RANDOM_CHECKPOINT_H

#include "model/checkpoint.h"

/* Without tokenizer.  Matrices have weights of type, norms of float32; free with random_checkpoint_free(). */
struct checkpoint *random_checkpoint(const struct config *config, enum dtype type, uint64_t seed);
void random_checkpoint_free(struct checkpoint *c);

/* The values of a tensor, to be spoilt by a test. */
void *random_checkpoint_data(struct checkpoint *c, const char *tensor);

#endif
