/* Kernels: the inner loops of a transformer, one table of functions per instruction set, chosen at run time.
 *
 * Laws:
 * 1. Every output element is accumulated in one fixed order over its inner dimension, whatever the number of rows in the
 *    batch, their tiling or who computes it: a row computed alone and among 63 others has the same bits.
 * 2. Tables need not agree with each other bit for bit; the table's name is part of what a run pins.  (avx2 and avx512 do
 *    agree in f32: both use 16 lanes along the inner dimension, fused multiply-adds, and one reduction tree.)
 * 3. kernel_choose() tries a table against `reference` before it is used, for the types of weights that it is asked for; one
 *    that fails is never used.
 * 4. Products of quantised weights with integer activations (dot_int8) have the same bits in every table.
 *
 * Vectors of activations start at 64-byte boundaries of their own and are zero from their length to the next multiple of
 * KERNEL_PAD, so that loops may run over the pad. */
#ifndef MODEL_KERNEL_H
#define MODEL_KERNEL_H

#include "base/text.h"
#include "model/checkpoint.h"
#include "model/kernel_kv.h"

#define KERNEL_PAD   32u /* elements; one register of bf16 */
#define KERNEL_PAGE  16u /* positions in a page of keys and values */
#define KERNEL_HEADS 4u  /* heads whose scores are held at a time */
#define KERNEL_ROWS  4u  /* weight rows widened at a time: scratch is (KERNEL_ROWS, pad(k)) floats */

static inline size_t kernel_pad(size_t n)
{
    return (n + KERNEL_PAD - 1) / KERNEL_PAD * KERNEL_PAD;
}

/* A weight matrix as it lies in the file, or some of its rows. */
struct weight {
    const char *name;
    enum dtype type;
    const void *data; /* (n, k) */
    size_t n, k;
    size_t row_bytes;
    const float *bias; /* (n,) or NULL; added by multiply(), not by the kernels */
    size_t group, gap; /* after every group rows, gap rows are not of this matrix; gap 0: one row after the other */
};

static inline const void *kernel_row(const struct weight *w, size_t j)
{
    return (const char *)w->data + (w->gap > 0 ? j + j / w->group * w->gap : j) * w->row_bytes;
}

#define KERNEL_INT8 32u /* activations that share a scale */

/* 32 activations x ~ scale q, and what products with weights stored as unsigned integers need of them. */
struct kernel_int8 {
    int8_t q[KERNEL_INT8];  /* -127 .. 127 */
    float scale, scale_sum; /* scale_sum: scale times the sum of q */
    int32_t less8, less128; /* -8, -128 times the sum of q */
    int32_t less32[2];      /* -32 times the sum of each half of q */
    int32_t unused[2];
};

/* out[i][j] = sum over k of x[i][k] * w[j][k]. */
struct matmul {
    const struct weight *w;
    const void *x; /* (m, stride): float; uint16_t (bf16) for dot_bf16; struct kernel_int8 for dot_int8 */
    size_t stride; /* elements of x: of floats and bf16 a multiple of KERNEL_PAD */
    size_t m;
    float *const *out; /* (m,) -> (w->n,) */
};

/* Heads of one position that share the keys and values of positions first .. n-1. */
struct attention {
    const float *q; /* (n_heads, head_dim) */
    size_t n_heads;
    const void *const *pages; /* (ceil(n / KERNEL_PAGE),) */
    size_t k_at, v_at;        /* bytes from a page's start to its block of keys and that of values (kernel_kv.h) */
    enum kernel_kv kv;
    size_t first, n, head_dim;
    float scale;
    float cap;          /* > 0: scores become cap tanh(score / cap) */
    const float *slope; /* (n_heads,) ALiBi: slope * (position - (n-1)) is added (https://arxiv.org/abs/2108.12409) */
    float *score;       /* scratch, (KERNEL_HEADS, n rounded up to KERNEL_PAGE) */
    float *out;         /* (n_heads, head_dim) */
};

/* Of a norm; bias of layer norms alone. */
struct kernel_norm {
    const float *weight, *bias; /* (n,) */
};

enum kernel_mode { KERNEL_F32, KERNEL_NATIVE };

struct kernels {
    const char *name;
    const char *needs; /* instruction sets, for messages */
    bool (*available)(void);
    /* Outputs [from, to) of p, weights widened to float32; scratch as above, one per thread. */
    void (*matmul)(const struct matmul *p, size_t from, size_t to, float *scratch);
    /* Whether a table that differs from the next by its products in native mode alone is worth choosing for the mode on
     * this machine; NULL: always. */
    bool (*pays)(enum kernel_mode mode);
    /* The same for bf16 weights and activations rounded to bf16, with float32 sums; NULL: this table has none. */
    void (*dot_bf16)(const struct matmul *p, size_t from, size_t to);
    /* Row i of a block of (rows rounded up to bf16_rows, n) activations: that many rows lie side by side, a pair of each in
     * turn. */
    size_t bf16_rows;
    void (*round_bf16)(const float *x, size_t n, size_t i, uint16_t *block);
    /* The same for weights of a type that kernel_has_int8(); from is a multiple of KERNEL_TILE (kernel_int8.h). */
    void (*dot_int8)(const struct matmul *p, size_t from, size_t to);
    size_t int8_many; /* batch rows from which on it goes another way for some type; 0: never */
    void (*pack_int8)(const float *x, size_t n, struct kernel_int8 *out); /* n a multiple of KERNEL_INT8 */
    void (*rms_norm)(const float *x, const float *w, size_t n, float eps, float *out);
    void (*layer_norm)(const float *x, const struct kernel_norm *w, size_t n, float eps, float *out);
    void (*attend)(const struct attention *a);
    void (*activate[ACTIVATIONS])(float *x, size_t n); /* silu, gelu by tanh, gelu */
    void (*times)(float *x, const float *y, size_t n); /* x *= y */
    void (*cap)(float *x, size_t n, float cap);        /* x = cap tanh(x / cap) */
    bool (*finite)(const float *x, size_t n);          /* no NaN, no infinity */
};

extern const struct kernels kernel_reference, kernel_avx2, kernel_avxvnni;
extern const struct kernels kernel_avx512, kernel_avx512vnni, kernel_avx512bf16, kernel_amx;

/* Types of weights, a bit each. */
#define KERNEL_TYPE(type) (UINT32_C(1) << (type))
#define KERNEL_ALL_TYPES  (KERNEL_TYPE(DTYPE_COUNT) - 1)

/* The named table, or (NULL) the best for the mode that this machine has and that agrees with the reference in products for
 * these types of weights and in everything else; what was refused on the way is appended to *refused.  NULL + ERR_USAGE:
 * unknown, not available here, or disagrees. */
const struct kernels *kernel_choose(const char *name, enum kernel_mode mode, uint32_t types, struct text *refused);

/* Compares a table with the reference on small awkward shapes, products for these types of weights.  0, or ERR_DATA naming
 * what differs. */
int kernel_try(const struct kernels *k, uint32_t types);

/* Whether activations become integers for weights of this type in native mode. */
bool kernel_has_int8(enum dtype type);

/* One weight row as floats (the embedding), in plain C: the same on all tables. */
void kernel_widen(enum dtype type, const void *row, size_t n, float out[]);
float kernel_from_bf16(uint16_t h);
uint16_t kernel_to_bf16(float x); /* to nearest, ties to even; NaN stays NaN */

#endif
