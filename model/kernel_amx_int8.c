/* Products with integer activations by AMX tiles: 16 batch rows by 16 weight rows by one block of 32 an instruction.
 *
 * The integers of a block are multiplied exactly, and what is done with them in float32 is that of kernel_int8.h: the same
 * bits as on every path.  Weights of 128 rows become integers once for all batch rows, a span of the inner dimension at a
 * time; the sums of a span wait in the output. */
#include "model/kernel_int8.h"

#if defined __x86_64__
#include <string.h>

#define TARGET __attribute__((target("amx-tile,amx-int8,avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma,f16c")))
#include "model/kernel_int8_avx512.h"
#include "model/kernel_int8_unpack.h"

#define ROWS   16 /* of a batch, and of weights */
#define SPAN   16
#define GROUPS 8
#define LEAST  5 /* batch rows; fewer are faster by vectors */

/* Sums live in registers only when their loops are unrolled. */
#if defined __clang__
#define UNROLL _Pragma("clang loop unroll(full)")
#else
#define UNROLL _Pragma("GCC unroll 16")
#endif

/* A constant: compilers think that loading it reads 8 bytes alone.  Tiles 0, 1: sums; 2, 3: activations; 4, 5: weights,
 * four of each row in turn. */
struct tile_config {
    uint8_t palette, start, reserved[14];
    uint16_t bytes[16]; /* of a row */
    uint8_t rows[16];
};

static const struct tile_config of_32 = { .palette = 1,
                                          .bytes = { 64, 64, 32, 32, 64, 64 },
                                          .rows = { ROWS, ROWS, ROWS, ROWS, 8, 8 } };
static const struct tile_config of_16 = { .palette = 1,
                                          .bytes = { 64, 64, 16, 16, 64, 64 },
                                          .rows = { ROWS, ROWS, ROWS, ROWS, 4, 4 } };

/* Blocks of 16 weight rows, lane by lane. */
struct unpacked {
    vint q[SPAN][8];     /* four of each row in turn */
    vfloat first[SPAN];  /* scales; of the first 16 of q6_K */
    vfloat second[SPAN]; /* minima of q4_K; scales of the last 16 of q6_K */
};

/* 16 rows of a batch: blocks where they lie, or copied where there are no 16; what their products are scaled with. */
struct rows {
    const struct kernel_int8 *x; /* (ROWS, stride) */
    size_t stride, n;
    float scale[SPAN][ROWS], scale_sum[SPAN][ROWS];
    struct kernel_int8 spare[ROWS][SPAN + 1];
};

/* 16 rows of a batch with n_groups of 16 rows of weights, n <= SPAN blocks. */
struct part {
    const struct unpacked *w; /* (n_groups,) */
    const struct rows *x;
    size_t n, n_groups;
    float *const *out; /* (x->n,) -> (n_groups, ROWS), which hold the sums so far */
    size_t at;
    bool first;          /* nothing was summed so far */
    const uint8_t *next; /* weights to be asked for meanwhile: next_bytes of each row, next_stride apart */
    size_t next_stride, next_bytes;
    const struct kernel_int8 *next_x; /* rows of the batch likewise, or NULL */
};

TARGET static void unpack_q8_0(const uint8_t *w, size_t stride, size_t n, struct unpacked *to)
{
    for (size_t b = 0; b < n; b++, w += 34) {
        columns(w + 2, stride, to->q[b]);
        columns(w + 18, stride, to->q[b] + 4);
        to->first[b] = halves(w, stride);
    }
}

/* Unsigned bytes minus `less`. */
INLINE void lower(vint q[8], int less)
{
    X86_UNROLL for (size_t i = 0; i < 8; i++) q[i] = _mm512_sub_epi8(q[i], _mm512_set1_epi8((char)less));
}

TARGET static void unpack_q4_0(const uint8_t *w, size_t stride, size_t n, struct unpacked *to)
{
    for (size_t b = 0; b < n; b++, w += 18) {
        nibbles(w + 2, stride, to->q[b]);
        lower(to->q[b], 8);
        to->first[b] = halves(w, stride);
    }
}

