/* Small tokenizers of every family: the same ids and the same decoded text as Hugging Face tokenizers, or
 * sentencepiece, for 20,000 strings each; every fourth block by default, all with CHORALE_LONG. */
#include "base/err.h"
#include "base/hash.h"
#include "model/vocab.h"
#include "tests/lib/check.h"
#include "tests/lib/fuzz_strings.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FAMILY CHORALE_HOME "/tests/fixtures/tokenizer/family/"

enum { STRINGS = 20000, BLOCK = 50 };

/* What a family promises of decoding what was encoded: lossless is the same bytes for all valid UTF-8. */
struct family {
    const char *name, *ending;
    bool is_lossless;
    bool hides_text; /* the reference shows the tokens' text otherwise (families.py) */
};

static const struct family families[] = {
    { "gpt2", "json", true, false },      { "llama3", "json", true, false },
    { "qwen2", "json", false, false },    { "bloom", "json", true, false },
    { "deepseek", "json", true, false },  { "deepseek3", "json", true, false },
    { "starcoder", "json", true, false }, { "falcon", "json", true, false },
    { "neox", "json", false, false },     { "roberta", "json", false, false },
    { "llama2", "json", false, false },   { "mistral", "json", false, false },
    { "gemma", "json", false, false },    { "t5", "json", false, false },
    { "unigram", "json", false, false },  { "flags", "json", false, true },
    { "splits", "json", false, false },   { "spm_llama", "model", false, false },
    { "spm_bpe", "model", false, false }, { "spm_unigram", "model", false, false },
    { "spm_t5", "model", false, false },
};

static struct vocab *open_family(const struct family *f)
{
    struct text path = { 0 };
    if (strcmp(f->name, "real") == 0)
        text_addf(&path, "%s/weights/tokenizer.model", check_shared());
    else
        text_addf(&path, FAMILY "%s.%s", f->name, f->ending);
    struct vocab *v = strcmp(f->ending, "json") == 0 ? vocab_open_json(text_s(&path), NULL, 0)
                                                     : vocab_open_sentencepiece(text_s(&path), NULL, 0);
    check(v != NULL, "%s: %s", f->name, err_text());
    text_free(&path);
    return v;
}

static void add_u32(struct text *t, uint32_t x)
{
    for (int i = 0; i < 4; i++)
        text_addn(t, &(uint8_t){ (uint8_t)(x >> 8 * i) }, 1);
}

static void add_ids(struct text *t, const struct symbols *ids)
{
    add_u32(t, (uint32_t)ids->n);
    for (size_t i = 0; i < ids->n; i++)
        add_u32(t, ids->s[i]);
}

static void show(size_t i, const struct symbols *ids)
{
    printf("%zu", i);
    for (size_t k = 0; k < ids->n; k++)
        printf(" %u", ids->s[k]);
    printf("\n");
}

static bool is_utf8(const char *s, size_t n)
{
    for (size_t i = 0; i < n;) {
        int length = text_utf8(s + i, n - i, NULL);
        if (length <= 0)
            return false;
        i += (size_t)length;
    }
    return true;
}

/* What a streaming reader may show after each token is whole characters of the whole text, in order. */
static void check_stream(const struct family *f, struct vocab *v, size_t i, const struct symbols *ids)
{
    struct text seen = { 0 }, all = { 0 };
    for (size_t k = 0; k < ids->n; k++) {
        size_t n;
        const uint8_t *bytes = space_text(vocab_space(v), ids->s[k], &n);
        text_addn(&all, bytes, n);
        size_t ready = text_utf8_ready(text_s(&all), all.len);
        if (!is_utf8(text_s(&all), ready))
            check(false, "%s: string %zu, token %zu: a character is split", f->name, i, k);
        if (ready < seen.len)
            check(false, "%s: string %zu, token %zu: shown text is taken back", f->name, i, k);
        text_clear(&seen);
        text_addn(&seen, text_s(&all), ready);
    }
    text_free(&seen);
    text_free(&all);
}

