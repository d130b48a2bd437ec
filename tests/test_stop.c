/* decode/stop and decode/hyp: what ends a text does not depend on how it was split into symbols, and a stream never
 * shows a byte that is taken back. */
#include "base/err.h"
#include "base/rng.h"
#include "decode/stop.h"
#include "tests/lib/check.h"
#include <stdlib.h>
#include <string.h>

#define MAX_PIECES 64

/* A space whose symbols are the given pieces, then one end symbol. */
static struct space *space_of(const char *const pieces[], const size_t length[], uint32_t n)
{
    struct text bytes = { 0 };
    uint64_t offsets[MAX_PIECES + 2] = { 0 };
    uint8_t special[MAX_PIECES + 1] = { 0 };
    for (uint32_t i = 0; i < n; i++) {
        text_addn(&bytes, pieces[i], length[i]);
        offsets[i + 1] = bytes.len;
    }
    offsets[n + 1] = bytes.len;
    special[n] = 1;
    struct space *s = space_alloc(SPACE_TOKEN, n + 1, (const uint8_t *)text_s(&bytes), offsets, special, &n, 1);
    text_free(&bytes);
    return s;
}

/* Whether no character of t lies on both sides of byte `at`; an incomplete one at the end goes on beyond t. */
static bool boundary(const struct text *t, size_t at)
{
    size_t i = 0;
    while (i < at) {
        int length = text_utf8(t->s + i, t->len - i, NULL);
        i += length < 0 ? t->len - i + 1 : length == 0 ? 1 : (size_t)length;
    }
    return i == at;
}

/* What a walk does: symbols 0, 1, .. of the space until something ends it.  The stream is checked at every symbol. */
static void walk(const struct stop *stop, const struct space *space, uint32_t n, struct hyp *h)
{
    struct text shown = { 0 };
    for (uint32_t i = 0; i < n && h->end == HYP_OPEN; i++) {
        struct hyp_step step = { .symbol = i };
        hyp_add(h, space, &step);
        stop_check(stop, space, h);
        size_t ready = stop_ready(stop, h);
        check(ready >= shown.len && ready <= h->text.len, "the stream grows: %zu after %zu", ready, shown.len);
        if (h->end == HYP_OPEN)
            check(boundary(&h->text, ready), "the stream ends at a character");
        if (ready > shown.len)
            text_addn(&shown, h->text.s + shown.len, ready - shown.len);
        check(shown.len == 0 || memcmp(shown.s, h->text.s, shown.len) == 0, "nothing shown changes");
    }
    if (h->end != HYP_OPEN)
        check(shown.len == h->text.len, "the stream has shown the final text: %zu of %zu", shown.len, h->text.len);
    text_free(&shown);
}

/* pieces are separated by '/'. */
static void text_ends(const struct stop *stop, const char *split, const char *want, enum hyp_end end)
{
    const char *pieces[MAX_PIECES];
    size_t length[MAX_PIECES];
    uint32_t n = 0;
    for (const char *at = split;; at++) {
        pieces[n] = at;
        length[n++] = strcspn(at, "/");
        at += strcspn(at, "/");
        if (!*at)
            break;
    }
    struct space *space = space_of(pieces, length, n);
    struct hyp h = { 0 };
    walk(stop, space, n, &h);
    check(strcmp(text_s(&h.text), want) == 0, "%s ends as '%s', want '%s'", split, text_s(&h.text), want);
    check(h.end == end, "%s: end is %s, want %s", split, hyp_end_name(h.end), hyp_end_name(end));
    hyp_fini(&h);
    space_free(space);
}

