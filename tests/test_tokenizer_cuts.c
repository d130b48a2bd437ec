/* BPE by its definition, on vocabularies made to mislead: merges of any bytes, across characters and within them, in any
 * order of rank, with Chinese, marks, and what has no token of its own.  Words are cut where no merge crosses and
 * characters start whole (model/vocab_cut.c, vocab_start.c): the ids are those of merging byte by byte. */
#include "base/err.h"
#include "model/byte_level.h"
#include "model/vocab.h"
#include "tests/lib/check.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MERGES_MAX = 400, TOKENS_MAX = 256 + MERGES_MAX, TOKEN_MAX = 24, TEXT_CHARS = 40 };

struct piece {
    unsigned char s[TOKEN_MAX];
    size_t n;
};

/* A vocabulary of bytes: tokens 0 .. 255 are the bytes themselves, the others what merges make. */
struct model {
    struct piece token[TOKENS_MAX];
    size_t n_tokens;
    struct {
        uint32_t left, right, joined;
    } merge[MERGES_MAX]; /* by rank */
    size_t n_merges;
    bool ignores_merges;
};

static uint32_t state = 1;

static uint32_t below(uint32_t n)
{
    state = state * 1664525u + 1013904223u;
    return (uint32_t)((uint64_t)(state >> 8) * n >> 24);
}

/* Texts of few characters, so that the same pairs come again and again. */
static void make_text(struct text *t)
{
    static const char *const parts[] = { "你",
                                         "好",
                                         "们",
                                         "佛",
                                         "，",
                                         "。",
                                         "の",
                                         "한",
                                         "é",
                                         "Ж",
                                         "a",
                                         "b",
                                         " ",
                                         "1",
                                         "😀",
                                         "😁",
                                         "\xf4\x8f\xbf\xbf",
                                         "\xef\xbf\xbf",
                                         "\xe0\xa0\x80",
                                         "\n" };
    text_clear(t);
    for (uint32_t n = 1 + below(TEXT_CHARS); n > 0; n--)
        text_add(t, parts[below(3) ? below(6) : below(sizeof parts / sizeof *parts)]);
}

/* The ids of n bytes, by the definition: again and again the merge of least rank, leftmost first. */
static size_t merge_slowly(const struct model *m, const char *text, size_t n, uint32_t *s)
{
    for (size_t i = 0; i < n; i++)
        s[i] = (unsigned char)text[i];
    for (size_t rank = 0; rank < m->n_merges;) {
        size_t at = 0;
        while (at + 1 < n && !(s[at] == m->merge[rank].left && s[at + 1] == m->merge[rank].right))
            at++;
        if (at + 1 >= n) {
            rank++;
            continue;
        }
        s[at] = m->merge[rank].joined;
        memmove(s + at + 1, s + at + 2, (n - at - 2) * sizeof *s);
        n--;
        rank = 0;
    }
    return n;
}

static size_t encode_slowly(const struct model *m, const struct text *t, uint32_t *s)
{
    for (uint32_t id = 0; m->ignores_merges && id < m->n_tokens; id++) {
        if (m->token[id].n == t->len && memcmp(m->token[id].s, t->s, t->len) == 0) {
            s[0] = id;
            return 1;
        }
    }
    return merge_slowly(m, t->s, t->len, s);
}

static bool has_token(const struct model *m, const struct piece *p)
{
    for (size_t i = 0; i < m->n_tokens; i++)
        if (m->token[i].n == p->n && memcmp(m->token[i].s, p->s, p->n) == 0)
            return true;
    return false;
}

/* A merge of two tokens that stand beside each other in a text as it is merged so far: what training finds, and more. */
static void add_merge(struct model *m, struct text *t)
{
    uint32_t s[TEXT_CHARS * 4];
    make_text(t);
    size_t n = merge_slowly(m, t->s, t->len, s), at = n > 1 ? below((uint32_t)n - 1) : 0;
    if (n < 2)
        return;
    const struct piece *a = &m->token[s[at]], *b = &m->token[s[at + 1]];
    struct piece joined = { .n = a->n + b->n };
    if (joined.n > TOKEN_MAX)
        return;
    memcpy(joined.s, a->s, a->n);
    memcpy(joined.s + a->n, b->s, b->n);
    if (has_token(m, &joined))
        return;
    m->merge[m->n_merges].left = s[at];
    m->merge[m->n_merges].right = s[at + 1];
    m->merge[m->n_merges++].joined = (uint32_t)m->n_tokens;
    m->token[m->n_tokens++] = joined;
}

