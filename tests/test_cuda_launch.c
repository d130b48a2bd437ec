/* Launches for checkpoints of 1 to 70 billion weights, shown and not run: no card refuses one, and each covers its work.
 * And what a batch tells the kernels of its tokens: pages and spans. */
#include "cuda/batch.h"
#include "cuda/launch.h"
#include "cuda/layout.h"
#include "cuda/rows_launch.h"
#include "tests/emulate/device.h"
#include "tests/lib/check.h"
#include <stdlib.h>

static uint32_t among(uint32_t n)
{
    static uint64_t state = 1;
    state = state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)((state >> 33) % n);
}

#define ONE_OF(list) ((list)[among(sizeof(list) / sizeof *(list))])

static cudaLaunchConfig_t last;
static const void *last_kernel;
static struct cudaDeviceProp card;

/* A block's own shared memory is beside the dynamic, and a KB is the system's. */
static void show(const cudaLaunchConfig_t *c, const void *kernel)
{
    last_kernel = kernel;
    last = *c;
    check(c->dynamicSmemBytes + 2048 + (c->dynamicSmemBytes <= 49152 ? 0 : 1056) <= card.sharedMemPerMultiprocessor,
          "%zu bytes of shared memory on %d.%d", c->dynamicSmemBytes, card.major, card.minor);
}

static const uint32_t widths[] = { 2048, 2560, 3072, 3584, 4096, 4544, 5120, 6144, 6656, 7168, 8192, 12288, 16384 };
static const uint32_t outputs[] = { 2048, 4096, 6912, 11008, 14336, 18944, 28672, 53248, 32000, 50257, 128256, 256000 };
static void *const there = (void *)(uintptr_t)0x7f0000000000;

