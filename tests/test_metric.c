/* Metrics: published and hand-computed values, then laws over every row of the table. */
#include "base/err.h"
#include "evalsets/bleu.h"
#include "evalsets/metric.h"
#include "tests/lib/check.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

/* --- values ---------------------------------------------------------------------------------------------------- */

/* Tokens between spaces, numbered by first appearance: the tokenisation of the published examples. */
#define MAX_TOKENS 64
static struct {
    char token[MAX_TOKENS][48];
    uint32_t n;
} known;

static struct words tokens(const char *text)
{
    struct words w = { calloc(MAX_TOKENS, sizeof *w.id), 0 };
    while (*text) {
        size_t n = strcspn(text, " ");
        uint32_t t = 0;
        while (t < known.n && (strlen(known.token[t]) != n || strncmp(known.token[t], text, n) != 0))
            t++;
        if (t == known.n)
            memcpy(known.token[known.n++], text, n);
        w.id[w.n++] = t + 1;
        text += n + (text[n] == ' ');
    }
    return w;
}

/* The five sentences of the Vendi score's README. */
static const char *const vendi[] = { "Look , Jane .", "See Spot .", "See Spot run .", "Run , Spot , run .",
                                     "Jane sees Spot run ." };

static void test_vendi_sentences(void)
{
    static const double want_pooled[] = { 9.0 / 22, 13.0 / 17, 11.0 / 12, 1 };
    static const double want_bleu[] = { 0.105737, 0.190536, 0.472871, 0.102669, 0.285744 };
    struct words w[5];
    struct bleu_text t[5];
    double per_text = 0, bleu_4 = 0, bleu_2 = 0;
    for (size_t i = 0; i < 5; i++) {
        w[i] = tokens(vendi[i]);
        bleu_init(&t[i], &w[i]);
        per_text += ngram_distinct(&w[i], 1, 1) / 5;
    }
    for (unsigned order = 1; order <= 4; order++)
        check_near(ngram_distinct(w, 5, order), want_pooled[order - 1], 1e-12, "distinct-%u pooled", order);
    check_near(per_text, 0.966667, 5e-7, "distinct-1 per text");
    for (size_t i = 0; i < 5; i++) {
        const struct bleu_text *others[4];
        for (size_t j = 0, k = 0; j < 5; j++)
            if (j != i)
                others[k++] = &t[j];
        double one = bleu_sentence(BLEU_NLTK1, 4, &t[i], others, 4);
        check_near(one, want_bleu[i], 5e-7, "self-BLEU-4 of '%s'", vendi[i]);
        bleu_4 += one / 5;
        bleu_2 += bleu_sentence(BLEU_NLTK1, 2, &t[i], others, 4) / 5;
    }
    check_near(bleu_4, 0.231511, 5e-7, "self-BLEU-4");
    check_near(bleu_2, 0.532476, 5e-7, "self-BLEU-2");
    for (size_t i = 0; i < 5; i++) {
        bleu_fini(&t[i]);
        words_free(&w[i]);
    }
}

static double bleu_of(enum bleu_rule rule, const char *hypothesis, const char *reference)
{
    struct words h = tokens(hypothesis), r = tokens(reference);
    struct bleu_text th, tr;
    bleu_init(&th, &h);
    bleu_init(&tr, &r);
    double value = bleu_sentence(rule, 4, &th, &(const struct bleu_text *){ &tr }, 1);
    bleu_fini(&th);
    bleu_fini(&tr);
    words_free(&h);
    words_free(&r);
    return value;
}

static void test_bleu(void)
{
    /* mbrs bleu_test.py, sacreBLEU's scores */
    check_near(bleu_of(BLEU_SACRE_FIT, "another test", "this is a test"), 0.18394, 5e-6, "sacre, effective order");
    check_near(bleu_of(BLEU_SACRE, "another test", "this is a test"), 0, 0, "sacre, an order without n-grams");
    check_near(bleu_of(BLEU_SACRE, "this is a fest", "this is a test"), 0.59460, 5e-6, "sacre, one word wrong");
    check_near(bleu_of(BLEU_SACRE, "this is a test", "this is a test"), 1, 1e-12, "sacre, equal");
    check_near(
        bleu_of(
            BLEU_SACRE,
            "Produc\xc8\x9bia de zah\xc4\x83r prim\xc4\x83 va fi exprimat\xc4\x83 \xc3\xaen ceea ce prive\xc8\x99te "
            "zah\xc4\x83rul alb ;",
            "Produc\xc5\xa3ia de zah\xc4\x83r brut se exprim\xc4\x83 \xc3\xaen zah\xc4\x83r alb ;"),
        0.08493, 5e-6, "sacre, the Romanian pair");
    check_near(bleu_of(BLEU_NLTK1, "b c", "this is a test"), 0, 0, "no common word");
    check_near(bleu_of(BLEU_NLTK1, "", "this is a test"), 0, 0, "an empty hypothesis");
    check_near(bleu_of(BLEU_NLTK1, "this is", ""), 0, 0, "an empty reference");
}

