/* decode/select: utilities against sacreBLEU and rouge-score (tests/fixtures/search/utility.py), choices against hand-made
 * sets, MBR against its definition, answers. */
#include "base/err.h"
#include "base/text.h"
#include "decode/answer.h"
#include "decode/select.h"
#include "decode/utility.h"
#include "tests/lib/check.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static double utility(const char *name, const char *h, const char *r)
{
    struct lexicon *l = words_lexicon_alloc();
    const struct utility_type *u = utility_find(name);
    struct utility_text a, b;
    utility_init(u, &a, l, h, strlen(h));
    utility_init(u, &b, l, r, strlen(r));
    double x = u->value(&a, &b);
    utility_fini(&a);
    utility_fini(&b);
    words_lexicon_free(l);
    return x;
}

static void published(void)
{
    char line[1024];
    size_t n = 0;
    FILE *f = fopen(CHORALE_HOME "/tests/fixtures/search/utility.txt", "r");
    check(f != NULL, "the fixture is there");
    while (f && fgets(line, sizeof line, f)) {
        char *rest = line, *field[5];
        for (int i = 0; i < 5; i++)
            field[i] = strsep(&rest, "\t\n");
        check(field[4] != NULL, "five fields");
        static const char *const names[] = { "chrf", "bleu", "rouge_l" };
        for (int i = 0; i < 3; i++)
            if (strcmp(field[2 + i], "nan") != 0)
                check_near(utility(names[i], field[0], field[1]), strtod(field[2 + i], NULL), 1e-8, "%s of '%s', '%s'",
                           names[i], field[0], field[1]);
        n++;
    }
    if (f)
        fclose(f);
    check(n >= 40, "%zu pairs", n);
    check(utility("exact", " a b\n", "a b") == 1 && utility("exact", "a b", "a  b") == 0, "exact");
    check(utility("chrf", "a\xff", "a\xff") == 1, "broken UTF-8 is like itself");
}

static struct select_text text(const char *s, double logp, double length)
{
    return (
        struct select_text){ .text = s, .n = strlen(s), .logp = logp, .length = length, .judge = NAN, .reward = NAN };
}

static size_t chosen(const char *how, const struct select_text t[], size_t n, double score[])
{
    struct select *s = select_open(how);
    check(s != NULL, "%s: %s", how, err_text());
    size_t at = s ? select_choose(s, t, n, score).chosen : SELECT_NONE;
    select_close(s);
    return at;
}

static void best(void)
{
    struct select_text t[4] = { text("a", -4, 2), text("b", -5, 5), text("c", -9, 12), text("d", -INFINITY, 1) };
    double score[4];
    check(chosen("best", t, 4, score) == 0 && score[3] == -INFINITY, "sum");
    check(chosen("best(mean)", t, 4, score) == 2, "mean");
    check_near(score[1], -1, 1e-12, "mean");
    check(chosen("best(length, alpha=0.5)", t, 4, score) == 1, "length");
    check_near(score[2], -9 / sqrt(12), 1e-12, "length");
    check(chosen("best(by=brevity, alpha=0.6)", t, 4, score) == 0, "brevity");
    check_near(score[2], -9 / pow(17. / 6, 0.6), 1e-12, "brevity");
    check(chosen("best(judge)", t, 4, score) == SELECT_NONE, "nobody was judged");
    t[1].judge = -3;
    t[2].judge = -2;
    t[0].reward = 5;
    check(chosen("best(judge)", t, 4, score) == 2 && chosen("best(by=reward)", t, 4, score) == 0, "judge, reward");
    check(chosen("best", t, 0, NULL) == SELECT_NONE, "no text");
    t[1] = t[0];
    check(chosen("best", t, 4, score) == 0, "the first among equals");
}

static void vote(void)
{
    struct select_text t[6] = { text("It is 12.", -9, 1),   text("So 13", -1, 1), text("12.0 it is", -8, 1),
                                text("I say 1,300", -2, 1), text("none", -1, 1),  text("so 13", -1.5, 1) };
    double score[6];
    check(chosen("vote(number)", t, 6, score) == 1,
          "12 and 13 both came twice: 12 would be first, at its likelier text");
    check_near(score[1], 1 / 3., 1e-12, "13 has a third");
    check_near(score[2], 1 / 3., 1e-12, "12 has a third, at its more probable text");
    check(score[0] == -INFINITY && score[4] == -INFINITY, "others are not chosen");
    t[0].log_weight = t[2].log_weight = 1;
    check(chosen("vote(answer=number)", t, 6, score) == 2, "importance weights");
    t[3].logp = 0;
    check(chosen("vote(number, weight=model)", t, 6, score) == 3, "model weights");
    check(chosen("vote(boxed)", t, 6, score) == SELECT_NONE, "nobody boxed anything");
    struct select_text same[3] = { text("x", -5, 1), text("x ", -3, 1), text("y", -1, 1) };
    check(chosen("vote", same, 3, score) == 1, "whole texts");
}