TARGET static void unpack_q4_k(const uint8_t *w, size_t stride, size_t n, struct unpacked *to)
{
    for (size_t b = 0; b < n; b += 8, w += 144) {
        scales4(w, stride, to->first + b, to->second + b);
        for (size_t j = 0; j < 8; j += 2) {
            vint *low = to->q[b + j], *high = to->q[b + j + 1];
            columns(w + 16 + 16 * j, stride, low);
            columns(w + 32 + 16 * j, stride, low + 4);
            X86_UNROLL for (size_t i = 0; i < 8; i++)
            {
                high[i] = meet(shift_down(low[i], 4), each(0x0f0f0f0f));
                low[i] = meet(low[i], each(0x0f0f0f0f));
            }
        }
    }
}

TARGET static void unpack_q6_k(const uint8_t *w, size_t stride, size_t n, struct unpacked *to)
{
    for (size_t b = 0; b < n; b += 8, w += 210) {
        vint s[4], low[16], high[8];
        vfloat d = halves(w + 208, stride);
        columns(w + 192, stride, s);
        X86_UNROLL for (int j = 0; j < 8; j++)
        {
            size_t at = b + (size_t)j;
            if (j % 4 == 0)
                halfway(w, stride, (size_t)j / 4, low, high);
            sixes(low, high, j, to->q[at]);
            lower(to->q[at], 32);
            to->first[at] = mul(d, to_float(signed_byte(s[j / 2], j % 2 * 16)));
            to->second[at] = mul(d, to_float(signed_byte(s[j / 2], j % 2 * 16 + 8)));
        }
    }
}

/* Block (b, g), from 4 k of it on, into tiles; products into tile s; names of tiles must be single symbols. */
#define LOAD(x_, q_, b, g, k)                                                                                          \
    do {                                                                                                               \
        _tile_loadd(x_, x[b].q + 4 * (k), stride);                                                                     \
        _tile_loadd(q_, p->w[g].q[b] + (k), 64);                                                                       \
    } while (0)
#define LOAD_EVEN(b, g, k) LOAD(2, 4, b, g, k)
#define LOAD_ODD(b, g, k)  LOAD(3, 5, b, g, k)
#define EVEN                                                                                                           \
    do {                                                                                                               \
        _tile_zero(0);                                                                                                 \
        _tile_dpbssd(0, 2, 4);                                                                                         \
    } while (0)
#define ODD                                                                                                            \
    do {                                                                                                               \
        _tile_zero(1);                                                                                                 \
        _tile_dpbssd(1, 3, 5);                                                                                         \
    } while (0)

/* Adds what the tile found, times both scales. */
INLINE void scaled(vfloat sum[ROWS], const vint c[ROWS], const float with[ROWS], vfloat scale)
{
    UNROLL for (size_t t = 0; t < ROWS; t++) sum[t] = muladd(to_float(c[t]), mul(scale, eachf(with[t])), sum[t]);
}

INLINE void lessened(vfloat sum[ROWS], const float with[ROWS], vfloat least)
{
    UNROLL for (size_t t = 0; t < ROWS; t++) sum[t] = negmuladd(least, eachf(with[t]), sum[t]);
}

/* At step i: a row of the weights to come, and four blocks of the batch rows to come. */
INLINE void ask(const struct part *p, size_t i)
{
    for (size_t k = 4 * i; p->next_x && k < 4 * i + 4 && k < ROWS * SPAN; k++)
        _mm_prefetch((const char *)(p->next_x + k / SPAN * p->x->stride + k % SPAN), _MM_HINT_T0);
    for (size_t at = 0; i < p->n_groups * ROWS && at < p->next_bytes; at += 64)
        _mm_prefetch((const char *)p->next + i * p->next_stride + at, _MM_HINT_T1);
}

/* The sums of group g so far. */
INLINE void begin(const struct part *p, size_t g, vfloat sum[ROWS])
{
    UNROLL for (size_t t = 0; t < ROWS; t++) sum[t] =
        p->first || t >= p->x->n ? eachf(0) : _mm512_loadu_ps(p->out[t] + p->at + g * ROWS);
}

INLINE void end(const struct part *p, size_t g, const vfloat sum[ROWS])
{
    UNROLL for (size_t t = 0; t < ROWS; t++) if (t < p->x->n) storef(p->out[t] + p->at + g * ROWS, sum[t]);
}

#define RUN_BEGIN                                                                                                      \
    vint c[2][ROWS];                                                                                                   \
    vfloat sum[ROWS];                                                                                                  \
    const struct kernel_int8 *const x = p->x->x;                                                                       \
    const size_t stride = p->x->stride * sizeof *x, n = p->n, n_steps = p->n * p->n_groups;                            \
    begin(p, 0, sum)

