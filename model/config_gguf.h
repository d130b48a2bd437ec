/* The keys of a GGUF file as a config: those that llama.cpp knows, with what absent ones mean there, and those of our own for
 * what it has none for (model/convert_config_gguf.c). */
#ifndef MODEL_CONFIG_GGUF_H
#define MODEL_CONFIG_GGUF_H

#include "model/architecture.h"
#include "model/gguf.h"

/* The row of a file's architecture; NULL + ERR_DATA: an unknown one. */
const struct architecture *config_gguf_architecture(const struct gguf *g, const char *name);

/* Hyperparameters but for n_vocab and tied_head, which the tensors say.  0 or ERR_DATA. */
int config_gguf_read(const struct gguf *g, const struct architecture *a, struct config *c);

/* The scale of Gemma's queries in a file that does not say it: 1 / sqrt(head_dim), but for the two largest, which have the heads
 * of another width (llama.cpp knows them by their layers, and reads no key). */
float config_gguf_query_scale(const struct config *c);

#endif
