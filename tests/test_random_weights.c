/* Random weights in memory: shapes and types as asked for, values of the spread that a trained model's have, the same every
 * time, fit to run, and refusals. */
#include "base/err.h"
#include "base/mem.h"
#include "model/core.h"
#include "model/random_weights.h"
#include "model/transformer.h"
#include "model/vocab.h"
#include "tests/lib/check.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define SHAPE "llama(dim=256, layers=2, heads=4, kv_heads=2, ffn=512, vocab=300)"

static const struct tensor *tensor_of(const struct checkpoint *c, const char *name)
{
    for (size_t i = 0; i < c->n_tensors; i++)
        if (strcmp(c->tensors[i].name, name) == 0)
            return &c->tensors[i];
    return NULL;
}

/* Values are about uniform, mean 0, variance 1 / width: sums of squares of activations keep their size. */
static void spread(const struct tensor *t)
{
    size_t n = (size_t)(t->dims[0] * t->dims[1]), beyond = 0;
    float *x = mem_alloc(n, sizeof *x);
    double mean = 0, square = 0, k = (double)t->dims[1];
    dtype_to_f32(t->type, t->data, n, x);
    for (size_t i = 0; i < n; i++) {
        mean += (double)x[i] / (double)n;
        square += (double)x[i] * (double)x[i] / (double)n;
        beyond += !(fabs((double)x[i]) <= 2.5 * sqrt(3 / k));
    }
    check(fabs(mean) < 0.12 / sqrt(k), "%s: mean %g of a spread of %g", dtype_name(t->type), mean, 1 / sqrt(k));
    check(square * k > 0.5 && square * k < 1.5, "%s: variance %g / %g", dtype_name(t->type), square * k, k);
    check(beyond == 0, "%s: %zu values beyond the range", dtype_name(t->type), beyond);
    free(x);
}

/* It opens as a model, and its rows are finite and tell symbols apart. */
static void runs(struct checkpoint *c)
{
    struct threads *threads = threads_alloc(1);
    struct core *core = core_alloc();
    struct lm *lm = transformer_open(c, &(struct transformer_options){ .alias = "random", .threads = threads });
    check(lm != NULL, "%s", err_text());
    int slot = lm_fork(lm, LM_EMPTY, 0);
    struct want w = { .lm = lm, .slot = slot, .n_rows = 1, .tap = LM_TAP_FINAL };
    struct row row;
    double least = INFINITY, most = -INFINITY;
    check(lm_push(lm, slot, (sym_t[]){ 5, 9, 200 }, 3, NULL) == 0 && core_run(core, &w, 1) == 0 &&
              lm_rows(&w, &row) == 0,
          "%s", err_text());
    for (uint32_t i = 0; i < row.n; i++) {
        least = fmin(least, (double)row.score[i]);
        most = fmax(most, (double)row.score[i]);
    }
    check(isfinite(least) && isfinite(most) && most - least > 0.1 && most - least < 100, "scores from %g to %g", least,
          most);
    lm_free(lm);
    core_free(core);
    threads_free(threads);
}

