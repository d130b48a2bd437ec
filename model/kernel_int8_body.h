/* The products of kernel_int8.h over vectors of LANES weight rows side by side, for each instruction set once.
 *
 * What it is included into defines what model/kernel_int8_unpack.h asks for, and over the same vectors:
 *   each(i), eachf(f)        in all lanes
 *   dot(sum, w, a)           sum + w times four signed bytes a, w unsigned and at most 63
 *   dot_signed(sum, w, a), less_signed(a), as_signed(w): the same for any signed w, prepared, from the sum they need
 *   signed_byte(x, from)      byte from / 8 of each lane, signed
 *   add, muladd (ab + c), negmuladd (-ab + c) */
#include "model/kernel_int8_unpack.h"

/* The products of a batch of MOST activation rows with LANES weight rows under way: one float chain a lane. */
#define MOST    32
#define STREAMS 4

struct int8_part {
    const uint8_t *w; /* the first of LANES rows, stride bytes apart */
    size_t stride;
    const struct kernel_int8 *x; /* (m, x_stride), of which n */
    size_t x_stride, m, n;
    size_t at; /* of the outputs */
};

INLINE vint four(const struct kernel_int8 *a, size_t i)
{
    int32_t x;
    memcpy(&x, a->q + 4 * i, sizeof x);
    return each(x);
}

/* What comes after these LANES rows is asked for while they are read: of n_parts parts of n bytes one each time, from
 * STREAMS places in turn, since memory gives more to who reads in several places at once. */
INLINE void fetch(const struct int8_part *p, size_t part, size_t n_parts, size_t n)
{
    size_t apart = (n_parts + STREAMS - 1) / STREAMS;
    const uint8_t *next = p->w + LANES * p->stride + (part % STREAMS * apart + part / STREAMS) * n;
    for (size_t i = 0; i < n; i += 64)
        _mm_prefetch((const char *)next + i, _MM_HINT_T1);
}

/* One activation row and one block of 32: integers w, their scale. */
INLINE vfloat whole(vfloat sum, const struct kernel_int8 *a, vint start, const vint w[8], vfloat scale)
{
    vint even = dot(start, w[0], four(a, 0)), odd = dot(each(0), w[1], four(a, 1));
    even = dot(even, w[2], four(a, 2));
    odd = dot(odd, w[3], four(a, 3));
    even = dot(even, w[4], four(a, 4));
    odd = dot(odd, w[5], four(a, 5));
    even = dot(even, w[6], four(a, 6));
    odd = dot(odd, w[7], four(a, 7));
    return muladd(to_float(add(even, odd)), mul(scale, eachf(a->scale)), sum);
}

INLINE vfloat whole_signed(vfloat sum, const struct kernel_int8 *a, const vint w[8], vfloat scale)
{
    vint even = dot_signed(less_signed(a), w[0], four(a, 0)), odd = dot_signed(each(0), w[1], four(a, 1));
    even = dot_signed(even, w[2], four(a, 2));
    odd = dot_signed(odd, w[3], four(a, 3));
    even = dot_signed(even, w[4], four(a, 4));
    odd = dot_signed(odd, w[5], four(a, 5));
    even = dot_signed(even, w[6], four(a, 6));
    odd = dot_signed(odd, w[7], four(a, 7));
    return muladd(to_float(add(even, odd)), mul(scale, eachf(a->scale)), sum);
}

/* Half a block. */
INLINE vfloat half(vfloat sum, const struct kernel_int8 *a, size_t k, const vint w[4], vfloat scale)
{
    vint even = dot(each(a->less32[k]), w[0], four(a, 4 * k)), odd = dot(each(0), w[1], four(a, 4 * k + 1));
    even = dot(even, w[2], four(a, 4 * k + 2));
    odd = dot(odd, w[3], four(a, 4 * k + 3));
    return muladd(to_float(add(even, odd)), mul(scale, eachf(a->scale)), sum);
}

INLINE void add_q8_0(vfloat sum[], const struct int8_part *p)
{
    const uint8_t *w = p->w;
    for (size_t b = 0; b < p->n; b++, w += 34) {
        vint q[8];
        fetch(p, b, p->n, LANES * 34);
        columns(w + 2, p->stride, q);
        columns(w + 18, p->stride, q + 4);
        vfloat scale = halves(w, p->stride);
        X86_UNROLL for (size_t i = 0; i < 8; i++) q[i] = as_signed(q[i]);
        for (size_t t = 0; t < p->m; t++)
            sum[t] = whole_signed(sum[t], p->x + t * p->x_stride + b, q, scale);
    }
}

INLINE void add_q4_0(vfloat sum[], const struct int8_part *p)
{
    const uint8_t *w = p->w;
    for (size_t b = 0; b < p->n; b++, w += 18) {
        vint q[8];
        fetch(p, b, p->n, LANES * 18);
        nibbles(w + 2, p->stride, q);
        vfloat scale = halves(w, p->stride);
        for (size_t t = 0; t < p->m; t++) {
            const struct kernel_int8 *a = p->x + t * p->x_stride + b;
            sum[t] = whole(sum[t], a, each(a->less8), q, scale);
        }
    }
}

