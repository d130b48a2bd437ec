/* beam and contrastive over a random GPT-2 against Hugging Face transformers and the rules of T5X and Su et al.
 * (tests/fixtures/search/make.py). */
#include "base/err.h"
#include "base/mem.h"
#include "decode/search.h"
#include "tests/lib/check.h"
#include "tests/lib/exact.h"
#include "tests/lib/lm_bench.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST = 16 };

/* The checkpoint without a tokenizer: prompts are ids, and what ends is the case's. */
static sym_t prompt_ids[MOST];
static size_t n_prompt;
static const struct lm_type *real;
static struct lm_type type;

static int push_prompt(void *self, int slot, const struct prompt *p, struct symbols *seen)
{
    (void)p;
    symbols_add(seen, prompt_ids, n_prompt);
    return real->push(self, slot, prompt_ids, n_prompt, NULL);
}

static struct space *space_with_ends(uint32_t n, const sym_t ends[], size_t n_ends)
{
    uint8_t *bytes = mem_alloc(n, 1), *special = mem_alloc(n, 1);
    uint64_t *offsets = mem_alloc(n + 1, sizeof *offsets);
    for (uint32_t i = 0; i <= n; i++)
        offsets[i] = i;
    memset(bytes, 'x', n);
    struct space *s = space_alloc(SPACE_TOKEN, n, bytes, offsets, special, ends, n_ends);
    free(bytes);
    free(special);
    free(offsets);
    return s;
}

static bool read_ids(FILE *f, sym_t out[MOST], size_t *n)
{
    bool ok = fscanf(f, "%zu", n) == 1 && *n <= MOST;
    for (size_t i = 0; ok && i < *n; i++)
        ok = fscanf(f, "%u", &out[i]) == 1;
    return ok;
}

static struct search *ran(struct bench *b, struct space *space, const char *name, uint32_t max_new,
                          struct row_work *work)
{
    static struct lm lm;
    static struct chain *plain;
    struct prompt none = { .n_fields = 0 };
    struct stop stop = { .max_symbols = max_new };
    plain = plain ? plain : chain_parse("");
    lm = *b->lm;
    lm.type = &type;
    lm.space = space;
    struct search_args args = { .lm = &lm, .chain = plain, .stop = &stop, .prompt = &none };
    struct search *s = search_open(name, &args);
    exact_run(s, b->core, work);
    return s;
}

static FILE *fixture(const char *name)
{
    char path[512];
    snprintf(path, sizeof path, "%s/tests/fixtures/search/%s", CHORALE_HOME, name);
    FILE *f = fopen(path, "r");
    check(f != NULL, "%s", path);
    return f;
}

/* A line of the reference against a hypothesis; scores closer than float allows may come in either order. */
static bool same_text(const struct hyp *h, const sym_t ids[], size_t n)
{
    bool ok = h->n_steps == n;
    for (size_t i = 0; ok && i < n; i++)
        ok = h->steps[i].symbol == ids[i];
    return ok;
}

static size_t beams(struct bench *b, const char *file, struct row_work *work)
{
    static const char *const earlies[] = { "heuristic", "first", "never", "t5" };
    FILE *f = fixture(file);
    unsigned width, early, max_new, n_return;
    double penalty;
    size_t cases = 0, n_ends, n, n_ids;
    sym_t ends[MOST], ids[MOST];
    while (f && fscanf(f, "%u %lf %u %u %u", &width, &penalty, &early, &max_new, &n_return) == 5) {
        char name[128];
        check(early < 4 && read_ids(f, ends, &n_ends) && read_ids(f, prompt_ids, &n_prompt), "case %zu", cases);
        struct space *space = space_with_ends(b->lm->space->n, ends, n_ends);
        snprintf(name, sizeof name, "beam(%u, %s=%g, early=%s, n=%u)", width,
                 early == 3 ? "length_penalty=0, brevity_penalty" : "length_penalty", penalty, earlies[early], width);
        struct search *s = ran(b, space, name, max_new, work);
        const struct hyp *h = search_hyps(s, &n);
        check(n == n_return, "case %zu, %s: %zu texts", cases, name, n);
        for (size_t i = 0; i < n_return && i < n; i++) {
            double score;
            check(fscanf(f, "%lf", &score) == 1 && read_ids(f, ids, &n_ids), "case %zu", cases);
            check(same_text(&h[i], ids, n_ids), "case %zu, %s, %zu ends: text %zu has %zu symbols, want %zu", cases,
                  name, n_ends, i, h[i].n_steps, n_ids);
            check_near(h[i].log_weight, score, 2e-5 * fmax(1, fabs(score)), "case %zu, %s: score %zu", cases, name, i);
        }
        search_close(s);
        space_free(space);
        cases++;
    }
    if (f)
        fclose(f);
    return cases;
}