static void one_string(const struct family *f, struct vocab *v, size_t i, const struct text *s, struct text *block)
{
    struct symbols data = { 0 }, special = { 0 };
    struct text back = { 0 };
    int rc = vocab_encode(v, text_s(s), s->len, &data);
    if (rc == 0 && strcmp(f->ending, "json") == 0)
        rc = vocab_encode_special(v, text_s(s), s->len, &special);
    if (rc < 0)
        check(false, "%s: string %zu: %s", f->name, i, err_text());
    add_ids(block, &data);
    if (strcmp(f->ending, "json") == 0)
        add_ids(block, &special);
    if (!f->hides_text)
        vocab_decode(v, data.s, data.n, &back);
    add_u32(block, (uint32_t)back.len);
    text_addn(block, text_s(&back), back.len);
    if (getenv("CHORALE_SHOW")) {
        show(i, &data);
        if (strcmp(f->ending, "json") == 0)
            show(i, &special);
        printf("%zu ", i);
        for (size_t k = 0; k < back.len; k++)
            printf("%02x", (unsigned char)back.s[k]);
        printf("\n");
    }
    if (f->is_lossless && is_utf8(text_s(s), s->len))
        check(back.len == s->len && memcmp(text_s(&back), text_s(s), s->len) == 0, "%s: string %zu comes back", f->name,
              i);
    if (i % 7 == 0)
        check_stream(f, v, i, &data);
    free(data.s);
    free(special.s);
    text_free(&back);
}

static void one_block(const struct family *f, struct vocab *v, const struct fuzz_strings *strings, size_t block,
                      const char *want)
{
    struct text s = { 0 }, all = { 0 };
    char hex[65], start[17];
    for (size_t i = block * BLOCK; i < (block + 1) * BLOCK; i++) {
        fuzz_strings_make(strings, i, &s);
        one_string(f, v, i, &s, &all);
    }
    hash_sha256(text_s(&all), all.len, hex);
    for (size_t i = 0; i < 8; i++)
        snprintf(start + 2 * i, 3, "%02x", (unsigned char)want[i]);
    check(memcmp(hex, start, 16) == 0, "%s: block %zu is as the reference has it (families.py --show %s %zu)", f->name,
          block, f->name, block);
    text_free(&s);
    text_free(&all);
}

static void one_family(const struct family *f, const struct fuzz_strings *strings)
{
    struct text path = { 0 }, want = { 0 };
    struct vocab *v = open_family(f);
    text_addf(&path, FAMILY "%s.hash", f->name);
    check(text_read_file(&want, text_s(&path), 1u << 20) == 0 && want.len == STRINGS / BLOCK * 8, "%s: %s",
          text_s(&path), err_text());
    const char *only = getenv("CHORALE_SHOW");
    for (size_t block = 0; v && block < want.len / 8; block++)
        if (only ? block == strtoul(only, NULL, 10) : getenv("CHORALE_LONG") || block % 4 == 0)
            one_block(f, v, strings, block, want.s + 8 * block);
    vocab_free(v);
    text_free(&path);
    text_free(&want);
}

/* What was encoded before leaves nothing behind that shows: strings in another order, and each by a fresh vocabulary. */
static void order(const struct fuzz_strings *strings)
{
    enum { N = 300 };
    const struct family *f = &families[0];
    struct vocab *v = open_family(f);
    struct symbols first[N] = { { 0 } };
    struct text s = { 0 };
    for (size_t i = 0; i < N; i++) {
        fuzz_strings_make(strings, i, &s);
        check(vocab_encode(v, text_s(&s), s.len, &first[i]) == 0, "%s", err_text());
    }
    for (size_t i = N; i-- > 0;) {
        struct vocab *fresh = i % 30 == 0 ? open_family(f) : NULL;
        struct symbols again = { 0 };
        fuzz_strings_make(strings, i, &s);
        check(vocab_encode(fresh ? fresh : v, text_s(&s), s.len, &again) == 0, "%s", err_text());
        check(again.n == first[i].n && (again.n == 0 || memcmp(again.s, first[i].s, again.n * sizeof *again.s) == 0),
              "string %zu has the same ids again", i);
        free(again.s);
        free(first[i].s);
        vocab_free(fresh);
    }
    vocab_free(v);
    text_free(&s);
}

int main(int argc, char **argv)
{
    struct fuzz_strings strings;
    check(fuzz_strings_open(&strings, FAMILY "parts.bin") == 0, "%s", err_text());
    for (size_t i = 0; i < sizeof families / sizeof *families; i++)
        if (argc < 2 || strcmp(argv[1], families[i].name) == 0)
            one_family(&families[i], &strings);
    static const struct family real = { "real", "model", false, false };
    if (!check_shared())
        printf("skipped: Llama 2's tokenizer.model (no shared/)\n");
    else if (argc < 2 || strcmp(argv[1], "real") == 0)
        one_family(&real, &strings);
    order(&strings);
    fuzz_strings_close(&strings);
    return check_done("tokenizer_families");
}
