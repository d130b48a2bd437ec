/* The transformer's weight types, modes, taps, rotary orders, sharing, memory limits and guards against truths of their
 * own; tests/test_logits.c has Hugging Face's. */
#include "base/err.h"
#include "model/kernel.h"
#include "tests/lib/check.h"
#include "tests/lib/lm_bench.h"
#include "tests/lib/random_checkpoint.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const struct kernels *const paths[] = { &kernel_reference, &kernel_avx2, &kernel_avx512, &kernel_avx512bf16,
                                               &kernel_amx };
#define N_PATHS (sizeof paths / sizeof *paths)

static const struct config small = { .architecture = "llama",
                                     .n_vocab = 70,
                                     .dim = 64,
                                     .n_layers = 3,
                                     .n_heads = 4,
                                     .n_kv_heads = 2,
                                     .head_dim = 24,
                                     .ffn = 96,
                                     .max_positions = 64,
                                     .norm_eps = 1e-5f,
                                     .rope_theta = 10000 };
static const sym_t text[] = { 3, 1, 41, 59, 26, 5, 35, 8, 9, 7, 9, 32, 38, 46, 26, 43, 38, 32, 7, 9, 50, 28, 8, 41 };
#define N_TEXT (sizeof text / sizeof *text)

static double difference(const struct row *a, const struct row *b)
{
    double most = 0, size = 0;
    for (uint32_t v = 0; v < a->n; v++) {
        most = fmax(most, fabs((double)a->score[v] - (double)b->score[v]));
        size = fmax(size, fabs((double)a->score[v]));
    }
    return a->n == b->n ? most / size : INFINITY;
}

/* Every weight type on every path agrees with the reference; avx2 and avx512 agree bit for bit. */
static void weight_types(void)
{
    for (int type = 0; type < DTYPE_COUNT; type++) {
        if (small.dim % dtype_block((enum dtype)type) != 0)
            continue; /* tests/test_quant.c */
        struct checkpoint *c = random_checkpoint(&small, (enum dtype)type, 5);
        struct bench truth = bench_open(c, (struct transformer_options){ .kernels = "reference" });
        struct row want, got[N_PATHS];
        check(bench_rows(&truth, text, N_TEXT, (struct want){ .n_rows = 1, .tap = LM_TAP_FINAL }, &want) == 0, "%s",
              err_text());
        struct bench b[N_PATHS] = { { 0 } };
        for (size_t i = 0; i < N_PATHS; i++) {
            if (!paths[i]->available())
                continue;
            b[i] = bench_open(c, (struct transformer_options){ .kernels = paths[i]->name });
            check(bench_rows(&b[i], text, N_TEXT, (struct want){ .n_rows = 1, .tap = LM_TAP_FINAL }, &got[i]) == 0,
                  "%s", err_text());
            check(difference(&want, &got[i]) < 1e-5, "%s on %s: differs from the reference by %g",
                  dtype_name((enum dtype)type), paths[i]->name, difference(&want, &got[i]));
            check(strcmp(transformer_kernels(b[i].lm), paths[i]->name) == 0, "the path is the one asked for");
        }
        if (b[1].lm && b[2].lm)
            check(memcmp(got[1].score, got[2].score, want.n * sizeof(float)) == 0,
                  "%s: avx2 and avx512 agree bit for bit", dtype_name((enum dtype)type));
        for (size_t i = 0; i < N_PATHS; i++)
            if (b[i].lm)
                bench_close(&b[i]);
        bench_close(&truth);
        random_checkpoint_free(c);
    }
}

