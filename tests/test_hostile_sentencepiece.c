/* SentencePiece models, charsmaps, Unigram vocabularies and normalisers made by a stranger: each gives its message or a
 * tokenizer, soon, and a text through it gives ids or a message, soon. */
#include "base/err.h"
#include "model/charsmap.h"
#include "model/normalise.h"
#include "model/sentencepiece.h"
#include "model/vocab.h"
#include "tests/lib/bytes.h"
#include "tests/lib/check.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static double seconds(void)
{
    return (double)clock() / CLOCKS_PER_SEC;
}

static void varint(struct text *t, uint64_t x)
{
    for (; x >= 0x80; x >>= 7)
        bytes_u8(t, (uint8_t)(x | 0x80));
    bytes_u8(t, (uint8_t)x);
}

static void number(struct text *t, uint32_t field, uint64_t x)
{
    varint(t, (uint64_t)field << 3);
    varint(t, x);
}

static void message(struct text *t, uint32_t field, const void *s, size_t n)
{
    varint(t, (uint64_t)field << 3 | 2);
    varint(t, n);
    text_addn(t, s, n);
}

static void piece_n(struct text *t, const char *s, size_t n, float score, uint32_t type)
{
    struct text p = { 0 };
    message(&p, 1, s, n);
    varint(&p, 2 << 3 | 5);
    bytes_f32(&p, score);
    number(&p, 3, type);
    message(t, 1, p.s, p.len);
    text_free(&p);
}

static void piece(struct text *t, const char *s, float score, uint32_t type)
{
    piece_n(t, s, strlen(s), score, type);
}

/* trainer_spec: one number. */
static void trainer(struct text *t, uint32_t field, uint64_t x)
{
    struct text p = { 0 };
    number(&p, 3, field == 3 ? x : SENTENCEPIECE_BPE);
    if (field != 3)
        number(&p, field, x);
    message(t, 2, p.s, p.len);
    text_free(&p);
}

static void normalizer(struct text *t, const void *map, size_t n)
{
    struct text p = { 0 };
    message(&p, 2, map, n);
    message(t, 3, p.s, p.len);
    text_free(&p);
}

/* Three tags and two letters. */
static struct text letters(void)
{
    struct text t = { 0 };
    piece(&t, "<unk>", 0, SENTENCEPIECE_UNKNOWN);
    piece(&t, "<s>", 0, SENTENCEPIECE_CONTROL);
    piece(&t, "</s>", 0, SENTENCEPIECE_CONTROL);
    piece(&t, "a", -1, SENTENCEPIECE_NORMAL);
    piece(&t, "b", -2, SENTENCEPIECE_NORMAL);
    return t;
}

/* want NULL: accepted, and the caller's. */
static struct vocab *expect(struct text *t, const char *want)
{
    struct vocab *v = vocab_read_sentencepiece("m.model", text_s(t), t->len, NULL, 0);
    check((v != NULL) == (want == NULL), "want %s: %s", want ? want : "accepted", v ? "accepted" : err_text());
    if (want)
        check(!v && err_code() == ERR_DATA && strstr(err_text(), want) && strncmp(err_text(), "m.model", 7) == 0,
              "says '%s', want '%s'", err_text(), want);
    text_free(t);
    return v;
}

static void expect_bytes(const char *bytes, size_t n, const char *want)
{
    struct text t = { 0 };
    text_addn(&t, bytes, n);
    vocab_free(expect(&t, want));
}

