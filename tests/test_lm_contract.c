/* The contract suite over the leaves: the table, and transformers of random weights on every kernel path. */
#include "base/err.h"
#include "model/kernel.h"
#include "model/table.h"
#include "model/transformer.h"
#include "tests/lib/check.h"
#include "tests/lib/lm_contract.h"
#include "tests/lib/random_checkpoint.h"
#include <stdio.h>
#include <stdlib.h>

static struct lm *open_table(void *ctx, size_t n_threads, size_t chunk)
{
    (void)n_threads;
    (void)chunk;
    return table_open(ctx);
}

static void close_table(void *ctx, struct lm *lm)
{
    (void)ctx;
    lm_free(lm);
}

/* A transformer and the pools of threads it has been opened with. */
struct subject {
    struct checkpoint *c;
    struct transformer_options options;
    struct threads *threads[2];
};

static struct lm *open_transformer(void *ctx, size_t n_threads, size_t chunk)
{
    struct subject *s = ctx;
    struct transformer_options o = s->options;
    o.threads = s->threads[n_threads - 1];
    o.chunk = chunk;
    struct lm *lm = transformer_open(s->c, &o);
    check(lm != NULL, "transformer_open: %s", err_text());
    return lm;
}

static void run_transformer(const struct config *config, enum dtype type, const struct transformer_options *o)
{
    char name[96];
    struct subject s = { .c = random_checkpoint(config, type, 1),
                         .options = *o,
                         .threads = { threads_alloc(1), threads_alloc(2) } };
    snprintf(name, sizeof name, "%s %s %s %s", dtype_name(type), o->mode, o->kernels,
             o->kv_bytes == 1 ? "evicting" : "");
    lm_contract(&(struct lm_subject){
        .name = name, .open = open_transformer, .close = close_table, .ctx = &s, .n_symbols = 16, .length = 40 });
    threads_free(s.threads[0]);
    threads_free(s.threads[1]);
    random_checkpoint_free(s.c);
}

int main(void)
{
    struct table_options table = { .n = 5, .max_length = 40, .seed = 3, .sharpness = 1.5 };
    lm_contract(&(struct lm_subject){
        .name = "table", .open = open_table, .close = close_table, .ctx = &table, .n_symbols = 4, .length = 12 });
    const struct config config = { .architecture = "llama",
                                   .n_vocab = 75,
                                   .dim = 64,
                                   .n_layers = 3,
                                   .n_heads = 4,
                                   .n_kv_heads = 2,
                                   .head_dim = 24,
                                   .ffn = 96,
                                   .max_positions = 48,
                                   .norm_eps = 1e-5f,
                                   .rope_theta = 10000,
                                   .tied_head = true };
    const struct kernels *paths[] = { &kernel_reference, &kernel_avx2, &kernel_avx512, &kernel_avx512bf16,
                                      &kernel_amx };
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
        if (!paths[i]->available() || i % CHECK_TIMES(1, 2) != 0)
            continue;
        const char *name = paths[i]->name, *mode = paths[i]->dot_bf16 ? "native" : "f32";
        run_transformer(&config, DTYPE_BF16, &(struct transformer_options){ .mode = mode, .kernels = name });
        run_transformer(&config, DTYPE_F32,
                        &(struct transformer_options){ .mode = mode, .kernels = name, .kv_bytes = 1 });
    }
    return check_done("lm_contract");
}
