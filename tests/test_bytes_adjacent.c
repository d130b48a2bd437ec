/* Which tokens may stand side by side, against the merges themselves: a pair may if the merges make of the bytes of both
 * just these two; for families of tokenizers, and for made vocabularies whose merges are out of order. */
#include "base/err.h"
#include "base/hash.h"
#include "ensemble/bytes_adjacent.h"
#include "tests/lib/check.h"
#include "tests/lib/made_vocab.h"
#include <stdio.h>
#include <stdlib.h>

#define FAMILY       CHORALE_HOME "/tests/fixtures/tokenizer/family/"
#define COUNT(list)  (sizeof(list) / sizeof *(list))
#define PAIRS_OF_ONE 400 /* right tokens tried with each left one */
#define LEFTS        150

static bool by_merging(struct vocab *v, sym_t left, sym_t right)
{
    struct text both = { 0 };
    struct symbols ids = { 0 };
    size_t n;
    const uint8_t *s = space_text(vocab_space(v), left, &n);
    text_addn(&both, s, n);
    s = space_text(vocab_space(v), right, &n);
    text_addn(&both, s, n);
    bool same =
        vocab_view_merge(v, text_s(&both), both.len, &ids) && ids.n == 2 && ids.s[0] == left && ids.s[1] == right;
    text_free(&both);
    free(ids.s);
    return same;
}

static void check_left(struct bytes_adjacent *a, const struct bytes_vocab *t, sym_t left, uint64_t tallies[2])
{
    const uint64_t *barred = bytes_adjacent_barred(a, left);
    size_t wrong = 0;
    for (uint64_t k = 0; k < PAIRS_OF_ONE || (t->n < PAIRS_OF_ONE && k < t->n); k++) {
        uint64_t at[2] = { left, k };
        uint32_t place = t->n <= PAIRS_OF_ONE ? (uint32_t)k % t->n : (uint32_t)(hash_bytes(at, sizeof at, 1) % t->n);
        bool bit = barred[place / 64] >> place % 64 & 1, may = by_merging(t->vocab, left, t->id[place]);
        if (t->is_added[place])
            continue;
        wrong += bit == may;
        tallies[may]++;
    }
    check(wrong == 0, "token %u: %zu of its pairs differ from the merges'", left, wrong);
}

static void run(const char *name, struct vocab *v)
{
    struct bytes_vocab t;
    uint64_t tallies[2] = { 0 };
    if (!v) {
        check(false, "%s: %s", name, err_text());
        return;
    }
    bytes_vocab_init(&t, v);
    struct bytes_adjacent *a = bytes_adjacent_alloc(&t);
    for (uint64_t i = 0; i < LEFTS && i < t.n; i++) {
        sym_t left = t.id[t.n <= LEFTS ? i : hash_bytes(&i, sizeof i, 2) % t.n];
        if (!vocab_view_is_added(v, left))
            check_left(a, &t, left, tallies);
    }
    printf("%-10s %6u tokens: %llu pairs may, %llu may not\n", name, t.n, (unsigned long long)tallies[1],
           (unsigned long long)tallies[0]);
    check(tallies[0] > 0 && tallies[1] > 0, "%s: there are pairs of both sorts", name);
    bytes_adjacent_free(a);
    bytes_vocab_fini(&t);
    vocab_free(v);
}

static const char *const abc[] = { "a", "b", "c" };
static const char *const late[] = { "ab c", "a b", "abc c", "c ab", "b c", "abcc abcc", "cab b" };
static const char *const usual[] = { "a b", "ab ab", "c c", "abab c", "b c", "cc ab", "a a", "aa b", "c a" };

int main(void)
{
    static const char *const json[] = { "gpt2", "llama3", "bloom", "deepseek", "falcon", "llama2", "gemma" };
    run("late",
        made_vocab_open(&(struct made_vocab){ .bytes = abc, .n_bytes = 3, .merge = late, .n_merges = COUNT(late) }));
    run("usual",
        made_vocab_open(&(struct made_vocab){ .bytes = abc, .n_bytes = 3, .merge = usual, .n_merges = COUNT(usual) }));
    for (size_t i = 0; i < COUNT(json); i++) {
        struct text path = { 0 };
        text_addf(&path, FAMILY "%s.json", json[i]);
        run(json[i], vocab_open_json(text_s(&path), NULL, 0));
        text_free(&path);
    }
    run("prose", vocab_open_json(CHORALE_HOME "/model/zoo/prose/tokenizer.json", NULL, 0));
    run("spm_llama", vocab_open_sentencepiece(FAMILY "spm_llama.model", NULL, 0));
    return check_done("bytes_adjacent");
}
