#include "model/kernel_amx.h"

#if defined __x86_64__
#include "model/kernel_x86.h"
#include <cpuid.h>
#include <immintrin.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define TARGET __attribute__((target("amx-tile,amx-bf16,avx512f,avx512bw,avx512dq,avx512vl,avx2,fma,f16c")))
#define INLINE static inline __attribute__((always_inline)) TARGET

#define STREAMS 4
#define ROWS    16 /* of a tile */
#define STEP    32 /* of the inner dimension: 64 bytes */

#define ARCH_REQ_XCOMP_PERM 0x1023
#define XFEATURE_TILES      18

/* Leaf 7: tiles in bit 24, bf16 in bit 22, int8 in bit 25 of edx.  Asking for permission again is no error. */
bool kernel_amx_available(void)
{
    unsigned a = 0, b = 0, c = 0, d = 0;
    if (!__builtin_cpu_supports("avx512bw") || !__get_cpuid_count(7, 0, &a, &b, &c, &d))
        return false;
    const unsigned all = 1u << 24 | 1u << 22 | 1u << 25;
    return (d & all) == all && syscall(SYS_arch_prctl, ARCH_REQ_XCOMP_PERM, XFEATURE_TILES) == 0;
}

struct tile_config {
    uint8_t palette, start, reserved[14];
    uint16_t bytes[16]; /* of a row */
    uint8_t rows[16];
};

/* All tiles are 16 rows of 64 bytes.  A constant: compilers think that loading it reads 8 bytes alone. */
static const struct tile_config config = {
    .palette = 1,
    .bytes = { 64, 64, 64, 64, 64, 64, 64, 64 },
    .rows = { ROWS, ROWS, ROWS, ROWS, ROWS, ROWS, ROWS, ROWS },
};

/* 16 weight rows: where they lie, or copied where they do not lie one after the other or end before a step does. */
struct rows {
    const uint8_t *at;
    size_t stride; /* bytes */
};

/* Two sets of 16 weight rows, of which n are wanted, with 16 or 32 batch rows. */
struct part {
    const struct matmul *p;
    size_t j, n; /* weight rows */
    size_t i;    /* batch rows */
};

/* Weights [k, k + 32) of row r and those after it, zero beyond the matrix. */
static void copy_rows(const struct part *t, size_t r, size_t k, uint16_t to[ROWS][STEP])
{
    const struct weight *w = t->p->w;
    size_t n = w->k - k < STEP ? w->k - k : STEP;
    memset(to, 0, ROWS * STEP * sizeof **to);
    for (size_t i = 0; i < ROWS && r + i < t->n; i++)
        memcpy(to[i], (const uint16_t *)kernel_row(w, t->j + r + i) + k, n * sizeof **to);
}

/* Whether rows t->j + r .. + 15 are there and lie one after the other. */
static bool together(const struct part *t, size_t r)
{
    const struct weight *w = t->p->w;
    return r + ROWS <= t->n && (w->gap == 0 || (t->j + r) % w->group + ROWS <= w->group);
}

INLINE void load_weights(const struct part *t, size_t r, size_t k, uint16_t spare[ROWS][STEP], struct rows *out)
{
    const struct weight *w = t->p->w;
    if (together(t, r) && k + STEP <= w->k) {
        *out = (struct rows){ (const uint8_t *)kernel_row(w, t->j + r) + 2 * k, w->row_bytes };
        return;
    }
    copy_rows(t, r, k, spare);
    __asm__ volatile("" ::: "memory"); /* compilers do not see that a tile is loaded from there */
    *out = (struct rows){ (const uint8_t *)spare, sizeof spare[0] };
}

/* A tile of sums (16 weight rows, 16 batch rows) to out[i ..][j ..]. */
TARGET static void put(const struct part *t, size_t r, size_t i, const float sum[ROWS][ROWS])
{
    const struct matmul *p = t->p;
    const __m512i rows = _mm512_set_epi32(240, 224, 208, 192, 176, 160, 144, 128, 112, 96, 80, 64, 48, 32, 16, 0);
    size_t m = p->m - i < ROWS ? p->m - i : ROWS;
    __mmask16 n = (__mmask16)(t->n - r < ROWS ? (1u << (t->n - r)) - 1u : 0xffffu);
    for (size_t b = 0; b < m; b++)
        _mm512_mask_storeu_ps(p->out[i + b] + t->j + r, n, _mm512_i32gather_ps(rows, &sum[0][b], sizeof(float)));
}

INLINE const uint16_t *activations(const struct part *t, size_t i, size_t k)
{
    return (const uint16_t *)t->p->x + (i / ROWS * (t->p->stride / 2) + k / 2) * ROWS * 2;
}

/* The bytes that follow these weight rows, asked for while they are multiplied, from STREAMS places in turn: memory gives
 * more to who reads in several places at once. */
INLINE void ask(const struct part *t, size_t k)
{
    const struct weight *w = t->p->w;
    size_t step = k / STEP, apart = (w->k / STEP + STREAMS - 1) / STREAMS;
    size_t part = step % STREAMS * apart + step / STREAMS;
    const char *next = (const char *)kernel_row(w, t->j) + 2 * ROWS * w->row_bytes + 2 * ROWS * 2 * STEP * part;
    for (size_t at = 0; at < 2 * ROWS * 2 * STEP; at += 64)
        _mm_prefetch(next + at, _MM_HINT_T1);
}

