/* Checkpoints of random weights, in memory, of any shape and weight type. */
#ifndef TESTS_RANDOM_CHECKPOINT_H
#define TESTS_RANDOM_CHECKPOINT_H

#include "model/checkpoint.h"

/* Without tokenizer.  Matrices have weights of type, norms of float32; free with random_checkpoint_free(). */
struct checkpoint *random_checkpoint(const struct config *config, enum dtype type, uint64_t seed);
void random_checkpoint_free(struct checkpoint *c);

/* Writes config.json and model.safetensors into a folder that is there, and tokenizer.json where its text is not NULL.
 * Matrices must be of a type without blocks.  0 or ERR_IO. */
int random_checkpoint_save(const struct checkpoint *c, const char *folder, const char *tokenizer);

/* A tokenizer.json of n tokens, for free(): the first n bytes from 'a' on (round the 256), then " 256", " 257",
 * ...; no merges. */
char *random_checkpoint_tokenizer(uint32_t n);

/* The values of a tensor, to be spoilt by a test. */
void *random_checkpoint_data(struct checkpoint *c, const char *tensor);

#endif
