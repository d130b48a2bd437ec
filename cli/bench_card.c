#include "cli/bench_card.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/mem.h"
#include "base/text.h"
#include "cli/console.h"
#include "cli/opened.h"
#include "model/forward_device.h"
#include "model/kv.h"
#include "model/random_weights.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { WARM = 4, STEPS = 32, PREFILL = 256, MOST_SLOTS = 1024 };

#define PROBE ((uint64_t)4 << 30)

/* What a step is made of; pages of slot i are page[i * n_pages ...]. */
struct bench {
    struct device *device;
    struct checkpoint *checkpoint;
    struct random_weights *random;
    struct threads *threads;
    struct weights *weights;
    struct tree *tree;
    struct kv *kv; /* for its layout: its pages are not used */
    struct device_pages *memory;
    struct device_pool *rows; /* of n_scores floats */
    struct forward *forward;
    size_t slots, context, n_pages, page_bytes;
    void **page;                  /* (slots, n_pages) */
    float **row;                  /* (slots,) */
    struct forward_token *tokens; /* (slots or PREFILL,) */
    struct forward_row *out;
};

static int open_checkpoint(struct bench *b, const struct args *a, const char *name)
{
    if (strncmp(name, "random:", 7) != 0) {
        b->checkpoint = checkpoint_open_weights(name);
        return b->checkpoint ? 0 : err_code();
    }
    const char *type = options_text(a, "type");
    int found = 0;
    while (found < DTYPE_COUNT && strcmp(dtype_name((enum dtype)found), type) != 0)
        found++;
    if (found == DTYPE_COUNT)
        return err_set(ERR_USAGE, "unknown weight type '%s'", type);
    b->random = random_weights_open(name + 7, (enum dtype)found);
    b->checkpoint = b->random ? random_weights_checkpoint(b->random) : NULL;
    return b->checkpoint ? 0 : err_code();
}

static int take_all(struct bench *b)
{
    const struct kv_memory memory = device_pages_memory(b->memory);
    const struct device_api *api = b->device->api;
    b->page = mem_alloc(b->slots * b->n_pages, sizeof *b->page);
    b->row = mem_alloc(b->slots, sizeof *b->row);
    for (size_t i = 0; i < b->slots; i++) {
        b->row[i] = api->pool_take(b->rows);
        for (size_t k = 0; k < b->n_pages; k++)
            b->page[i * b->n_pages + k] = memory.take(memory.ctx, b->page_bytes);
        if (!b->row[i] || !b->page[(i + 1) * b->n_pages - 1])
            return err_set(
                ERR_MEMORY, "%s has no memory for %zu slots of %zu positions, %.1f GB; want fewer, or --kv q8",
                b->device->name, b->slots, b->context, 1e-9 * (double)(b->slots * b->n_pages * b->page_bytes));
    }
    return 0;
}

static int choose_kv(const char *name, enum kernel_kv *type)
{
    const char *names[KERNEL_KV_TYPES];
    *type = KERNEL_KV_BF16;
    for (int t = 0; t < KERNEL_KV_TYPES; t++) {
        names[t] = kernel_kv_name((enum kernel_kv)t);
        if (name && strcmp(name, names[t]) == 0) {
            *type = (enum kernel_kv)t;
            return 0;
        }
    }
    return name ? err_unknown(ERR_USAGE, "type of keys and values", name, names, KERNEL_KV_TYPES) : 0;
}

static int choose_mode(const char *name, enum kernel_mode *mode)
{
    static const char *const names[] = { "f32", "native" };
    *mode = name && strcmp(name, "f32") == 0 ? KERNEL_F32 : KERNEL_NATIVE;
    return !name || *mode == KERNEL_F32 || strcmp(name, "native") == 0
               ? 0
               : err_unknown(ERR_USAGE, "compute mode", name, names, 2);
}