static size_t contrastives(struct bench *b, struct row_work *work)
{
    FILE *f = fixture("contrastive.txt");
    unsigned k, max_new;
    double alpha, lead;
    size_t cases = 0, n, n_ids;
    sym_t end = 1, ids[MOST];
    struct space *space = space_with_ends(b->lm->space->n, &end, 1);
    while (f && fscanf(f, "%u %lf %u", &k, &alpha, &max_new) == 3) {
        char name[64];
        check(read_ids(f, prompt_ids, &n_prompt) && read_ids(f, ids, &n_ids) && fscanf(f, "%lf", &lead) == 1 &&
                  lead > 1e-6,
              "case %zu", cases);
        snprintf(name, sizeof name, "contrastive(%u, alpha=%g)", k, alpha);
        struct search *s = ran(b, space, name, max_new, work);
        check(same_text(search_hyps(s, &n), ids, n_ids), "case %zu, %s (least lead %g)", cases, name, lead);
        search_close(s);
        cases++;
    }
    space_free(space);
    if (f)
        fclose(f);
    return cases;
}

/* Where the context is full every search ends at the same length; speculation leaves sample's text alone up to there. */
static void context_limit(struct bench *b, struct row_work *work)
{
    static const char *const names[] = { "speculative(6)",
                                         "speculative(4, ngram=1, rule=rejection)",
                                         "beam(2)",
                                         "beam_sample(2)",
                                         "stochastic_beam(2)",
                                         "contrastive(3)",
                                         "diverse_beam(2)",
                                         "beam(2, early=t5)" };
    sym_t end = 95; /* not in the list of none */
    struct space *space = space_with_ends(b->lm->space->n, &end, 0);
    size_t n, n_plain;
    n_prompt = 3;
    for (sym_t i = 0; i < 3; i++)
        prompt_ids[i] = 5 * i;
    struct search *plain = ran(b, space, "sample", 0, work);
    const struct hyp *p = search_hyps(plain, &n_plain);
    check(p->end == HYP_LIMIT && p->n_steps > 100, "sample: %zu symbols to the end of the context", p->n_steps);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        struct search *s = ran(b, space, names[i], 0, work);
        const struct hyp *h = search_hyps(s, &n);
        check(n >= 1 && h->end == HYP_LIMIT && h->n_steps == p->n_steps, "%s: %zu symbols, ended by %s", names[i],
              h->n_steps, hyp_end_name(h->end));
        for (size_t k = 0; i == 0 && k < h->n_steps; k++)
            check(h->steps[k].symbol == p->steps[k].symbol, "%s: symbol %zu is sample's", names[i], k);
        search_close(s);
    }
    search_close(plain);
    space_free(space);
}

int main(void)
{
    struct checkpoint *c = checkpoint_open_weights(CHORALE_HOME "/tests/fixtures/transformer/gpt2");
    check(c != NULL, "the checkpoint opens: %s", err_text());
    struct bench b = bench_open(c, (struct transformer_options){ .mode = "f32" });
    struct row_work *work = row_work_alloc(b.lm->space->n);
    real = b.lm->type;
    type = *real;
    type.prompt = push_prompt;
    size_t n = beams(&b, "beam.txt", work), t = beams(&b, "t5.txt", work), m = contrastives(&b, work);
    context_limit(&b, work);
    check(n >= 100 && t >= 50 && m >= 20, "%zu, %zu and %zu cases", n, t, m);
    row_work_free(work);
    bench_close(&b);
    checkpoint_close(c);
    return check_done("search_reference");
}
