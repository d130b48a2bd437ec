/* The seam between the program and a device library: one flat table of C functions.
 *
 * A device library (libchorale-cuda.so, the tests' libchorale-emulated.so) exports device_function() under the name
 * DEVICE_SYMBOL; the program opens it at run time (model/device_open.h).  This header and model/device_rows.h need nothing else of the project and
 * nothing of CUDA, so that both sides compile alone.
 *
 * What runs there is the forward pass over one batch of token positions (model/forward.h, whose structs these mirror).  The
 * prefix tree, the page lists and the plan of a pass stay in the program; pages and, where asked for, rows lie in the device's
 * memory, as addresses that the program passes around and never reads.
 *
 * Laws:
 * 1. A function that can fail returns enum device_result and, if it is not DEVICE_OK, has filled *error.
 * 2. After DEVICE_FAULT the context is dead: every further call gives DEVICE_FAULT with the first message, but those that free.
 * 3. DEVICE_NO_MEMORY leaves everything as it was: the caller asks for less.
 * 4. One owner thread for a context and all that belongs to it.  A call returns when its results are where they belong. */
#ifndef MODEL_DEVICE_H
#define MODEL_DEVICE_H

#include "model/device_rows.h"
#include <stddef.h>
#include <stdint.h>

#define DEVICE_VERSION 1u /* of this header: both sides must have the same */
#define DEVICE_SYMBOL  "chorale_device_api"

#define DEVICE_PAGE 16u /* positions in a page of keys and values (KERNEL_PAGE) */

enum device_result {
    DEVICE_OK = 0,
    DEVICE_ABSENT = -1,    /* no driver, no card, or one that is too old */
    DEVICE_NO_MEMORY = -2, /* of the device, or pinned */
    DEVICE_FAULT = -3,     /* a call failed that cannot be repeated */
    DEVICE_NUMBERS = -4,   /* not finite: error->layer says where (n_layers: the head) */
    DEVICE_CANNOT = -5,    /* nothing like this is built here */
};

struct device_error {
    char text[480]; /* one message: object, value seen, value wanted */
    uint32_t layer;
};

/* Of weights: the numbers of enum dtype (model/dtype.h). */
enum device_type {
    DEVICE_F32,
    DEVICE_F16,
    DEVICE_BF16,
    DEVICE_Q8_0,
    DEVICE_Q4_0,
    DEVICE_Q4_1,
    DEVICE_Q5_0,
    DEVICE_Q5_1,
    DEVICE_Q2_K,
    DEVICE_Q3_K,
    DEVICE_Q4_K,
    DEVICE_Q5_K,
    DEVICE_Q6_K,
    DEVICE_TYPES
};

/* Of keys and values: the numbers and layouts of enum kernel_kv (model/kernel_kv.h). */
enum device_kv { DEVICE_KV_F32, DEVICE_KV_BF16, DEVICE_KV_Q8, DEVICE_KV_TYPES };

enum device_activation { DEVICE_SILU, DEVICE_GELU_TANH, DEVICE_GELU };

struct device_context; /* a card */
struct device_pool;    /* blocks of one size in its memory */
struct device_model;   /* the weights of a checkpoint there, and all that a pass over them needs */

struct device_info {
    char name[128]; /* "NVIDIA H200" */
    uint32_t major, minor, n_multiprocessors;
    uint64_t total, free; /* bytes */
};

struct device_open {
    uint32_t ordinal;
    /* Rows do not depend on what else is in the batch: fixed tiles and algorithms. */
    uint32_t deterministic;
};

/* A matrix (n, k) as it lies in a file, or a view of some of its rows (struct weight of model/kernel.h).  data NULL: absent. */
struct device_matrix {
    const void *data; /* in host memory, borrowed until the model is closed */
    uint64_t n, k, row_bytes;
    uint64_t group, gap; /* after every group rows, gap rows are not of this matrix; gap 0: one row after the other */
    const float *bias;   /* (n,) or NULL */
    uint32_t type;       /* enum device_type */
};

/* weight NULL: absent; bias NULL: a root-mean-square norm, else a layer norm. */
struct device_norm {
    const float *weight, *bias; /* (n,) in host memory, read once */
};

struct device_expert {
    struct device_matrix gate, up, down;
};

struct device_layer {
    struct device_matrix q, k, v, o;
    struct device_matrix gate, up, down; /* gate absent: nothing is gated */
    struct device_matrix router;
    const struct device_expert *experts;         /* (n_experts,) or NULL: a dense layer */
    struct device_norm attention_norm, mlp_norm; /* (dim,) */
    struct device_norm q_norm, k_norm;           /* (head_dim,) or absent */
    struct device_norm attention_post, mlp_post; /* (dim,) or absent */
    uint32_t window;                             /* positions that it sees, its own included; 0: all */
    uint32_t table;                              /* which table of rotary positions */
};

/* Tables of rotary positions: 0 is that of most layers, 1 that of layers with a window where these differ. */
#define DEVICE_TABLES 2u

