/* A model on a card: its weights, the blocks that a pass computes in, and what a batch is told in. */
#ifndef CUDA_MODEL_H
#define CUDA_MODEL_H

#include "cuda/batch.h"
#include "cuda/gemm.h"
#include "cuda/swap.h"
#include "cuda/weightmap.h"

#define MODEL_FEW   8u   /* rows up to which products are cuda_product's, which reads the weights once for them */
#define MODEL_ROWS  256u /* rows of the head at a time */
#define MODEL_TILE  (32u << 20) /* bytes of a matrix with blocks that are widened at a time */
#define MODEL_SPLIT 16u         /* pages of a split of attention, where it may not depend on the batch */

/* Blocks of activations; strides in elements, a multiple of 32. */
struct model_blocks {
    float *x;        /* (max_tokens, dim) the residual stream */
    void *normed[3]; /* (max_tokens, dim) as CUDA_F32, CUDA_F16, CUDA_BF16: those that weights want */
    void *beside[3]; /* the same, of the feed-forward part beside attention; NULL where that comes after it */
    float *qkv;      /* (max_tokens, (n_heads + 2 n_kv_heads) * head_dim) */
    void *attended;  /* (max_tokens, n_heads * head_dim) of o's activations */
    float *gate_up;  /* (max_tokens, 2 * ffn) */
    void *active;    /* (max_tokens, ffn) of down's activations */
    float *back;     /* (max_tokens, dim) what a half layer adds */
    void *head;      /* (rows, dim) of the head's activations */
    float *scores;   /* (rows, n_scores) or hidden states */
    void *tile;      /* the part of a matrix that is widened */
    uint64_t tile_bytes;
    float *partial; /* of attention, partial_bytes; grows */
    uint64_t partial_bytes;
    uint32_t dim, q, qkv_width, ffn, scores_stride; /* strides */
    uint32_t rows;
    void *slab; /* all but partial */
};

/* Of layers with experts; NULL without. */
struct model_experts {
    float *scores; /* (max_tokens, n_experts) */
    struct cuda_choice *choices;
    uint32_t *first, *row;
    void *packed;     /* (max_tokens * n_chosen, dim) */
    float *gate, *up; /* (max_tokens * n_chosen, expert_ffn) */
    void *active;
    float *back;          /* (max_tokens * n_chosen, dim) */
    uint32_t stride, ffn; /* of scores; of gate, up, active */
    uint32_t *host_first; /* pinned, (n_experts + 1,) */
};

struct device_model {
    struct device_context *c;
    struct launch_on on;  /* of passes */
    struct device_spec s; /* its pointers to host memory are gone but for none: only numbers are used */
    struct weightmap_top top;
    struct weightmap_layer *layers; /* (n_layers,) */
    struct swap *swap;
    char *top_base;
    struct model_blocks b;
    struct model_experts e;
    struct batch *batch;
    struct gemm_plans *plans;
    struct capture *capture;
    float *table[DEVICE_TABLES][2]; /* cos, sin */
    uint32_t *windows, *tables;     /* (n_layers,) of struct device_layer */
    uint32_t *flags;                /* (n_layers + 1,) pinned: kernels set them there, which is rare */
    float *host_rows;               /* pinned, host_rows_bytes */
    uint64_t host_rows_bytes;
};

/* Bytes that blocks take, and their slab laid out where base is given. */
uint64_t model_blocks_lay(const struct device_spec *s, struct model_blocks *b, struct model_experts *e, char *base);

void model_need(const struct device_spec *s, struct device_need *out);
int model_open(struct device_context *c, const struct device_spec *s, struct device_model **out,
               struct device_error *error);
void model_close(struct device_model *m);
int model_table(struct device_model *m, uint32_t table, uint64_t n_positions, const float *const cos_sin[2],
                struct device_error *error);
int model_run(struct device_model *m, const struct device_batch *b, struct device_error *error);

#endif