/* Rows of a tile of the product that was launched last. */
static uint32_t tile_of_last(void)
{
#define QUANT(stem)                                                                                                    \
    { CUDA_ENTRY(cuda_product_##stem##_1), 1 },                                                                        \
    {                                                                                                                  \
        CUDA_ENTRY(cuda_product_##stem##_4), 4                                                                         \
    }
#define PLAIN(stem)                                                                                                    \
    QUANT(stem), { CUDA_ENTRY(cuda_product_##stem##_1_gated), 1 },                                                     \
    {                                                                                                                  \
        CUDA_ENTRY(cuda_product_##stem##_4_gated), 4                                                                   \
    }
    const struct {
        const void *kernel;
        uint32_t rows;
    } all[] = { PLAIN(f32),
                PLAIN(f16),
                PLAIN(bf16),
                QUANT(q8_0),
                QUANT(q4_0),
                QUANT(q4_k),
                QUANT(q6_k),
                QUANT(quant),
                { CUDA_ENTRY(cuda_product_f16_8), 8 },
                { CUDA_ENTRY(cuda_product_bf16_8), 8 } };
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        if (all[i].kernel == last_kernel)
            return all[i].rows;
    return 0;
}

/* Any rows a grid may have: those of tokens, of which the host lets no more through (model/forward_device.c). */
static uint32_t some_rows(void)
{
    static const uint32_t few[] = { 1, 2, 3, 4, 5, 8 }, many[] = { 9, 256, 512, 8192, 65535 };
    return among(2) ? ONE_OF(few) : ONE_OF(many);
}

static void products(struct launch_on on)
{
    for (int i = 0; i < 2000; i++) {
        struct cuda_product_args a = { .w = { there, 0, among(CUDA_TYPES), ONE_OF(outputs), ONE_OF(widths), 0 },
                                       .x = there,
                                       .m = some_rows(),
                                       .per = 1 };
        const uint32_t block = layout_of(a.w.type)->block;
        a.w.k = a.w.k / block * block;
        a.w.row_bytes = layout_row_bytes(a.w.type, a.w.k);
        check(a.w.row_bytes % 16 == 0, "rows of type %u are whole sixteens", a.w.type);
        if (among(2))
            a.gate = a.w;
        if (among(2) && a.w.k * (a.w.type == CUDA_F32 ? 4 : 2) <= LAUNCH_NORM_BYTES)
            a.norm.weight = there;
        if (among(4) == 0)
            a.which = there;
        cudaError_t e = launch_product(&a, on);
        check(e == cudaSuccess, "%u x %u of type %u, %u rows, on %d.%d: %s", a.w.n, a.w.k, a.w.type, a.m, card.major,
              card.minor, cudaGetErrorName(e));
        const uint32_t tile = tile_of_last();
        check(tile > 0 && last.gridDim.y == (a.m + tile - 1) / tile && last.gridDim.x <= a.w.n,
              "%u rows by %u in %u tiles of %u blocks", a.m, tile, last.gridDim.y, last.gridDim.x);
        check(on.n_multiprocessors == 0 || last.gridDim.y > 1 || last.gridDim.x <= 2 * on.n_multiprocessors,
              "blocks that find room at once");
    }
}

static void attentions(struct launch_on on)
{
    static const uint32_t dims[] = { 64, 80, 96, 100, 128, 192, 256, 288 }, heads[] = { 8, 16, 32, 40, 64, 96, 128 };
    static const uint32_t groups[] = { 1, 2, 4, 8 }, reach[] = { 1, 255, 4096, 131072, 1048576 };
    for (int i = 0; i < 1000; i++) {
        struct cuda_attend_args a = { .n_heads = ONE_OF(heads), .split_pages = 16 };
        struct launch_attend l = { .most_tokens = 1, .n_spans = some_rows(), .most_positions = ONE_OF(reach) };
        a.kv = (struct cuda_kv_place){ .type = among(3),
                                       .n_kv_heads = a.n_heads / ONE_OF(groups),
                                       .head_dim = ONE_OF(dims) };
        a.n_tokens = l.n_spans;
        if (among(2))
            l.n_spans = 1, l.most_tokens = a.n_tokens;
        if (among(2)) {
            launch_attend_split(&a, &l, 132);
            /* of each split of each head: its sums, the largest score, their weight; eight splits a multiprocessor */
            const uint64_t splits = 8 * 132, heads_of_split = 4 * 4 * 8, of_head = (a.kv.head_dim + 2) * sizeof(float);
            check(launch_attend_bytes(&a, &l) <= splits * heads_of_split * of_head,
                  "scratch that goes with the card, not with the batch: %llu for %u spans of %u, %u heads",
                  (unsigned long long)launch_attend_bytes(&a, &l), l.n_spans, l.most_tokens, a.n_heads);
        }
        cudaError_t e = launch_attend(&a, &l, on);
        check(e == cudaSuccess, "%u spans of %u tokens, %u heads of %u, %u positions: %s", l.n_spans, l.most_tokens,
              a.n_heads, a.kv.head_dim, l.most_positions, cudaGetErrorName(e));
        const struct cuda_place_args p = { .kv = a.kv, .n_heads = a.n_heads, .n_tokens = a.n_tokens };
        check(launch_place(&p, on) == cudaSuccess, "%u heads of %u are placed", a.n_heads, a.kv.head_dim);
    }
}

static void others(struct launch_on on)
{
    for (int i = 0; i < 500; i++) {
        const uint32_t rows = some_rows(), width = ONE_OF(outputs);
        const struct cuda_activate_args act = { .width = width };
        const struct cuda_scores_args scores = { .width = width };
        const struct cuda_norm_args norm = { .dim = ONE_OF(widths) };
        const struct cuda_convert_args convert = { .width = width };
        const struct cuda_dequantise_args wide = { .w = { .k = ONE_OF(widths) }, .n = (32u << 20) / (2 * 2048) };
        check(launch_activate(&act, rows, on) == cudaSuccess && launch_scores(&scores, rows, on) == cudaSuccess &&
                  launch_norm(&norm, rows, on) == cudaSuccess && launch_convert(&convert, rows, on) == cudaSuccess &&
                  launch_dequantise(&wide, on) == cudaSuccess,
              "%u rows of %u", rows, width);
    }
}

static void launches(const char *capability)
{
    setenv("CHORALE_EMULATE_CAPABILITY", capability, 1);
    check(cudaGetDeviceProperties(&card, 0) == cudaSuccess && launch_prepare() == cudaSuccess &&
              rows_launch_prepare() == cudaSuccess,
          "shared memory is to be had on %s", capability);
    for (uint32_t n = 0; n <= 132; n += 66) {
        const struct launch_on on = { .overlaps = card.major >= 9, .n_multiprocessors = n };
        products(on);
        attentions(on);
        others(on);
    }
}

enum { TOKENS = 40, LISTS = 6, REACH = 70 };

/* Tokens of some paths, each at the position after the one before or anywhere. */
static void fill(struct device_token t[TOKENS], const void *const *lists)
{
    for (size_t i = 0; i < TOKENS; i++) {
        t[i] = (struct device_token){ .position = among(REACH * DEVICE_PAGE), .pages = lists + among(LISTS) * REACH };
        if (i > 0 && among(3) > 0 && t[i - 1].position + 1 < REACH * DEVICE_PAGE) {
            t[i].position = t[i - 1].position + 1;
            t[i].pages = t[i - 1].pages;
        }
    }
}

/* Every token in one span, those that leave the last layer in the first; its path's pages as the program has them. */
static void told(const struct batch *b, const struct device_batch *d)
{
    uint32_t next = 0, most = 0;
    for (uint32_t i = 0; i < b->n_spans; i++) {
        const struct cuda_span s = b->spans[i];
        check(s.token == next && s.n > 0 && s.n <= b->most_tokens, "spans follow each other");
        check((i < b->n_full_spans) == (s.token < d->n_full) && (s.token >= d->n_full || s.token + s.n <= d->n_full),
              "none is of both kinds");
        for (uint32_t k = 1; k < s.n; k++)
            check(d->tokens[s.token + k].pages == d->tokens[s.token].pages &&
                      b->tokens[s.token + k].position == b->tokens[s.token].position + k,
                  "one path, position by position");
        next += s.n;
    }
    for (size_t i = 0; i < TOKENS; i++) {
        const struct device_token *t = &d->tokens[i];
        check(memcmp(b->pages + b->tokens[i].pages, t->pages, (t->position / DEVICE_PAGE + 1) * sizeof *t->pages) == 0,
              "token %zu: pages", i);
        most = t->position + 1 > most ? t->position + 1 : most;
    }
    check(next == TOKENS && b->most_positions == most, "all tokens");
}

static void batches(void)
{
    const void *lists[LISTS * REACH];
    struct device_context *c = NULL;
    struct device_error e;
    struct batch *b = NULL;
    struct device_token t[TOKENS];
    for (size_t i = 0; i < LISTS * REACH; i++)
        lists[i] = (const char *)there + 4096 * i;
    check(card_open(&(struct device_open){ 0 }, &c, &e) == DEVICE_OK && batch_open(c, TOKENS, &b, &e) == DEVICE_OK,
          "a card");
    for (int i = 0; i < 50 && b; i++) {
        fill(t, lists);
        const struct device_batch d = { .tokens = t, .n_tokens = TOKENS, .n_full = among(TOKENS + 1) };
        check(batch_send(b, &d, i % 2 ? BATCH_JOINED : BATCH_ALONE, &e) == DEVICE_OK, "a batch");
        told(b, &d);
    }
    batch_close(b);
    card_close(c);
}

int main(void)
{
    batches();
    emulate_set_shown(show);
    launches("80");
    launches("86");
    launches("90");
    launches("120");
    return check_done("cuda_launch");
}
