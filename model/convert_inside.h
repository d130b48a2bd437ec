/* One conversion under way: convert.c reads and chooses types, the other files write. */
#ifndef MODEL_CONVERT_INSIDE_H
#define MODEL_CONVERT_INSIDE_H

#include "model/checkpoint_files.h"
#include "model/convert.h"
#include "model/recast.h"

struct conversion {
    const char *from, *to;
    const struct convert_options *options;
    struct text *remarks;
    struct checkpoint *c; /* what is converted; of random weights it has no files, and its tensors no data */
    bool has_type;
    enum dtype type;
    struct recast_list tensors;
    size_t n_other; /* matrices whose rows do not fit the type */
};

/* Convert to a file or folder that is not there.  0; ERR_DATA, ERR_IO. */
int convert_to_gguf(struct conversion *v);
int convert_to_folder(struct conversion *v);

/* Whether hyperparameters can be written anew: those of a plain Llama.  0 or ERR_DATA. */
int convert_check_plain(const struct conversion *v);

/* The type of a tensor in the new file, among those with blocks or not. */
enum dtype convert_type(struct conversion *v, const struct tensor *t);

/* A checkpoint of random weights, for convert_close_random().  NULL + ERR_USAGE, ERR_DATA, ERR_IO. */
struct checkpoint *convert_open_random(const char *shape);
void convert_close_random(struct checkpoint *c);
char *convert_random_tokenizer(uint32_t n_tokens); /* a tokenizer.json, for free() */

/* The tokenizer of a checkpoint as GGUF keys; tokenizer.json of a GGUF file, for free() (NULL + ERR_DATA). */
struct gguf_keys;
int convert_add_tokenizer(const struct conversion *v, struct gguf_keys *k);
char *convert_tokenizer_json(const struct gguf *g);

#endif