/* Block b of q4_K: integers q, scale d, minimum m. */
INLINE void lowered(vfloat sum[], const struct int8_part *p, size_t b, const vint q[8], const vfloat dm[2])
{
    for (size_t t = 0; t < p->m; t++) {
        const struct kernel_int8 *a = p->x + t * p->x_stride + b;
        sum[t] = whole(sum[t], a, each(0), q, dm[0]);
        sum[t] = negmuladd(dm[1], eachf(a->scale_sum), sum[t]);
    }
}

INLINE void add_q4_k(vfloat sum[], const struct int8_part *p)
{
    const uint8_t *w = p->w;
    for (size_t b = 0; b < p->n; b += 8, w += 144) {
        vfloat d[8], m[8];
        scales4(w, p->stride, d, m);
        for (size_t j = 0; j < 8; j += 2) {
            vint both[8], q[8];
            fetch(p, (b + j) / 2, p->n / 2, LANES * 36);
            columns(w + 16 + 16 * j, p->stride, both);
            columns(w + 32 + 16 * j, p->stride, both + 4);
            X86_UNROLL for (size_t i = 0; i < 8; i++) q[i] = meet(both[i], each(0x0f0f0f0f));
            lowered(sum, p, b + j, q, (vfloat[]){ d[j], m[j] });
            X86_UNROLL for (size_t i = 0; i < 8; i++) q[i] = meet(shift_down(both[i], 4), each(0x0f0f0f0f));
            lowered(sum, p, b + j + 1, q, (vfloat[]){ d[j + 1], m[j + 1] });
        }
    }
}

INLINE void add_q6_k(vfloat sum[], const struct int8_part *p)
{
    const uint8_t *w = p->w;
    for (size_t b = 0; b < p->n; b += 8, w += 210) {
        vint s[4], low[16], high[8], q[8];
        vfloat d = halves(w + 208, p->stride);
        columns(w + 192, p->stride, s);
        X86_UNROLL for (int j = 0; j < 8; j++)
        {
            fetch(p, b + (size_t)j, p->n, LANES * 26);
            if (j % 4 == 0)
                halfway(w, p->stride, (size_t)j / 4, low, high);
            sixes(low, high, j, q);
            vfloat first = mul(d, to_float(signed_byte(s[j / 2], j % 2 * 16)));
            vfloat second = mul(d, to_float(signed_byte(s[j / 2], j % 2 * 16 + 8)));
            for (size_t t = 0; t < p->m; t++) {
                const struct kernel_int8 *a = p->x + t * p->x_stride + b + (size_t)j;
                sum[t] = half(sum[t], a, 0, q, first);
                sum[t] = half(sum[t], a, 1, q + 4, second);
            }
        }
    }
}

/* A batch of one has its sum in a register. */
#define RUN(type)                                                                                                      \
    TARGET static void run_##type(const struct int8_part *p, float *const out[])                                       \
    {                                                                                                                  \
        vfloat sum[MOST];                                                                                              \
        if (p->m == 1) {                                                                                               \
            struct int8_part one = *p;                                                                                 \
            one.m = 1;                                                                                                 \
            sum[0] = eachf(0);                                                                                         \
            add_##type(sum, &one);                                                                                     \
            storef(out[0] + p->at, sum[0]);                                                                            \
            return;                                                                                                    \
        }                                                                                                              \
        for (size_t t = 0; t < p->m; t++)                                                                              \
            sum[t] = eachf(0);                                                                                         \
        add_##type(sum, p);                                                                                            \
        for (size_t t = 0; t < p->m; t++)                                                                              \
            storef(out[t] + p->at, sum[t]);                                                                            \
    }

RUN(q8_0)
RUN(q4_0)
RUN(q4_k)
RUN(q6_k)

static void (*const runs[DTYPE_COUNT])(const struct int8_part *, float *const[]) = {
    [DTYPE_Q8_0] = run_q8_0,
    [DTYPE_Q4_0] = run_q4_0,
    [DTYPE_Q4_K] = run_q4_k,
    [DTYPE_Q6_K] = run_q6_k,
};

/* Activation rows MOST at a time, weight rows LANES at a time; what is left of these in plain C. */
static void dot_rows(const struct matmul *p, size_t from, size_t to)
{
    const struct kernel_int8 *x = p->x;
    for (size_t i = 0; i < p->m; i += MOST) {
        size_t m = p->m - i < MOST ? p->m - i : MOST;
        for (size_t j = from, n; j < to; j += n) {
            n = kernel_int8_run(p->w, j, to - j);
            n = n < LANES ? n : LANES;
            struct int8_part part = { .w = kernel_row(p->w, j),
                                      .stride = p->w->row_bytes,
                                      .x = x + i * p->stride,
                                      .x_stride = p->stride,
                                      .m = m,
                                      .n = p->w->k / KERNEL_INT8,
                                      .at = j };
            struct matmul rest = { p->w, part.x, p->stride, m, p->out + i };
            if (n == LANES)
                runs[p->w->type](&part, p->out + i);
            else
                kernel_int8_dot(&rest, j, j + n);
        }
    }
}
