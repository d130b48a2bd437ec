/* A checkpoint: weights, tokenizer and hyperparameters on disk, opened and checked, not yet computing.
 *
 * Formats (Hugging Face folder, GGUF) end here: everything above sees one set of canonical tensor names, those of the
 * Hugging Face Llama layout ("model.layers.0.self_attn.q_proj.weight"), row-major with outer dimension first.
 * Weights are mapped read-only; data pointers live as long as the checkpoint.  Files are hostile: every size is checked
 * against the file before anything is allocated or read. */
#ifndef MODEL_CHECKPOINT_H
#define MODEL_CHECKPOINT_H

#include "base/text.h"
#include "model/vocab.h"

enum dtype { DTYPE_F32, DTYPE_F16, DTYPE_BF16, DTYPE_Q8_0, DTYPE_COUNT };
const char *dtype_name(enum dtype t);
size_t dtype_row_bytes(enum dtype t, size_t n); /* bytes of a row of n values; n a multiple of 32 for Q8_0 */

struct tensor {
    const char *name;
    enum dtype type;
    uint32_t n_dims;
    uint64_t dims[4]; /* outer first */
    const void *data;
    uint64_t bytes;
};

/* Hyperparameters of a Llama-family decoder. */
struct config {
    const char *architecture; /* "llama" */
    uint32_t n_vocab;         /* rows of the embedding, padding included */
    uint32_t dim, n_layers, n_heads, n_kv_heads, head_dim, ffn;
    uint32_t max_positions;
    float norm_eps;
    float rope_theta;
    bool rope_interleaved; /* pairs (2i, 2i+1) rotate (GGUF llama order) instead of (i, i + head_dim/2) */
    bool tied_head;
};

/* Decode defaults that the checkpoint itself states; NAN or 0 where it says nothing. */
struct generation_defaults {
    double temperature, top_p, repetition_penalty;
    int64_t top_k;
    int do_sample; /* -1 unknown, 0, 1 */
};

struct checkpoint {
    const char *name; /* as asked for: "zoo:prose", a path */
    const char *path; /* resolved */
    const char *format; /* "safetensors", "gguf" */
    char hash[65];    /* SHA-256 over config, tokenizer and weights; "" until checkpoint_hash() */
    struct config config;
    struct generation_defaults generation;
    const struct tensor *tensors; /* (n_tensors,) sorted by name */
    size_t n_tensors;
    struct vocab *vocab;
    const char *chat_template; /* Jinja source as shipped, or NULL */
    void *files;
};

/* name: "zoo:NAME" (a bundled checkpoint), a folder with config.json, or a .gguf file.
 * NULL + ERR_DATA or ERR_IO; an unknown zoo name lists the known ones. */
struct checkpoint *checkpoint_open(const char *name);
/* The same, tokenizer and hyperparameters only: a vocabulary-only GGUF or folder without weights will do. */
struct checkpoint *checkpoint_open_vocab(const char *name);
void checkpoint_close(struct checkpoint *c);

/* NULL + ERR_DATA when absent. */
const struct tensor *checkpoint_tensor(const struct checkpoint *c, const char *name);
/* Reads everything once to fill c->hash.  0 or ERR_IO. */
int checkpoint_hash(struct checkpoint *c);

/* Where bundled files are: $CHORALE_HOME if set, else where the program was built.  Set once by cli/ and tests. */
void checkpoint_set_home(const char *home);

#endif
