/* The inside of a checkpoint: its files, and the readers of the two formats. */
#ifndef MODEL_CHECKPOINT_FILES_H
#define MODEL_CHECKPOINT_FILES_H

#include "model/checkpoint.h"
#include "model/gguf.h"
#include "model/map_file.h"

/* Bytes of config.json, generation_config.json, chat_template.jinja: some four times the largest known. */
#define CHECKPOINT_SMALL_MAX (1u << 20)

struct checkpoint_part {
    const char *role; /* "config", "generation", "tokenizer_config", "tokenizer", "added_tokens", ..., "weights" */
    struct map_file map;
};

struct checkpoint_files {
    struct checkpoint_part *part; /* (n_parts,) in the order of checkpoint_hash() */
    size_t n_parts, cap_parts;
    struct tensor_list tensors; /* canonical names, sorted */
    struct gguf *gguf;
    char *name, *path, *architecture, *chat_template;
    struct text others; /* of generation */
    char *tokenizer;    /* named beside the weights: "stories.bin,TOKENIZER"; or NULL */
    void *settled;      /* (settled_bytes,) the tensors' bytes where they are copied (checkpoint_settle.h), or NULL */
    size_t settled_bytes;
};

/* What to open of a checkpoint. */
struct checkpoint_want {
    bool weights, vocab;
};

/* Fill a checkpoint whose name, path and files are set (files with no part yet; for gguf the file is the one part).
 * 0 or ERR_*; what was opened is in c->files either way. */
int checkpoint_read_folder(struct checkpoint *c, const struct checkpoint_want *want);
int checkpoint_read_gguf(struct checkpoint *c, const struct checkpoint_want *want);

/* A llama2.c file; its tokenizer is in files->tokenizer or lies beside it. */
int checkpoint_read_llama2c(struct checkpoint *c, const struct checkpoint_want *want);

/* The decode defaults of files->gguf, where it has some: the generation_config.json that `convert` took along whole, else
 * llama.cpp's keys.  0 or ERR_DATA. */
#define CHECKPOINT_SAMPLING   "general.sampling."
#define CHECKPOINT_GENERATION "generation_config.huggingface.json"
int checkpoint_read_sampling(struct checkpoint *c);

/* Adds the tensors of the further parts of a GGUF file that is split, where weights are wanted, to files->gguf.
 * 0; ERR_IO, ERR_DATA. */
int checkpoint_read_parts(struct checkpoint *c, const struct checkpoint_want *want);

/* Maps folder/name as the next part; the pointer is valid until the next call.  NULL + ERR_IO, ERR_DATA. */
const struct map_file *checkpoint_map(struct checkpoint *c, const char *role, const char *name);

/* The vocabulary of a folder that has tokenizer.model and no tokenizer.json.  0; ERR_IO, ERR_DATA. */
int checkpoint_read_sentencepiece(struct checkpoint *c, const struct symbols *ends);

/* The folder of "zoo:NAME", for free(); NULL + ERR_DATA listing the known names. */
char *checkpoint_zoo_path(const char *name);

#endif
