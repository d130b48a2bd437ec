/* Runs of up to a megabyte without a space: the ids of Hugging Face tokenizers (fixtures/tokenizer/long.py), the text back
 * where a family is lossless, and time that grows as the text does.  Megabytes only with CHORALE_LONG. */
#include "base/err.h"
#include "base/hash.h"
#include "model/vocab.h"
#include "tests/lib/check.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define FIXTURES CHORALE_HOME "/tests/fixtures/tokenizer/"

static uint32_t letter(uint32_t r)
{
    (void)r;
    return 'a';
}

static uint32_t ideograph(uint32_t r)
{
    (void)r;
    return 0x4f60;
}

static uint32_t space(uint32_t r)
{
    (void)r;
    return ' ';
}

static uint32_t line_break(uint32_t r)
{
    (void)r;
    return '\n';
}

static uint32_t letters(uint32_t r)
{
    return 'a' + r % 26;
}

static uint32_t digits(uint32_t r)
{
    return '0' + r % 10;
}

static uint32_t marks(uint32_t r)
{
    return (unsigned char)"!?-'"[r % 4];
}

static uint32_t ideographs(uint32_t r)
{
    return 0x4e00 + r % 20992;
}

static uint32_t common(uint32_t r)
{
    static const char chars[] =
        "的一是不了人我在有他这中大来上国个到说们为子和你地出道也时年得就那要下以生会自着去之，。";
    uint32_t c = 0;
    text_utf8(chars + 3 * (r % (sizeof chars / 3)), 3, &c);
    return c;
}

static uint32_t emoji(uint32_t r)
{
    return 0x1f600 + r % 64;
}

static uint32_t last(uint32_t r)
{
    return 0x10ffff - r % 2;
}

static uint32_t hangul(uint32_t r)
{
    return 0xac00 + r % 11172;
}

static const struct {
    const char *name;
    uint32_t (*draw)(uint32_t r);
} kinds[] = {
    { "letter", letter },   { "ideograph", ideograph }, { "spaces", space }, { "breaks", line_break },
    { "letters", letters }, { "digits", digits },       { "marks", marks },  { "ideographs", ideographs },
    { "common", common },   { "emoji", emoji },         { "last", last },    { "hangul", hangul },
};
#define N_KINDS (sizeof kinds / sizeof *kinds)

static void add_char(struct text *t, uint32_t c)
{
    char s[4] = { (char)c };
    size_t n = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
    static const unsigned char lead[] = { 0, 0, 0xc0, 0xe0, 0xf0 };
    for (size_t i = n; n > 1 && i-- > 0; c >>= 6)
        s[i] = (char)(i > 0 ? 0x80 | (c & 0x3f) : lead[n] | c);
    text_addn(t, s, n);
}

static void make_text(struct text *t, size_t kind, size_t size)
{
    uint64_t state = 1;
    text_clear(t);
    while (t->len < size) {
        state = state * 6364136223846793005u + 1442695040888963407u;
        add_char(t, kinds[kind].draw((uint32_t)(state >> 33)));
    }
}

static double seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* A line of long.txt. */
struct line {
    char family[32], kind[32], hash[32];
    size_t size, n_ids;
};

static bool is_lossless(const char *family)
{
    static const char *const names[] = { "gpt2", "llama3", "bloom", "deepseek", "deepseek3", "starcoder", "falcon" };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp(family, names[i]) == 0)
            return true;
    return false;
}

static void compare(struct vocab *v, const struct line *l)
{
    struct symbols ids = { 0 };
    struct text t = { 0 }, back = { 0 };
    char hex[65];
    size_t kind = 0;
    while (kind + 1 < N_KINDS && strcmp(kinds[kind].name, l->kind) != 0)
        kind++;
    make_text(&t, kind, l->size);
    double from = seconds();
    check(vocab_encode(v, t.s, t.len, &ids) == 0, "%s", err_text());
    double took = seconds() - from;
    hash_sha256(ids.s, ids.n * sizeof *ids.s, hex);
    check(ids.n == l->n_ids && strncmp(hex, l->hash, 16) == 0, "%s, %zu bytes of %s: %zu ids, want %zu%s", l->family,
          l->size, l->kind, ids.n, l->n_ids, ids.n == l->n_ids ? ", others" : "");
    /* a thousand times what it takes: what is quadratic takes longer */
    check(took < .1 + 1e-5 * (double)l->size, "%s, %zu bytes of %s: %.2f s", l->family, l->size, l->kind, took);
    if (getenv("CHORALE_SHOW"))
        printf("%s %s %zu: %.4f s\n", l->family, l->kind, l->size, took);
    vocab_decode(v, ids.s, ids.n, &back);
    if (is_lossless(l->family))
        check(back.len == t.len && memcmp(back.s, t.s, t.len) == 0, "%s, %zu bytes of %s come back", l->family, l->size,
              l->kind);
    free(ids.s);
    text_free(&t);
    text_free(&back);
}

int main(void)
{
    struct text all = { 0 };
    struct line l;
    struct vocab *v = NULL;
    char open[32] = "";
    size_t n_lines = 0;
    check(text_read_file(&all, FIXTURES "long.txt", 1u << 20) == 0, "%s", err_text());
    for (const char *at = text_s(&all); *at; at += strcspn(at, "\n") + 1, n_lines++) {
        bool read = sscanf(at, "%31s %31s %zu %zu %31s", l.family, l.kind, &l.size, &l.n_ids, l.hash) == 5;
        check(read, "line %zu of long.txt", n_lines + 1);
        if (!read || (l.size > 100000 && !getenv("CHORALE_LONG")))
            continue;
        if (strcmp(open, l.family) != 0) {
            struct text path = { 0 };
            vocab_free(v);
            text_addf(&path, FIXTURES "family/%s.json", l.family);
            v = vocab_open_json(text_s(&path), NULL, 0);
            memcpy(open, l.family, sizeof open);
            text_free(&path);
        }
        check(v != NULL, "%s", err_text());
        if (v)
            compare(v, &l);
    }
    check(n_lines > 0, "long.txt has lines");
    vocab_free(v);
    text_free(&all);
    return check_done("tokenizer_long");
}
