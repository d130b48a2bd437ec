/* The laws of model/lm.h over byte adapters of tables, and over an ensemble of two with different vocabularies. */
#include "base/err.h"
#include "base/mem.h"
#include "ensemble/bytes.h"
#include "ensemble/ensemble.h"
#include "model/table.h"
#include "tests/lib/check.h"
#include "tests/lib/lm_contract.h"
#include "tests/lib/made_vocab.h"
#include <stdio.h>
#include <stdlib.h>

#define COUNT(list) (sizeof(list) / sizeof *(list))

/* Bytes 0, 1 and 2 in the byte alphabet. */
#define A "\xc4\x80"
#define B "\xc4\x81"
#define C "\xc4\x82"

static const char *const three[] = { A, B, C };
static const char *const merges[] = { A " " B, C " " C, A B " " C, C C " " A, B " " B };
static const char *const others[] = { B " " C, A " " A, A A " " B C };
static const struct made_vocab vocabularies[] = {
    { .bytes = three, .n_bytes = 3, .merge = merges, .n_merges = COUNT(merges) },
    { .bytes = three, .n_bytes = 3, .merge = others, .n_merges = COUNT(others) },
};

struct subject {
    const char *name;
    struct bytes_options options;
    bool is_pair;
};

struct made {
    struct lm *lm, *tokens[2], *bytes[2];
    struct vocab *vocab[2];
};
static struct made *open_now[16];

static struct lm *open_subject(void *ctx, size_t n_threads, size_t chunk)
{
    const struct subject *s = ctx;
    struct made *m = mem_alloc(1, sizeof *m);
    size_t i = 0, n = s->is_pair ? 2 : 1;
    (void)n_threads;
    (void)chunk;
    for (size_t k = 0; k < n; k++) {
        struct bytes_options o = s->options;
        o.vocab = m->vocab[k] = made_vocab_open(&vocabularies[k]);
        m->tokens[k] = table_open(&(struct table_options){ vocab_space(m->vocab[k])->n, 40, 70 + k, 1 });
        m->bytes[k] = bytes_open(m->tokens[k], &o);
        check(m->bytes[k] != NULL, "%s: %s", s->name, err_text());
    }
    const struct voice v[2] = { { .lm = m->bytes[0], .name = "a" }, { .lm = m->bytes[1], .name = "b" } };
    m->lm = s->is_pair ? ensemble_open(v, (double[]){ 0.3, 0.7 }, 2, "log") : m->bytes[0];
    while (open_now[i])
        i++;
    open_now[i] = m;
    return m->lm;
}

static void close_subject(void *ctx, struct lm *lm)
{
    const struct subject *s = ctx;
    size_t i = 0;
    while (!open_now[i] || open_now[i]->lm != lm)
        i++;
    if (s->is_pair)
        lm_free(lm);
    for (size_t k = 0; k < 2; k++) {
        lm_free(open_now[i]->bytes[k]);
        lm_free(open_now[i]->tokens[k]);
        vocab_free(open_now[i]->vocab[k]);
    }
    free(open_now[i]);
    open_now[i] = NULL;
}

int main(void)
{
    static struct subject subjects[] = {
        { "canonical", { .kind = "canonical" }, false },
        { "lazy", { .kind = "canonical", .lazy = 0.05 }, false },
        { "ahead", { .kind = "canonical", .ahead = 4 }, true },
        { "lazy and ahead", { .kind = "canonical", .lazy = 0.01, .ahead = 4 }, false },
        { "all", { .kind = "all", .beam = 6 }, false },
        { "pair of canonical", { .kind = "canonical" }, true },
        { "pair of all", { .kind = "all", .beam = 3 }, true },
    };
    for (size_t i = 0; i < COUNT(subjects); i++)
        lm_contract(&(struct lm_subject){ .name = subjects[i].name,
                                          .open = open_subject,
                                          .close = close_subject,
                                          .ctx = &subjects[i],
                                          .n_symbols = 3,
                                          .length = 24 });
    return check_done("bytes_contract");
}
