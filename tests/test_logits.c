/* Logits and greedy texts against Hugging Face transformers (tests/fixtures/transformer/make.py), on every kernel path this
 * machine has. */
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

#define TOLERANCE 1e-4 /* of a row's largest |logit| */

static const struct kernels *const paths[] = { &kernel_reference, &kernel_avx2, &kernel_avx512, &kernel_avx512bf16 };
#define N_PATHS (sizeof paths / sizeof *paths)

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
    check(r->greedy + 12 * (size_t)r->n_greedy == s + r->file.len, "%s: a whole reference", name);
    return true;
}

static void check_logits(const struct reference *r, struct bench *b, const char *what)
{
    struct row *rows = mem_alloc(r->n, sizeof *rows);
    double worst = 0;
    int rc = bench_rows(b, r->ids, r->n, (struct want){ .n_rows = r->n, .tap = LM_TAP_FINAL }, rows);
    check(rc == 0, "%s: %s", what, err_text());
    for (uint32_t i = 0; rc == 0 && i < r->n; i++) {
        const float *want = r->rows + (size_t)i * (1 + r->kept);
        double largest = 0, difference = 0;
        for (uint32_t v = 0; v < rows[i].n; v++)
            largest = fmax(largest, fabs((double)rows[i].score[v]));
        for (uint32_t k = 0; k < r->kept; k++)
            difference = fmax(difference, fabs((double)rows[i].score[k * r->stride] - (double)want[1 + k]));
        check_near(largest, (double)want[0], TOLERANCE * (double)want[0], "%s: largest |logit| at %u", what, i);
        worst = fmax(worst, difference / (double)want[0]);
    }
    check(worst <= TOLERANCE, "%s: logits differ from Hugging Face by %.2g of the largest, want %g", what, worst,
          TOLERANCE);
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

static void against_hugging_face(const char *name, const char *folder)
{
    struct reference r;
    char hash[65], path[600], what[128];
    snprintf(path, sizeof path, "%s/model.safetensors", folder);
    if (access(path, R_OK) != 0) {
        printf("%s: skipped, no such checkpoint\n", folder);
        return;
    }
    if (!reference_open(&r, name))
        return;
    bool same = hash_sha256_file(path, hash) == 0 && strcmp(hash, r.hash) == 0;
    check(same, "%s: the reference is of other weights: run tests/fixtures/transformer/make.py again", name);
    if (!same) {
        text_free(&r.file);
        return;
    }
    struct checkpoint *c = checkpoint_open_weights(folder);
    check(c != NULL, "%s: %s", folder, err_text());
    for (size_t i = 0; c && i < N_PATHS; i++) {
        if (!paths[i]->available())
            continue;
        snprintf(what, sizeof what, "%s on %s", name, paths[i]->name);
        struct bench b = bench_open(c, (struct transformer_options){ .mode = "f32", .kernels = paths[i]->name });
        check_logits(&r, &b, what);
        check_greedy(&r, &b, what);
        bench_close(&b);
    }
    checkpoint_close(c);
    text_free(&r.file);
}

int main(void)
{
    char folder[512];
    snprintf(folder, sizeof folder, "%s/tests/fixtures/transformer/gqa", CHORALE_HOME);
    against_hugging_face("gqa", folder);
    snprintf(folder, sizeof folder, "%s/tests/fixtures/transformer/untied", CHORALE_HOME);
    against_hugging_face("untied", folder);
    snprintf(folder, sizeof folder, "%s/model/zoo/prose", CHORALE_HOME);
    against_hugging_face("prose", folder);
    return check_done("logits");
}