static int open_forward(struct bench *b, const struct args *a)
{
    const struct config *c = &b->checkpoint->config;
    struct kv_shape shape = { c->n_layers, c->n_kv_heads, c->head_dim, KERNEL_KV_BF16 };
    struct device_error e = { 0 };
    enum kernel_mode mode;
    TRY(choose_kv(options_text(a, "kv"), &shape.type));
    TRY(choose_mode(options_text(a, "mode"), &mode));
    b->page_bytes = kv_page_bytes(&shape);
    b->tree = tree_alloc();
    b->kv = kv_alloc(b->tree, &shape, b->page_bytes, NULL);
    b->memory = device_pages_open(b->device, b->page_bytes);
    if (!b->memory)
        return err_code();
    size_t most = b->slots > PREFILL ? b->slots : PREFILL;
    b->forward = forward_alloc(&forward_device, &(struct forward_parts){ .checkpoint = b->checkpoint,
                                                                         .weights = b->weights,
                                                                         .kernels = &kernel_reference,
                                                                         .kv = b->kv,
                                                                         .threads = b->threads,
                                                                         .mode = mode,
                                                                         .kv_type = shape.type,
                                                                         .n_scores = c->n_vocab,
                                                                         .max_tokens = most,
                                                                         .planned = c->max_positions,
                                                                         .device = b->device });
    if (!b->forward)
        return err_code();
    b->tokens = mem_alloc(most, sizeof *b->tokens);
    b->out = mem_alloc(most, sizeof *b->out);
    const struct device_api *api = b->device->api;
    int rc = api->pool_open(b->device->context, api->row_bytes(c->n_vocab), &b->rows, &e);
    return rc == DEVICE_OK ? take_all(b) : device_fail(b->device, rc, &e);
}

static void close_bench(struct bench *b)
{
    forward_free(b->forward);
    if (b->rows)
        b->device->api->pool_close(b->rows);
    device_pages_close(b->memory);
    kv_free(b->kv);
    tree_free(b->tree);
    weights_close(b->weights);
    if (!b->random)
        checkpoint_close(b->checkpoint);
    random_weights_close(b->random);
    threads_free(b->threads);
    free(b->page);
    free(b->row);
    free(b->tokens);
    free(b->out);
}

static sym_t symbol_of(const struct bench *b, size_t i)
{
    return (sym_t)((i * 2654435761u + 17) % b->checkpoint->config.n_vocab);
}

/* A batch that the card has no memory for is this bench's end. */
static int run_batch(struct bench *b, const struct forward_batch *batch)
{
    int rc = forward_run(b->forward, batch);
    return rc == FORWARD_LESS ? err_code() : rc;
}

/* The first slot's positions are computed, the other slots' pages are copies of its. */
static int fill_contexts(struct bench *b)
{
    size_t n_copies = (b->slots - 1) * b->n_pages;
    struct forward_copy *copies = mem_alloc(n_copies + 1, sizeof *copies);
    int rc = 0;
    for (size_t at = 0, n; at < b->context && rc == 0; at += n) {
        n = b->context - at < PREFILL ? b->context - at : PREFILL;
        for (size_t i = 0; i < n; i++)
            b->tokens[i] = (struct forward_token){ symbol_of(b, at + i), (uint32_t)(at + i),
                                                   (const void *const *)b->page, b->page[(at + i) / KERNEL_PAGE] };
        rc = run_batch(b, &(struct forward_batch){ .tokens = b->tokens, .n_tokens = n });
    }
    for (size_t i = 0; i < n_copies; i++)
        copies[i] = (struct forward_copy){ b->page[i % b->n_pages], b->page[b->n_pages + i], KERNEL_PAGE };
    b->tokens[0].position = (uint32_t)b->context;
    b->tokens[0].pages = (const void *const *)b->page;
    b->tokens[0].own = b->page[b->context / KERNEL_PAGE];
    if (rc == 0)
        rc = run_batch(
            b, &(struct forward_batch){ .tokens = b->tokens, .n_tokens = 1, .copies = copies, .n_copies = n_copies });
    free(copies);
    return rc;
}

static int step(struct bench *b, size_t position, double *seconds)
{
    for (size_t i = 0; i < b->slots; i++) {
        void **pages = b->page + i * b->n_pages;
        b->tokens[i] = (struct forward_token){ symbol_of(b, position + 977 * i), (uint32_t)position,
                                               (const void *const *)pages, pages[position / KERNEL_PAGE] };
        b->out[i] = (struct forward_row){ i, LM_TAP_FINAL, NULL, b->row[i] };
    }
    double from = clock_seconds();
    int rc = run_batch(
        b, &(struct forward_batch){
               .tokens = b->tokens, .n_tokens = b->slots, .n_full = b->slots, .rows = b->out, .n_rows = b->slots });
    *seconds = clock_seconds() - from;
    return rc;
}

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Bytes that a step must read: weights but the embedding's rows, and the keys and values of every slot. */
static double bytes_of(const struct bench *b)
{
    const struct checkpoint *c = b->checkpoint;
    double bytes = (double)checkpoint_bytes(c);
    if (!c->config.tied_head)
        bytes -= (double)(b->weights->embedding.n * b->weights->embedding.row_bytes);
    return bytes + (double)(b->slots * b->context) * (double)b->page_bytes / KERNEL_PAGE;
}

