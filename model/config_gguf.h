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

#endif
