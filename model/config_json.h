/* config.json and its neighbours in a Hugging Face folder. */
#ifndef MODEL_CONFIG_JSON_H
#define MODEL_CONFIG_JSON_H

#include "base/doc.h"
#include "model/checkpoint.h"

/* Of any one dimension: far above real models, far below overflows of products of two. */
#define CONFIG_DIM_MAX (1u << 24)

/* Of what a token is wide inside a layer (hidden size, feed-forward, all heads together): ten times the widest known. */
#define CONFIG_WIDTH_MAX (1u << 20)
#define CONFIG_HEAD_MAX  4096u /* of one head */

/* Tokens that end a text, in one file. */
#define CONFIG_ENDS_MAX 1024u

/* Hyperparameters of a Llama decoder; defaults of absent members are those of transformers' LlamaConfig.
 * 0; ERR_DATA: another architecture; a variant that would compute something else (biases, rope scaling, another
 * activation); a size out of range. */
int config_json_read(const json_t *o, const char *where, struct config *c);

/* "model_type", borrowed from o.  0 or ERR_DATA. */
int config_json_architecture(const json_t *o, const char *where, const char **type);

/* The decode defaults of generation_config.json; members that are absent keep their values. */
int config_json_generation(const json_t *o, const char *where, struct generation_defaults *g);

/* Appends eos_token_id, a number or a list of numbers; nothing when absent.  0 or ERR_DATA. */
int config_json_ends(const json_t *o, const char *where, struct symbols *ends);

/* Consistency of hyperparameters from any file: 0 or ERR_DATA. */
int config_json_check(const struct config *c, const char *where);

#endif
