/* Words and n-grams: segmentation on hand-made cases, and laws on random bytes. */
#include "evalsets/ngram.h"
#include "evalsets/words.h"
#include "tests/lib/check.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

static void check_count(const char *text, size_t want)
{
    check(words_count(text, strlen(text)) == want, "'%s' has %zu words, want %zu", text,
          words_count(text, strlen(text)), want);
}

static void test_segments(void)
{
    check_count("", 0);
    check_count(" \n\t--...", 0);
    check_count("The cat sat.", 3);
    check_count("don't o'clock", 2);
    check_count("don\xe2\x80\x99t", 1);          /* typographic apostrophe */
    check_count("'tis the boys' room, 'no'", 5); /* at an edge it is a quotation mark */
    check_count("rock'n'roll", 1);
    check_count("well-known 3rd 1.5", 5);                                           /* hyphen and point separate */
    check_count("\xe6\x98\x8e\xe6\x9c\x88\xef\xbc\x8c\xe4\xb8\x9c\xe9\xa3\x8e", 4); /* 明月，东风 */
    check_count("ab\xe6\x9c\x88"
                "cd",
                3); /* ab月cd */
    check_count("caf\xc3\xa9 na\xc3\xafve \xce\xb1\xce\xb2", 3);
    check_count("e\xcc\x81t\xc3\xa9", 1); /* a combining accent belongs to its word */
    check_count("a\xff"
                "b \xe6\x9c",
                2);                                         /* invalid bytes separate; a cut character is no word */
    check_count("\xf0\xa0\x80\x80", 1);                     /* U+20000 */
    check_count("\xe3\x80\x82\xe3\x80\x81", 0);             /* 。、 */
    check_count("\xe3\x81\x82\xe3\x83\xbb\xe3\x82\xa2", 2); /* あ・ア */
}

static struct words read(struct lexicon *l, const char *text)
{
    struct words w;
    words_read(&w, l, text, strlen(text));
    return w;
}

static void test_lexicon(void)
{
    struct lexicon *l = words_lexicon_alloc();
    struct words a = read(l, "The moon, the MOON; don\xe2\x80\x99t"), b = read(l, "Don't the \xc3\x89t\xc3\xa9");
    struct words c = read(l, "\xc3\xa9T\xc3\x89");
    const uint32_t want[] = { 1, 2, 1, 2, 3 };
    check(a.n == 5 && memcmp(a.id, want, sizeof want) == 0, "equal words, equal numbers, from 1");
    check(b.n == 3 && b.id[0] == 3 && b.id[1] == 1 && b.id[2] == 4, "numbers go on in the next text");
    check(c.n == 1 && c.id[0] == 4, "letter case of accented letters");
    struct words edge = read(l, "'the the' ''the'' don't");
    check(edge.n == 4 && edge.id[0] == 1 && edge.id[1] == 1 && edge.id[2] == 1 && edge.id[3] == 3,
          "an apostrophe at the edge of a word is no part of it");
    words_free(&edge);
    words_free(&a);
    words_free(&b);
    words_free(&c);
    char text[16];
    for (int round = 0; round < 2; round++)
        for (int i = 0; i < 5000; i++) { /* the table widens many times */
            int n = 0;
            for (int x = i; x > 0 || n == 0; x /= 26)
                text[n++] = (char)('a' + x % 26);
            text[n++] = 'q';
            words_read(&a, l, text, (size_t)n);
            check(a.n == 1 && a.id[0] == (uint32_t)(5 + i), "word %d of round %d is %u", i, round, a.id[0]);
            words_free(&a);
        }
    words_lexicon_free(l);
}

static bool contains(const char *text, const char *key)
{
    struct glyphs t, k;
    words_fold(&t, text, strlen(text));
    words_fold(&k, key, strlen(key));
    bool found = words_contain(&t, &k);
    words_fold_free(&t);
    words_fold_free(&k);
    return found;
}