static struct sample of(const char *text)
{
    return (struct sample){ .text = text, .n_text = strlen(text), .nll = NAN, .judge_nll = NAN };
}

static double score(const char *metric, const struct sample s[], size_t n)
{
    const struct metric_type *m = metric_find(metric);
    check(m != NULL, "metric %s exists", metric);
    return m ? m->score(s, n) : NAN;
}

static void test_diversity(void)
{
    struct sample abc = of("a b c a b c a b c a b c");
    check_near(score("repetition", &abc, 1), 6.0 / 9, 1e-12, "seq-rep-4 of abc x 4");
    check_near(score("diversity", &abc, 1), 0.027273, 5e-7, "diversity of abc x 4");
    check(isnan(score("repetition", &(struct sample){ .text = "a b c", .n_text = 5 }, 1)),
          "three words have no 4-gram");

    struct sample two[] = { of("the cat sat"), of("the cat ran") };
    /* words: the cat sat ran of 6; bigrams with ends: ^the the-cat common of 6 */
    check_near(score("distinct_1", two, 2), 4.0 / 6, 1e-12, "distinct-1 of two draws");
    check_near(score("distinct_2", two, 2), 3.0 / 4, 1e-12, "distinct-2 of two draws");
    check_near(score("spread", two, 2), 1 - 2.0 / 6, 1e-12, "spread of two draws");
    check_near(score("ead", two, 2), ngram_ead(4, 6, 32000), 1e-12, "EAD of two draws");
    struct sample same[] = { of("the cat sat down"), of("The cat sat down!"), of("the cat, sat down") };
    check_near(score("self_bleu", same, 3), 1, 1e-12, "self-BLEU of equal words");
    check_near(score("spread", same, 3), 0, 0, "spread of equal words");
    struct sample apart[] = { of("yes"), of("no"), of("") };
    check_near(score("spread", apart, 3), 1, 0, "spread of one-word and empty draws");
    check_near(score("self_bleu", apart, 3), 0, 0, "self-BLEU without common words");
    check(isnan(score("spread", two, 1)) && isnan(score("self_bleu", two, 1)), "one draw has no pairs");

    struct sample mat[50];
    for (size_t i = 0; i < 50; i++)
        mat[i] = of("the cat sat on the mat");
    check_near(score("compression", mat, 50), 22.98, 1.5, "1149 bytes in about 50 by gzip -9");
}

static void test_coverage(void)
{
    const char *const words[] = { "moon", "door", "river" };
    const char *const han[] = { "\xe6\x98\x8e\xe6\x9c\x88", "\xe4\xb8\x9c\xe9\xa3\x8e" }; /* 明月 东风 */
    struct item en = { .keywords = words, .n_keywords = 3 }, zh = { .keywords = han, .n_keywords = 2 };
    struct sample s = of("The MOON stood at the door; rivers ran.");
    s.item = &en;
    check_near(score("coverage", &s, 1), 2.0 / 3, 1e-12, "two of three words, verbatim");
    s = of("\xe5\xbf\x86\xe6\x98\x8e\xe6\x9c\x88\xe4\xb8\x9c"); /* 忆明月东 */
    s.item = &zh;
    check_near(score("coverage", &s, 1), 0.5, 0, "one of two Chinese words");
    s = of("");
    s.item = &en;
    check_near(score("coverage", &s, 1), 0, 0, "nothing written, nothing covered");
}

static double form(const char *text, const char *metric)
{
    static const uint32_t lines[] = { 3, 5, 2 };
    static const struct item item = { .form = "x", .lines = lines, .n_lines = 3 };
    struct sample s = of(text);
    s.item = &item;
    return score(metric, &s, 1);
}

