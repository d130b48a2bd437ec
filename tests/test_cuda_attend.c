/* Attention of the device against the reference, over pages in any order: spans of one and of many tokens, shared
 * heads, windows, slopes, caps, splits, types of keys and values, widths of heads. */
#include "cuda/launch.h"
#include "model/kernel.h"
#include "tests/emulate/device.h"
#include "tests/lib/check.h"
#include <stdlib.h>

static const struct launch_on plainly = { .stream = NULL };

enum { MOST_TOKENS = 24, MOST_PAGES = 64 };

struct shape {
    const char *what;
    uint32_t heads, kv_heads, dim, window, slopes, split;
    float cap;
    uint32_t n_spans, first[3], n[3]; /* positions of the spans' first tokens; how many tokens */
};

static const struct shape shapes[] = {
    { "one token", 4, 4, 16, 0, 0, 100, 0, 1, { 0 }, { 1 } },
    { "one token, long", 2, 2, 128, 0, 0, 100, 0, 1, { 150 }, { 1 } },
    { "three tokens, shared heads", 8, 2, 64, 0, 0, 100, 0, 3, { 0, 77, 15 }, { 1, 1, 1 } },
    { "three heads on one", 3, 1, 128, 0, 0, 100, 0, 2, { 33, 16 }, { 1, 1 } },
    { "six heads on one", 12, 2, 72, 0, 0, 2, 0, 2, { 100, 5 }, { 1, 1 } },
    { "split", 4, 2, 128, 0, 0, 1, 0, 3, { 90, 3, 40 }, { 1, 1, 1 } },
    { "a window in splits", 4, 1, 64, 20, 0, 2, 0, 2, { 140, 9 }, { 1, 1 } },
    { "slopes", 4, 4, 32, 0, 1, 3, 0, 2, { 70, 20 }, { 1, 1 } },
    { "a cap", 2, 1, 256, 0, 0, 100, 5, 2, { 50, 31 }, { 1, 1 } },
    { "a span", 4, 2, 128, 0, 0, 100, 0, 2, { 0, 13 }, { 11, 7 } },
    { "spans and a token, split, window", 2, 2, 64, 9, 1, 1, 30, 3, { 20, 64, 41 }, { 9, 1, 5 } },
    { "awkward heads", 4, 2, 20, 11, 1, 2, 3, 3, { 20, 64, 41 }, { 3, 1, 5 } },
    { "wide heads", 2, 1, 264, 0, 0, 100, 0, 1, { 35 }, { 2 } },
};

struct one {
    struct cuda_attend_args a;
    struct launch_attend l;
    void *pages[3][MOST_PAGES];
    struct cuda_token tokens[MOST_TOKENS];
    struct cuda_span spans[3];
    size_t page_bytes, n_tokens;
    float *q;
};

static void run(void *ctx)
{
    struct one *o = ctx;
    check(launch_attend(&o->a, &o->l, plainly) == cudaSuccess, "a launch");
}

/* Keys and values of each position, and NaN beyond the last: what a page holds there is anything. */
static void fill_pages(struct one *o, const struct shape *s, uint32_t span, enum kernel_kv kv)
{
    uint32_t n = s->first[span] + s->n[span];
    float *x = malloc(s->dim * sizeof *x);
    for (uint32_t p = 0; p * KERNEL_PAGE < n; p++) {
        char *page = o->pages[span][p] = device_new(o->page_bytes);
        for (uint32_t at = 0; at < KERNEL_PAGE && p * KERNEL_PAGE + at < n; at++)
            for (uint32_t h = 0; h < 2 * s->kv_heads; h++) {
                device_fill(x, s->dim, 1000 * span + 100000 * h + p * KERNEL_PAGE + at);
                kernel_kv_put(kv, x, s->dim, at, page + o->a.kv.keys_at + h * o->a.kv.block_bytes);
            }
    }
    free(x);
}

