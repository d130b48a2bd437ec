/* Looking ahead changes no row of a byte adapter: over a bundled checkpoint the rows are the same bits, made in fewer
 * batches. */
#include "base/err.h"
#include "base/mem.h"
#include "ensemble/bytes.h"
#include "model/core.h"
#include "model/transformer.h"
#include "tests/lib/check.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BYTES 257u

static const char text[] =
    "Once upon a time there was a miller who had three sons. When he died he left them nothing but his mill, his "
    "donkey "
    "and his cat. \"What shall I do with a cat?\" said the youngest of them, who had got no more than that.";

#ifdef CHORALE_SANITIZED
enum { LENGTH = 96 };
#else
enum { LENGTH = sizeof text - 1 };
#endif

struct reading {
    float *score;    /* (bytes of the text, BYTES) */
    double *weights; /* log-weights */
    double states, batches;
};

/* Byte by byte, behind a prompt. */
static struct reading read_text(struct checkpoint *c, const struct bytes_options *o)
{
    size_t n = LENGTH;
    struct core *core = core_alloc();
    struct threads *threads = threads_alloc(1);
    struct lm *tokens = transformer_open(c, &(struct transformer_options){ .threads = threads });
    struct lm *lm = bytes_open(tokens, o);
    check(lm != NULL, "%s", err_text());
    struct reading r = { mem_alloc(n * BYTES, sizeof(float)), mem_alloc(n, sizeof(double)), 0, 0 };
    const struct prompt_field f = { "text", "It is said that on" };
    struct want w = { lm, lm_fork(lm, LM_EMPTY, 0), 1, LM_TAP_FINAL };
    check(lm_prompt(lm, w.slot, &(struct prompt){ .fields = &f, .n_fields = 1 }, NULL) == 0, "%s", err_text());
    for (size_t i = 0; i < n; i++) {
        struct row row;
        check(core_run(core, &w, 1) == 0 && lm_rows(&w, &row) == 0, "%s: %s", lm->name, err_text());
        memcpy(r.score + i * BYTES, row.score, BYTES * sizeof(float));
        r.weights[i] = row.log_weight;
        check(lm_push(lm, w.slot, &(sym_t){ (unsigned char)text[i] }, 1, NULL) == 0, "%s", err_text());
    }
    r.states = (double)bytes_counts(lm).states / (double)n;
    r.batches = (double)bytes_counts(lm).batches / (double)n;
    printf("%-36s ahead %2u: %.3f states, %.3f batches a byte\n", lm->name, o->ahead, r.states, r.batches);
    lm_free(lm);
    lm_free(tokens);
    threads_free(threads);
    core_free(core);
    return r;
}

static void free_reading(struct reading *r)
{
    free(r->score);
    free(r->weights);
}

static void compare(struct checkpoint *c, double lazy, const uint32_t ahead[], size_t n_ahead)
{
    size_t n = LENGTH;
    struct bytes_options o = { .vocab = c->vocab, .lazy = lazy };
    struct reading plain = read_text(c, &o);
    for (size_t i = 0; i < n_ahead; i++) {
        o.ahead = ahead[i];
        struct reading r = read_text(c, &o);
        check(memcmp(r.score, plain.score, n * BYTES * sizeof(float)) == 0, "lazy %g, ahead %u: rows differ", lazy,
              o.ahead);
        check(memcmp(r.weights, plain.weights, n * sizeof(double)) == 0, "lazy %g, ahead %u: log-weights differ", lazy,
              o.ahead);
        check(r.batches < plain.batches * (ahead[i] > 2 ? 0.75 : 0.9),
              "lazy %g, ahead %u: %g batches a byte, %g without", lazy, o.ahead, r.batches, plain.batches);
        free_reading(&r);
    }
    free_reading(&plain);
}

int main(void)
{
    checkpoint_set_home(CHORALE_HOME);
    struct checkpoint *c = checkpoint_open("zoo:prose");
    check(c != NULL, "%s", err_text());
    compare(c, 0, (uint32_t[]){ 2, 64 }, 2);
    compare(c, 1e-4, (uint32_t[]){ 8 }, 1);
    compare(c, 1e-2, (uint32_t[]){ 8 }, 1);
    checkpoint_close(c);
    return check_done("bytes_ahead");
}