static void strings(void)
{
    const char *const two[] = { "###", "User:" }, *const aab[] = { "aab" }, *const nested[] = { "abc", "b" };
    const char *const emoji[] = { "\xf0\x9f\x98\x80!" }, *const suffix[] = { "c", "abc" };
    struct stop s = { .strings = two, .n_strings = 2 };
    text_ends(&s, "one ## two", "one ## two", HYP_OPEN);
    text_ends(&s, "one #/#/# two", "one ", HYP_STRING);
    text_ends(&s, "x/Us/er/: y ###", "x", HYP_STRING);
    text_ends(&s, "a####b", "a", HYP_STRING);
    text_ends(&s, "##/#", "", HYP_STRING);
    text_ends(&s, "a User: ### b", "a ", HYP_STRING);
    s = (struct stop){ .strings = aab, .n_strings = 1 };
    text_ends(&s, "x/a/a/a/b/y", "xa", HYP_STRING); /* an overlapping candidate fails first */
    text_ends(&s, "xaaaby", "xa", HYP_STRING);
    text_ends(&s, "aa/aa/a", "aaaaa", HYP_OPEN);
    s = (struct stop){ .strings = nested, .n_strings = 2 };
    text_ends(&s, "abc", "a", HYP_STRING); /* "b" ends first, however the symbols fall */
    text_ends(&s, "a/b/c", "a", HYP_STRING);
    s = (struct stop){ .strings = suffix, .n_strings = 2 };
    text_ends(&s, "xab/c", "x", HYP_STRING); /* both end at one byte: the longer one */
    s = (struct stop){ .strings = emoji, .n_strings = 1 };
    text_ends(&s, "hi \xf0\x9f/\x98/\x80/!", "hi ", HYP_STRING);
    text_ends(&s, "hi \xf0\x9f/\x98/\x80/?", "hi \xf0\x9f\x98\x80?", HYP_OPEN);
}

static void limits(void)
{
    const char *const b[] = { "b" };
    struct stop s = { .max_bytes = 5 };
    text_ends(&s, "abcd", "abcd", HYP_OPEN);
    text_ends(&s, "abcde", "abcde", HYP_LIMIT);
    text_ends(&s, "abcdefgh", "abcde", HYP_LIMIT);
    text_ends(&s, "abc\xe4\xb8\xad", "abc", HYP_LIMIT); /* the character would end at byte 6 */
    text_ends(&s, "ab\344\270\255d", "ab\xe4\xb8\xad", HYP_LIMIT);
    text_ends(&s, "abc\xe4/\xb8/\xad", "abc", HYP_LIMIT);
    s = (struct stop){ .max_chars = 2 };
    text_ends(&s, "\xe4\xb8\xad/\xe6/\x96/\x87z", "\xe4\xb8\xad\xe6\x96\x87", HYP_LIMIT);
    text_ends(&s, "\xe4\xb8\xad\xe6\x96", "\xe4\xb8\xad\xe6\x96", HYP_OPEN);
    text_ends(&s, "\xff\xff\xff", "\xff\xff", HYP_LIMIT); /* an invalid byte counts as one */
    s = (struct stop){ .max_symbols = 3 };
    text_ends(&s, "a/b/c/d", "abc", HYP_LIMIT);
    text_ends(&s, "a/b/\xe4\xb8/\xad", "ab", HYP_LIMIT);
    s = (struct stop){ .strings = b, .n_strings = 1, .max_bytes = 2 };
    text_ends(&s, "ab", "a", HYP_STRING); /* both on one byte: the string */
    text_ends(&s, "acb", "ac", HYP_LIMIT);
    s = (struct stop){ .max_bytes = 3, .max_chars = 2 };
    text_ends(&s, "abcd", "ab", HYP_LIMIT);
    text_ends(&s, "\344\270\255d", "\xe4\xb8\xad", HYP_LIMIT);
}

static void end_symbol(void)
{
    const char *const pieces[] = { "ab" }, *const never[] = { "abc" };
    size_t length[] = { 2 };
    struct stop s = { .strings = never, .n_strings = 1, .max_symbols = 2 };
    struct space *space = space_of(pieces, length, 1);
    struct hyp h = { 0 }, copy = { 0 };
    walk(&s, space, 2, &h); /* symbol 1 ends */
    check(h.end == HYP_SYMBOL && h.n_steps == 2, "the end symbol ends before the limit in symbols does");
    check(strcmp(text_s(&h.text), "ab") == 0, "the end symbol gives no text and 'ab' is no longer held back");
    h.log_weight = 1.5;
    for (int i = 0; i < 2; i++) {
        hyp_copy(&copy, &h);
        check(copy.n_steps == 2 && copy.steps[1].symbol == 1 && copy.end == HYP_SYMBOL && copy.log_weight == 1.5 &&
                  strcmp(copy.text.s, "ab") == 0,
              "a copy is the hypothesis");
    }
    hyp_fini(&h);
    hyp_fini(&copy);
    space_free(space);
    const char *const bad[] = { "x", "" };
    s = (struct stop){ .strings = bad, .n_strings = 2 };
    check(stop_valid(&s) == ERR_USAGE && strstr(err_text(), "stop string 2 is empty"), "an empty string is refused");
}