/* Native mode rounds activations to bf16 (8 bits): near f32, not equal to it, where the kernels have it. */
static void native_mode(const struct kernels *k)
{
    struct checkpoint *c = random_checkpoint(&small, DTYPE_BF16, 6);
    const char *path = k->available() ? k->name : NULL;
    struct bench exact = bench_open(c, (struct transformer_options){ .mode = "f32" });
    struct bench native = bench_open(c, (struct transformer_options){ .mode = "native", .kernels = path });
    struct row want, got;
    check(bench_rows(&exact, text, N_TEXT, (struct want){ .n_rows = 1, .tap = LM_TAP_FINAL }, &want) == 0, "%s",
          err_text());
    check(bench_rows(&native, text, N_TEXT, (struct want){ .n_rows = 1, .tap = LM_TAP_FINAL }, &got) == 0, "%s",
          err_text());
    double d = difference(&want, &got);
    check(d < 0.03, "native mode differs from f32 by %g of the largest logit", d);
    if (path)
        check(d > 1e-5, "native mode really rounds: %g", d);
    check(strcmp(exact.lm->hash, native.lm->hash) != 0, "the mode is part of the identity");
    bench_close(&exact);
    bench_close(&native);
    random_checkpoint_free(c);
}

/* An lm that nothing is stored under needs no hash of the weights. */
static void alias(void)
{
    struct checkpoint *c = checkpoint_open(CHORALE_HOME "/tests/fixtures/checkpoint/single");
    struct bench named = bench_open(c, (struct transformer_options){ .alias = "it" });
    check(!*c->hash, "the weights were read: %s", c->hash);
    struct bench hashed = bench_open(c, (struct transformer_options){ .mode = "f32" });
    check(strlen(c->hash) == 64 && strcmp(named.lm->hash, hashed.lm->hash) != 0, "hash '%s'", c->hash);
    bench_close(&named);
    bench_close(&hashed);
    checkpoint_close(c);
}

/* Early exit after k layers is the checkpoint of the first k layers; the hidden state times the head is the row. */
static void taps(void)
{
    struct checkpoint *c = random_checkpoint(&small, DTYPE_F32, 7);
    struct bench b = bench_open(c, (struct transformer_options){ .chunk = 5 });
    struct row row, exit, hidden;
    check(bench_rows(&b, text, N_TEXT, (struct want){ .n_rows = 1, .tap = LM_TAP_FINAL }, &row) == 0, "%s", err_text());
    for (uint32_t k = 1; k < small.n_layers; k++) {
        struct config fewer = small;
        fewer.n_layers = k;
        struct checkpoint *first = random_checkpoint(&fewer, DTYPE_F32, 7);
        struct bench f = bench_open(first, (struct transformer_options){ 0 });
        struct row want;
        check(bench_rows(&f, text, N_TEXT, (struct want){ .n_rows = 1, .tap = LM_TAP_FINAL }, &want) == 0, "%s",
              err_text());
        check(bench_rows(&b, text, N_TEXT, (struct want){ .n_rows = 1, .tap = k }, &exit) == 0, "%s", err_text());
        check(memcmp(want.score, exit.score, want.n * sizeof(float)) == 0, "early exit after %u layers", k);
        check(difference(&row, &exit) > 0.1, "and it is another row");
        bench_close(&f);
        random_checkpoint_free(first);
    }
    check(bench_rows(&b, text, N_TEXT, (struct want){ .n_rows = 1, .tap = LM_TAP_HIDDEN }, &hidden) == 0, "%s",
          err_text());
    check(hidden.n == small.dim && isnan(hidden.log_z), "the hidden state is a vector of %u", hidden.n);
    const float *head = random_checkpoint_data(c, "lm_head.weight");
    for (uint32_t v = 0; v < row.n; v++) {
        double dot = 0;
        for (uint32_t d = 0; d < small.dim; d++)
            dot += (double)hidden.score[d] * (double)head[v * small.dim + d];
        check_near(dot, (double)row.score[v], 1e-5, "head times hidden state");
    }
    check(bench_rows(&b, text, N_TEXT, (struct want){ .n_rows = 1, .tap = small.n_layers }, &exit) == ERR_USAGE &&
              strstr(err_text(), "want 1 to 2"),
          "an exit after the last layer: %s", err_text());
    check(bench_rows(&b, text, 0, (struct want){ .n_rows = 1, .tap = LM_TAP_FINAL }, &exit) == ERR_DATA,
          "an empty prefix has no row");
    bench_close(&b);
    random_checkpoint_free(c);
}

