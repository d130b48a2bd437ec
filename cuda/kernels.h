/* The kernels of a forward pass: what each is given.  cuda/launch.h starts them with the right grids.
 *
 * Pointers are to the device's memory; rows of activations start at multiples of 16 bytes.  Activations come out of
 * products as float32 and go into the next as their weights want them (a `type`); the residual stream is float32.
 * Every sum has one order: a row's numbers do not depend on the rows beside it.  A flag is set to 1 where a value is
 * not finite; NULL: nobody asks. */
#ifndef CUDA_KERNELS_H
#define CUDA_KERNELS_H

#include "cuda/dialect.h"

#define CUDA_PAGE 16u /* positions in a page, as KERNEL_PAGE (model/kernel.h) */

/* The numbers of enum dtype (model/dtype.h). */
enum cuda_type {
    CUDA_F32,
    CUDA_F16,
    CUDA_BF16,
    CUDA_Q8_0,
    CUDA_Q4_0,
    CUDA_Q4_1,
    CUDA_Q5_0,
    CUDA_Q5_1,
    CUDA_Q2_K,
    CUDA_Q3_K,
    CUDA_Q4_K,
    CUDA_Q5_K,
    CUDA_Q6_K,
    CUDA_TYPES
};

enum cuda_kv { CUDA_KV_F32, CUDA_KV_BF16, CUDA_KV_Q8, CUDA_KV_TYPES };           /* enum kernel_kv */
enum cuda_activation { CUDA_SILU, CUDA_GELU_TANH, CUDA_GELU, CUDA_ACTIVATIONS }; /* enum config_activation */

/* A weight matrix as the device holds it: rows of cuda/layout.h, one every row_bytes, which is a multiple of 16. */
struct cuda_matrix {
    const void *data; /* NULL: there is none */
    uint64_t row_bytes;
    uint32_t type, n, k; /* n rows of k values */
    uint32_t unused;
};

/* weight NULL: none; bias NULL: a root-mean-square norm, otherwise a layer norm. */
struct cuda_norm {
    const float *weight, *bias;
};

struct cuda_token {
    void *own; /* the page that takes its keys and values; NULL: they are there already */
    uint32_t symbol, position;
    uint32_t pages; /* where in the table of pages those of its path begin */
    uint32_t unused;
};

/* Tokens [token, token + n) of a batch: each is at the position after the one before, and `pages` of each names pages
 * of one path (those of the last, which has the most). */
struct cuda_span {
    uint32_t token, n;
};

/* Where keys and values lie in a page, for one layer. */
struct cuda_kv_place {
    uint64_t keys_at;   /* of the layer's first head */
    uint64_t values_at; /* from a block of keys to that of values */
    uint64_t block_bytes;
    uint32_t type, n_kv_heads, head_dim; /* enum cuda_kv */
    uint32_t unused;
};

/* Embedding: x[i] = embedding[symbol] * scale (where scale > 0) + positions[position] (where there are any).  The first
 * row of each matrix is symbol or position 0. */
struct cuda_embed_args {
    const struct cuda_token *tokens;
    struct cuda_matrix embedding, positions;
    float *x; /* (n_tokens, stride) */
    uint32_t stride;
    float scale;
};
CUDA_DECLARE(cuda_embed, cuda_embed_args);

/* What lies between a half layer and the next: row i of x, x[index[i]] where index is given,
 *   x += post(back + bias)        where back is given (and then index is not)
 *   out = norm(x)                 where norm has a weight; out may be x */
struct cuda_norm_args {
    float *x;          /* (rows, stride) */
    const float *back; /* (rows, stride) or NULL */
    const float *bias; /* (dim,) or NULL */
    struct cuda_norm post, norm;
    const uint32_t *index; /* (rows,) or NULL */
    void *out;             /* (rows, stride) of type */
    uint32_t *flag;        /* of x after the sum */
    uint32_t dim, stride, type;
    float eps;
};
CUDA_DECLARE(cuda_norm_rows, cuda_norm_args);

