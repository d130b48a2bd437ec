/* Tokenizers of any structure (tokenizer.json, a zero byte, a text) under the byte adapter: rows are numbers that sum to one
 * or dead, whatever merges, tokens and cuts a file makes up; nothing is left held. */
#include "ensemble/bytes.h"
#include "model/core.h"
#include "tests/lib/spy_lm.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define TEXT_MAX 64

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void check_row(const struct row *r)
{
    double sum = 0;
    for (sym_t b = 0; b < r->n; b++)
        sum += exp(row_logp(r, b));
    if (!row_dead(r) && !(fabs(sum - 1) < 1e-5))
        abort();
}

static void read_text(struct core *core, struct lm *lm, const uint8_t *text, size_t n)
{
    struct want w = { lm, lm_fork(lm, LM_EMPTY, 0), 1, LM_TAP_FINAL };
    for (size_t i = 0; i <= n && i < TEXT_MAX; i++) {
        struct row row;
        if (core_run(core, &w, 1) < 0 || lm_rows(&w, &row) < 0)
            break;
        check_row(&row);
        sym_t s = i < n ? text[i] : 256;
        if (i == n / 2) {
            int fork = lm_fork(lm, w.slot, i);
            lm_drop(lm, w.slot);
            w.slot = fork;
        }
        lm_push(lm, w.slot, &s, 1, NULL);
    }
    lm_drop(lm, w.slot);
}

static void adapt(struct vocab *v, const struct bytes_options *o, const uint8_t *text, size_t n)
{
    struct spy_lm *spy = spy_lm_open(vocab_space(v));
    struct core *core = core_alloc();
    struct lm *lm = bytes_open(&spy->lm, o);
    if (lm) {
        read_text(core, lm, text, n);
        lm_free(lm);
    }
    if (spy_lm_held(spy) > 0)
        abort();
    core_free(core);
    spy_lm_free(spy);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static const sym_t ends[] = { 0 };
    const uint8_t *zero = n > 0 ? memchr(data, 0, n) : NULL;
    size_t length = zero ? (size_t)(zero - data) : n;
    struct vocab *v = vocab_read_json("input", (const char *)data, length, ends, 1);
    if (!v)
        return 0;
    const uint8_t *text = zero ? zero + 1 : (const uint8_t *)"a'll  be\xc3\xa9 12";
    size_t n_text = zero ? n - length - 1 : 14;
    adapt(v, &(struct bytes_options){ .vocab = v }, text, n_text);
    adapt(v, &(struct bytes_options){ .vocab = v, .kind = "all", .beam = 4 }, text, n_text);
    adapt(v, &(struct bytes_options){ .vocab = v, .lazy = 0.01 }, text, n_text);
    adapt(v, &(struct bytes_options){ .vocab = v, .ahead = 5 }, text, n_text);
    adapt(v, &(struct bytes_options){ .vocab = v, .lazy = 0.01, .ahead = 5 }, text, n_text);
    vocab_free(v);
    return 0;
}
