#include "decode/utility.h"
#include "base/err.h"
#include "base/mem.h"
#include "base/text.h"
#include <stdlib.h>
#include <string.h>

/* chrf */

/* As Python's str.split() sees it. */
static bool is_space(uint32_t c)
{
    return c == ' ' || (c >= 9 && c <= 13) || (c >= 0x1c && c <= 0x1f) || c == 0x85 || c == 0xa0 || c == 0x1680 ||
           (c >= 0x2000 && c <= 0x200a) || c == 0x2028 || c == 0x2029 || c == 0x202f || c == 0x205f || c == 0x3000;
}

static int by_code(const void *a, const void *b)
{
    const uint32_t *x = a, *y = b;
    for (int i = 0; i < UTILITY_CHARS; i++)
        if (x[i] != y[i])
            return x[i] < y[i] ? -1 : 1;
    return 0;
}

static void chrf_init(struct utility_text *t, struct lexicon *l, const char *s, size_t n)
{
    uint32_t *code = mem_alloc(n + UTILITY_CHARS, sizeof *code);
    (void)l;
    for (size_t at = 0; at < n;) {
        uint32_t c = 0xfffd;
        int length = text_utf8(s + at, n - at, &c);
        at += length > 0 ? (size_t)length : 1;
        if (length <= 0 || !is_space(c))
            code[t->n_chars++] = (length > 0 ? c : 0xfffd) + 1;
    }
    t->grams = mem_alloc(t->n_chars, sizeof *t->grams);
    for (size_t i = 0; i < t->n_chars; i++)
        memcpy(t->grams[i], code + i, sizeof *t->grams);
    if (t->n_chars > 1)
        qsort(t->grams, t->n_chars, sizeof *t->grams, by_code);
    free(code);
}

/* How many n-grams of one order both have, with repetitions: sorted by six characters is sorted by fewer. */
static size_t matches(const struct utility_text *a, const struct utility_text *b, size_t order)
{
    size_t i = 0, j = 0, n = 0;
    while (i < a->n_chars && j < b->n_chars) {
        int way = 0;
        for (size_t k = 0; k < order && way == 0; k++)
            way = a->grams[i][k] < b->grams[j][k] ? -1 : a->grams[i][k] > b->grams[j][k];
        n += way == 0 && a->grams[i][order - 1] != 0;
        i += way <= 0;
        j += way >= 0;
    }
    return n;
}

static double chrf_value(const struct utility_text *h, const struct utility_text *r)
{
    double precision = 0, recall = 0, used = 0;
    for (size_t order = 1; order <= UTILITY_CHARS && h->n_chars >= order && r->n_chars >= order; order++) {
        double n = (double)matches(h, r, order);
        precision += n / (double)(h->n_chars - order + 1);
        recall += n / (double)(r->n_chars - order + 1);
        used++;
    }
    if (!(precision + recall > 0))
        return 0;
    precision /= used;
    recall /= used;
    return 5 * precision * recall / (4 * precision + recall);
}

/* bleu and rouge_l */

static void words_init(struct utility_text *t, struct lexicon *l, const char *s, size_t n)
{
    words_read(&t->words, l, s, n);
}

static void bleu_init_text(struct utility_text *t, struct lexicon *l, const char *s, size_t n)
{
    words_init(t, l, s, n);
    bleu_init(&t->bleu, &t->words);
}

static double bleu_value(const struct utility_text *h, const struct utility_text *r)
{
    const struct bleu_text *reference = &r->bleu;
    return bleu_sentence(BLEU_SACRE_FIT, NGRAM_MAX, &h->bleu, &reference, 1);
}

static double rouge_value(const struct utility_text *h, const struct utility_text *r)
{
    size_t n = r->words.n;
    size_t *length = mem_alloc(n + 1, sizeof *length); /* of the words before, against each prefix of r */
    for (size_t i = 0; i < h->words.n; i++) {
        size_t diagonal = 0;
        for (size_t j = 1; j <= n; j++) {
            size_t above = length[j];
            if (h->words.id[i] == r->words.id[j - 1])
                length[j] = diagonal + 1;
            else if (length[j - 1] > above)
                length[j] = length[j - 1];
            diagonal = above;
        }
    }
    double common = (double)length[n];
    free(length);
    return common > 0 ? 2 * common / (double)(h->words.n + n) : 0;
}

/* exact */

static void exact_init(struct utility_text *t, struct lexicon *l, const char *s, size_t n)
{
    (void)l;
    while (n > 0 && is_space((unsigned char)s[n - 1]) && (unsigned char)s[n - 1] < 0x80)
        n--;
    for (; n > 0 && is_space((unsigned char)*s) && (unsigned char)*s < 0x80; n--)
        s++;
    t->trimmed = s;
    t->n_trimmed = n;
}

static double exact_value(const struct utility_text *h, const struct utility_text *r)
{
    return h->n_trimmed == r->n_trimmed && memcmp(h->trimmed, r->trimmed, h->n_trimmed) == 0;
}

static const struct utility_type chrf = { "chrf", "character F-score", "Popovic 2015; sacreBLEU chrF2", chrf_init,
                                          chrf_value };
static const struct utility_type bleu = { "bleu", "sentence BLEU", "Papineni et al. 2002; sacreBLEU sentence_bleu",
                                          bleu_init_text, bleu_value };
static const struct utility_type rouge_l = { "rouge_l", "F1 of the longest common subsequence of words", "Lin 2004",
                                             words_init, rouge_value };
static const struct utility_type exact = { "exact", "1 for equal texts", "exact match", exact_init, exact_value };

const struct utility_type *const *utility_types(size_t *n)
{
    static const struct utility_type *const types[] = { &chrf, &bleu, &rouge_l, &exact };
    *n = sizeof types / sizeof *types;
    return types;
}

const struct utility_type *utility_find(const char *name)
{
    const char *names[8];
    size_t n;
    const struct utility_type *const *types = utility_types(&n);
    for (size_t i = 0; i < n; i++) {
        if (strcmp(types[i]->name, name) == 0)
            return types[i];
        names[i] = types[i]->name;
    }
    err_unknown(ERR_USAGE, "utility", name, names, n);
    return NULL;
}

void utility_init(const struct utility_type *u, struct utility_text *t, struct lexicon *l, const char *s, size_t n)
{
    *t = (struct utility_text){ 0 };
    u->init(t, l, s, n);
}

void utility_fini(struct utility_text *t)
{
    free(t->grams);
    bleu_fini(&t->bleu);
    words_free(&t->words);
}