/* Queries, keys and values of a batch: bias, norm of the heads, rotation; queries stay where they are, those of the
 * first n_queries tokens; keys and values of tokens with a page of their own go there.  half 0: nothing rotates. */
struct cuda_place_args {
    float *q;       /* (n_tokens, q_stride): n_heads heads */
    const float *k; /* (n_tokens, kv_stride): n_kv_heads heads; v too */
    const float *v;
    const float *q_bias, *k_bias, *v_bias;
    const struct cuda_token *tokens;
    struct cuda_norm q_norm, k_norm; /* (head_dim,) */
    const float *cos, *sin;          /* (positions, half) */
    uint32_t *flag;                  /* of q, k, v before the norm */
    struct cuda_kv_place kv;
    uint32_t n_tokens, n_queries, n_heads, q_stride, kv_stride, half, interleaved;
    float eps;
};
CUDA_DECLARE(cuda_place, cuda_place_args);

/* The first n positions of a layer's blocks of one page into another's, in the order of the list. */
struct cuda_copy {
    const void *from;
    void *to;
    uint64_t n;
};
struct cuda_copy_args {
    const struct cuda_copy *copies; /* (n_copies,) */
    struct cuda_kv_place kv;
    uint32_t n_copies;
};
CUDA_DECLARE(cuda_copy_pages, cuda_copy_args);

/* Attention of spans over the pages of their paths.  A path's pages are cut into splits of split_pages, each computed
 * apart; partial holds what several splits leave until they are put together.  With `own` (own.k is not NULL) the batch
 * is one token, whose queries, keys and values are made first, as cuda_place makes them but that queries stay as they
 * are. */
struct cuda_attend_args {
    struct cuda_place_args own;
    const float *q; /* (n_tokens, q_stride) */
    void *out;      /* (n_tokens, out_stride) of type */
    const struct cuda_token *tokens;
    const void *const *pages;      /* the table */
    const struct cuda_span *spans; /* (n_spans,) */
    const float *slope;            /* (n_heads,) of ALiBi, or NULL */
    float *partial;                /* (n_splits, n_tokens, n_heads, head_dim + 2): launch_attend_bytes() */
    struct cuda_kv_place kv;
    uint32_t n_tokens, n_heads, q_stride, out_stride, type;
    uint32_t window;      /* positions that are seen; 0: all */
    uint32_t split_pages; /* > 0 */
    uint32_t n_splits;    /* set by launch_attend() */
    float scale, cap;     /* cap > 0: scores become cap tanh(score / cap) */
};
/* By queries of a block, lanes that share a position, and the type of keys and values, of which float32 is not for
 * speed; for heads of up to eight times as many values as lanes, a multiple of 8. */
CUDA_DECLARE(cuda_attend_1_8_bf16, cuda_attend_args);
CUDA_DECLARE(cuda_attend_1_8_q8, cuda_attend_args);
CUDA_DECLARE(cuda_attend_1_16_bf16, cuda_attend_args);
CUDA_DECLARE(cuda_attend_1_16_q8, cuda_attend_args);
CUDA_DECLARE(cuda_attend_1_32_bf16, cuda_attend_args);
CUDA_DECLARE(cuda_attend_1_32_q8, cuda_attend_args);
CUDA_DECLARE(cuda_attend_4_8_f32, cuda_attend_args);
CUDA_DECLARE(cuda_attend_4_8_bf16, cuda_attend_args);
CUDA_DECLARE(cuda_attend_4_8_q8, cuda_attend_args);
CUDA_DECLARE(cuda_attend_4_16_f32, cuda_attend_args);
CUDA_DECLARE(cuda_attend_4_16_bf16, cuda_attend_args);
CUDA_DECLARE(cuda_attend_4_16_q8, cuda_attend_args);
CUDA_DECLARE(cuda_attend_4_32_f32, cuda_attend_args);
CUDA_DECLARE(cuda_attend_4_32_bf16, cuda_attend_args);
CUDA_DECLARE(cuda_attend_4_32_q8, cuda_attend_args);
CUDA_DECLARE(cuda_attend_any, cuda_attend_args);   /* heads of any width, a query a block */
CUDA_DECLARE(cuda_attend_merge, cuda_attend_args); /* puts splits together */

