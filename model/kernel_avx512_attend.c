/* Attention by AVX-512: up to four heads share the loads of keys and values, whatever type these have. */
#include "model/kernel.h"

#if defined __x86_64__
#include "model/kernel_avx512.h"
#include <math.h>
#include <string.h>

/* Heads h .. of a; those and the type are constants where this is inlined. */
struct heads {
    const struct attention *a;
    size_t h, stride; /* floats from a head's scores to the next one's */
};

/* Elements d .. of position r of a block, those beyond the mask zero. */
INLINE __m512 element(enum kernel_kv kv, const char *block, size_t at, __mmask16 m)
{
    if (kv == KERNEL_KV_F32)
        return _mm512_maskz_loadu_ps(m, block + at * 4);
    if (kv == KERNEL_KV_BF16)
        return _mm512_castsi512_ps(
            _mm512_slli_epi32(_mm512_cvtepu16_epi32(_mm256_maskz_loadu_epi16(m, block + at * 2)), 16));
    return _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(_mm_maskz_loadu_epi8(m, block + at)));
}

/* The scale of position r, for q8 alone. */
INLINE __m512 scaled(enum kernel_kv kv, const char *block, size_t dim, size_t r, __m512 x)
{
    float scale;
    if (kv != KERNEL_KV_Q8)
        return x;
    memcpy(&scale, block + KERNEL_PAGE * dim + r * sizeof scale, sizeof scale);
    return _mm512_mul_ps(_mm512_set1_ps(scale), x);
}

/* Scores t .. t + 15 of head h with their cap and slope; -inf before first. */
INLINE __m512 adjusted(const struct attention *a, size_t h, size_t t, __m512 x)
{
    if (a->cap > 0)
        x = cap16(x, a->cap);
    if (a->slope[h] > 0) {
        const __m512 lanes = _mm512_set_ps(15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0);
        __m512 away = _mm512_add_ps(_mm512_set1_ps((float)t - (float)(a->n - 1)), lanes);
        x = _mm512_fmadd_ps(_mm512_set1_ps(a->slope[h]), away, x);
    }
    __mmask16 before = t < a->first ? first(a->first - t) : 0;
    return _mm512_mask_mov_ps(x, before, _mm512_set1_ps(-INFINITY));
}

/* The scores of keys r .. r + 3 of a block, at positions from t on. */
INLINE void score4(const struct heads *g, size_t n, enum kernel_kv kv, const char *keys, size_t t)
{
    const struct attention *a = g->a;
    size_t dim = a->head_dim, r = t % KERNEL_PAGE;
    __m512 s[KERNEL_HEADS][4];
    X86_UNROLL for (size_t h = 0; h < n; h++) X86_UNROLL for (size_t i = 0; i < 4; i++) s[h][i] = _mm512_setzero_ps();
    for (size_t d = 0; d < dim; d += 16) {
        __mmask16 m = first(dim - d);
        __m512 q[KERNEL_HEADS];
        X86_UNROLL for (size_t h = 0; h < n; h++) q[h] = _mm512_maskz_loadu_ps(m, a->q + (g->h + h) * dim + d);
        X86_UNROLL for (size_t i = 0; i < 4; i++)
        {
            __m512 k = scaled(kv, keys, dim, r + i, element(kv, keys, (r + i) * dim + d, m));
            X86_UNROLL for (size_t h = 0; h < n; h++) s[h][i] = _mm512_fmadd_ps(q[h], k, s[h][i]);
        }
    }
    X86_UNROLL for (size_t h = 0; h < n; h++) _mm_storeu_ps(
        a->score + h * g->stride + t, _mm_mul_ps(sum4(s[h][0], s[h][1], s[h][2], s[h][3]), _mm_set1_ps(a->scale)));
}

/* out[d .. d + 15] = sum of score * value / total.  Four sums, of the positions t modulo 4, so that one addition need not
 * wait for the last. */
