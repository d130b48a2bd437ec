/* A checkpoint: weights, tokenizer and hyperparameters on disk, opened and checked, not yet computing.
 *
 * Formats (Hugging Face folder, GGUF) end here: everything above sees one set of canonical tensor names, those that
 * Hugging Face gives the architecture ("model.layers.0.self_attn.q_proj.weight", model/architecture.h), row-major with
 * outer dimension first; one tensor for each expert.
 * Weights are mapped read-only; data pointers live as long as the checkpoint, until it settles
 * (model/checkpoint_settle.h).  Files are hostile: every size is checked against the file before anything is allocated
 * or read.
 *
 * Which files are opened, and what is confined.  The caller names a folder; a name that comes out of a file (a shard, in the
 * index) must be a plain file name and so stays in that folder.  Links in the folder are followed, wherever they lead: the
 * caches of Hugging Face's tools are folders of links into a folder of blobs, people link weights from other disks, and
 * whoever made the folder could have put the bytes themselves there.  A link gains nobody anything: only regular files are
 * opened, for reading, without waiting (model/map_file.h), and what is read must be a valid config, tokenizer or tensor.
 *
 * A folder holds config.json, tokenizer.json, model.safetensors or model.safetensors.index.json with its shards, and
 * perhaps generation_config.json, tokenizer_config.json, chat_template.jinja.  Instead of tokenizer.json it may have
 * SentencePiece's tokenizer.model with added_tokens.json and special_tokens_map.json beside it.  A GGUF file holds all
 * of it; one in parts is named by its first, NAME-00001-of-00003.gguf, the others lie beside it.
 *
 * llama2.c's NAME.bin (version 0, https://github.com/karpathy/llama2.c) has its tokenizer beside it: tok<N>.bin, where N is
 * the size of its vocabulary, or else tokenizer.bin; another one is named behind a comma, "stories.bin,my/tokens.bin". */
#ifndef MODEL_CHECKPOINT_H
#define MODEL_CHECKPOINT_H

#include "base/text.h"
#include "model/config.h"
#include "model/tensor.h"
#include "model/vocab.h"

/* Whose words the decode defaults are, and so what they mean together. */
enum generation_from { GENERATION_NONE, GENERATION_TRANSFORMERS, GENERATION_LLAMACPP };

#define GENERATION_UNSAID INT64_MIN

/* Decode defaults that the checkpoint itself states, as its file has them: not yet checked, a chain does that.  NAN or
 * GENERATION_UNSAID where it says nothing.  As a chain: experiments/checkpoint_preset.h. */
struct generation_defaults {
    enum generation_from from;
    double temperature, top_p, repetition_penalty, min_p, typical_p, top_h, epsilon_cutoff, eta_cutoff;
    int64_t top_k, no_repeat_ngram, min_new_tokens;
    int64_t penalty_last_n; /* of llama.cpp */
    int do_sample;          /* -1 unknown, 0, 1 */
    bool renormalises;
    const char *others; /* what else is said of drawing, named with its value: "num_beams=4"; "" for nothing */
};

struct checkpoint {
    const char *name;   /* as asked for: "zoo:prose", a path */
    const char *path;   /* resolved */
    const char *format; /* "safetensors", "gguf", "llama2c" */
    char hash[65];      /* SHA-256 over config, tokenizer and weights; "" until checkpoint_hash() */
    struct config config;
    struct generation_defaults generation;
    const struct tensor *tensors; /* (n_tensors,) sorted by name */
    size_t n_tensors;
    struct vocab *vocab;
    const char *chat_template;      /* Jinja source as shipped, or NULL */
    struct checkpoint_files *files; /* what the pointers above point into */
};

/* name: "zoo:NAME" (a bundled checkpoint), a folder with config.json, a GGUF file, or a llama2.c file.
 * NULL + ERR_DATA or ERR_IO; an unknown zoo name lists the known ones. */
struct checkpoint *checkpoint_open(const char *name);
/* The same, tokenizer and hyperparameters only: a vocabulary-only GGUF or folder without weights will do.  Where the
 * architecture is not one that this program computes, config holds its name alone. */
struct checkpoint *checkpoint_open_vocab(const char *name);
/* The same, weights and hyperparameters only, for files whose tokenizer is absent or of an unsupported kind: vocab is
 * NULL. */
struct checkpoint *checkpoint_open_weights(const char *name);
void checkpoint_close(struct checkpoint *c); /* NULL is fine */

/* NULL + ERR_DATA when absent. */
const struct tensor *checkpoint_tensor(const struct checkpoint *c, const char *name);
uint64_t checkpoint_parameters(const struct checkpoint *c); /* values of all tensors */
uint64_t checkpoint_bytes(const struct checkpoint *c);      /* bytes of all tensors */

/* Fills c->hash: SHA-256 over the files that were opened, in this order: config.json, generation_config.json,
 * tokenizer_config.json, tokenizer.json (or tokenizer.model, added_tokens.json, special_tokens_map.json), weights (shards by
 * name); or the GGUF file, or its parts in order; or llama2.c's
 * weights, then its tokenizer.  Of each: its role ("config", ...)
 * with its NUL, its size as 8 bytes little-endian, its bytes.  Reads everything once; keeps a hash that is there. */
int checkpoint_hash(struct checkpoint *c); /* 0 */

/* Where bundled files are; without a call, $CHORALE_HOME.  Set once by cli/ and tests. */
void checkpoint_set_home(const char *home);
/* The bundled checkpoints, "zoo:bytes", ..., sorted; (*n,), none without a home.  Valid until the next call or a failed
 * open; one thread at a time. */
const char *const *checkpoint_names(size_t *n);

#endif
