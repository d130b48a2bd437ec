/* A real checkpoint, karpathy's tinyllamas stories260K in llama2.c's layout, where shared/weights has it: ids, log-likelihood
 * and scores of shared/weights/README.md. */
#include "base/err.h"
#include "model/checkpoint.h"
#include "tests/lib/check.h"
#include "tests/lib/lm_bench.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char story[] =
    "Once upon a time, there was a little girl named Lily. She loved to play outside in the park.";
static const sym_t ids[] = { 1,   403, 407, 261, 378, 432, 383, 286, 261, 376, 298, 315, 421, 395, 317, 426,
                             338, 401, 396, 267, 337, 410, 408, 419, 292, 411, 322, 265, 282, 295, 433, 426 };
#define N_IDS (sizeof ids / sizeof *ids)

static void encodes(struct checkpoint *c)
{
    struct symbols out = { 0 };
    check(vocab_bos(c->vocab) == 1 && vocab_adds_bos(c->vocab), "token 1 begins a text");
    check(vocab_encode(c->vocab, story, sizeof story - 1, &out) == 0, "%s", err_text());
    check(out.n == N_IDS - 1 && memcmp(out.s, ids + 1, sizeof ids - sizeof *ids) == 0, "%zu ids", out.n);
    struct text back = { 0 };
    for (size_t i = 0; i < out.n; i++) {
        size_t n;
        const uint8_t *bytes = space_text(vocab_space(c->vocab), out.s[i], &n);
        text_addn(&back, bytes, n);
    }
    check(back.len == sizeof story && back.s[0] == ' ' && memcmp(back.s + 1, story, back.len - 1) == 0, "'%s'",
          text_s(&back));
    text_free(&back);
    free(out.s);
}

static double log_sum(const struct row *r)
{
    double most = -INFINITY, sum = 0;
    for (uint32_t v = 0; v < r->n; v++)
        most = fmax(most, (double)r->score[v]);
    for (uint32_t v = 0; v < r->n; v++)
        sum += exp((double)r->score[v] - most);
    return most + log(sum);
}

static void computes(struct checkpoint *c)
{
    struct bench b = bench_open(c, (struct transformer_options){ .mode = "f32" });
    struct row row[N_IDS];
    double nll = 0;
    check(bench_rows(&b, ids, N_IDS, (struct want){ .n_rows = N_IDS, .tap = LM_TAP_FINAL }, row) == 0, "%s",
          err_text());
    for (size_t i = 0; i + 1 < N_IDS; i++)
        nll += log_sum(&row[i]) - (double)row[i].score[ids[i + 1]];
    check_near(nll, 5.591021, 1e-5, "sum of negative log-probabilities");
    static const struct {
        sym_t id;
        double score;
    } top[] = { { 403, 17.02352 }, { 385, 15.40621 }, { 410, 13.10826 } };
    for (size_t i = 0; i < 3; i++) {
        size_t above = 0;
        for (uint32_t v = 0; v < row[0].n; v++)
            above += row[0].score[v] > row[0].score[top[i].id];
        check_near((double)row[0].score[top[i].id], top[i].score, 2e-5, "score of %u after bos", top[i].id);
        check(above == i, "%u is the %zuth", top[i].id, above);
    }
    bench_close(&b);
}

int main(void)
{
    const char *shared = check_shared();
    char path[4096], named[8300];
    snprintf(path, sizeof path, "%s/weights/stories260K.bin", shared ? shared : "");
    if (!shared || access(path, R_OK) != 0)
        check_skip("stories", "no shared/weights/stories260K.bin");
    struct checkpoint *c = checkpoint_open(path);
    check(c != NULL, "%s", err_text());
    if (c) {
        check(c->config.dim == 64 && c->config.n_vocab == 512 && c->config.tied_head &&
                  checkpoint_parameters(c) == 260032,
              "%llu parameters", (unsigned long long)checkpoint_parameters(c));
        encodes(c);
        computes(c);
    }
    checkpoint_close(c);
    snprintf(named, sizeof named, "%s,%s/weights/tok512.bin", path, shared);
    c = checkpoint_open(named);
    check(c && vocab_space(c->vocab)->n == 512, "%s", err_text());
    checkpoint_close(c);
    return check_done("stories");
}
