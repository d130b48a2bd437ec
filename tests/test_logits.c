/* Logits and greedy texts of every architecture against Hugging Face transformers (tests/fixtures/transformer/make.py,
 * architectures.py), on every kernel path this machine has, and in native mode where the weights are bf16. */
#include "base/err.h"
#include "base/hash.h"
#include "base/mem.h"
#include "model/kernel.h"
#include "tests/lib/check.h"
#include "tests/lib/lm_bench.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define TOLERANCE        1e-4 /* of a row's largest |logit| */
#define NATIVE_TOLERANCE 2e-2 /* activations rounded to 8 bits */

static const char *const fixtures[] = {
    "gqa",         "untied",          "llama_bias",      "rope_linear", "rope_dynamic", "rope_yarn",
    "rope_llama3", "mistral",         "mixtral",         "qwen2",       "qwen3",        "qwen2_full",
    "qwen3_moe",   "qwen3_moe_mixed", "gemma2",          "gemma3",      "phi3",         "phi3_longrope",
    "gpt2",        "gpt_neox",        "gpt_neox_serial", "bloom",       "bloom_112",
};

static const struct kernels *const paths[] = { &kernel_reference, &kernel_avx2, &kernel_avx512, &kernel_avx512bf16,
                                               &kernel_amx };
#define N_PATHS (sizeof paths / sizeof *paths)

/* reference: whose logits and weights it has. */
static const struct {
    const char *name, *reference;
} gguf_files[] = {
    { "rope_linear", "rope_linear" },
    { "rope_yarn", "rope_yarn" },
    { "rope_llama3", "rope_llama3" },
    { "mistral", "mistral" },
    { "mixtral", "mixtral" },
    { "mixtral_old", "mixtral" },
    { "qwen2_full", "qwen2_full" },
    { "qwen3", "qwen3" },
    { "qwen3_moe", "qwen3_moe" },
    { "gemma2", "gemma2" },
    { "gemma3", "gemma3" },
    { "phi3_longrope", "phi3_longrope" },
    { "gpt2", "gpt2" },
    { "gpt_neox", "gpt_neox" },
    { "bloom", "bloom" },
};

struct reference {
    struct text file;
    char hash[65];
    uint32_t n, stride, kept, n_prompt, n_greedy;
    const uint32_t *ids;
    const float *rows;  /* (n, 1 + kept) */
    const char *greedy; /* (n_greedy) of 12 bytes */
};

static bool reference_open(struct reference *r, const char *name)
{
    char path[512];
    snprintf(path, sizeof path, "%s/tests/fixtures/transformer/%s.bin", CHORALE_HOME, name);
    *r = (struct reference){ 0 };
    if (text_read_file(&r->file, path, 1 << 24) < 0) {
        check(false, "%s", err_text());
        return false;
    }
    const char *s = r->file.s;
    for (size_t i = 0; i < 32; i++)
        snprintf(r->hash + 2 * i, 3, "%02x", (unsigned char)s[i]);
    memcpy(&r->n, s + 32, 5 * sizeof r->n);
    r->ids = (const uint32_t *)(const void *)(s + 52);
    r->rows = (const float *)(const void *)(r->ids + r->n);
    r->greedy = (const char *)(r->rows + (size_t)r->n * (1 + r->kept));
    bool whole = r->greedy + 12 * (size_t)r->n_greedy == s + r->file.len;
    check(whole, "%s: a whole reference", name);
    return whole;
}

/* How much row i differs, of its largest |logit|. */
static double difference(const struct reference *r, uint32_t i, const struct row *row)
{
    const float *want = r->rows + (size_t)i * (1 + r->kept);
    double largest = 0, most;
    for (uint32_t v = 0; v < row->n; v++)
        largest = fmax(largest, fabs((double)row->score[v]));
    most = fabs(largest - (double)want[0]);
    for (uint32_t k = 0; k < r->kept; k++)
        most = fmax(most, fabs((double)row->score[k * r->stride] - (double)want[1 + k]));
    return isfinite(most) ? most / (double)want[0] : INFINITY;
}

static void check_logits(const struct reference *r, struct bench *b, const char *what, double tolerance)
{
    struct row *rows = mem_alloc(r->n, sizeof *rows);
    double worst = 0;
    int rc = bench_rows(b, r->ids, r->n, (struct want){ .n_rows = r->n, .tap = LM_TAP_FINAL }, rows);
    check(rc == 0, "%s: %s", what, err_text());
    for (uint32_t i = 0; rc == 0 && i < r->n; i++) {
        double d = difference(r, i, &rows[i]);
        worst = fmax(worst, d);
        check(d <= tolerance, "%s: logits at %u differ from Hugging Face by %.2g of the largest, want %g", what, i, d,
              tolerance);
    }
    printf("%s: largest difference from Hugging Face %.2g of the row's largest |logit|\n", what, worst);
    free(rows);
}