/* 32 weight rows with 16 batch rows. */
TARGET static void narrow(const struct part *t)
{
    _Alignas(64) uint16_t spare[2][ROWS][STEP];
    _Alignas(64) float sum[ROWS][ROWS];
    struct rows a, b;
    _tile_zero(0);
    _tile_zero(1);
    for (size_t k = 0; k < t->p->w->k; k += STEP) {
        if (t->i == 0)
            ask(t, k);
        load_weights(t, 0, k, spare[0], &a);
        _tile_loadd(4, a.at, a.stride);
        _tile_loadd(6, activations(t, t->i, k), 64);
        _tile_dpbf16ps(0, 4, 6);
        if (t->n <= ROWS)
            continue;
        load_weights(t, ROWS, k, spare[1], &b);
        _tile_loadd(5, b.at, b.stride);
        _tile_dpbf16ps(1, 5, 6);
    }
    _tile_stored(0, sum, sizeof sum[0]);
    put(t, 0, t->i, (const float(*)[ROWS])sum);
    if (t->n <= ROWS)
        return;
    _tile_stored(1, sum, sizeof sum[0]);
    put(t, ROWS, t->i, (const float(*)[ROWS])sum);
}

/* 32 weight rows with 32 batch rows. */
TARGET static void wide(const struct part *t)
{
    _Alignas(64) uint16_t spare[2][ROWS][STEP];
    _Alignas(64) float sum[4][ROWS][ROWS];
    struct rows a, b;
    _tile_zero(0);
    _tile_zero(1);
    _tile_zero(2);
    _tile_zero(3);
    for (size_t k = 0; k < t->p->w->k; k += STEP) {
        if (t->i == 0)
            ask(t, k);
        load_weights(t, 0, k, spare[0], &a);
        load_weights(t, ROWS, k, spare[1], &b);
        _tile_loadd(4, a.at, a.stride);
        _tile_loadd(6, activations(t, t->i, k), 64);
        _tile_loadd(5, b.at, b.stride);
        _tile_loadd(7, activations(t, t->i + ROWS, k), 64);
        _tile_dpbf16ps(0, 4, 6);
        _tile_dpbf16ps(1, 5, 6);
        _tile_dpbf16ps(2, 4, 7);
        _tile_dpbf16ps(3, 5, 7);
    }
    _tile_stored(0, sum[0], sizeof sum[0][0]);
    _tile_stored(1, sum[1], sizeof sum[0][0]);
    _tile_stored(2, sum[2], sizeof sum[0][0]);
    _tile_stored(3, sum[3], sizeof sum[0][0]);
    for (size_t s = 0; s < 4; s++)
        if (s % 2 * ROWS < t->n)
            put(t, s % 2 * ROWS, t->i + s / 2 * ROWS, (const float(*)[ROWS])sum[s]);
}

TARGET void kernel_amx_dot_bf16(const struct matmul *p, size_t from, size_t to)
{
    _tile_loadconfig(&config);
    for (size_t j = from; j < to; j += 2 * ROWS) {
        struct part t = { p, j, to - j < 2 * ROWS ? to - j : 2 * ROWS, 0 };
        for (; t.i + ROWS < p->m; t.i += 2 * ROWS)
            wide(&t);
        if (t.i < p->m)
            narrow(&t);
    }
    _tile_release(); /* a switch of tasks need not save tiles that nobody uses */
}

/* To nearest, ties to even; NaN stays NaN, quiet: as kernel_to_bf16(). */
INLINE __m256i rounded(const float *x)
{
    __m512i bits = _mm512_castps_si512(_mm512_loadu_ps(x));
    __m512i odd = _mm512_and_si512(_mm512_srli_epi32(bits, 16), _mm512_set1_epi32(1));
    __m512i up = _mm512_add_epi32(bits, _mm512_add_epi32(odd, _mm512_set1_epi32(0x7fff)));
    __mmask16 nan = _mm512_cmp_ps_mask(_mm512_castsi512_ps(bits), _mm512_castsi512_ps(bits), _CMP_UNORD_Q);
    up = _mm512_mask_or_epi32(up, nan, bits, _mm512_set1_epi32(0x400000));
    return _mm512_cvtepi32_epi16(_mm512_srli_epi32(up, 16));
}

TARGET void kernel_amx_round_bf16(const float *x, size_t n, size_t i, uint16_t *block)
{
    _Alignas(32) uint32_t pair[8];
    uint16_t *row = block + i / ROWS * n * ROWS + i % ROWS * 2;
    for (size_t k = 0; k < n; k += 16) {
        _mm256_store_si256((__m256i *)(void *)pair, rounded(x + k));
        for (size_t j = 0; j < 8; j++, row += 2 * ROWS)
            memcpy(row, &pair[j], sizeof pair[j]);
    }
}

#else

bool kernel_amx_available(void)
{
    return false;
}

void kernel_amx_dot_bf16(const struct matmul *p, size_t from, size_t to)
{
    (void)p;
    (void)from;
    (void)to;
}

void kernel_amx_round_bf16(const float *x, size_t n, size_t i, uint16_t *block)
{
    (void)x;
    (void)n;
    (void)i;
    (void)block;
}

#endif