/* Queries and keys with their rows taken apart into pairs (2i, 2i + 1) give the same rows under interleaved rotation. */
static void rope_orders(void)
{
    struct config pairs = small;
    pairs.rope_interleaved = true;
    struct checkpoint *a = random_checkpoint(&small, DTYPE_F32, 8), *b = random_checkpoint(&pairs, DTYPE_F32, 8);
    for (uint32_t layer = 0; layer < small.n_layers; layer++)
        for (int k = 0; k < 2; k++) {
            char name[96];
            uint32_t half = small.head_dim / 2, n_heads = k ? small.n_kv_heads : small.n_heads;
            snprintf(name, sizeof name, "model.layers.%u.self_attn.%c_proj.weight", layer, k ? 'k' : 'q');
            const float *from = random_checkpoint_data(a, name);
            float *to = random_checkpoint_data(b, name);
            for (uint32_t r = 0; r < n_heads * small.head_dim; r++) {
                uint32_t head = r / small.head_dim, i = r % small.head_dim;
                uint32_t place = head * small.head_dim + (i < half ? 2 * i : 2 * (i - half) + 1);
                memcpy(to + place * small.dim, from + r * small.dim, small.dim * sizeof *to);
            }
        }
    struct bench x = bench_open(a, (struct transformer_options){ 0 }),
                 y = bench_open(b, (struct transformer_options){ 0 });
    struct row want, got;
    check(bench_rows(&x, text, N_TEXT, (struct want){ .n_rows = 1, .tap = LM_TAP_FINAL }, &want) == 0, "%s",
          err_text());
    check(bench_rows(&y, text, N_TEXT, (struct want){ .n_rows = 1, .tap = LM_TAP_FINAL }, &got) == 0, "%s", err_text());
    check(difference(&want, &got) < 1e-5, "both rotary orders: differ by %g", difference(&want, &got));
    bench_close(&x);
    bench_close(&y);
    random_checkpoint_free(a);
    random_checkpoint_free(b);
}

/* The plan of positions is fixed when a model is opened: under dynamic scaling another planned length is another lm, and
 * crossing the trained length (24 of 60) changes no row that was computed before it. */
static void planned_positions(void)
{
    struct config stretched = small;
    stretched.rope = (struct config_rope){ .scaling = SCALING_DYNAMIC, .factor = 2.5f, .trained = 24 };
    stretched.max_positions = 60;
    struct checkpoint *c = random_checkpoint(&stretched, DTYPE_F32, 8);
    struct bench whole = bench_open(c, (struct transformer_options){ 0 }),
                 shorter = bench_open(c, (struct transformer_options){ .max_positions = 40 });
    sym_t longer[60];
    struct row want, got, other, far;
    struct want last = { .n_rows = 1, .tap = LM_TAP_FINAL };
    for (size_t i = 0; i < 60; i++)
        longer[i] = text[i % N_TEXT];
    check(bench_rows(&whole, longer, 20, last, &want) == 0 && bench_rows(&shorter, longer, 20, last, &other) == 0, "%s",
          err_text());
    check(difference(&want, &other) > 1e-3, "another plan gives other rows");
    check(strcmp(whole.lm->hash, shorter.lm->hash) != 0, "and is another lm");
    check(strcmp(transformer_positions(shorter.lm), "rope theta 10000, dynamic factor 2.5 of 24 positions, for 40") ==
              0,
          "the plan in words: %s", transformer_positions(shorter.lm));
    struct bench after = bench_open(c, (struct transformer_options){ 0 });
    check(bench_rows(&after, longer, 60, last, &far) == 0 && bench_rows(&after, longer, 20, last, &got) == 0, "%s",
          err_text());
    check(memcmp(want.score, got.score, want.n * sizeof *got.score) == 0, "a row is the same after a longer one");
    check(bench_rows(&shorter, longer, 41, last, &far) == ERR_DATA && strstr(err_text(), "its context limit is 40"),
          "%s", err_text());
    bench_close(&after);
    bench_close(&whole);
    bench_close(&shorter);
    random_checkpoint_free(c);
}

