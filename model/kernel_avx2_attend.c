/* Attention by AVX2: the order of sums of kernel_avx512_attend.c, one head after the other. */
#include "model/kernel.h"

#if defined __x86_64__
#include "model/kernel_avx2.h"
#include <math.h>
#include <string.h>

/* One head: a with its own q, slope and out. */
struct head {
    const struct attention *a;
    const float *q;
    float slope;
    float *out;
};

INLINE __m256 eight_bytes(const char *q)
{
    return _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(_mm_loadl_epi64((const __m128i *)(const void *)q)));
}

INLINE __m256 eight_bf16(const char *h)
{
    __m256i half = _mm256_cvtepu16_epi32(_mm_loadu_si128((const __m128i *)(const void *)h));
    return _mm256_castsi256_ps(_mm256_slli_epi32(half, 16));
}

/* n elements from `at` on of a block's position r, the rest zero. */
INLINE struct lanes element(enum kernel_kv kv, const char *block, size_t dim, size_t r, size_t d)
{
    size_t at = r * dim + d, n = dim - d;
    char whole[64] = { 0 };
    float scale;
    static const size_t each[KERNEL_KV_TYPES] = { 4, 2, 1 };
    const char *p = block + at * each[kv];
    if (n < 16) {
        memcpy(whole, p, n * each[kv]);
        p = whole;
    }
    if (kv == KERNEL_KV_F32)
        return load((const float *)(const void *)p);
    if (kv == KERNEL_KV_BF16)
        return (struct lanes){ eight_bf16(p), eight_bf16(p + 16) };
    memcpy(&scale, block + KERNEL_PAGE * dim + r * sizeof scale, sizeof scale);
    return mul(set1(scale), (struct lanes){ eight_bytes(p), eight_bytes(p + 8) });
}

INLINE float score(const struct head *h, enum kernel_kv kv, const char *keys, size_t r)
{
    size_t dim = h->a->head_dim;
    struct lanes s = set1(0);
    for (size_t d = 0; d < dim; d += 16)
        s = muladd(load_first(h->q + d, dim - d), element(kv, keys, dim, r, d), s);
    return sum1(s) * h->a->scale;
}

/* Scores t .. t + 15 with their cap and slope; -inf outside first .. n - 1. */
TARGET static void adjust(const struct head *h, size_t t)
{
    const struct attention *a = h->a;
    struct lanes x = load(a->score + t);
    if (a->cap > 0)
        x = cap16(x, a->cap);
    if (h->slope > 0) {
        static const float lanes[16] = { 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15 };
        x = muladd(set1(h->slope), add(set1((float)t - (float)(a->n - 1)), load(lanes)), x);
    }
    store(a->score + t, x);
    for (size_t i = t; i < t + 16; i++)
        if (i < a->first || i >= a->n)
            a->score[i] = -INFINITY;
}

INLINE void values16(const struct head *h, enum kernel_kv kv, size_t d, float total)
{
    const struct attention *a = h->a;
    struct lanes s[4] = { set1(0), set1(0), set1(0), set1(0) };
    for (size_t t = a->first; t < a->n; t++) {
        const char *values = (const char *)a->pages[t / KERNEL_PAGE] + a->v_at;
        s[t % 4] = muladd(set1(a->score[t]), element(kv, values, a->head_dim, t % KERNEL_PAGE, d), s[t % 4]);
    }
    struct lanes sum = add(add(s[0], s[1]), add(s[2], s[3]));
    store_first(h->out + d, divide(sum, set1(total)), a->head_dim - d);
}

/* Scores become their exponentials, below their largest; the sum of these. */
TARGET static float exponentials(const struct attention *a, size_t from, size_t padded)
{
    float max = -INFINITY;
    for (size_t t = a->first; t < a->n; t++)
        max = a->score[t] > max ? a->score[t] : max;
    struct lanes sum = set1(0);
    for (size_t t = from; t < padded; t += 16) {
        struct lanes e = exp16(sub(load(a->score + t), set1(max)));
        store(a->score + t, e);
        sum = add(sum, e);
    }
    return sum1(sum);
}

INLINE void attend(const struct head *h, enum kernel_kv kv)
{
    const struct attention *a = h->a;
    size_t from = a->first / 16 * 16, padded = (a->n + 15) / 16 * 16;
    for (size_t t = from; t < a->n; t++)
        a->score[t] = score(h, kv, (const char *)a->pages[t / KERNEL_PAGE] + a->k_at, t % KERNEL_PAGE);
    for (size_t t = a->n; t < padded; t++)
        a->score[t] = 0;
    for (size_t t = from; t < padded; t += 16)
        adjust(h, t);
    float total = exponentials(a, from, padded);
    for (size_t d = 0; d < a->head_dim; d += 16)
        values16(h, kv, d, total);
}

TARGET static void attend_f32(const struct head *h)
{
    attend(h, KERNEL_KV_F32);
}

TARGET static void attend_bf16(const struct head *h)
{
    attend(h, KERNEL_KV_BF16);
}

TARGET static void attend_q8(const struct head *h)
{
    attend(h, KERNEL_KV_Q8);
}

static void (*const attends[KERNEL_KV_TYPES])(const struct head *) = { attend_f32, attend_bf16, attend_q8 };

void kernel_avx2_attend(const struct attention *a)
{
    for (size_t i = 0; i < a->n_heads; i++)
        attends[a->kv](&(struct head){ a, a->q + i * a->head_dim, a->slope[i], a->out + i * a->head_dim });
}

#else

typedef int kernel_avx2_attend_unused; /* a translation unit is not empty */

#endif