static void answers(void)
{
    static const struct {
        const char *kind, *text, *want;
    } cases[] = {
        { "number", "She had 1,234.50 in 2019, then -7.", "-7" },
        { "number", "3-4", "4" },
        { "number", "x2 = 5.", "5" },
        { "number", "12,34", "1234" },
        { "number", "0.50", "0.5" },
        { "number", "no", NULL },
        { "number", "1.2.3", "3" },
        { "boxed", "\\boxed{1} or \\boxed{ \\frac{1}{2} } so", "\\frac{1}{2}" },
        { "boxed", "\\boxed{1} \\boxed{2", "1" },
        { "boxed", "\\boxed", NULL },
        { "letter", "The answer is (B).", "B" },
        { "letter", "A or C? I'M sure: C", "C" },
        { "letter", "BAD", NULL },
        { "line", "a\n b \n\n", "b" },
        { "line", " \n", NULL },
        { "text", " a b ", "a b" },
        { "text", "", NULL },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct text out = { 0 };
        bool found = answer_type(cases[i].kind)->find(cases[i].text, strlen(cases[i].text), &out);
        check(found == (cases[i].want != NULL) && (!found || strcmp(text_s(&out), cases[i].want) == 0),
              "%s of '%s': '%s', want '%s'", cases[i].kind, cases[i].text, text_s(&out),
              cases[i].want ? cases[i].want : "none");
        text_free(&out);
    }
}

/* Against the definition, every utility and both weights; pruning with a clear winner finds it with less work. */
static void mbr(void)
{
    enum { T = 40 };
    static const char *const names[] = { "chrf", "bleu", "rouge_l", "exact" };
    static const char *const words[] = { "the", "cat", "sat", "on", "a", "mat", "ran" };
    static char texts[T][64];
    struct select_text t[T];
    double score[T];
    uint32_t x = 7;
    for (size_t i = 0; i < T; i++) {
        texts[i][0] = '\0';
        for (size_t k = 0; k < 3 + i % 4; k++) {
            x = x * 1664525 + 1013904223;
            strcat(strcat(texts[i], k ? " " : ""), words[i % 3 == 0 ? k : (x >> 20) % 7]);
        }
        t[i] = text(texts[i], -1 - 0.1 * (double)(x >> 28), 4);
        t[i].log_weight = 0.05 * (double)(i % 5);
    }
    for (size_t u = 0; u < 4; u++)
        for (int model = 0; model < 2; model++) {
            char how[64];
            double weight[T], sum = 0, want, most = -1;
            size_t best = 0;
            snprintf(how, sizeof how, "mbr(%s, weight=%s)", names[u], model ? "model" : "uniform");
            for (size_t i = 0; i < T; i++) {
                weight[i] = exp(model ? t[i].logp : t[i].log_weight);
                for (size_t k = 0; model && k < i; k++)
                    if (strcmp(texts[k], texts[i]) == 0)
                        weight[i] = 0;
                sum += weight[i];
            }
            size_t got = chosen(how, t, T, score);
            for (size_t i = 0; i < T; i++) {
                want = 0;
                for (size_t k = 0; k < T; k++)
                    want += weight[k] / sum * utility(names[u], texts[i], texts[k]);
                check_near(score[i], want, 1e-9, "%s: text %zu", how, i);
                best = want > most + 1e-12 ? i : best;
                most = fmax(most, want);
            }
            check_near(score[got], score[best], 1e-9, "%s: the best", how);
        }
    struct select *full = select_open("mbr"), *pruned = select_open("mbr(prune=0.99)");
    struct select_choice a = select_choose(full, t, T, NULL), b = select_choose(pruned, t, T, score);
    struct select_choice again = select_choose(pruned, t, T, NULL);
    check(a.utilities == T * T && b.utilities < T * T * 3 / 4, "pruning: %zu of %zu utilities", b.utilities,
          a.utilities);
    check(strcmp(texts[a.chosen], texts[b.chosen]) == 0, "and the same text: '%s', '%s'", texts[a.chosen],
          texts[b.chosen]);
    check(again.chosen == b.chosen && again.utilities == b.utilities, "a choice is a function of its texts");
    select_close(full);
    select_close(pruned);
}

static void refused(const char *how, const char *message)
{
    struct select *s = select_open(how);
    check(!s && strstr(err_text(), message), "'%s': '%s', want '%s'", how, err_text(), message);
    select_close(s);
}

static void errors(void)
{
    refused("bset", "unknown selection 'bset'; did you mean 'best'?");
    refused("best(by=men)", "did you mean 'mean'?");
    refused("vote(letters)", "did you mean 'letter'?");
    refused("vote(weight=modle)", "did you mean 'model'?");
    refused("mbr(chrff)", "did you mean 'chrf'?");
    refused("mbr(prune=2)", "prune is 2");
    refused("best | vote", "has 2 steps, want one");
    struct select *s = select_open(" mbr ( utility = bleu , prune=0.9)");
    check(s && strcmp(select_canonical(s), "mbr(bleu, prune=0.9)") == 0, "canonical: %s", s ? select_canonical(s) : "");
    select_close(s);
}

int main(void)
{
    published();
    best();
    vote();
    answers();
    mbr();
    errors();
    return check_done("select");
}
