/* Keys and values into pages, and copies of pages, against the host's. */
#include "cuda/launch.h"
#include "model/kernel.h"
#include "model/rope.h"
#include "tests/emulate/device.h"
#include "tests/lib/check.h"
#include <stdlib.h>

static const struct launch_on plainly = { .stream = NULL };

enum { TOKENS = 3, HEADS = 5, KV_HEADS = 2 };

struct shape {
    uint32_t dim, rotary, interleaved, biases, norms; /* norms: 1 root mean square, 2 layer */
};

static const struct shape shapes[] = {
    { 64, 64, 0, 0, 0 }, { 128, 128, 1, 1, 0 }, { 20, 8, 0, 1, 1 }, { 80, 32, 1, 0, 2 }, { 264, 0, 0, 1, 1 },
};

struct one {
    struct cuda_place_args a;
    const float *q;
    char *pages[TOKENS];
    size_t q_bytes, page_bytes;
};

static void reset(void *ctx)
{
    struct one *o = ctx;
    memcpy(o->a.q, o->q, o->q_bytes);
    for (size_t i = 0; i < TOKENS; i++)
        memset(o->pages[i], 0, o->page_bytes);
}

static void run(void *ctx)
{
    struct one *o = ctx;
    check(launch_place(&o->a, plainly) == cudaSuccess, "a launch");
}

static float *made(size_t n, uint64_t seed)
{
    float *x = device_new(n * sizeof *x);
    device_fill(x, n, seed);
    return x;
}

/* A head as the host would make it. */
static void reference(const struct one *o, const struct shape *s, const struct rope *r, const struct cuda_norm *n,
                      const float *bias, size_t position, float *x)
{
    for (uint32_t d = 0; bias && d < s->dim; d++)
        x[d] += bias[d];
    if (!n)
        return;
    if (n->weight && n->bias)
        kernel_reference.layer_norm(x, &(struct kernel_norm){ n->weight, n->bias }, s->dim, o->a.eps, x);
    else if (n->weight)
        kernel_reference.rms_norm(x, n->weight, s->dim, o->a.eps, x);
    if (r->half > 0)
        rope_turn(r, position, x, 1);
}

static void check_heads(const struct one *o, const struct shape *s, const struct rope *r, enum kernel_kv kv)
{
    const struct cuda_token *tokens = o->a.tokens;
    float x[264], got[264];
    double worst = 0, worst_page = 0;
    for (size_t i = 0; i < TOKENS; i++)
        for (uint32_t h = 0; h < HEADS + 2 * KV_HEADS; h++) {
            uint32_t own = h < HEADS ? h : (h - HEADS) % KV_HEADS, is_v = h >= HEADS + KV_HEADS;
            const float *from = h < HEADS ? o->q + i * o->a.q_stride : (is_v ? o->a.v : o->a.k) + i * o->a.kv_stride;
            const float *bias = h < HEADS ? o->a.q_bias : is_v ? o->a.v_bias : o->a.k_bias;
            const struct cuda_norm *n = is_v ? NULL : h < HEADS ? &o->a.q_norm : &o->a.k_norm;
            memcpy(x, from + own * s->dim, s->dim * sizeof *x);
            if (h >= HEADS || i < o->a.n_queries)
                reference(o, s, r, n, bias ? bias + own * s->dim : NULL, tokens[i].position, x);
            if (h < HEADS) {
                for (uint32_t d = 0; d < s->dim; d++)
                    worst = fmax(worst, fabs((double)(o->a.q[i * o->a.q_stride + own * s->dim + d] - x[d])));
            } else if (tokens[i].own) {
                const char *block = o->pages[i] + o->a.kv.keys_at + own * o->a.kv.block_bytes;
                block += is_v ? o->a.kv.values_at : 0;
                kernel_kv_get(kv, block, s->dim, tokens[i].position % KERNEL_PAGE, got);
                double most = 0.1;
                for (uint32_t d = 0; d < s->dim; d++)
                    most = fmax(most, fabs((double)x[d]));
                for (uint32_t d = 0; d < s->dim; d++)
                    worst_page = fmax(worst_page, fabs((double)(got[d] - x[d])) / most);
            }
        }
    check_near(worst, 0, 3e-6, "width %u: queries", s->dim);
    /* half a step of a bf16, and of 127 to the largest */
    check_near(worst_page, 0, kv == KERNEL_KV_F32 ? 3e-6 : 4e-3, "width %u, %s: pages", s->dim, kernel_kv_name(kv));
}

