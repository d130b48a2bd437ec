/* mbr: the text with the greatest expected utility, the others standing for what might be wanted:
 *
 *     arg max_h sum_r weight(r) utility(h, r)          over all texts r, h itself among them
 *
 * Pruning (Cheng and Vlachos 2023): after 8, 16, 32, ... references a hypothesis is given up when in at most 1 - prune of 500
 * bootstrap samples of those references it does at least as well as the best so far.  The samples are addressed noise of seed 0
 * (base/rng.h), the same for all, so that a choice is a function of its texts.  What is given up scores -inf. */
#include "base/err.h"
#include "base/mem.h"
#include "base/rng.h"
#include "decode/select.h"
#include "decode/utility.h"
#include <math.h>
#include <stdlib.h>

enum { UTILITY, WEIGHT, PRUNE };
enum { FIRST_REFERENCES = 8, SAMPLES = 500 };

struct mbr {
    const struct utility_type *type;
    struct utility_text *text; /* (n,) */
    double *weight;            /* (n,) */
    double *utility;           /* (n, n) hypothesis, reference */
    bool *alive;               /* (n,) */
    size_t n, n_computed;
};

static const struct utility_type *utility_of(const struct spec_value value[])
{
    return utility_find(value[UTILITY].text ? value[UTILITY].text : "chrf");
}

static int mbr_check(const struct spec_value value[])
{
    return utility_of(value) ? select_weights(value[WEIGHT].text, NULL, 0, NULL) : ERR_USAGE;
}

/* Utilities of what is left against references [from, to). */
static void compute(struct mbr *m, size_t from, size_t to)
{
    for (size_t h = 0; h < m->n; h++)
        for (size_t r = from; m->alive[h] && r < to; r++) {
            if (m->weight[r] == 0)
                continue; /* a text that is there already: never asked again */
            m->utility[h * m->n + r] = m->type->value(&m->text[h], &m->text[r]);
            m->n_computed++;
        }
}

static double expected(const struct mbr *m, size_t h, size_t to)
{
    double sum = 0;
    for (size_t r = 0; r < to; r++)
        sum += m->weight[r] * m->utility[h * m->n + r];
    return sum;
}

static size_t best_so_far(const struct mbr *m, size_t to)
{
    size_t best = m->n;
    double most = -INFINITY;
    for (size_t h = 0; h < m->n; h++) {
        double x = m->alive[h] ? expected(m, h, to) : -INFINITY;
        best = x > most ? h : best;
        most = fmax(most, x);
    }
    return best;
}

/* The share of bootstrap samples of the first n references in which h does at least as well as best. */
static double wins(const struct mbr *m, size_t h, size_t best, size_t n)
{
    size_t won = 0;
    for (uint32_t sample = 0; sample < SAMPLES; sample++) {
        struct rng_address a = { .draw = sample, .step = (uint32_t)n, .purpose = RNG_BOOTSTRAP };
        struct rng_key key = rng_key(&a);
        double lead = 0;
        for (uint32_t i = 0; i < n; i++) {
            size_t r = (size_t)(rng_uniform(&key, i) * (double)n);
            lead += m->weight[r] * (m->utility[h * m->n + r] - m->utility[best * m->n + r]);
        }
        won += lead >= 0;
    }
    return (double)won / SAMPLES;
}

static void prune(struct mbr *m, size_t n, double confidence)
{
    size_t best = best_so_far(m, n);
    for (size_t h = 0; h < m->n; h++)
        if (m->alive[h] && h != best && wins(m, h, best, n) <= 1 - confidence)
            m->alive[h] = false;
}

static void mbr_init(struct mbr *m, const struct utility_type *type, struct lexicon *l,
                     const struct select_text texts[], size_t n)
{
    *m = (struct mbr){ .type = type, .n = n };
    m->text = mem_alloc(n, sizeof *m->text);
    m->weight = mem_alloc(n, sizeof *m->weight);
    m->utility = mem_alloc(n * n, sizeof *m->utility);
    m->alive = mem_alloc(n, sizeof *m->alive);
    for (size_t i = 0; i < n; i++) {
        utility_init(type, &m->text[i], l, texts[i].text, texts[i].n);
        m->alive[i] = true;
    }
}

static void mbr_fini(struct mbr *m)
{
    for (size_t i = 0; i < m->n; i++)
        utility_fini(&m->text[i]);
    free(m->text);
    free(m->weight);
    free(m->utility);
    free(m->alive);
}

static size_t mbr_rank(const struct spec_value value[], const struct select_text texts[], size_t n, double score[])
{
    struct mbr m;
    struct lexicon *l = words_lexicon_alloc();
    double confidence = value[PRUNE].number;
    mbr_init(&m, utility_of(value), l, texts, n);
    int rc = select_weights(value[WEIGHT].text, texts, n, m.weight);
    size_t done = 0;
    for (size_t to = FIRST_REFERENCES; rc == 0 && confidence > 0 && to < n; to *= 2) {
        compute(&m, done, to);
        prune(&m, to, confidence);
        done = to;
    }
    compute(&m, done, n);
    for (size_t h = 0; h < n; h++)
        score[h] = m.alive[h] ? expected(&m, h, n) : -INFINITY;
    size_t computed = m.n_computed;
    mbr_fini(&m);
    words_lexicon_free(l);
    return computed;
}

static const struct param params[] = {
    [UTILITY] = { .name = "utility", .kind = PARAM_TEXT, .meaning = "chrf (default), bleu, rouge_l, exact" },
    [WEIGHT] = { .name = "weight", .kind = PARAM_TEXT, .meaning = "of a reference: uniform (default) or model" },
    [PRUNE] = { .name = "prune",
                .kind = PARAM_REAL,
                .min = 0,
                .max = 1,
                .value = 0,
                .meaning = "confidence with which a hypothesis is given up early, like 0.99; 0: never" },
};

const struct select_type select_mbr = {
    .name = "mbr",
    .params = params,
    .n_params = sizeof params / sizeof *params,
    .meaning = "minimum Bayes risk: the text most useful where the others are wanted",
    .source = "Eikema and Aziz 2022, arXiv 2108.04718; pruning: Cheng and Vlachos 2023, arXiv 2311.14919",
    .check = mbr_check,
    .rank = mbr_rank,
};