/* The same 64 symbols, up to a tie closer than the tolerance: after one, the texts may part. */
static void check_greedy(const struct reference *r, struct bench *b, const char *what)
{
    struct want w = { b->lm, lm_fork(b->lm, LM_EMPTY, 0), 1, LM_TAP_FINAL };
    check(lm_push(b->lm, w.slot, r->ids, r->n_prompt, NULL) == 0, "%s: %s", what, err_text());
    for (uint32_t i = 0; i < r->n_greedy; i++) {
        uint32_t want;
        float lead, largest;
        struct row row;
        memcpy(&want, r->greedy + 12 * i, 4);
        memcpy(&lead, r->greedy + 12 * i + 4, 4);
        memcpy(&largest, r->greedy + 12 * i + 8, 4);
        check(core_run(b->core, &w, 1) == 0 && lm_rows(&w, &row) == 0, "%s: %s", what, err_text());
        sym_t got = row_argmax(&row);
        if (got != want && (double)lead <= 2 * TOLERANCE * (double)largest)
            return;
        check(got == want, "%s: greedy step %u: %u, Hugging Face has %u (lead %g)", what, i, got, want, (double)lead);
        if (got != want)
            return;
        check(lm_push(b->lm, w.slot, &got, 1, NULL) == 0, "%s: %s", what, err_text());
    }
}

/* Where activations are rounded, greedy texts part soon: rows alone are compared. */
static void in_native_mode(const struct reference *r, struct checkpoint *c, const char *name, const struct kernels *k)
{
    char what[128];
    if (!k->available() || r->n < 100)
        return;
    snprintf(what, sizeof what, "%s in native mode on %s", name, k->name);
    struct bench b = bench_open(c, (struct transformer_options){ .mode = "native", .kernels = k->name });
    check_logits(r, &b, what, NATIVE_TOLERANCE);
    bench_close(&b);
}

static void on_all_paths(const struct reference *r, struct checkpoint *c, const char *name)
{
    char what[128];
    for (size_t i = 0; i < N_PATHS; i++) {
        if (!paths[i]->available())
            continue; /* the kernels have tests of their own under the sanitizers: here the first and the last path */
        if (i % CHECK_TIMES(1, N_PATHS - 1) != 0)
            continue;
        snprintf(what, sizeof what, "%s on %s", name, paths[i]->name);
        struct bench b = bench_open(c, (struct transformer_options){ .mode = "f32", .kernels = paths[i]->name });
        check_logits(r, &b, what, TOLERANCE);
        check_greedy(r, &b, what);
        bench_close(&b);
    }
}

static void against_hugging_face(const char *name, const char *folder)
{
    struct reference r;
    char hash[65], path[600];
    snprintf(path, sizeof path, "%s/model.safetensors", folder);
    if (access(path, R_OK) != 0) {
        printf("%s: skipped, no such checkpoint\n", folder);
        return;
    }
    if (!reference_open(&r, name))
        return;
    bool same = hash_sha256_file(path, hash) == 0 && strcmp(hash, r.hash) == 0;
    check(same, "%s: the reference is of other weights: run the script beside it again", name);
    struct checkpoint *c = same ? checkpoint_open_weights(folder) : NULL;
    check(c || !same, "%s: %s", folder, err_text());
    if (c) {
        on_all_paths(&r, c, name);
        in_native_mode(&r, c, name, &kernel_avx512bf16);
        in_native_mode(&r, c, name, &kernel_amx);
    }
    checkpoint_close(c);
    text_free(&r.file);
}

/* The same weights from a GGUF file, whose layout of them is another (tests/fixtures/transformer/gguf_files.py). */
static void from_gguf(const char *name, const char *reference)
{
    struct reference r;
    char path[600], what[128];
    snprintf(path, sizeof path, "%s/tests/fixtures/transformer/%s.gguf", CHORALE_HOME, name);
    snprintf(what, sizeof what, "%s.gguf", name);
    struct checkpoint *c = checkpoint_open_weights(path);
    check(c != NULL, "%s", err_text());
    if (c && reference_open(&r, reference)) {
        on_all_paths(&r, c, what);
        text_free(&r.file);
    }
    checkpoint_close(c);
}

int main(void)
{
    char folder[512];
    for (size_t i = 0; i < sizeof fixtures / sizeof *fixtures; i++) {
        snprintf(folder, sizeof folder, "%s/tests/fixtures/transformer/%s", CHORALE_HOME, fixtures[i]);
        against_hugging_face(fixtures[i], folder);
    }
    for (size_t i = 0; i < sizeof gguf_files / sizeof *gguf_files; i++)
        from_gguf(gguf_files[i].name, gguf_files[i].reference);
    snprintf(folder, sizeof folder, "%s/model/zoo/prose", CHORALE_HOME);
    against_hugging_face("prose", folder);
    return check_done("logits");
}