struct device_spec {
    const struct device_layer *layers; /* (n_layers,) */
    uint32_t n_layers, dim, n_heads, n_kv_heads, head_dim, ffn;
    uint32_t n_experts, n_chosen, expert_ffn, expert_share;
    struct device_matrix embedding, head; /* the same data when tied; head.n rows are scores */
    struct device_matrix positions;       /* learned, or absent */
    struct device_norm embedding_norm, final_norm;
    float norm_eps, embedding_scale /* 0: 1 */, query_scale, attention_cap /* 0: none */, score_cap /* 0: none */;
    const float *slope;    /* (n_heads,) of ALiBi, or NULL */
    uint32_t n_turning;    /* rotating pairs of a head; 0: no rotary positions */
    uint32_t interleaved;  /* pairs (2i, 2i + 1) instead of (i, i + n_turning) */
    uint32_t parallel;     /* attention and feed-forward read the same residual stream */
    uint32_t activation;   /* enum device_activation */
    uint32_t kv;           /* enum device_kv */
    uint32_t exact;        /* weights are widened to float32 and nothing is rounded: mode f32 */
    uint32_t max_tokens;   /* of a batch */
    uint64_t weight_bytes; /* of device memory for weights at most; layers that do not fit are swapped.  0: no limit */
};

struct device_token {
    uint32_t symbol, position;
    const void *const *pages; /* host array (position / DEVICE_PAGE + 1,) of device addresses */
    void *own;                /* device address of the page that takes its keys and values, or NULL */
};

enum device_tap { DEVICE_SCORES, DEVICE_HIDDEN };

/* The row of a token after so many layers: scores, or the normed hidden state. */
struct device_row {
    uint64_t token;
    uint32_t after, tap;
    float *host;   /* where it goes, ... */
    float *device; /* ... one of the two or both; a device address of a multiple of 256 bytes */
};

struct device_copy {
    const void *from;
    void *to;
    uint64_t n; /* positions, from the first of the page on */
};

struct device_batch {
    const struct device_token *tokens; /* (n_tokens,) */
    const struct device_row *rows;     /* (n_rows,) (token, after, tap) all different */
    const struct device_copy *copies;  /* (n_copies,) in this order */
    uint64_t n_tokens, n_full;         /* the first n_full leave the last layer */
    uint64_t n_rows, n_copies;
};

/* What a model takes, before it is opened. */
struct device_need {
    uint64_t weights;     /* bytes, all resident */
    uint64_t least;       /* with as few layers resident as swapping allows */
    uint64_t activations; /* for max_tokens */
    uint64_t swapped;     /* bytes that each pass brings from the host under spec->weight_bytes */
};

struct device_counts {
    uint64_t passes, graphs, replays; /* passes run, graphs captured, passes that were a replay of one */
    uint64_t swapped;                 /* bytes brought from the host for weights */
};

/* Every slot is there but those marked "or NULL". */
struct device_api {
    uint32_t version, bytes; /* DEVICE_VERSION, sizeof (struct device_api) */
    const char *name;        /* "cuda" */

    /* A card: driver, card and its age are looked at here.  *out is NULL on failure. */
    int (*open)(const struct device_open *o, struct device_context **out, struct device_error *error);
    void (*close)(struct device_context *c);
    int (*info)(struct device_context *c, struct device_info *out, struct device_error *error);
    /* Bytes a second of a copy from device memory to device memory, read and written bytes counted. */
    int (*bandwidth)(struct device_context *c, uint64_t bytes, double *out, struct device_error *error);

    /* Blocks of `bytes` (rounded up to 256), taken from slabs.  take() gives NULL where the device has no more: no error is
     * set, the caller evicts or asks for less. */
    int (*pool_open)(struct device_context *c, uint64_t bytes, struct device_pool **out, struct device_error *error);
    void (*pool_close)(struct device_pool *p);
    void *(*pool_take)(struct device_pool *p);
    void (*pool_give)(struct device_pool *p, void *block);

    /* Host memory <-> device memory, for what is rare: tests, rows that the host must see after all. */
    int (*read)(struct device_context *c, const void *device, uint64_t bytes, void *host, struct device_error *error);
    int (*write)(struct device_context *c, void *device, uint64_t bytes, const void *host, struct device_error *error);

    /* A checkpoint.  need() touches no device; spec is borrowed until model_open() returns, matrices as they say. */
    void (*model_need)(const struct device_spec *s, struct device_need *out);
    int (*model_open)(struct device_context *c, const struct device_spec *s, struct device_model **out,
                      struct device_error *error);
    void (*model_close)(struct device_model *m);
    /* cos and sin of table `table`, (n_positions, n_turning) each: replaces what was there. */
    int (*model_table)(struct device_model *m, uint32_t table, uint64_t n_positions, const float *const cos_sin[2],
                       struct device_error *error);
    int (*model_run)(struct device_model *m, const struct device_batch *b, struct device_error *error);
    void (*counts)(const struct device_context *c,
                   struct device_counts *out); /* of all its models, since it was opened */

    /* Rows that stay, and decisions over them (model/device_rows.h).  A row is a block of row_bytes(n), whose first n floats
     * somebody has written: a pass, to its `device`. */
    uint64_t (*row_bytes)(uint32_t n);
    int (*rows_open)(struct device_context *c, uint32_t n, struct device_rows **out, struct device_error *error);
    void (*rows_close)(struct device_rows *r);
    int (*rows_measure)(struct device_rows *r, void *const rows[], uint64_t n_rows, struct device_measured out[],
                        struct device_error *error);
    int (*rows_decide)(struct device_rows *r, const struct device_decisions *d, const struct device_answers *out,
                       struct device_error *error);
};

typedef const struct device_api *device_function(void);

#endif