/* Block b of group g is done: to the next one. */
#define NEXT(b, g)                                                                                                     \
    do {                                                                                                               \
        if (++b < n)                                                                                                   \
            break;                                                                                                     \
        end(p, g++, sum);                                                                                              \
        b = 0;                                                                                                         \
        if (g < p->n_groups)                                                                                           \
            begin(p, g, sum);                                                                                          \
    } while (0)

#define FORWARD(b, g)                                                                                                  \
    do {                                                                                                               \
        if (++b == n) {                                                                                                \
            b = 0;                                                                                                     \
            g++;                                                                                                       \
        }                                                                                                              \
    } while (0)

/* Step i: the products of the block after it are found while those of this one are added. */
#define STEP(i, PRODUCT, LOAD_, here, there, LESS)                                                                     \
    do {                                                                                                               \
        ask(p, i);                                                                                                     \
        if ((i) + 1 < n_steps)                                                                                         \
            PRODUCT;                                                                                                   \
        if ((i) + 2 < n_steps) {                                                                                       \
            LOAD_(lb, lg, 0);                                                                                          \
            FORWARD(lb, lg);                                                                                           \
        }                                                                                                              \
        scaled(sum, c[here], p->x->scale[b], p->w[g].first[b]);                                                        \
        LESS;                                                                                                          \
        NEXT(b, g);                                                                                                    \
        if ((i) + 1 < n_steps)                                                                                         \
            _tile_stored(there, c[there], 64);                                                                         \
    } while (0)

#define RUN(name, LESS)                                                                                                \
    TARGET static void name(const struct part *p)                                                                      \
    {                                                                                                                  \
        RUN_BEGIN;                                                                                                     \
        size_t lb = 0, lg = 0;                                                                                         \
        LOAD_EVEN(0, 0, 0);                                                                                            \
        EVEN;                                                                                                          \
        _tile_stored(0, c[0], 64);                                                                                     \
        FORWARD(lb, lg);                                                                                               \
        if (n_steps > 1)                                                                                               \
            LOAD_ODD(lb, lg, 0);                                                                                       \
        FORWARD(lb, lg);                                                                                               \
        for (size_t i = 0, b = 0, g = 0; i < n_steps; i += 2) {                                                        \
            STEP(i, ODD, LOAD_EVEN, 0, 1, LESS);                                                                       \
            if (i + 1 < n_steps)                                                                                       \
                STEP(i + 1, EVEN, LOAD_ODD, 1, 0, LESS);                                                               \
        }                                                                                                              \
    }

RUN(run_scaled, )
RUN(run_lessened, lessened(sum, p->x->scale_sum[b], p->w[g].second[b]))

/* Blocks in two halves. */
TARGET static void run_halves(const struct part *p)
{
    RUN_BEGIN;
    size_t lb = 0, lg = 0;
    LOAD_EVEN(0, 0, 0);
    LOAD_ODD(0, 0, 4);
    EVEN;
    _tile_stored(0, c[0], 64);
    for (size_t i = 0, b = 0, g = 0; i < n_steps; i++) {
        bool more = i + 1 < n_steps;
        ask(p, i);
        ODD;
        FORWARD(lb, lg);
        if (more)
            LOAD_EVEN(lb, lg, 0);
        scaled(sum, c[0], p->x->scale[b], p->w[g].first[b]);
        _tile_stored(1, c[1], 64);
        if (more) {
            EVEN;
            LOAD_ODD(lb, lg, 4);
        }
        scaled(sum, c[1], p->x->scale[b], p->w[g].second[b]);
        if (more)
            _tile_stored(0, c[0], 64);
        NEXT(b, g);
    }
}

static const struct type {
    void (*unpack)(const uint8_t *w, size_t stride, size_t n, struct unpacked *to);
    void (*run)(const struct part *p);
    const struct tile_config *config;
    size_t least; /* batch rows; fewer are faster by vectors */
} types[DTYPE_COUNT] = {
    [DTYPE_Q8_0] = { unpack_q8_0, run_scaled, &of_32, 28 },
    [DTYPE_Q4_0] = { unpack_q4_0, run_scaled, &of_32, 28 },
    [DTYPE_Q4_K] = { unpack_q4_k, run_lessened, &of_32, 28 },
    [DTYPE_Q6_K] = { unpack_q6_k, run_halves, &of_16, KERNEL_INT8_TILES },
};

/* Some groups of 16 weight rows, and batch rows by the 16. */
struct block {
    const struct matmul *p;
    size_t m;           /* batch rows */
    size_t j, n_groups; /* weight rows */
    size_t at, n;       /* blocks */
};

