/* Pre-tokenisers that have a name in GGUF (tokenizer.ggml.pre), as steps of a tokenizer.json. */
#ifndef MODEL_CONVERT_PRE_H
#define MODEL_CONVERT_PRE_H

#include "base/doc.h"

/* The name of a "pre_tokenizer"; NULL: it has none. */
const char *convert_pre_name(const json_t *pre);

/* The "pre_tokenizer" of a name; NULL: an unknown one.  names: those that are known, (*n,). */
json_t *convert_pre_json(const char *name);
const char *const *convert_pre_names(size_t *n);

/* What GGUF's readers do with texts for that name besides: put them into Unicode's form C; take a word that is a token as one. */
bool convert_pre_composes(const char *name);
bool convert_pre_ignores_merges(const char *name);

#endif