static void make_model(struct model *m, size_t n_merges, bool shuffled)
{
    struct text t = { 0 };
    m->n_tokens = 256;
    m->n_merges = 0;
    for (unsigned b = 0; b < 256; b++)
        m->token[b] = (struct piece){ .s = { (unsigned char)b }, .n = 1 };
    for (size_t tries = 0; tries < 4 * n_merges && m->n_merges < n_merges; tries++)
        add_merge(m, &t);
    for (size_t i = m->n_merges; shuffled && i > 1; i--) {
        size_t other = below((uint32_t)i);
        __typeof__(*m->merge) kept = m->merge[other];
        m->merge[other] = m->merge[i - 1];
        m->merge[i - 1] = kept;
    }
    text_free(&t);
}

static void add_piece(struct text *json, const struct piece *p)
{
    for (size_t i = 0; i < p->n; i++)
        byte_level_add(json, p->s[i]);
}

static struct vocab *open_model(const struct model *m)
{
    struct text json = { 0 }, piece = { 0 };
    text_add(&json, "{\"pre_tokenizer\":{\"type\":\"ByteLevel\",\"add_prefix_space\":false,\"use_regex\":false},"
                    "\"decoder\":{\"type\":\"ByteLevel\"},\"model\":{\"type\":\"BPE\",");
    text_addf(&json, "\"ignore_merges\":%s,\"vocab\":{", m->ignores_merges ? "true" : "false");
    for (size_t i = 0; i < m->n_tokens; i++) {
        text_clear(&piece);
        add_piece(&piece, &m->token[i]);
        text_add(&json, i ? "," : "");
        text_add_json(&json, text_s(&piece), piece.len);
        text_addf(&json, ":%zu", i);
    }
    text_add(&json, "},\"merges\":[");
    for (size_t i = 0; i < m->n_merges; i++) {
        text_clear(&piece);
        add_piece(&piece, &m->token[m->merge[i].left]);
        text_add(&piece, " ");
        add_piece(&piece, &m->token[m->merge[i].right]);
        text_add(&json, i ? "," : "");
        text_add_json(&json, text_s(&piece), piece.len);
    }
    text_add(&json, "]}}");
    struct vocab *v = vocab_read_json("cuts.json", json.s, json.len, NULL, 0);
    check(v != NULL, "%s", err_text());
    text_free(&json);
    text_free(&piece);
    return v;
}

static void compare(const struct model *m, struct vocab *v, size_t n_texts)
{
    struct symbols ids = { 0 };
    struct text t = { 0 }, back = { 0 };
    uint32_t want[TEXT_CHARS * 4];
    for (size_t i = 0; i < n_texts; i++) {
        make_text(&t);
        ids.n = 0;
        text_clear(&back);
        check(vocab_encode(v, t.s, t.len, &ids) == 0, "%s", err_text());
        size_t n = encode_slowly(m, &t, want);
        bool equal = ids.n == n && memcmp(ids.s, want, n * sizeof *want) == 0;
        check(equal, "%zu merges%s: '%s' has the ids of merging byte by byte", m->n_merges,
              m->ignores_merges ? ", ignored" : "", t.s);
        vocab_decode(v, ids.s, ids.n, &back);
        check(back.len == t.len && memcmp(back.s, t.s, t.len) == 0, "'%s' comes back", t.s);
    }
    free(ids.s);
    text_free(&t);
    text_free(&back);
}

static void by_definition(void)
{
    static struct model m;
    size_t rounds = getenv("CHORALE_LONG") ? 600 : CHECK_TIMES(48, 18);
    for (size_t round = 0; round < rounds; round++) {
        make_model(&m, 1 + below(MERGES_MAX - 1), round % 2);
        m.ignores_merges = round % 3 == 0;
        struct vocab *v = open_model(&m);
        if (v)
            compare(&m, v, 150);
        vocab_free(v);
    }
}

/* Merges with an unknown token whose piece no byte has: what it merges with is not cut off. */
static void unknown_merges(void)
{
    static const char json[] =
        "{\"pre_tokenizer\":{\"type\":\"ByteLevel\",\"add_prefix_space\":false,\"use_regex\":false},\"model\":{"
        "\"type\":"
        "\"BPE\",\"unk_token\":\"☃\",\"vocab\":{\"☃\":0,\"ä\":1,\"½\":2,\"ł\":3,\"ä½\":4,\"ä½ł\":5,\"☃ä½ł\":6,"
        "\"☃ä½łä½ł\":7},\"merges\":[\"ä ½\",\"ä½ ł\",\"☃ ä½ł\",\"☃ä½ł ä½ł\"]}}";
    static const sym_t want[] = { 7, 5 };
    struct vocab *v = vocab_read_json("unknown.json", json, sizeof json - 1, NULL, 0);
    struct symbols ids = { 0 };
    check(v && vocab_encode(v, "x你你你", 10, &ids) == 0, "%s", err_text());
    check(ids.n == 2 && memcmp(ids.s, want, sizeof want) == 0, "the unknown merges with what is behind it");
    free(ids.s);
    vocab_free(v);
}

int main(void)
{
    by_definition();
    unknown_merges();
    return check_done("tokenizer_cuts");
}