static void test_contain(void)
{
    check(contains("The Moon rose.", "moon"), "whole word, letter case aside");
    check(!contains("The moonlight, honeymoon", "moon"), "not inside a longer word");
    check(contains("moonlight and moon", "moon"), "a later place counts");
    check(!contains("the moons", "moon"), "no inflection");
    check(contains("\"moon\"", "moon") && contains("moon", "moon"), "edges of the text");
    check(!contains("moon's", "moon"), "an apostrophe makes a longer word");
    check(contains("the boys' moon' ", "moon"), "an apostrophe at the end does not");
    check(contains("an old\nman", "old man"), "white space is white space");
    check(!contains("an old, man", "old man"), "but a comma is not");
    check(contains("\xe6\x98\x8e\xe6\x9c\x88\xe5\x87\xa0\xe6\x97\xb6", "\xe6\x9c\x88\xe5\x87\xa0"),
          "CJK run inside a run");
    check(!contains("\xe6\x98\x8e\xef\xbc\x8c\xe6\x9c\x88", "\xe6\x98\x8e\xe6\x9c\x88"), "not across a comma");
    check(contains("\xe6\x9c\x88moon\xe6\x9c\x88", "moon"), "CJK neighbours do not make a word longer");
    check(!contains("moon", ""), "an empty key stands nowhere");
    check(!contains("", "moon"), "nothing stands in an empty text");
}

static void test_ngrams(void)
{
    struct words w = { (uint32_t[]){ 1, 2, 3, 1, 2, 3, 1, 2, 3, 1, 2, 3 }, 12 }; /* "a b c" x 4 */
    check_near(ngram_distinct(&w, 1, 1), 3.0 / 12, 0, "words of abc x 4");
    check_near(ngram_distinct(&w, 1, 4), 3.0 / 9, 0, "4-grams of abc x 4");
    struct words two[] = { { (uint32_t[]){ 1, 2 }, 2 }, { (uint32_t[]){ 2, 1 }, 2 } };
    check_near(ngram_distinct(two, 2, 2), 1, 0, "12, 21: no 2-gram crosses from one text into the next");
    check(isnan(ngram_distinct(two, 2, 3)), "no 3-grams in texts of two words");
    struct ngram_bag a = { 0 }, b = { 0 };
    ngram_add(&a, &w, 2);
    ngram_sort(&a);
    ngram_add(&b, &two[0], 2);
    ngram_add(&b, &two[1], 2);
    ngram_sort(&b);
    check(a.n == 3 && a.total == 11 && ngram_count(&a, &(struct ngram){ { 1, 2 } }) == 4, "counts of a bag");
    check(ngram_count(&a, &(struct ngram){ { 2, 1 } }) == 0, "an absent 2-gram");
    check(ngram_common(&a, &b) == 1 && ngram_common(&b, &a) == 1, "12 is common");
    ngram_free(&a);
    ngram_free(&b);
    check_near(ngram_ead(600, 1000, 32000), 0.609414, 5e-7, "EAD: V=32000, C=1000, N=600");
    check_near(ngram_ead(11, 21, 11), 1.156244, 5e-7, "EAD: V=11, C=21, N=11");
    check_near(ngram_ead(1, 1, 32000), 1, 1e-12, "EAD of one word");
    check(isnan(ngram_ead(0, 0, 32000)), "EAD of nothing");
}

/* Any bytes at all: counting agrees with reading, and a text contains each of its own words. */
static void test_random(void)
{
    static const char alphabet[] = "aB'.\n \xe2\x80\x99\xe6\x9c\x88\xff\xc3\xa9\xf0";
    uint64_t state = 20261123;
    for (int round = 0; round < 3000; round++) {
        char text[40];
        size_t n = 0;
        for (; n < (size_t)(round % 40); n++) {
            state = state * 6364136223846793005u + 1442695040888963407u;
            text[n] = alphabet[(state >> 33) % (sizeof alphabet - 1)];
        }
        struct lexicon *l = words_lexicon_alloc();
        struct words w;
        struct glyphs g;
        words_read(&w, l, text, n);
        words_fold(&g, text, n);
        check(w.n == words_count(text, n) && g.n <= n && w.n <= g.n, "round %d: counts agree", round);
        for (size_t i = 0; i < g.n; i++) {
            size_t end = i + 1;
            if (g.class[i] == WORD_NONE || (i > 0 && g.class[i] == WORD_LETTER && g.class[i - 1] == WORD_LETTER))
                continue;
            while (g.class[i] == WORD_LETTER && end < g.n && g.class[end] == WORD_LETTER)
                end++;
            struct glyphs own = { g.code + i, g.class + i, end - i };
            check(words_contain(&g, &own), "round %d: the word at glyph %zu stands in its text", round, i);
        }
        words_free(&w);
        words_fold_free(&g);
        words_lexicon_free(l);
    }
}

int main(void)
{
    test_segments();
    test_lexicon();
    test_contain();
    test_ngrams();
    test_random();
    return check_done("words");
}