static void fill(struct one *o, const struct shape *s, enum kernel_kv kv)
{
    struct cuda_attend_args *a = &o->a;
    const void **table = device_new(3 * MOST_PAGES * sizeof *table);
    float *slope = device_new(s->heads * sizeof *slope);
    *a = (struct cuda_attend_args){ .n_heads = s->heads, .window = s->window, .split_pages = s->split, .cap = s->cap };
    a->kv = (struct cuda_kv_place){ .type = (uint32_t)kv, .n_kv_heads = s->kv_heads, .head_dim = s->dim };
    a->kv.block_bytes = kernel_kv_bytes(kv, s->dim);
    a->kv.keys_at = 2 * s->kv_heads * a->kv.block_bytes; /* of a second layer */
    a->kv.values_at = s->kv_heads * a->kv.block_bytes;
    a->scale = 1 / sqrtf((float)s->dim);
    a->q_stride = s->heads * s->dim + 8;
    a->out_stride = s->heads * s->dim + 16;
    o->page_bytes = 2 * a->kv.keys_at;
    o->l = (struct launch_attend){ .n_spans = s->n_spans, .most_tokens = 1, .most_positions = 160 };
    for (uint32_t i = 0; i < s->n_spans; i++) {
        fill_pages(o, s, i, kv);
        memcpy(table + i * MOST_PAGES, o->pages[i], sizeof o->pages[i]);
        o->spans[i] = (struct cuda_span){ (uint32_t)o->n_tokens, s->n[i] };
        for (uint32_t k = 0; k < s->n[i]; k++)
            o->tokens[o->n_tokens++] = (struct cuda_token){ .position = s->first[i] + k, .pages = i * MOST_PAGES };
        o->l.most_tokens = s->n[i] > o->l.most_tokens ? s->n[i] : o->l.most_tokens;
    }
    o->q = device_new(o->n_tokens * a->q_stride * sizeof *o->q);
    device_fill(o->q, o->n_tokens * a->q_stride, 5);
    for (uint32_t h = 0; h < s->heads; h++)
        slope[h] = s->slopes ? 0.02f * (float)(h + 1) : 0;
    a->q = o->q;
    a->slope = slope;
    a->n_tokens = (uint32_t)o->n_tokens;
    a->tokens = device_put(o->tokens, sizeof o->tokens);
    a->spans = device_put(o->spans, sizeof o->spans);
    a->pages = table;
    a->out = device_new(o->n_tokens * a->out_stride * sizeof(float));
    a->partial = device_new(launch_attend_bytes(a, &o->l));
}

static void drop(struct one *o)
{
    const void *all[] = { o->a.q, o->a.slope, o->a.tokens, o->a.spans, o->a.pages, o->a.out, o->a.partial };
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        device_free((void *)(uintptr_t)all[i]);
    for (size_t i = 0; i < 3 * MOST_PAGES; i++)
        device_free(o->pages[i / MOST_PAGES][i % MOST_PAGES]);
}

/* The largest difference from the reference. */
static double differs(const struct one *o, const struct shape *s, enum kernel_kv kv)
{
    float score[KERNEL_HEADS * 256], *want = malloc(s->heads * s->dim * sizeof *want);
    double worst = 0;
    uint32_t group = s->heads / s->kv_heads;
    for (uint32_t i = 0; i < o->n_tokens; i++) {
        const struct cuda_token *t = &o->tokens[i];
        uint32_t n = t->position + 1;
        for (uint32_t h = 0; h < s->kv_heads; h++) {
            struct attention a = { .q = o->q + i * o->a.q_stride + h * group * s->dim,
                                   .n_heads = group,
                                   .pages = (const void *const *)o->a.pages + t->pages,
                                   .k_at = o->a.kv.keys_at + h * o->a.kv.block_bytes,
                                   .kv = kv,
                                   .first = s->window > 0 && s->window < n ? n - s->window : 0,
                                   .n = n,
                                   .head_dim = s->dim,
                                   .scale = o->a.scale,
                                   .cap = s->cap,
                                   .slope = o->a.slope + h * group,
                                   .score = score,
                                   .out = want + h * group * s->dim };
            a.v_at = a.k_at + o->a.kv.values_at;
            kernel_reference.attend(&a);
        }
        for (uint32_t d = 0; d < s->heads * s->dim; d++)
            worst = fmax(worst, fabs((double)(want[d] - ((const float *)o->a.out)[i * o->a.out_stride + d])));
    }
    free(want);
    return worst;
}

/* A token's numbers must not depend on what else is in the batch. */
static void check_alone(struct one *o, const struct shape *s)
{
    size_t bytes = s->heads * s->dim * sizeof(float), last = o->n_tokens - 1;
    float *out = o->a.out, *together = malloc(bytes);
    memcpy(together, out + last * o->a.out_stride, bytes);
    ((struct cuda_span *)(uintptr_t)o->a.spans)[0] = (struct cuda_span){ (uint32_t)last, 1 };
    o->l.n_spans = o->l.most_tokens = 1;
    memset(out + last * o->a.out_stride, 0, bytes);
    run(o);
    check(memcmp(together, out + last * o->a.out_stride, bytes) == 0, "%s: the same alone", s->what);
    free(together);
}

