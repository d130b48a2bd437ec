#include "evalsets/bleu.h"
#include <assert.h>
#include <math.h>

void bleu_init(struct bleu_text *t, const struct words *w)
{
    *t = (struct bleu_text){ .n_words = w->n };
    for (unsigned i = 0; i < NGRAM_MAX; i++) {
        ngram_add(&t->bag[i], w, i + 1);
        ngram_sort(&t->bag[i]);
    }
}

void bleu_fini(struct bleu_text *t)
{
    for (unsigned i = 0; i < NGRAM_MAX; i++)
        ngram_free(&t->bag[i]);
}

/* N-grams of h that a reference has too, each at most as often as the reference that has it most. */
static size_t clipped(const struct ngram_bag *h, unsigned i, const struct bleu_text *const references[], size_t n)
{
    size_t sum = 0;
    for (size_t g = 0; g < h->n; g++) {
        size_t most = 0;
        for (size_t r = 0; r < n; r++) {
            size_t count = ngram_count(&references[r]->bag[i], &h->gram[g]);
            most = count > most ? count : most;
        }
        sum += most < h->count[g] ? most : h->count[g];
    }
    return sum;
}

static size_t closest(size_t n_words, const struct bleu_text *const references[], size_t n)
{
    size_t best = references[0]->n_words;
    for (size_t r = 1; r < n; r++) {
        size_t length = references[r]->n_words;
        size_t gap = length > n_words ? length - n_words : n_words - length;
        size_t best_gap = best > n_words ? best - n_words : n_words - best;
        if (gap < best_gap || (gap == best_gap && length < best))
            best = length;
    }
    return best;
}

double bleu_sentence(enum bleu_rule rule, unsigned order, const struct bleu_text *hypothesis,
                     const struct bleu_text *const references[], size_t n_references)
{
    assert(order >= 1 && order <= NGRAM_MAX);
    if (n_references == 0 || clipped(&hypothesis->bag[0], 0, references, n_references) == 0)
        return 0;
    double log_sum = 0, share = 1;
    unsigned used = order;
    for (unsigned i = 0; i < order; i++) {
        size_t total = hypothesis->bag[i].total;
        double hits = (double)clipped(&hypothesis->bag[i], i, references, n_references);
        if (total == 0 && rule == BLEU_SACRE)
            return 0;
        if (total == 0 && rule == BLEU_SACRE_FIT) {
            used = i;
            break;
        }
        if (hits == 0) {
            share /= 2;
            hits = rule == BLEU_NLTK1 ? 0.1 : share;
        }
        log_sum += log(hits / (double)(total > 0 ? total : 1));
    }
    double n = (double)hypothesis->n_words, want = (double)closest(hypothesis->n_words, references, n_references);
    double log_brevity = n < want ? 1 - want / n : 0;
    return exp(log_brevity + log_sum / used);
}
