/* What a folder itself says of how its texts are drawn: generation_config.json, as Hugging Face transformers reads it.
 *
 * Every member of the file is one of three: a decode default (struct generation_defaults); something that has no part in
 * how a text is drawn (ids, caches, what transformers returns); or it is named with its value, in generation_defaults.others:
 * nothing is dropped in silence.  Members that say what would happen anyway (null, false, empty, transformers' own
 * default) are not named.
 *
 * GGUF's counterpart is in model/checkpoint_sampling.c; which tokens end a text is another matter, model/config_json.h. */
#ifndef MODEL_GENERATION_CONFIG_H
#define MODEL_GENERATION_CONFIG_H

#include "base/doc.h"
#include "model/checkpoint.h"

/* A checkpoint that says nothing. */
void generation_config_none(struct generation_defaults *g);

/* o: the object of the file; what is absent keeps its value; what else it says is appended to others, "num_beams=4,
 * bad_words_ids=[...]".  0; ERR_DATA: a default is of another type. */
int generation_config_read(const json_t *o, const char *where, struct generation_defaults *g, struct text *others);

/* Appends one more to a list of what else is said; value: its text, cut where it is long.  At most 16 are named, the rest
 * is counted in *n. */
void generation_config_other(struct text *others, size_t *n, const char *name, const char *value);

#endif