/* out = activation(gate + gate_bias) * (up + up_bias), without up activation(gate + gate_bias) alone. */
struct cuda_activate_args {
    const float *gate, *up; /* (n, stride); up NULL: none */
    const float *gate_bias, *up_bias;
    void *out; /* (n, out_stride) of type */
    uint32_t width, stride, out_stride, type, activation;
};
CUDA_DECLARE(cuda_activate, cuda_activate_args);

/* Rows of the head in place: bias, then whether they are finite, then the cap. */
struct cuda_scores_args {
    float *rows;       /* (n, stride) */
    const float *bias; /* (width,) or NULL */
    uint32_t *flag;
    uint32_t width, stride;
    float cap; /* 0: none */
};
CUDA_DECLARE(cuda_scores, cuda_scores_args);

/* Rows of float32 as rows of another type. */
struct cuda_convert_args {
    const float *x; /* (n, stride) */
    void *out;      /* (n, out_stride) of type CUDA_F32, CUDA_F16 or CUDA_BF16 */
    uint32_t width, stride, out_stride, type;
};
CUDA_DECLARE(cuda_convert, cuda_convert_args);

/* A matrix as a file holds it, into the device's layout (cuda/layout.h); launch_repack() sets what is below `type`. */
struct cuda_repack_args {
    const void *from; /* (n, bytes of a row in a file) */
    void *to;         /* (n, to_bytes) */
    uint32_t n, k, type;
    uint32_t n_blocks, block_bytes, n_planes;
    uint32_t at[4], bytes[4];
    uint64_t from_bytes, to_bytes;
};
CUDA_DECLARE(cuda_repack, cuda_repack_args);

/* Rows [from, from + n) of a matrix as values of type CUDA_F32, CUDA_F16 or CUDA_BF16. */
struct cuda_dequantise_args {
    struct cuda_matrix w;
    void *out; /* (n, stride) */
    uint32_t from, n, stride, type;
};
CUDA_DECLARE(cuda_dequantise, cuda_dequantise_args);

/* Products of few rows: out[i] = w x[i] + bias, i < m; any m, in tiles of up to 8 rows, each of which reads all of w.
 * A row's sums have one order, whatever m: what --deterministic computes with.  What may be left out is NULL (or has
 * NULL data):
 *   norm   x is normed first, into values of what w wants, every block for itself: worth it for one row.  k is a
 *          multiple of 4; rows of x, the norm's weight and its bias begin at multiples of 16 bytes
 *   gate   out = activation(gate x + gate_bias) * (w x + bias); of w's type
 *   add    out = add + w x + bias; may be out
 *   which  the matrix of row i, its gate too, is that which[i * which_step] * matrix_bytes after w (experts); x of row
 *          i is x[i / per] */
struct cuda_product_args {
    struct cuda_matrix w, gate;
    const void *x; /* (m, x_stride) of w's type; of CUDA_F32 where w has blocks, and where it is normed */
    const float *bias, *gate_bias;
    const float *add; /* (m, out_stride) */
    struct cuda_norm norm;
    const uint32_t *which;
    uint64_t matrix_bytes, gate_bytes;
    void *out; /* (m, out_stride) of out_type */
    uint32_t *flag;
    uint32_t m, x_stride, out_type, out_stride, which_step, per, activation;
    uint32_t
        held; /* where w has blocks: groups of 32 values of a row of x that wait at a time; set by launch_product() */
    float eps;
};