static void one_shape(const struct shape *s, enum kernel_kv kv)
{
    struct rope r = { .half = s->rotary / 2, .head_dim = s->dim, .interleaved = s->interleaved };
    struct one o = { .page_bytes = 4 * KV_HEADS * kernel_kv_bytes(kv, s->dim) };
    struct cuda_token *tokens = device_new(TOKENS * sizeof *tokens);
    uint32_t *flag = device_put(&(uint32_t){ 0 }, sizeof *flag);
    r.cos = made(40 * r.half + 1, 1);
    r.sin = made(40 * r.half + 1, 2);
    o.a = (struct cuda_place_args){ .n_tokens = TOKENS, .n_queries = 2, .n_heads = HEADS, .eps = 1e-5f, .flag = flag };
    o.a.kv = (struct cuda_kv_place){ .type = (uint32_t)kv, .n_kv_heads = KV_HEADS, .head_dim = s->dim };
    o.a.kv.block_bytes = kernel_kv_bytes(kv, s->dim);
    o.a.kv.values_at = KV_HEADS * o.a.kv.block_bytes;
    o.a.kv.keys_at = 2 * o.a.kv.values_at;
    o.a.q_stride = HEADS * s->dim + 4;
    o.a.kv_stride = KV_HEADS * s->dim + 12;
    o.q_bytes = TOKENS * o.a.q_stride * sizeof(float);
    float *made_of[] = { made(TOKENS * o.a.q_stride, 3),
                         made(TOKENS * o.a.q_stride, 3),
                         made(TOKENS * o.a.kv_stride, 4),
                         made(TOKENS * o.a.kv_stride, 5),
                         made(HEADS * s->dim, 6),
                         made(KV_HEADS * s->dim, 7),
                         made(KV_HEADS * s->dim, 8),
                         made(s->dim, 9),
                         made(s->dim, 10) };
    o.a.q = made_of[0], o.q = made_of[1], o.a.k = made_of[2], o.a.v = made_of[3];
    if (s->biases)
        o.a.q_bias = made_of[4], o.a.k_bias = made_of[5], o.a.v_bias = made_of[6];
    if (s->norms)
        o.a.q_norm = o.a.k_norm = (struct cuda_norm){ made_of[7], s->norms == 2 ? made_of[8] : NULL };
    o.a.cos = r.cos, o.a.sin = r.sin, o.a.half = (uint32_t)r.half, o.a.interleaved = s->interleaved;
    for (uint32_t i = 0; i < TOKENS; i++) {
        o.pages[i] = device_new(o.page_bytes);
        tokens[i] = (struct cuda_token){ .own = i == 1 ? NULL : o.pages[i], .position = 13 * i + 3 };
    }
    o.a.tokens = tokens;
    check(device_same_in_orders(reset, run, &o, o.pages[0], o.page_bytes) &&
              device_same_in_orders(reset, run, &o, o.a.q, o.q_bytes),
          "width %u: the same in all orders", s->dim);
    check_heads(&o, s, &r, kv);
    check(*flag == 0, "width %u: all is finite", s->dim);
    made_of[3][2 * o.a.kv_stride + s->dim] = NAN;
    reset(&o);
    run(&o);
    check(*flag == 1, "width %u: a NaN among values is seen", s->dim);
    for (size_t i = 0; i < sizeof made_of / sizeof *made_of; i++)
        device_free(made_of[i]);
    for (size_t i = 0; i < TOKENS; i++)
        device_free(o.pages[i]);
    device_free(tokens);
    device_free(flag);
    device_free(r.cos);
    device_free(r.sin);
}

/* A copy of a copy, and one beside them. */
static void test_copies(enum kernel_kv kv)
{
    enum { DIM = 24 };
    size_t block = kernel_kv_bytes(kv, DIM), page = 4 * KV_HEADS * block;
    char *pages[4], *want[4];
    for (size_t i = 0; i < 4; i++) {
        pages[i] = device_new(page);
        want[i] = malloc(page);
        for (size_t k = 0; k < page; k++)
            want[i][k] = pages[i][k] = (char)(i * 41 + k * 7);
    }
    struct cuda_copy list[] = { { pages[0], pages[1], 5 }, { pages[1], pages[2], 3 }, { pages[0], pages[3], 15 } };
    struct cuda_copy_args a = { .copies = device_put(list, sizeof list), .n_copies = 3 };
    a.kv =
        (struct cuda_kv_place){ .type = (uint32_t)kv, .n_kv_heads = KV_HEADS, .head_dim = DIM, .block_bytes = block };
    a.kv.values_at = KV_HEADS * block;
    a.kv.keys_at = 2 * a.kv.values_at;
    for (size_t h = 0; h < 2 * KV_HEADS; h++) {
        size_t at = a.kv.keys_at + h * block;
        kernel_kv_copy(kv, DIM, 5, want[0] + at, want[1] + at);
        kernel_kv_copy(kv, DIM, 3, want[1] + at, want[2] + at);
        kernel_kv_copy(kv, DIM, 15, want[0] + at, want[3] + at);
    }
    for (enum emulate_order order = EMULATE_FORWARD; order <= EMULATE_SHUFFLED; order++) {
        emulate_set_order(order, 4);
        for (size_t i = 1; i < 4; i++)
            for (size_t k = 0; k < page; k++)
                pages[i][k] = (char)(i * 41 + k * 7);
        check(launch_copies(&a, plainly) == cudaSuccess, "a launch");
        for (size_t i = 0; i < 4; i++)
            check(memcmp(pages[i], want[i], page) == 0, "%s: page %zu after copies", kernel_kv_name(kv), i);
    }
    emulate_set_order(EMULATE_FORWARD, 0);
    for (size_t i = 0; i < 4; i++) {
        device_free(pages[i]);
        free(want[i]);
    }
    device_free((void *)(uintptr_t)a.copies);
}

int main(void)
{
    for (enum kernel_kv kv = KERNEL_KV_F32; kv < KERNEL_KV_TYPES; kv++) {
        for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++)
            one_shape(&shapes[i], kv);
        test_copies(kv);
    }
    return check_done("cuda_pages");
}