INLINE void values16(const struct heads *g, size_t n, enum kernel_kv kv, size_t d, const float total[])
{
    const struct attention *a = g->a;
    size_t dim = a->head_dim;
    __mmask16 m = first(dim - d);
    __m512 s[KERNEL_HEADS][4];
    X86_UNROLL for (size_t h = 0; h < n; h++) X86_UNROLL for (size_t i = 0; i < 4; i++) s[h][i] = _mm512_setzero_ps();
    for (size_t t = a->first / 4 * 4; t < a->n; t += 4) {
        const char *values = (const char *)a->pages[t / KERNEL_PAGE] + a->v_at;
        size_t r = t % KERNEL_PAGE, left = a->n - t;
        X86_UNROLL for (size_t i = 0; i < 4; i++)
        {
            if (i >= left)
                continue;
            __m512 v = scaled(kv, values, dim, r + i, element(kv, values, (r + i) * dim + d, m));
            X86_UNROLL for (size_t h = 0; h < n; h++) s[h][i] =
                _mm512_fmadd_ps(_mm512_set1_ps(a->score[h * g->stride + t + i]), v, s[h][i]);
        }
    }
    X86_UNROLL for (size_t h = 0; h < n; h++)
    {
        __m512 sum = _mm512_add_ps(_mm512_add_ps(s[h][0], s[h][1]), _mm512_add_ps(s[h][2], s[h][3]));
        _mm512_mask_storeu_ps(a->out + (g->h + h) * dim + d, m, _mm512_div_ps(sum, _mm512_set1_ps(total[h])));
    }
}

/* Scores of one head become their exponentials, below their largest; the sum of these. */
TARGET static float exponentials(const struct attention *a, float *score)
{
    __m512 max = _mm512_set1_ps(-INFINITY), sum = _mm512_setzero_ps();
    size_t from = a->first / KERNEL_PAGE * KERNEL_PAGE;
    for (size_t t = from; t < a->n; t += 16)
        max = _mm512_mask_max_ps(max, first(a->n - t), max, _mm512_loadu_ps(score + t));
    max = _mm512_set1_ps(_mm512_reduce_max_ps(max));
    for (size_t t = from; t < a->n; t += 16) {
        __mmask16 m = first(a->n - t);
        __m512 e = exp16(_mm512_sub_ps(_mm512_maskz_loadu_ps(m, score + t), max));
        _mm512_mask_storeu_ps(score + t, m, e);
        sum = _mm512_add_ps(sum, _mm512_maskz_mov_ps(m, e));
    }
    return sum1(sum);
}

INLINE void attend(const struct heads *g, size_t n, enum kernel_kv kv)
{
    const struct attention *a = g->a;
    float total[KERNEL_HEADS];
    for (size_t t = a->first / KERNEL_PAGE * KERNEL_PAGE; t < a->n; t += KERNEL_PAGE) {
        const char *keys = (const char *)a->pages[t / KERNEL_PAGE] + a->k_at;
        for (size_t r = 0; r < KERNEL_PAGE && t + r < a->n; r += 4)
            score4(g, n, kv, keys, t + r);
        for (size_t h = 0; h < n; h++) {
            float *score = a->score + h * g->stride + t;
            _mm512_storeu_ps(score, adjusted(a, g->h + h, t, _mm512_loadu_ps(score)));
        }
    }
    for (size_t h = 0; h < n; h++)
        total[h] = exponentials(a, a->score + h * g->stride);
    for (size_t d = 0; d < a->head_dim; d += 16)
        values16(g, n, kv, d, total);
}

#define ATTEND(type, kv)                                                                                               \
    TARGET static void type##_1(const struct heads *g)                                                                 \
    {                                                                                                                  \
        attend(g, 1, kv);                                                                                              \
    }                                                                                                                  \
    TARGET static void type##_2(const struct heads *g)                                                                 \
    {                                                                                                                  \
        attend(g, 2, kv);                                                                                              \
    }                                                                                                                  \
    TARGET static void type##_4(const struct heads *g)                                                                 \
    {                                                                                                                  \
        attend(g, 4, kv);                                                                                              \
    }

ATTEND(f32, KERNEL_KV_F32)
ATTEND(bf16, KERNEL_KV_BF16)
ATTEND(q8, KERNEL_KV_Q8)

static void (*const attends[KERNEL_KV_TYPES][3])(const struct heads *) = {
    [KERNEL_KV_F32] = { f32_1, f32_2, f32_4 },
    [KERNEL_KV_BF16] = { bf16_1, bf16_2, bf16_4 },
    [KERNEL_KV_Q8] = { q8_1, q8_2, q8_4 },
};

void kernel_avx512_attend(const struct attention *a)
{
    struct heads g = { a, 0, (a->n + KERNEL_PAGE - 1) / KERNEL_PAGE * KERNEL_PAGE };
    for (; g.h + 4 <= a->n_heads; g.h += 4)
        attends[a->kv][2](&g);
    for (; g.h + 2 <= a->n_heads; g.h += 2)
        attends[a->kv][1](&g);
    if (g.h < a->n_heads)
        attends[a->kv][0](&g);
}

#else

typedef int kernel_avx512_attend_unused; /* a translation unit is not empty */

#endif