/* Products wait for weights in shared memory.  Without blocks: CUDA_PRODUCT_WAIT bytes for each row of weights of a
 * unit (4 bf16 or f16, 2 where the tile has 8 rows; twice that of float32) and stage, in front of the normed rows.
 * With blocks: for each warp, stage and row of a unit a piece of CUDA_QUANT_PIECE groups of 32 values, in front of the
 * rows of x, CUDA_QUANT_GROUP bytes a group. */
#define CUDA_PRODUCT_WAIT       4096u
#define CUDA_PRODUCT_STAGES     3u
#define CUDA_PRODUCT_STAGES_F32 1u
#define CUDA_QUANT_SLOTS        2u
#define CUDA_QUANT_PIECE        32u
#define CUDA_QUANT_GROUP        144u

/* By the type of weights and activations; the number: of rows in a tile. */
#define CUDA_PRODUCTS(stem)                                                                                            \
    CUDA_DECLARE(cuda_product_##stem##_1, cuda_product_args);                                                          \
    CUDA_DECLARE(cuda_product_##stem##_4, cuda_product_args);                                                          \
    CUDA_DECLARE(cuda_product_##stem##_1_gated, cuda_product_args);                                                    \
    CUDA_DECLARE(cuda_product_##stem##_4_gated, cuda_product_args)
CUDA_PRODUCTS(bf16);
CUDA_PRODUCTS(f16);
CUDA_PRODUCTS(f32);
CUDA_DECLARE(cuda_product_bf16_8, cuda_product_args);
CUDA_DECLARE(cuda_product_f16_8, cuda_product_args);
/* With quantised weights; the last takes every type with blocks. */
#define CUDA_QUANT_PRODUCTS(stem)                                                                                      \
    CUDA_DECLARE(cuda_product_##stem##_1, cuda_product_args);                                                          \
    CUDA_DECLARE(cuda_product_##stem##_4, cuda_product_args)
CUDA_QUANT_PRODUCTS(q8_0);
CUDA_QUANT_PRODUCTS(q4_0);
CUDA_QUANT_PRODUCTS(q4_k);
CUDA_QUANT_PRODUCTS(q6_k);
CUDA_QUANT_PRODUCTS(quant);

/* The experts of each token by its scores (model/experts.h): the softmax over all, the n_chosen largest, of equal ones
 * the first, in the order of their numbers. */
struct cuda_choice {
    uint32_t expert;
    float weight;
};
struct cuda_route_args {
    const float *scores;         /* (n_tokens, stride) */
    struct cuda_choice *choices; /* (n_tokens, n_chosen) */
    uint32_t *flag;
    uint32_t n_tokens, n_experts, stride, n_chosen, share;
};
CUDA_DECLARE(cuda_route, cuda_route_args);

/* The tokens of each expert, in their order: expert e has rows first[e] .. first[e + 1] - 1 of a packed block, row[i]
 * of which is that of choice i (of n_tokens * n_chosen). */
struct cuda_pack_args {
    const struct cuda_choice *choices;
    uint32_t *first; /* (n_experts + 1,) */
    uint32_t *row;   /* (n_tokens * n_chosen,) */
    uint32_t n_tokens, n_chosen, n_experts;
};
CUDA_DECLARE(cuda_pack, cuda_pack_args);

/* x of each choice into its row of the packed block. */
struct cuda_gather_args {
    const void *x; /* (n_tokens, row_bytes) */
    const uint32_t *row;
    void *out; /* (n_tokens * n_chosen, row_bytes), row_bytes a multiple of 16 */
    uint32_t row_bytes, n_chosen;
};
CUDA_DECLARE(cuda_gather, cuda_gather_args);

/* out[token] = the sum over its choices, in their order, of weight * back[row of the choice]; row NULL: back is in the
 * order of choices. */
struct cuda_combine_args {
    const float *back; /* (n_tokens * n_chosen, stride) */
    const struct cuda_choice *choices;
    const uint32_t *row;
    float *out; /* (n_tokens, stride) */
    uint32_t dim, stride, n_chosen;
};
CUDA_DECLARE(cuda_combine, cuda_combine_args);

#endif