enum { HALF = 6, TURNS = 200 };

/* What makes the last token's query, key and value; drop_place() gives its memory back. */
static struct cuda_place_args place_of(const struct one *o, const struct shape *s)
{
    size_t qkv = (s->heads + 2 * s->kv_heads) * s->dim;
    float *q = device_new(qkv * sizeof *q), *turns = device_new(2 * TURNS * HALF * sizeof *turns);
    float *norm = device_new(2 * s->dim * sizeof *norm);
    device_fill(q, qkv, 11);
    device_fill(turns, 2 * TURNS * HALF, 12);
    device_fill(norm, 2 * s->dim, 13);
    return (struct cuda_place_args){ .q = q,
                                     .k = q + s->heads * s->dim,
                                     .v = q + (s->heads + s->kv_heads) * s->dim,
                                     .tokens = o->a.tokens,
                                     .q_norm = { norm, NULL },
                                     .k_norm = { norm, norm + s->dim },
                                     .cos = turns,
                                     .sin = turns + TURNS * HALF,
                                     .flag = device_put(&(uint32_t){ 0 }, sizeof(uint32_t)),
                                     .kv = o->a.kv,
                                     .n_tokens = 1,
                                     .n_queries = 1,
                                     .n_heads = s->heads,
                                     .half = HALF,
                                     .eps = 1e-5f };
}

static void drop_place(const struct cuda_place_args *p)
{
    const void *all[] = { p->q, p->q_norm.weight, p->cos, p->flag };
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        device_free((void *)(uintptr_t)all[i]);
}

/* A token whose query, key and value attention makes itself: the bits of a launch that makes them first, in its page
 * too. */
static void check_places(struct one *o, const struct shape *s)
{
    struct cuda_token *t = (struct cuda_token *)(uintptr_t)o->a.tokens;
    size_t out = o->a.out_stride * sizeof(float), at = o->a.kv.keys_at, layer = 2 * o->a.kv.values_at;
    t[0] = o->tokens[o->n_tokens - 1];
    char *page = t[0].own = (char *)(uintptr_t)o->a.pages[t[0].pages + t[0].position / CUDA_PAGE];
    ((struct cuda_span *)(uintptr_t)o->a.spans)[0] = (struct cuda_span){ 0, 1 };
    o->l.n_spans = o->l.most_tokens = o->a.n_tokens = 1;
    struct cuda_place_args own = place_of(o, s);
    o->a.own = own;
    check(device_same_in_orders(NULL, run, o, o->a.out, out), "%s: a token in its place, in all orders", s->what);
    char *want = malloc(out), *made = malloc(layer);
    memcpy(want, o->a.out, out);
    memcpy(made, page + at, layer);
    memset(o->a.out, 0, out);
    o->a.own.k = NULL;
    o->a.q = own.q;
    check(launch_place(&own, plainly) == cudaSuccess, "a launch");
    run(o);
    check(memcmp(want, o->a.out, s->heads * s->dim * sizeof(float)) == 0, "%s: as of a token placed before", s->what);
    check(memcmp(made, page + at, layer) == 0, "%s: its page too", s->what);
    check(*own.flag == 0, "%s: all is finite", s->what);
    o->a.own = own;
    ((float *)(uintptr_t)own.v)[1] = INFINITY;
    run(o);
    check(*own.flag == 1, "%s: an infinity is seen", s->what);
    o->a.q = o->q;
    drop_place(&own);
    free(want);
    free(made);
}

int main(void)
{
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++)
        for (enum kernel_kv kv = KERNEL_KV_F32; kv < KERNEL_KV_TYPES; kv++) {
            struct one o = { .n_tokens = 0 };
            fill(&o, &shapes[i], kv);
            size_t bytes = o.n_tokens * o.a.out_stride * sizeof(float);
            check(device_same_in_orders(NULL, run, &o, o.a.out, bytes), "%s, %s: the same in all orders",
                  shapes[i].what, kernel_kv_name(kv));
            check_near(differs(&o, &shapes[i], kv), 0, 3e-6, "%s, %s", shapes[i].what, kernel_kv_name(kv));
            check_alone(&o, &shapes[i]);
            struct cuda_attend_args planned = o.a;
            launch_attend_split(&planned, &o.l, 132);
            check(planned.split_pages > 0, "%s: a plan has pages", shapes[i].what);
            if (launch_attend_places(&o.a.kv))
                check_places(&o, &shapes[i]);
            drop(&o);
        }
    return check_done("cuda_attend");
}
