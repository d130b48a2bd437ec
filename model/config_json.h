/* config.json and its neighbours in a Hugging Face folder. */
#ifndef MODEL_CONFIG_JSON_H
#define MODEL_CONFIG_JSON_H

#include "base/doc.h"
#include "model/checkpoint.h"

/* Tokens that end a text, in one file. */
#define CONFIG_ENDS_MAX 1024u

/* Hyperparameters of a decoder of a known architecture (model/architecture.h); defaults of absent members are those of
 * transformers' configuration classes.  0; ERR_DATA: another architecture; a variant that would compute something else (a
 * bias without a place, an unknown rope scaling or activation); a size out of range. */
int config_json_read(const json_t *o, const char *where, struct config *c);

/* "model_type", borrowed from o.  0 or ERR_DATA. */
int config_json_architecture(const json_t *o, const char *where, const char **type);

/* Appends eos_token_id, a number or a list of numbers; nothing when absent.  0 or ERR_DATA. */
int config_json_ends(const json_t *o, const char *where, struct symbols *ends);

#endif