/* What is shared is computed once: passes are counted. */
static void sharing(void)
{
    struct checkpoint *c = random_checkpoint(&small, DTYPE_F32, 9);
    struct bench b = bench_open(c, (struct transformer_options){ 0 });
    struct want w[3];
    int root = lm_fork(b.lm, LM_EMPTY, 0);
    check(lm_push(b.lm, root, text, 20, NULL) == 0, "%s", err_text());
    for (size_t i = 0; i < 3; i++) {
        sym_t last = (sym_t)(60 + i);
        w[i] = (struct want){ b.lm, lm_fork(b.lm, root, 20), 1, LM_TAP_FINAL };
        check(lm_push(b.lm, w[i].slot, &last, 1, NULL) == 0, "%s", err_text());
    }
    check(core_run(b.core, w, 3) == 0, "%s", err_text());
    check(core_counts(b.core).computed == 23, "20 shared and 3 single positions: %llu",
          (unsigned long long)core_counts(b.core).computed);
    sym_t next = 1;
    check(lm_push(b.lm, w[2].slot, &next, 1, NULL) == 0 && core_run(b.core, &w[2], 1) == 0, "%s", err_text());
    check(core_counts(b.core).computed == 24, "one step is one position: %llu",
          (unsigned long long)core_counts(b.core).computed);
    bench_close(&b);
    random_checkpoint_free(c);
}

/* No memory to speak of: rows of a run all stay until its end, and every number is as before. */
static void little_memory(void)
{
    struct checkpoint *c = random_checkpoint(&small, DTYPE_F32, 10);
    struct bench ample = bench_open(c, (struct transformer_options){ 0 });
    struct bench tight = bench_open(c, (struct transformer_options){ .kv_bytes = 1, .row_bytes = 1, .chunk = 7 });
    struct row want[N_TEXT], got[N_TEXT];
    check(bench_rows(&ample, text, N_TEXT, (struct want){ .n_rows = N_TEXT, .tap = LM_TAP_FINAL }, want) == 0, "%s",
          err_text());
    for (int round = 0; round < 2; round++) {
        check(bench_rows(&tight, text, N_TEXT, (struct want){ .n_rows = N_TEXT, .tap = LM_TAP_FINAL }, got) == 0, "%s",
              err_text());
        for (size_t i = 0; i < N_TEXT; i++)
            check(memcmp(want[i].score, got[i].score, want[i].n * sizeof(float)) == 0, "row %zu with little memory", i);
        sym_t other[3] = { 9, 9, (sym_t)round };
        check(bench_rows(&tight, other, 3, (struct want){ .n_rows = 1, .tap = LM_TAP_FINAL }, got) == 0, "%s",
              err_text());
    }
    check(core_counts(tight.core).computed >= 2 * N_TEXT, "rows and pages went and were computed again");
    bench_close(&ample);
    bench_close(&tight);
    random_checkpoint_free(c);
}

/* An embedding padded beyond the tokenizer's symbols: rows have the symbols alone. */
static void padded_vocabulary(void)
{
    char path[512];
    snprintf(path, sizeof path, "%s/model/zoo/prose/tokenizer.json", CHORALE_HOME);
    if (access(path, R_OK) != 0) {
        printf("%s: skipped, no such tokenizer\n", path);
        return;
    }
    struct config padded = small;
    struct vocab *vocab = vocab_open_json(path, NULL, 0);
    check(vocab != NULL, "%s", err_text());
    padded.n_vocab = vocab_space(vocab)->n + 60;
    struct checkpoint *c = random_checkpoint(&padded, DTYPE_BF16, 13);
    struct bench whole = bench_open(c, (struct transformer_options){ 0 });
    c->vocab = vocab;
    struct bench cut = bench_open(c, (struct transformer_options){ 0 });
    struct row all, row;
    check(bench_rows(&whole, text, N_TEXT, (struct want){ .n_rows = 1, .tap = LM_TAP_FINAL }, &all) == 0, "%s",
          err_text());
    check(bench_rows(&cut, text, N_TEXT, (struct want){ .n_rows = 1, .tap = LM_TAP_FINAL }, &row) == 0, "%s",
          err_text());
    check(row.n == vocab_space(vocab)->n && all.n == row.n + 60, "a row of %u symbols, %u with the padding", row.n,
          all.n);
    check(memcmp(row.score, all.score, row.n * sizeof(float)) == 0, "the scores are those of the symbols");
    check(row.log_z < all.log_z, "the padding has no part in log Z");
    bench_close(&whole);
    bench_close(&cut);
    c->config.n_vocab = row.n - 1;
    struct threads *threads = threads_alloc(1);
    struct lm *lm = transformer_open(c, &(struct transformer_options){ .threads = threads });
    check(!lm && err_code() == ERR_DATA, "a tokenizer larger than the embedding is refused");
    lm_free(lm);
    threads_free(threads);
    random_checkpoint_free(c);
    vocab_free(vocab);
}