static void take_rows(const struct block *k, size_t i, struct rows *r)
{
    const struct kernel_int8 *x = (const struct kernel_int8 *)k->p->x + i * k->p->stride + k->at;
    r->n = k->m - i < ROWS ? k->m - i : ROWS;
    r->x = r->n == ROWS ? x : r->spare[0];
    r->stride = r->n == ROWS ? k->p->stride : SPAN + 1;
    for (size_t t = 0; t < r->n; t++) {
        if (r->n < ROWS)
            memcpy(r->spare[t], x + t * k->p->stride, k->n * sizeof *x);
        for (size_t b = 0; b < k->n; b++) {
            r->scale[b][t] = x[t * k->p->stride + b].scale;
            r->scale_sum[b][t] = x[t * k->p->stride + b].scale_sum;
        }
    }
}

/* What is read next: the same rows' next blocks, or the first ones of those that follow. */
static void look_ahead(const struct block *k, struct part *part)
{
    const struct weight *w = k->p->w;
    size_t n = w->k / KERNEL_INT8, after = k->at + k->n;
    part->next = (const uint8_t *)kernel_row(w, k->j);
    part->next += after < n ? w->row_bytes * after / n : k->n_groups * ROWS * w->row_bytes;
    part->next_stride = w->row_bytes;
    part->next_bytes = w->row_bytes * SPAN / n;
}

TARGET static void block_run(const struct block *k, const struct unpacked w[GROUPS])
{
    struct rows rows;
    memset(&rows, 0, sizeof rows);
    for (size_t i = 0; i < k->m; i += ROWS) {
        take_rows(k, i, &rows);
        __asm__ volatile("" ::: "memory"); /* compilers do not see that tiles are loaded from there */
        struct part part = { .w = w, .x = &rows, .n = k->n, .n_groups = k->n_groups, .out = k->p->out + i };
        part.at = k->j;
        part.first = k->at == 0;
        if (i == 0)
            look_ahead(k, &part);
        if (i + 2 * ROWS <= k->m)
            part.next_x = rows.x + ROWS * rows.stride;
        types[k->p->w->type].run(&part);
    }
}

/* n_groups times 16 weight rows that lie one after the other. */
TARGET static void groups_run(const struct matmul *p, size_t j, size_t n_groups)
{
    struct unpacked w[GROUPS];
    const struct weight *weight = p->w;
    size_t n = weight->k / KERNEL_INT8;
    const struct type *type = &types[weight->type];
    for (size_t at = 0; at < n; at += SPAN) {
        struct block k = { p, p->m, j, n_groups, at, n - at < SPAN ? n - at : SPAN };
        for (size_t g = 0; g < n_groups; g++)
            type->unpack((const uint8_t *)kernel_row(weight, j + g * ROWS) + weight->row_bytes * at / n,
                         weight->row_bytes, k.n, &w[g]);
        block_run(&k, w);
    }
}

TARGET static void tiles_run(const struct matmul *p, size_t from, size_t to)
{
    _tile_loadconfig(types[p->w->type].config);
    for (size_t j = from, n; j < to; j += n) {
        n = kernel_int8_run(p->w, j, to - j);
        n = n < GROUPS * ROWS ? n : GROUPS * ROWS;
        if (n >= ROWS)
            groups_run(p, j, n / ROWS);
        if (n % ROWS > 0)
            kernel_int8_dot_avx512(p, j + n / ROWS * ROWS, j + n);
    }
    _tile_release(); /* a switch of tasks need not save tiles that nobody uses */
}

void kernel_int8_dot_amx(const struct matmul *p, size_t from, size_t to)
{
    struct matmul tiles = *p, rest = *p;
    tiles.m = p->m % ROWS < LEAST ? p->m - p->m % ROWS : p->m;
    tiles.m = p->m < types[p->w->type].least ? 0 : tiles.m;
    rest.x = (const struct kernel_int8 *)p->x + tiles.m * p->stride;
    rest.out = p->out + tiles.m;
    rest.m = p->m - tiles.m;
    if (tiles.m > 0)
        tiles_run(&tiles, from, to);
    if (rest.m > 0)
        kernel_int8_dot_avx512(&rest, from, to);
}

#else
void kernel_int8_dot_amx(const struct matmul *p, size_t from, size_t to)
{
    kernel_int8_dot(p, from, to);
}
#endif