static void test_form(void)
{
    check_near(form("abc,abcde.ab", "form_validity"), 1, 0, "all lines right");
    check_near(form("\n abc\n\nabcde;;\tab\n", "form_exact"), 1, 0, "breaks in a row are one break");
    check_near(form("\xe2\x80\x9c"
                    "abc\xe2\x80\x9d,abcde.(ab)",
                    "form_exact"),
               1, 0, "quotes are no characters");
    check_near(form("abc,abcd,ab", "form_validity"), 2.0 / 3, 1e-12, "one line short");
    check_near(form("abc,abcd,ab", "form_exact"), 0, 0, "not exact");
    check_near(form("abc", "form_validity"), 1.0 / 3, 1e-12, "broken off");
    check_near(form("abc,abcde,ab,abc", "form_validity"), 3.0 / 4, 1e-12, "a line too many");
    check_near(form("abcde,ab", "form_validity"), 0, 0, "places count: a missing first line shifts the rest");
    check_near(form("", "form_validity"), 0, 0, "nothing written");
    /* 一二三，一二三四五。一二 */
    check_near(form("\xe4\xb8\x80\xe4\xba\x8c\xe4\xb8\x89\xef\xbc\x8c\xe4\xb8\x80\xe4\xba\x8c\xe4\xb8\x89\xe5\x9b\x9b"
                    "\xe4\xba\x94\xe3\x80\x82\xe4\xb8\x80\xe4\xba\x8c",
                    "form_exact"),
               1, 0, "characters, not bytes");
    check_near(form("ab\xff,abcde,ab", "form_exact"), 1, 0, "an invalid byte is a character");
}

static void test_likelihood(void)
{
    struct sample s =
        of("0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890\n");
    s.nll = 5.59;
    s.judge_nll = 92 * M_LN2;
    s.n_symbols = 2;
    check_near(score("bits_per_byte", &s, 1), 5.59 / (92 * M_LN2), 1e-12, "bits per byte");
    check_near(score("judge_bpb", &s, 1), 1, 1e-12, "one bit a byte under the judge");
    check_near(score("surprisal", &s, 1), 2.795, 1e-12, "nats per symbol");
    check_near(score("sampler_bpb", &s, 1), 5.59 / (92 * M_LN2), 1e-12, "bits per byte of the sampler");
    s.n_symbols = 92;
    check_near(score("sampler_bpb", &s, 1), 5.59 / (92 * M_LN2), 1e-12,
               "bug: a byte's surprisal was set beside a token's");
    s.judge_nll = NAN;
    check(isnan(score("judge_bpb", &s, 1)), "no judge, no value");
    check_near(score("length_words", &s, 1), 1, 0, "words");
    check_near(score("length_chars", &s, 1), 92, 0, "characters");
    s = of("\xe6\x98\x8e\xe6\x9c\x88, moon");
    check_near(score("length_chars", &s, 1), 8, 0, "Chinese characters are one each");
    check_near(score("length_words", &s, 1), 3, 0, "and words");
}

/* --- laws ------------------------------------------------------------------------------------------------------- */

static uint64_t random_state = 1;

static uint32_t below(uint32_t n)
{
    random_state = random_state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(random_state >> 33) % n;
}

#define MAX_DRAWS 6
#define MAX_BYTES 160

struct world {
    struct item item[MAX_DRAWS];
    struct sample s[MAX_DRAWS];
    char text[MAX_DRAWS][MAX_BYTES];
    double logp[MAX_DRAWS][4];
};

/* Draws of words, of Chinese, or of any bytes, some empty, as one kind of item. */
static void imagine(struct world *w, enum item_kind kind)
{
    static const char *const words[] = { "moon ",        "door, ",       "the ", "The ",   "sea. ",
                                         "\xe6\x9c\x88", "\xef\xbc\x8c", "\n",   "don't ", "\xff" };
    static const char *const keys[] = { "moon", "sea", "\xe6\x9c\x88" }, *const choices[] = { " a", " bc", " d",
                                                                                              " efg" };
    static const uint32_t lines[] = { 1, 4, 2 };
    for (size_t i = 0; i < MAX_DRAWS; i++) {
        size_t n = below(4) == 0 ? 0 : below(MAX_BYTES), at = 0;
        uint32_t style = below(2);
        while (at + 8 < n) {
            const char *word = words[below(10)];
            size_t length = style ? strlen(word) : 1;
            memcpy(w->text[i] + at, style ? word : &(char){ (char)below(256) }, length);
            at += length;
        }
        for (size_t c = 0; c < 4; c++)
            w->logp[i][c] = below(8) == 0 ? -INFINITY : -(double)below(1000) / 50;
        w->item[i] = (struct item){ .kind = kind,
                                    .keywords = keys,
                                    .n_keywords = 3,
                                    .lines = lines,
                                    .n_lines = 3,
                                    .choices = choices,
                                    .n_choices = 4,
                                    .gold = below(4) };
        w->s[i] = (struct sample){ .item = &w->item[i],
                                   .text = w->text[i],
                                   .n_text = at,
                                   .n_symbols = below(30),
                                   .nll = below(90),
                                   .judge_nll = below(90),
                                   .choice_logp = w->logp[i] };
    }
}