static void wires(void)
{
    expect_bytes("", 0, "there are no pieces");
    expect_bytes("\x80", 1, "byte 1: a number is cut off");
    expect_bytes("\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", 11, "a number has more than 10 bytes");
    expect_bytes("\x00\x01", 2, "a field without a number");
    expect_bytes("\xf8\xff\xff\xff\xff\x0f\x01", 7, "a field without a number");
    expect_bytes("\x0a\x05\x0a", 3, "byte 2: a field is longer than what is left");
    expect_bytes("\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 11, "a field is longer than what is left");
    expect_bytes("\x0b", 1, "a field of an unknown kind");
    expect_bytes("\x15\x01\x02", 3, "a number is cut off");
    expect_bytes("\x0a\x02\x0a\x05", 4, "byte 4: a field is longer");
    expect_bytes("not a model at all", 18, "no SentencePiece model");
}

static void pieces(void)
{
    static const struct {
        const char *s;
        size_t n;
        float score;
        uint32_t type;
        const char *want;
    } cases[] = {
        { "c", 1, -3, 1, NULL },
        { "c", 1, -3, 0, "piece 5 is of type 0, want 1 .. 6" },
        { "c", 1, -3, 7, "piece 5 is of type 7, want 1 .. 6" },
        { "c", 1, 0.0f / 0.0f, 1, "the score of piece 5 is not finite" },
        { "c", 1, 1.0f / 0.0f, 1, "the score of piece 5 is not finite" },
        { "", 0, -3, 1, "token 5 is empty" },
        { "a", 1, -3, 1, "token 'a' comes twice, as 3 and as 5" },
        { "c\0d", 3, -3, 1, "token 5 has a NUL inside" },
        { "\xff", 1, -3, 1, "token 5 is not UTF-8" },
        { "c", 1, -3, SENTENCEPIECE_UNUSED, "1 unused pieces" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct text t = letters();
        piece_n(&t, cases[i].s, cases[i].n, cases[i].score, cases[i].type);
        trainer(&t, 3, SENTENCEPIECE_BPE);
        vocab_free(expect(&t, cases[i].want));
    }
    struct text t = letters(), all = { 0 };
    while (all.len < 513)
        text_add(&all, "a");
    piece(&t, text_s(&all), -3, 1);
    expect(&t, "token 5 has 513 bytes, want at most 512");
    text_free(&all);
}

static void specs(void)
{
    static const struct {
        uint32_t field;
        uint64_t value;
        const char *want;
    } cases[] = {
        { 3, SENTENCEPIECE_CHAR, "the model is of type 4" },
        { 3, UINT64_MAX, "the model is of type -1" },
        { 41, 5, "bos is 5 and eos 2, want less than 5" },
        { 42, 0x7fffffff, "bos is 1 and eos 2147483647" },
        { 41, UINT64_MAX, NULL }, /* -1: none */
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct text t = letters();
        trainer(&t, cases[i].field, cases[i].value);
        vocab_free(expect(&t, cases[i].want));
    }
    static const struct {
        const char *map;
        size_t n;
        const char *want;
    } maps[] = {
        { "\x00", 1, "a charsmap of 1 bytes" },
        { "\x00\x00\x00\x00zz", 6, "says that its trie has 0" },
        { "\x08\x00\x00\x00zzzz", 8, "says that its trie has 8" },
        { "\x05\x00\x00\x00zzzzzz", 10, "says that its trie has 5" },
        { "\xfc\xff\xff\xff\x00\x00\x00\x00", 8, "says that its trie has 4294967292" },
        { "\x04\x00\x00\x00\x00\x00\x00\x00\xff", 9, "the texts of a charsmap are no UTF-8" },
    };
    for (size_t i = 0; i < sizeof maps / sizeof *maps; i++) {
        struct text t = letters();
        trainer(&t, 3, SENTENCEPIECE_BPE);
        normalizer(&t, maps[i].map, maps[i].n);
        expect(&t, maps[i].want);
    }
}

static void put_unit(uint8_t *blob, size_t at, uint32_t unit)
{
    for (size_t i = 0; i < 4; i++)
        blob[4 + 4 * at + i] = (uint8_t)(unit >> 8 * i);
}

/* bug: a rule that gave half a character, or took half of one, left bytes on which the next step never ended */
static void half_characters(void)
{
    enum { UNITS = 196 };
    static const char text[] = "\xc3\xa9";
    uint8_t blob[4 + 4 * UNITS + sizeof text] = { (4 * UNITS) & 0xff, (4 * UNITS) >> 8 };
    put_unit(blob, 'a', 'a' | 1u << 8 | 1u << 10); /* "a": its leaf is the unit before it */
    put_unit(blob, 'a' - 1, 1u << 31 | 1);
    put_unit(blob, 0xc3, 0xc3 | 1u << 8 | 1u << 10); /* the first byte of a character */
    put_unit(blob, 0xc2, 1u << 31 | 0);
    memcpy(blob + 4 + 4 * UNITS, text, sizeof text);
    struct charsmap *c = charsmap_read("test", blob, sizeof blob);
    const char *to;
    size_t n = 1;
    check(c && charsmap_longest(c, "a", 1, &to, &n) == 1 && n == 0, "half a character is not given");
    check(c && charsmap_longest(c, text, 2, &to, &n) == 0, "half a character is not taken");
    check(c && charsmap_shortest(c, text, 2, &to, &n) == 0, "nor as the shortest");
    charsmap_free(c);
    struct normalise *all = normalise_alloc();
    const char *out;
    check(normalise_add_charsmap(all, "test", blob, sizeof blob) == 0 &&
              normalise_add_charsmap(all, "test", blob, sizeof blob) == 0 &&
              normalise_apply(all, "ab\xc3\xa9", 4, &out, &n) == 0 && n == 3 && memcmp(out, "b\xc3\xa9", 3) == 0,
          "twice: %s", err_text());
    normalise_free(all);
}

/* Tries whose units lead anywhere: every step stays within. */
static void charsmaps(void)
{
    uint32_t state = 1;
    for (int round = 0; round < 2000; round++) {
        uint8_t blob[4 + 64 * 4 + 5] = { 0 };
        blob[1] = 1; /* 256 bytes of units */
        for (size_t i = 4; i < sizeof blob; i++) {
            state = state * 1664525u + 1013904223u;
            blob[i] = (uint8_t)(state >> 24 & (round % 2 ? i < sizeof blob - 5 ? 0xff : 0x7f : 0x0f));
        }
        struct charsmap *c = charsmap_read("test", blob, sizeof blob);
        const char *to;
        size_t n;
        for (unsigned b = 1; b < 256; b++) {
            char s[8] = { (char)b, (char)(b * 7), (char)(b * 13), 'a', 'b', 1, 2, 3 };
            size_t longest = charsmap_longest(c, s, sizeof s, &to, &n);
            check(longest <= sizeof s && (longest == 0 || n <= 5), "a rule within the blob");
            check(charsmap_shortest(c, s, sizeof s, &to, &n) <= longest || longest == 0, "the shortest");
        }
        charsmap_free(c);
    }
}

/* One member of a tokenizer.json with a fault, and its message. */
static void jsons(void)
{
#define UNIGRAM(vocab) "{\"model\":{\"type\":\"Unigram\",\"unk_id\":0,\"vocab\":[" vocab "]}}"
#define NORMAL(n)      "{\"normalizer\":" n ",\"model\":{\"type\":\"Unigram\",\"unk_id\":0,\"vocab\":[[\"a\",0]]}}"
#define DECODER(d)     "{\"decoder\":" d ",\"model\":{\"type\":\"Unigram\",\"unk_id\":0,\"vocab\":[[\"a\",0]]}}"
#define NEST(x)        "{\"type\":\"Sequence\",\"normalizers\":[" x "]}"
    static const struct {
        const char *json, *want;
    } cases[] = {
        { UNIGRAM("[\"a\",-1]"), NULL },
        { UNIGRAM("\"a\""), "token 0 is no pair of a text and a score" },
        { UNIGRAM("[\"a\"]"), "token 0 is no pair" },
        { UNIGRAM("[\"a\",\"b\"]"), "token 0 is no pair" },
        { UNIGRAM("[\"a\",1e999]"), "real number overflow" },
        { UNIGRAM("[\"a\",-1],[\"a\",-1]"), "'a' comes twice" },
        { UNIGRAM("[\"\",-1]"), "token 0 is empty" },
        { UNIGRAM(""), "'unk_id' is 0, want less than 0" },
        { "{\"model\":{\"type\":\"Unigram\",\"unk_id\":-2,\"vocab\":[[\"a\",0]]}}", "'unk_id' is -2" },
        { "{\"model\":{\"type\":\"BPE\",\"unk_token\":\"x\",\"vocab\":{\"a\":0},\"merges\":[]}}",
          "'unk_token' is 'x'" },
        { NORMAL("{\"type\":\"Replace\",\"pattern\":{\"String\":\"\"},\"content\":\"a\"}"),
          "replaces the empty string" },
        { NORMAL("{\"type\":\"Replace\",\"pattern\":{\"Regex\":\"a*\"},\"content\":\"a\"}"),
          "matches the empty string" },
        { NORMAL("{\"type\":\"Replace\",\"pattern\":{\"Regex\":\"[a&&b]\"},\"content\":\"a\"}"), "byte 2: '&&b'" },
        { NORMAL("{\"type\":\"Replace\",\"pattern\":{},\"content\":\"a\"}"), "'String' is missing" },
        { NORMAL("{\"type\":\"Precompiled\",\"precompiled_charsmap\":\"?\"}"), "is no base 64" },
        { NORMAL("{\"type\":\"Precompiled\",\"precompiled_charsmap\":\"AAA\"}"), "is no base 64" },
        { NORMAL("{\"type\":\"Precompiled\",\"precompiled_charsmap\":\"A=AA\"}"), "is no base 64" },
        { NORMAL("{\"type\":\"Precompiled\",\"precompiled_charsmap\":\"\"}"), "a charsmap of 0 bytes" },
        { NORMAL("{\"type\":\"Sequence\",\"normalizers\":7}"), "'normalizers' is an integer" },
        { NORMAL(NEST(NEST(NEST(NEST(NEST(NEST(NEST(NEST(NEST("")))))))))), "the normalizer is 'Sequence'" },
        { DECODER("{\"type\":\"Strip\",\"content\":\" \",\"start\":1,\"stop\":0}"), "before Fuse" },
        { DECODER("{\"type\":\"Sequence\",\"decoders\":[{\"type\":\"Metaspace\"},{\"type\":\"Metaspace\"}]}"),
          "twice" },
        { DECODER("{\"type\":\"Replace\",\"pattern\":{\"String\":\"\"},\"content\":\"a\"}"), "the empty string" },
        { DECODER("{\"type\":\"Metaspace\",\"replacement\":\"\"}"), "the empty string" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct vocab *v = vocab_read_json("t.json", cases[i].json, strlen(cases[i].json), NULL, 0);
        check((v != NULL) == (cases[i].want == NULL), "%s: %s", cases[i].json, v ? "accepted" : err_text());
        if (cases[i].want)
            check(!v && err_code() == ERR_DATA && strstr(err_text(), cases[i].want) && strstr(err_text(), "t.json"),
                  "'%s' says '%s'", err_text(), cases[i].want);
        vocab_free(v);
    }
}

/* A step that lengthens, again and again. */
static void growth(void)
{
    struct normalise *n = normalise_alloc();
    struct text by = { 0 }, t = { 0 };
    const char *out;
    size_t n_out;
    while (by.len < 5000)
        text_add(&by, "aa");
    while (t.len < 100000)
        text_add(&t, "aaaaaaaaaa");
    for (int i = 0; i < 32; i++)
        check(normalise_add_replace(n, "t.json", "a", text_s(&by)) == 0, "%s", err_text());
    check(normalise_add_replace(n, "t.json", "a", "b") == ERR_DATA && strstr(err_text(), "more than 32 steps"), "%s",
          err_text());
    check(normalise_apply(n, text_s(&t), t.len, &out, &n_out) == ERR_DATA &&
              strstr(err_text(), "when it is normalised"),
          "%s", err_text());
    check(normalise_apply(n, "b", 1, &out, &n_out) == 0 && n_out == 1, "a text without it: %s", err_text());
    normalise_free(n);
    text_free(&by);
    text_free(&t);
}

/* Pieces that all begin alike: the work at each byte of a text is bounded by the longest. */
static void ladders(void)
{
    struct text t = letters(), all = { 0 }, text = { 0 };
    text_add(&all, "aa");
    for (; all.len <= 512; text_add(&all, "a"))
        piece(&t, text_s(&all), -(float)all.len, 1);
    trainer(&t, 3, SENTENCEPIECE_BPE);
    struct text twin = { 0 };
    text_addn(&twin, t.s, t.len);
    trainer(&twin, 3, SENTENCEPIECE_UNIGRAM);
    while (text.len < 200000)
        text_add(&text, "aaaaaaaaaaaaaaaa");
    struct text *models[] = { &t, &twin };
    for (size_t i = 0; i < 2; i++) {
        double start = seconds();
        struct vocab *v = expect(models[i], NULL);
        struct symbols ids = { 0 };
        check(v && vocab_encode(v, text_s(&text), text.len, &ids) == 0 && ids.n > 0, "%s", err_text());
        check(seconds() - start < 60, "200,000 letters through %s in %.1f s", v ? vocab_kind(v) : "?",
              seconds() - start);
        free(ids.s);
        vocab_free(v);
    }
    text_free(&all);
    text_free(&text);
}

int main(void)
{
    alarm(280); /* nothing here may wait */
    wires();
    pieces();
    specs();
    charsmaps();
    half_characters();
    jsons();
    growth();
    ladders();
    return check_done("hostile_sentencepiece");
}
