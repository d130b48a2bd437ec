/* Every architecture under every type of weights: a checkpoint of random blocks gives the logits of the same checkpoint with
 * its weights widened to float32.  The table in README.md rests on this, on tests/test_logits.c (each architecture against
 * Hugging Face transformers, from a folder and from GGUF) and on tests/test_quant.c (each type against ggml). */
#include "base/err.h"
#include "base/mem.h"
#include "model/architecture_rows.h"
#include "tests/lib/check.h"
#include "tests/lib/lm_bench.h"
#include "tests/lib/random_checkpoint.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A fixture of each row, for its configuration. */
static const struct {
    const char *architecture, *fixture;
} fixtures[] = {
    { "llama", "gqa" },   { "mistral", "mistral" },     { "mixtral", "mixtral" },   { "qwen2", "qwen2" },
    { "qwen3", "qwen3" }, { "qwen3_moe", "qwen3_moe" }, { "gemma2", "gemma2" },     { "gemma3_text", "gemma3" },
    { "phi3", "phi3" },   { "gpt2", "gpt2" },           { "gpt_neox", "gpt_neox" }, { "bloom", "bloom" },
};
#define N_FIXTURES (sizeof fixtures / sizeof *fixtures)

static const sym_t text[] = { 3,  1,  41, 59, 26, 5, 35, 8, 9,  7, 9, 32, 38, 46, 26, 43, 38, 32, 7, 9,
                              50, 28, 8,  41, 0,  2, 17, 4, 60, 6, 6, 6,  11, 3,  1,  41, 59, 26, 5, 35 };
#define N_TEXT (sizeof text / sizeof *text)

/* The miniature's own choices in widths that every block fits. */
static struct config widened(const struct config *from)
{
    struct config c = *from;
    c.n_vocab = 64;
    c.dim = 256;
    c.n_layers = 1;
    c.n_heads = 4;
    c.n_kv_heads = from->n_kv_heads < from->n_heads ? 2 : 4;
    c.n_rotary = from->n_rotary * 64 / from->head_dim;
    c.head_dim = 64;
    c.ffn = 256;
    c.expert_ffn = from->n_experts > 0 ? 256 : 0;
    c.query_scale = 0;
    c.rope_interleaved = c.transposed = false; /* blocks lie along the inputs */
    return c;
}

/* Its tensors in float32. */
static struct checkpoint in_f32(const struct checkpoint *c, struct tensor *tensors)
{
    struct checkpoint copy = *c;
    for (size_t i = 0; i < c->n_tensors; i++) {
        struct tensor *t = &tensors[i];
        *t = c->tensors[i];
        size_t n = (size_t)(t->bytes / dtype_block_bytes(t->type) * dtype_block(t->type));
        float *x = mem_aligned(n * sizeof *x, 1);
        dtype_to_f32(t->type, t->data, n, x);
        t->data = x;
        t->type = DTYPE_F32;
        t->bytes = n * sizeof *x;
    }
    copy.tensors = tensors;
    return copy;
}

static double difference(const struct row a[], const struct row b[])
{
    double worst = 0;
    for (size_t i = 0; i < N_TEXT; i++) {
        double most = 0, size = 0;
        for (uint32_t v = 0; v < a[i].n; v++) {
            most = fmax(most, fabs((double)a[i].score[v] - (double)b[i].score[v]));
            size = fmax(size, fabs((double)a[i].score[v]));
        }
        worst = fmax(worst, most / size);
    }
    return worst;
}

static double compare(const struct config *config, enum dtype type)
{
    struct checkpoint *c = random_checkpoint(config, type, 11);
    struct tensor *tensors = mem_alloc(c->n_tensors, sizeof *tensors);
    struct checkpoint wide = in_f32(c, tensors);
    struct bench a = bench_open(c, (struct transformer_options){ 0 }),
                 b = bench_open(&wide, (struct transformer_options){ 0 });
    struct row got[N_TEXT], want[N_TEXT];
    struct want all = { .n_rows = N_TEXT, .tap = LM_TAP_FINAL };
    double d = INFINITY;
    if (a.lm && b.lm && bench_rows(&a, text, N_TEXT, all, got) == 0 && bench_rows(&b, text, N_TEXT, all, want) == 0)
        d = difference(want, got);
    bench_close(&a);
    bench_close(&b);
    for (size_t i = 0; i < c->n_tensors; i++)
        free((void *)(uintptr_t)tensors[i].data);
    free(tensors);
    random_checkpoint_free(c);
    return d;
}

/* Prints the table of worst differences with CHORALE_TABLE in the environment. */
static void types(const char *name, const char *fixture)
{
    char path[512];
    snprintf(path, sizeof path, "%s/tests/fixtures/transformer/%s", CHORALE_HOME, fixture);
    struct checkpoint *mini = checkpoint_open_weights(path);
    check(mini && strcmp(mini->config.architecture, name) == 0, "%s: %s", name, err_text());
    if (!mini)
        return;
    struct config c = widened(&mini->config);
    bool shows = getenv("CHORALE_TABLE") != NULL;
    for (int t = 0; t < DTYPE_COUNT; t++) {
        double d = compare(&c, (enum dtype)t);
        check(d <= 1e-4, "%s in %s: differs by %g of the largest logit: %s", name, dtype_name((enum dtype)t), d,
              err_text());
        if (shows)
            printf("%s %s %.1e\n", name, dtype_name((enum dtype)t), d);
    }
    checkpoint_close(mini);
}

static void every_row(void)
{
    for (size_t i = 0; i < architecture_rows_n; i++) {
        const char *name = architecture_rows[i].name;
        size_t k = 0;
        while (k < N_FIXTURES && strcmp(fixtures[k].architecture, name) != 0)
            k++;
        check(k < N_FIXTURES, "a fixture of %s", name);
        if (k < N_FIXTURES)
            types(name, fixtures[k].fixture);
    }
}

int main(void)
{
    every_row();
    return check_done("architecture_types");
}
