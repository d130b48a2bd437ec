/* How different the draws of an item are from each other, and how much one text repeats itself.
 *
 * All over words (evalsets/words.h).  The values of ITEM metrics depend on the number and length of the draws: compare
 * arms of one plan, where both are the same. */
#include "base/mem.h"
#include "evalsets/bleu.h"
#include "evalsets/metric_list.h"
#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

/* V of the expectation-adjusted distinct: a round number of word types far above those of any one item's draws.  Values
 * compare only under equal V. */
#define EAD_VOCABULARY 32000
/* A bag of C words holds at most min(C, V) distinct ones; C / (V (1 - (1 - 1/V)^C)) grows with C up to C = V and
 * stays below e / (e - 1) there. */
#define EAD_MAX 1.5819767068693265

struct draws {
    struct lexicon *lexicon;
    struct words *words; /* (n,) */
    size_t n;
};

static struct draws draws_read(const struct sample s[], size_t n)
{
    struct draws d = { words_lexicon_alloc(), mem_alloc(n, sizeof *d.words), n };
    for (size_t i = 0; i < n; i++)
        words_read(&d.words[i], d.lexicon, s[i].text, s[i].n_text);
    return d;
}

static void draws_free(struct draws *d)
{
    for (size_t i = 0; i < d->n; i++)
        words_free(&d->words[i]);
    free(d->words);
    words_lexicon_free(d->lexicon);
}

static double distinct(const struct sample s[], size_t n, unsigned order)
{
    struct draws d = draws_read(s, n);
    double ratio = ngram_distinct(d.words, n, order);
    draws_free(&d);
    return ratio;
}

static double distinct_1(const struct sample s[], size_t n)
{
    return distinct(s, n, 1);
}

static double distinct_2(const struct sample s[], size_t n)
{
    return distinct(s, n, 2);
}

static double distinct_3(const struct sample s[], size_t n)
{
    return distinct(s, n, 3);
}

static double distinct_4(const struct sample s[], size_t n)
{
    return distinct(s, n, 4);
}

static double ead(const struct sample s[], size_t n)
{
    struct draws d = draws_read(s, n);
    struct ngram_bag bag = { 0 };
    for (size_t i = 0; i < n; i++)
        ngram_add(&bag, &d.words[i], 1);
    ngram_sort(&bag);
    size_t kinds = bag.n < EAD_VOCABULARY ? bag.n : EAD_VOCABULARY;
    double value = ngram_ead(kinds, bag.total, EAD_VOCABULARY);
    ngram_free(&bag);
    draws_free(&d);
    return value;
}

static double self_bleu(const struct sample s[], size_t n)
{
    if (n < 2)
        return NAN;
    struct draws d = draws_read(s, n);
    struct bleu_text *texts = mem_alloc(n, sizeof *texts);
    const struct bleu_text **others = mem_alloc(n, sizeof *others);
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        bleu_init(&texts[i], &d.words[i]);
    for (size_t i = 0; i < n; i++) {
        size_t k = 0;
        for (size_t j = 0; j < n; j++)
            if (j != i)
                others[k++] = &texts[j];
        sum += bleu_sentence(BLEU_NLTK1, NGRAM_MAX, &texts[i], others, k);
    }
    for (size_t i = 0; i < n; i++)
        bleu_fini(&texts[i]);
    free(others);
    free(texts);
    draws_free(&d);
    return sum / (double)n;
}

/* Word bigrams with 0 as the mark before the first and behind the last word, so that every text has some. */
static void marked_bigrams(struct ngram_bag *bag, const struct words *w)
{
    struct words marked = { mem_alloc(w->n + 2, sizeof *marked.id), w->n + 2 };
    memcpy(marked.id + 1, w->id, w->n * sizeof *w->id);
    ngram_add(bag, &marked, 2);
    ngram_sort(bag);
    words_free(&marked);
}

static double spread(const struct sample s[], size_t n)
{
    if (n < 2)
        return NAN;
    struct draws d = draws_read(s, n);
    struct ngram_bag *bags = mem_alloc(n, sizeof *bags);
    double sum = 0;
    for (size_t i = 0; i < n; i++) {
        marked_bigrams(&bags[i], &d.words[i]);
        for (size_t j = 0; j < i; j++) {
            size_t both = ngram_common(&bags[i], &bags[j]);
            sum += 1 - (double)both / (double)(bags[i].n + bags[j].n - both);
        }
    }
    for (size_t i = 0; i < n; i++)
        ngram_free(&bags[i]);
    free(bags);
    draws_free(&d);
    return sum / ((double)n * (double)(n - 1) / 2);
}

/* Bytes of one gzip member, level 9.  A value for want of memory would be a wrong one in the results. */
static size_t gzip_bytes(unsigned char *bytes, size_t n)
{
    z_stream z = { .next_in = bytes };
    if (deflateInit2(&z, 9, Z_DEFLATED, 15 + 16, 9, Z_DEFAULT_STRATEGY) != Z_OK)
        mem_exhausted();
    unsigned char out[4096];
    size_t total = 0;
    int rc;
    do {
        if (z.avail_in == 0 && n > 0) {
            z.avail_in = n < 1u << 30 ? (uInt)n : 1u << 30;
            n -= z.avail_in;
        }
        z.next_out = out;
        z.avail_out = sizeof out;
        rc = deflate(&z, n > 0 ? Z_NO_FLUSH : Z_FINISH);
        total += sizeof out - z.avail_out;
    } while (rc == Z_OK);
    deflateEnd(&z);
    assert(rc == Z_STREAM_END);
    return total;
}

