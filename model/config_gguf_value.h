/* Values of a GGUF file's keys with their bounds; keys of an architecture begin with its name. */
#ifndef MODEL_CONFIG_GGUF_VALUE_H
#define MODEL_CONFIG_GGUF_VALUE_H

#include "model/gguf.h"

#define CONFIG_GGUF_KEY_BYTES 96

struct config_gguf {
    const struct gguf *g;
    const char *architecture; /* "llama" */
};

const char *config_gguf_key(const struct config_gguf *r, const char *name, char key[CONFIG_GGUF_KEY_BYTES]); /* key */
bool config_gguf_has(const struct config_gguf *r, const char *name);

/* A size of 1 .. CONFIG_DIM_MAX; *x keeps its value when the key is absent, unless it is 0.  0 or ERR_DATA, as below. */
int config_gguf_size(const struct config_gguf *r, const char *name, uint32_t *x);
/* More than 0 and finite; *x keeps its value when the key is absent. */
int config_gguf_positive(const struct config_gguf *r, const char *name, float *x);

#endif