static enum item_kind kind_for(const struct metric_type *m)
{
    return m->needs & NEEDS_CHOICES ? ITEM_CHOICE : m->needs & NEEDS_SCORE ? ITEM_TEXT : ITEM_GENERATE;
}

static void check_laws(const struct metric_type *m)
{
    static struct world w;
    size_t n_defined = 0;
    check(isnan(m->score(NULL, 0)), "%s of nothing is NAN", m->name);
    check(strlen(m->meaning) > 10 && strlen(m->source) > 3 && strlen(m->unit) > 2 && !strchr(m->meaning, '\n'),
          "%s says what it is", m->name);
    check(m->direction >= -1 && m->direction <= 1 && m->min < m->max && isfinite(m->min), "%s: range", m->name);
    check(metric_find(m->name) == m, "%s is found by its name", m->name);
    for (int round = 0; round < 400; round++) {
        imagine(&w, kind_for(m));
        check(metric_applies(m, &w.item[0]), "%s applies", m->name);
        size_t n = m->level == METRIC_RECORD ? 1 : 1 + below(MAX_DRAWS);
        double x = m->score(w.s, n), again = m->score(w.s, n);
        n_defined += isnan(x) ? 0 : 1;
        check(isnan(x) || (x >= m->min - 1e-12 && x <= m->max + 1e-12), "%s: %g in [%g, %g]", m->name, x, m->min,
              m->max);
        check(memcmp(&x, &again, sizeof x) == 0, "%s is a function", m->name);
        if (m == metric_find("compression"))
            continue; /* texts in a row: their order matters */
        for (size_t i = 0; i < n / 2; i++) {
            struct sample swap = w.s[i];
            w.s[i] = w.s[n - 1 - i];
            w.s[n - 1 - i] = swap;
        }
        check_near(isnan(x) ? isnan(m->score(w.s, n)) : m->score(w.s, n), isnan(x) ? 1 : x, 1e-12,
                   "%s does not depend on the order", m->name);
    }
    check(n_defined > 100, "%s is defined on %zu of 400 worlds", m->name, n_defined);
}

static void test_laws(void)
{
    size_t n;
    const struct metric_type *const *types = metric_types(&n);
    check(n >= 20, "%zu metrics", n);
    for (size_t i = 0; i < n; i++)
        check_laws(types[i]);
    check(metric_find("distinct3") == NULL, "an unknown metric");
    check(strstr(err_text(), "unknown metric 'distinct3'; did you mean 'distinct_3'?"), "message: %s", err_text());
}

static void test_applies(void)
{
    struct item plain = { .kind = ITEM_GENERATE }, choice = { .kind = ITEM_CHOICE }, text = { .kind = ITEM_TEXT };
    check(metric_applies(metric_find("distinct_2"), &plain), "text metrics on generations");
    check(!metric_applies(metric_find("distinct_2"), &choice), "not on choices");
    check(!metric_applies(metric_find("coverage"), &plain), "coverage wants keywords");
    check(!metric_applies(metric_find("form_validity"), &plain), "form wants a form");
    check(metric_applies(metric_find("ece"), &choice) && !metric_applies(metric_find("ece"), &plain), "choices");
    check(metric_applies(metric_find("bits_per_byte"), &text) && !metric_applies(metric_find("bits_per_byte"), &plain),
          "given texts");
}

/* bug: zlib without memory was a compression of NaN, in results that were taken for whole ones */
static void test_compression_without_memory(void)
{
#ifndef CHORALE_SANITIZED /* whose allocator would end the process by itself */
    const struct sample texts[] = { of("Look , Jane ."), of("See Spot .") };
    fflush(stdout);
    pid_t child = fork();
    if (child == 0) {
        setrlimit(RLIMIT_AS, &(struct rlimit){ 1, 1 });
        score("compression", texts, 2);
        _exit(0);
    }
    int status = 0;
    waitpid(child, &status, 0);
    check(WIFEXITED(status) && WEXITSTATUS(status) == 5, "compression without memory: status %x", (unsigned)status);
#endif
}

int main(void)
{
    test_vendi_sentences();
    test_bleu();
    test_diversity();
    test_coverage();
    test_form();
    test_likelihood();
    test_applies();
    test_laws();
    test_compression_without_memory(); /* last: what is freed is room for the little that comes before zlib's */
    return check_done("metric");
}