static double compression(const struct sample s[], size_t n)
{
    size_t length = n > 0 ? n - 1 : 0, at = 0, empty = length;
    for (size_t i = 0; i < n; i++)
        length += s[i].n_text;
    if (length == empty)
        return NAN;
    unsigned char *joined = mem_alloc(length, 1);
    for (size_t i = 0; i < n; i++) {
        if (i > 0)
            joined[at++] = ' ';
        if (s[i].n_text > 0)
            memcpy(joined + at, s[i].text, s[i].n_text);
        at += s[i].n_text;
    }
    size_t packed = gzip_bytes(joined, length);
    free(joined);
    return (double)length / (double)packed;
}

static double repetition(const struct sample s[], size_t n)
{
    return n == 1 ? 1 - distinct(s, n, 4) : NAN;
}

static double diversity(const struct sample s[], size_t n)
{
    if (n != 1)
        return NAN;
    struct draws d = draws_read(s, n);
    double product = 1;
    for (unsigned order = 2; order <= 4; order++)
        product *= ngram_distinct(d.words, 1, order);
    draws_free(&d);
    return product;
}

#define DISTINCT_SOURCE "Li et al. 2016, arXiv 1510.03055"
#define DISTINCT(order, what)                                                                                          \
    const struct metric_type metric_distinct_##order = {                                                               \
        .name = "distinct_" #order,                                                                                    \
        .level = METRIC_ITEM,                                                                                          \
        .needs = NEEDS_TEXT,                                                                                           \
        .direction = +1,                                                                                               \
        .min = 0,                                                                                                      \
        .max = 1,                                                                                                      \
        .unit = "share",                                                                                               \
        .meaning = "distinct " what " / all " what " of an item's draws together",                                     \
        .source = DISTINCT_SOURCE,                                                                                     \
        .score = distinct_##order,                                                                                     \
    }
DISTINCT(1, "words");
DISTINCT(2, "word 2-grams");
DISTINCT(3, "word 3-grams");
DISTINCT(4, "word 4-grams");

const struct metric_type metric_ead = {
    .name = "ead",
    .level = METRIC_ITEM,
    .needs = NEEDS_TEXT,
    .direction = +1,
    .min = 0,
    .max = EAD_MAX,
    .unit = "ratio",
    .meaning = "distinct words / those expected of as many uniform draws from 32000 words (length bias removed)",
    .source = "Liu et al. 2022, arXiv 2202.13587",
    .score = ead,
};

const struct metric_type metric_self_bleu = {
    .name = "self_bleu",
    .level = METRIC_ITEM,
    .needs = NEEDS_TEXT,
    .direction = -1,
    .min = 0,
    .max = 1,
    .unit = "BLEU-4",
    .meaning = "mean sentence BLEU-4 of each draw against the item's other draws (NLTK method 1)",
    .source = "Zhu et al. 2018, arXiv 1802.01886",
    .score = self_bleu,
};

const struct metric_type metric_spread = {
    .name = "spread",
    .level = METRIC_ITEM,
    .needs = NEEDS_TEXT,
    .direction = +1,
    .min = 0,
    .max = 1,
    .unit = "share",
    .meaning = "mean over pairs of an item's draws of 1 - Jaccard similarity of their word bigrams (ends marked)",
    .source = "Jaccard 1901; pairs of draws: Chorale",
    .score = spread,
};

const struct metric_type metric_compression = {
    .name = "compression",
    .level = METRIC_ITEM,
    .needs = NEEDS_TEXT,
    .direction = -1,
    .min = 0,
    .max = INFINITY,
    .unit = "ratio",
    .meaning = "bytes of an item's draws joined by spaces / bytes after one gzip pass at level 9",
    .source = "Shaib et al. 2024, arXiv 2403.00553",
    .score = compression,
};

const struct metric_type metric_repetition = {
    .name = "repetition",
    .level = METRIC_RECORD,
    .needs = NEEDS_TEXT,
    .direction = -1,
    .min = 0,
    .max = 1,
    .unit = "share",
    .meaning = "1 - distinct word 4-grams / all word 4-grams of a text (seq-rep-4)",
    .source = "Welleck et al. 2020, arXiv 1908.04319",
    .score = repetition,
};

const struct metric_type metric_diversity = {
    .name = "diversity",
    .level = METRIC_RECORD,
    .needs = NEEDS_TEXT,
    .direction = +1,
    .min = 0,
    .max = 1,
    .unit = "share",
    .meaning = "product over n = 2..4 of distinct / all word n-grams of a text",
    .source = "Su et al. 2022, arXiv 2202.06417",
    .score = diversity,
};