static void spoil(enum dtype type, const char *tensor, const char *layer)
{
    struct checkpoint *c = random_checkpoint(&small, type, 11);
    struct bench b = bench_open(c, (struct transformer_options){ 0 });
    struct row row;
    uint32_t nan = type == DTYPE_F32 ? 0x7fc00000u : 0x7fc07fc0u;
    memcpy(random_checkpoint_data(c, tensor), &nan, sizeof nan);
    int rc = bench_rows(&b, (sym_t[]){ 0, 2, 0 }, 3, (struct want){ .n_rows = 1, .tap = LM_TAP_FINAL }, &row);
    check(rc == ERR_DATA && strstr(err_text(), tensor) && strstr(err_text(), layer), "NaN in %s: %d %s", tensor, rc,
          err_text());
    check(core_counts(b.core).computed == 0, "a failed pass counts for nothing");
    bench_close(&b);
    random_checkpoint_free(c);
}

static void not_finite(void)
{
    spoil(DTYPE_F32, "model.embed_tokens.weight", "layer 0");
    spoil(DTYPE_F32, "model.layers.1.self_attn.q_proj.weight", "layer 1");
    spoil(DTYPE_BF16, "model.layers.1.self_attn.k_proj.weight", "layer 1");
    spoil(DTYPE_F32, "model.layers.2.mlp.down_proj.weight", "layer 2");
    spoil(DTYPE_BF16, "lm_head.weight", "head");
}

/* Fails to open with the code and all of the words. */
static void refuses(struct checkpoint *c, struct transformer_options o, int code, const char *word)
{
    o.threads = threads_alloc(1);
    struct lm *lm = transformer_open(c, &o);
    check(!lm && err_code() == code && strstr(err_text(), word), "want '%s', got: %s", word, lm ? "an lm" : err_text());
    lm_free(lm);
    threads_free(o.threads);
}

static void refusals(void)
{
    struct checkpoint *c = random_checkpoint(&small, DTYPE_F32, 12);
    refuses(c, (struct transformer_options){ .mode = "f16" }, ERR_USAGE, "known: f32, native");
    refuses(c, (struct transformer_options){ .kernels = "avx51" }, ERR_USAGE, "did you mean 'avx512'");
    refuses(c, (struct transformer_options){ .max_positions = 65 }, ERR_USAGE, "65 positions, want at most 64");
    c->config.ffn = 95;
    refuses(c, (struct transformer_options){ 0 }, ERR_DATA,
            "'model.layers.0.mlp.gate_proj.weight' is 96 x 64, want 95 x 64");
    c->config = small;
    c->config.n_layers = 4;
    refuses(c, (struct transformer_options){ 0 }, ERR_DATA, "'model.layers.3.self_attn.q_proj.weight' is missing");
    c->config = small;
    c->config.n_kv_heads = 3;
    refuses(c, (struct transformer_options){ 0 }, ERR_DATA, "4 heads do not divide among 3");
    c->config = small;
    c->config.head_dim = 23;
    refuses(c, (struct transformer_options){ 0 }, ERR_DATA, "heads are 23 wide");
    c->config = small;
    random_checkpoint_free(c);
}

int main(void)
{
    weight_types();
    native_mode(&kernel_avx512bf16);
    native_mode(&kernel_amx);
    alias();
    taps();
    rope_orders();
    planned_positions();
    sharing();
    little_memory();
    padded_vocabulary();
    not_finite();
    refusals();
    return check_done("transformer");
}