static void type(enum dtype t)
{
    struct random_weights *r = random_weights_open(SHAPE, t), *again = random_weights_open(SHAPE, t);
    check(r && again, "%s", err_text());
    struct checkpoint *c = random_weights_checkpoint(r), *d = random_weights_checkpoint(again);
    check(c->config.dim == 256 && c->config.n_layers == 2 && c->config.n_kv_heads == 2 && c->config.n_vocab == 300,
          "the shape that was asked for");
    const struct tensor *up = tensor_of(c, "model.layers.1.mlp.up_proj.weight");
    const struct tensor *norm = tensor_of(c, "model.layers.0.input_layernorm.weight");
    check(c->vocab && vocab_space(c->vocab)->n == 300, "a tokenizer of the shape's symbols");
    check(up && up->type == t && up->dims[0] == 512 && up->dims[1] == 256, "%s: the type that was asked for",
          dtype_name(t));
    check(norm && norm->type == DTYPE_F32 && ((const float *)norm->data)[255] == 1, "norms are ones in float32");
    spread(up);
    const struct tensor *gate = tensor_of(c, "model.layers.1.mlp.gate_proj.weight");
    check(gate && gate->bytes == up->bytes && memcmp(gate->data, up->data, (size_t)up->bytes) != 0,
          "tensors of one shape differ"); /* bug: queries were keys, and attention a matter of last bits */
    for (size_t i = 0; i < c->n_tensors; i++) {
        check((uintptr_t)c->tensors[i].data % 64 == 0, "%s starts at a cache line", c->tensors[i].name);
        check(c->tensors[i].bytes == d->tensors[i].bytes &&
                  memcmp(c->tensors[i].data, d->tensors[i].data, (size_t)c->tensors[i].bytes) == 0,
              "%s is the same every time", c->tensors[i].name);
    }
    runs(c);
    random_weights_close(r);
    random_weights_close(again);
}

/* Rows that are no multiple of a type's block get q8_0, else bf16. */
static void narrow(void)
{
    static const struct {
        const char *shape;
        enum dtype asked, got;
    } cases[] = {
        { "llama(dim=96, layers=1, heads=2, ffn=128, vocab=300)", DTYPE_Q4_K, DTYPE_Q8_0 },
        { "llama(dim=40, layers=1, heads=2, ffn=128, vocab=300)", DTYPE_Q4_K, DTYPE_BF16 },
        { "llama(dim=40, layers=1, heads=2, ffn=128, vocab=300)", DTYPE_F16, DTYPE_F16 },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct random_weights *r = random_weights_open(cases[i].shape, cases[i].asked);
        check(r != NULL, "%s", err_text());
        const struct tensor *up = tensor_of(random_weights_checkpoint(r), "model.layers.0.mlp.up_proj.weight");
        check(up && up->type == cases[i].got, "%s as %s becomes %s", cases[i].shape, dtype_name(cases[i].asked),
              dtype_name(up ? up->type : cases[i].asked));
        random_weights_close(r);
    }
}

static void known(void)
{
    struct random_weights *r = random_weights_open("15M", DTYPE_Q8_0);
    check(r != NULL, "%s", err_text());
    const struct checkpoint *c = random_weights_checkpoint(r);
    uint64_t n = 0;
    for (size_t i = 0; i < c->n_tensors; i++)
        n += c->tensors[i].dims[0] * (c->tensors[i].n_dims > 1 ? c->tensors[i].dims[1] : 1);
    check(c->config.n_vocab == 32000 && n > 15000000 && n < 25000000, "15M: %llu numbers, with a head of its own",
          (unsigned long long)n);
    random_weights_close(r);
    random_weights_close(NULL);
}

static void refuses(const char *shape, int code, const char *word)
{
    struct random_weights *r = random_weights_open(shape, DTYPE_BF16);
    check(!r && err_code() == code && strstr(err_text(), word), "%s: want '%s', got: %s", shape, word,
          r ? "weights" : err_text());
    random_weights_close(r);
}

int main(void)
{
    static const enum dtype types[] = { DTYPE_F32,  DTYPE_F16,  DTYPE_BF16, DTYPE_Q8_0, DTYPE_Q4_0,
                                        DTYPE_Q4_1, DTYPE_Q5_0, DTYPE_Q5_1, DTYPE_Q2_K, DTYPE_Q3_K,
                                        DTYPE_Q4_K, DTYPE_Q5_K, DTYPE_Q6_K };
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        type(types[i]);
    narrow();
    known();
    refuses("16M", ERR_USAGE, "16M");
    refuses("llama(dim=256, layers=2, heads=4, ffn=512, vocab=300, width=3)", ERR_USAGE, "width");
    refuses("llama(dim=255, layers=2, heads=4, ffn=512, vocab=300)", ERR_USAGE, "");
    return check_done("random_weights");
}