static uint32_t below(const struct rng_key *k, uint32_t *index, uint32_t n)
{
    uint32_t words[4];
    rng_words(k, (*index)++, words);
    return words[0] % n;
}

/* Cuts a text at random places and walks the pieces. */
static void walk_split(const struct stop *stop, const struct text *t, uint32_t share, const struct rng_key *k,
                       uint32_t *index, struct hyp *h)
{
    const char *pieces[MAX_PIECES];
    size_t length[MAX_PIECES];
    uint32_t n = 0;
    for (size_t at = 0; at < t->len;) {
        size_t end = at + 1;
        while (end < t->len && (n == MAX_PIECES - 1 || below(k, index, 100) >= share))
            end++;
        pieces[n] = t->s + at;
        length[n++] = end - at;
        at = end;
    }
    struct space *space = space_of(pieces, length, n);
    walk(stop, space, n, h);
    space_free(space);
}

static void any_split(void)
{
    static const char *const parts[] = { "a", "b", "aa", "ab", "\xf0\x9f\x98\x80", "\xe4\xb8\xad", "\xff", "\xe4" };
    static const char *const stops[] = { "ab", "aab", "aaab", "b\xe4\xb8\xad", "\360\237\230\200a", "ba" };
    struct rng_address a = { .seed = 7, .purpose = RNG_TEST };
    struct rng_key k = rng_key(&a);
    uint32_t index = 0;
    int ended[HYP_DEAD + 1] = { 0 };
    for (int round = 0; round < 2000; round++) {
        struct text t = { 0 };
        while (t.len < 40)
            text_add(&t, parts[below(&k, &index, 8)]);
        size_t from = below(&k, &index, 5);
        struct stop s = { .strings = stops + from,
                          .n_strings = below(&k, &index, 3),
                          .max_bytes = 10 + below(&k, &index, 60),
                          .max_chars = 4 + below(&k, &index, 40) };
        struct hyp first = { 0 }, other = { 0 };
        walk_split(&s, &t, 100, &k, &index, &first); /* every byte a symbol */
        walk_split(&s, &t, 40, &k, &index, &other);
        check(first.end == other.end && first.text.len == other.text.len &&
                  memcmp(text_s(&first.text), text_s(&other.text), first.text.len) == 0,
              "round %d: '%s' and '%s' (%s, %s) are two ends of one text", round, text_s(&first.text),
              text_s(&other.text), hyp_end_name(first.end), hyp_end_name(other.end));
        const char *found = s.n_strings == 1 ? strstr(t.s, s.strings[0]) : NULL;
        if (found && first.end == HYP_STRING)
            check(first.text.len == (size_t)(found - t.s), "round %d: it ends where strstr finds the string", round);
        if (s.n_strings == 1 && first.end == HYP_LIMIT)
            check(strstr(text_s(&first.text), s.strings[0]) == NULL, "round %d: no stop string is left in it", round);
        ended[first.end]++;
        hyp_fini(&first);
        hyp_fini(&other);
        text_free(&t);
    }
    check(ended[HYP_OPEN] > 50 && ended[HYP_STRING] > 50 && ended[HYP_LIMIT] > 50, "all ends were met: %d %d %d",
          ended[HYP_OPEN], ended[HYP_STRING], ended[HYP_LIMIT]);
}

int main(void)
{
    strings();
    limits();
    end_symbol();
    any_split();
    return check_done("stop");
}