static void tell(const struct bench *b, const struct args *a, const char *name, const double x[2])
{
    double bytes = bytes_of(b);
    double rate = (double)b->slots / x[0], share = bytes / x[0] / x[1], over = x[0] * x[1] / bytes;
    struct text text = { 0 };
    const char *shown = console_name(a, name, &text), *card = b->device->info.name;
    if (a->json)
        printf("{\"what\":\"card\",\"lm\":%s,\"device\":\"%s\",\"slots\":%zu,\"context\":%zu,\"step_s\":%.6g,"
               "\"tokens_per_s\":%.2f,\"bytes\":%.6g,\"copy_bytes_per_s\":%.5g,\"of_bandwidth\":%.4f,\"over_roofline\":"
               "%.4f}\n",
               shown, card, b->slots, b->context, x[0], rate, bytes, x[1], share, over);
    else
        printf("%s on %s: %zu slots of %zu positions: a step %.6g s, %.1f tokens/s; %.4g bytes read, a copy gives %.4g "
               "bytes/s: "
               "%.3f of it, %.3f times the roofline\n",
               shown, card, b->slots, b->context, x[0], rate, bytes, x[1], share, over);
    text_free(&text);
}

static int measure(struct bench *b, const struct args *a, const char *name)
{
    double seconds[STEPS], warm, rate = 0;
    struct device_error e = { 0 };
    uint64_t probe = b->device->info.free / 16 < PROBE ? b->device->info.free / 16 : PROBE;
    TRY(fill_contexts(b));
    for (size_t i = 0; i < WARM; i++)
        TRY(step(b, b->context + i, &warm));
    int rc = b->device->api->bandwidth(b->device->context, probe, &rate, &e);
    if (rc != DEVICE_OK)
        return device_fail(b->device, rc, &e);
    for (size_t i = 0; i < STEPS; i++)
        TRY(step(b, b->context + WARM + i, &seconds[i]));
    qsort(seconds, STEPS, sizeof *seconds, by_size);
    tell(b, a, name, (double[]){ seconds[STEPS / 2], rate });
    fflush(stdout);
    return 0;
}

static int bench_one(const struct args *a, struct device *d, const char *name)
{
    struct bench b = { .device = d };
    int64_t slots = 1, context = 512;
    TRY(options_int(a, "slots", 1, MOST_SLOTS, &slots));
    TRY(options_int(a, "context", 1, 1 << 20, &context));
    b.slots = (size_t)slots;
    b.context = (size_t)context;
    b.n_pages = (b.context + WARM + STEPS) / KERNEL_PAGE + 1;
    int rc = open_checkpoint(&b, a, name);
    if (rc == 0 && b.context + WARM + STEPS > b.checkpoint->config.max_positions)
        rc = err_set(ERR_USAGE, "--context %zu: %s has %u positions, want %d fewer than that", b.context, name,
                     b.checkpoint->config.max_positions, WARM + STEPS);
    b.threads = threads_alloc(threads_cores());
    if (rc == 0 && !(b.weights = weights_open(b.checkpoint)))
        rc = err_code();
    if (rc == 0)
        rc = open_forward(&b, a);
    if (rc == 0)
        rc = measure(&b, a, name);
    close_bench(&b);
    return rc;
}

int bench_card(const struct args *a)
{
    struct device *d = NULL;
    int rc = a->n_operands > 0 ? opened_device(a, &d)
                               : err_set(ERR_USAGE, "bench --card: no checkpoint, want one or 'random:7B'");
    if (rc == 0 && !d)
        rc = err_set(ERR_USAGE, "bench --card: the processor is no card: give --device");
    for (size_t i = 0; i < a->n_operands && rc == 0; i++)
        rc = bench_one(a, d, a->operand[i]);
    device_close(d);
    return rc;
}
