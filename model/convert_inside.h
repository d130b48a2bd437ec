/* One conversion under way: convert.c reads and chooses types, the other files write. */
#ifndef MODEL_CONVERT_INSIDE_H
#define MODEL_CONVERT_INSIDE_H

#include "base/doc.h"
#include "model/architecture.h"
#include "model/checkpoint_files.h"
#include "model/convert.h"
#include "model/gguf_write.h"
#include "model/recast.h"

#define CONVERT_JSON_MAX (1u << 27) /* bytes of a tokenizer.json; the largest known have 35 MB */

struct conversion {
    const char *from, *to;
    const struct convert_options *options;
    struct text *remarks;
    struct checkpoint *c; /* what is converted; of random weights it has no files, and its tensors no data */
    bool has_tokenizer;
    bool has_type;
    enum dtype type;
    struct recast_list tensors;
    size_t n_other;   /* matrices whose rows do not fit the type */
    size_t n_rounded; /* norms that lose bits */
    float factors[CONFIG_FACTORS_MAX];
    struct tensor factor_tensors[2]; /* of frequencies, which only GGUF has as tensors */
};

/* Convert to a file or folder that is not there.  0; ERR_DATA, ERR_IO. */
int convert_to_gguf(struct conversion *v);
int convert_to_folder(struct conversion *v);

/* The type of a tensor in the new file, whose rows have n values, among those with blocks or not.  p: its place, or NULL. */
enum dtype convert_type(struct conversion *v, const struct architecture_place *p, const struct tensor *t, uint64_t n);

/* What becomes of the tensor c->tensors[i] at p in a file laid out as `to`: its shape and the order of its values; the name and
 * the type are still the source's.  0; ERR_DATA: it has not the shape that the configuration says. */
int convert_place(const struct conversion *v, size_t i, const struct architecture_place *p, const struct config *to,
                  struct recast *r);

/* Hyperparameters as GGUF's keys and, where GGUF has tensors for them, tensors; as config.json.  ERR_DATA: one that the
 * format cannot say. */
int convert_add_config(struct conversion *v, struct gguf_keys *k);
int convert_set_config(const struct conversion *v, json_t *o);
json_t *convert_number(float x); /* the shortest number that is this float */

/* The file of that role among those that the checkpoint was read from (checkpoint_files.h); NULL: none. */
const struct map_file *convert_find_part(const struct conversion *v, const char *role);

/* Ids that begin and end texts, with or without a tokenizer. */
struct convert_ids {
    int64_t bos, eos, pad, unknown; /* -1: none; eos: the one that templates write (vocab.h) */
    struct symbols ends;            /* those that files state, not the role marks; free(ends.s) */
};
int convert_read_ids(const struct conversion *v, struct convert_ids *ids);

/* Of several chat templates the default goes along: the number of the others, in the remarks where there are some. */
void convert_tell_templates(const struct conversion *v);

/* Decode defaults as GGUF keys; as members of a generation_config.json (of a GGUF file that holds none). */
void convert_add_generation(const struct conversion *v, struct gguf_keys *k);
void convert_set_generation(const struct conversion *v, json_t *o);

/* A checkpoint of random weights, for convert_close_random().  NULL + ERR_USAGE, ERR_DATA, ERR_IO. */
struct checkpoint *convert_open_random(const char *shape);
void convert_close_random(struct checkpoint *c);
char *convert_random_tokenizer(uint32_t n_tokens); /* a tokenizer.json, for free() */

/* The tokenizer of a checkpoint as GGUF keys; as tokenizer.json, for free() (NULL + ERR_DATA). */
int convert_add_tokenizer(const struct conversion *v, struct gguf_keys *k);
char *convert_tokenizer_json(const struct conversion *v);

#endif
