/* The canonical tree against the tokenizer's own encoder: at every byte of a text, the tokens that the encoder gives the text
 * so far are among the prefixes that the adapter wants rows of; for every family of tokenizers that merges.
 *
 * The token lm is a spy: its rows are flat, and it remembers what was wanted. */
#include "base/err.h"
#include "ensemble/bytes.h"
#include "model/core.h"
#include "tests/lib/check.h"
#include "tests/lib/fuzz_strings.h"
#include "tests/lib/spy_lm.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FAMILY CHORALE_HOME "/tests/fixtures/tokenizer/family/"

struct tally {
    uint64_t bytes, states, texts, missed, skipped;
};

static bool was_wanted(const struct spy_lm *s, const struct symbols *ids, size_t skip)
{
    for (size_t i = 0; i < s->n_wanted; i++) {
        const struct symbols *got = &s->slot[s->wanted[i]].s;
        if (got->n == ids->n + skip && (ids->n == 0 || memcmp(got->s + skip, ids->s, ids->n * sizeof *ids->s) == 0))
            return true;
    }
    return false;
}

static void text_of(const struct space *space, const struct symbols *ids, struct text *out)
{
    text_clear(out);
    for (size_t i = 0; i < ids->n; i++) {
        size_t n;
        const uint8_t *s = space_text(space, ids->s[i], &n);
        text_addn(out, s, n);
    }
}

/* The tokenisation of a text as far as tokens give the same text again: *x. false: they do not. */
static bool own_text(struct vocab *v, const char *s, size_t n, struct symbols *ids, struct text *x)
{
    struct symbols again = { 0 };
    struct text text = { 0 };
    ids->n = 0;
    if (vocab_encode(v, s, n, ids) < 0)
        return false;
    text_of(vocab_space(v), ids, x);
    bool same = x->len > 0;
    for (size_t i = 0; i < ids->n && same; i++) {
        size_t length;
        space_text(vocab_space(v), ids->s[i], &length);
        same = length > 0 && (int64_t)ids->s[i] != vocab_bos(v);
    }
    /* a space that encoding puts in front may be there already */
    same = same && vocab_encode(v, text_s(x), x->len, &again) == 0;
    text_of(vocab_space(v), &again, &text);
    if (same && text.len == x->len)
        same = again.n == ids->n && memcmp(again.s, ids->s, ids->n * sizeof *ids->s) == 0;
    free(again.s);
    text_free(&text);
    return same && text_utf8_ready(text_s(x), x->len) == x->len;
}

struct subject {
    const char *name;
    struct vocab *vocab;
    struct spy_lm *spy;
    struct lm *lm;
    struct core *core;
    struct tally tally;
};

static bool is_prefix(struct vocab *v, const char *s, size_t n, struct symbols *ids, struct text *x)
{
    return text_utf8_ready(s, n) == n && own_text(v, s, n, ids, x) && x->len == n && memcmp(text_s(x), s, n) == 0;
}

/* The tokens that all live nodes begin with: what was fixed before is among them (invariant 12).  *fixed becomes all of
 * them. */
static bool still_fixed(const struct spy_lm *spy, struct symbols *fixed)
{
    const struct symbols *first = NULL;
    size_t n = 0, was = fixed->n;
    for (size_t i = 0; i < spy->n_slots; i++) {
        const struct symbols *s = &spy->slot[i].s;
        if (!spy->slot[i].used)
            continue;
        size_t k = 0, most = first && n < s->n ? n : s->n;
        while (first && k < most && first->s[k] == s->s[k])
            k++;
        n = first ? k : s->n;
        first = first ? first : s;
    }
    bool same = first && n >= was && (was == 0 || memcmp(first->s, fixed->s, was * sizeof *fixed->s) == 0);
    fixed->n = 0;
    if (first)
        symbols_add(fixed, first->s, n);
    return same;
}

/* Byte by byte; every `stride` bytes, and at the end, the encoder is asked. */
static void follow(struct subject *o, const char *s, size_t n, size_t stride)
{
    struct symbols ids = { 0 }, part = { 0 };
    struct text x = { 0 }, again = { 0 };
    size_t skip = vocab_bos(o->vocab) >= 0;
    struct symbols fixed = { 0 };
    if (!own_text(o->vocab, s, n, &ids, &x)) {
        o->tally.skipped++;
        goto out;
    }
    struct want w = { o->lm, lm_fork(o->lm, LM_EMPTY, 0), 1, LM_TAP_FINAL };
    for (size_t i = 0; i < x.len; i++) {
        check(lm_push(o->lm, w.slot, &(sym_t){ (unsigned char)x.s[i] }, 1, NULL) == 0, "push");
        check(core_run(o->core, &w, 1) == 0, "%s: %s", o->name, err_text());
        struct row row;
        check(still_fixed(o->spy, &fixed), "%s: what is fixed stays at byte %zu of '%s'", o->name, i + 1, text_s(&x));
        check(lm_rows(&w, &row) == 0 && !row_dead(&row), "%s: a row at byte %zu of '%s'", o->name, i, text_s(&x));
        const struct symbols *want = i + 1 == x.len ? &ids : &part;
        if (i + 1 < x.len && ((i + 1) % stride || !is_prefix(o->vocab, x.s, i + 1, &part, &again)))
            continue;
        bool ok = was_wanted(o->spy, want, skip);
        o->tally.missed += !ok;
        check(ok, "%s: the encoder's path at byte %zu of '%s'", o->name, i + 1, text_s(&x));
    }
    o->tally.bytes += x.len;
    o->tally.texts++;
    lm_drop(o->lm, w.slot);
out:
    free(fixed.s);
    free(ids.s);
    free(part.s);
    text_free(&x);
    text_free(&again);
}

static void corpus(struct subject *o, const char *name, size_t from, size_t n)
{
    struct text path = { 0 }, text = { 0 };
    text_addf(&path, "%s/data/corpora/%s", check_shared(), name);
    if (text_read_file(&text, text_s(&path), 1 << 26) == 0 && text.len > from + n) {
        size_t at = from;
        while ((text.s[at] & 0xc0) == 0x80)
            at++;
        follow(o, text.s + at, text_utf8_ready(text.s + at, n), 7);
    }
    text_free(&path);
    text_free(&text);
}

/* What the families' own rules tell apart: look-ahead, groups of digits, contractions, added tokens and their beginnings, and
 * pieces that are as long as the text. */
static void directed(struct subject *o)
{
    static const char *const texts[] = {
        "a  b   c\n\n d \n  \n e\t\tf",
        "x\n\n\ny <table> <tabl <table",
        "1234567 12 123 1,234,567.89 a1b22c333d4444",
        "I'll he's they've we'd I'm 'tis don't 'llama 'round l'r",
        "  leading and trailing  ",
        "\r\n\r\n a\r\n",
        "h\xc3\xa9llo na\xc3\xafve \xe4\xb8\xad\xe6\x96\x87 \xf0\x9f\x98\x80\xf0\x9f\x98\x80 \xe2\x80\x99s",
        "hello                    world",
        "((((....!!!!\n\n!!!)))) --- ___ ///",
        "<|User|> <|Use <|User|",
        "EndOfLine   \n   x",
    };
    struct text t = { 0 };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        follow(o, texts[i], strlen(texts[i]), 1);
    for (int i = 0; i < 1200; i++)
        text_addn(&t, &"abbaabab!! "[i < 1000 ? i % 7 : i % 11], 1);
    follow(o, text_s(&t), t.len, 500);
    /* characters of several tokens where a long text is taken off */
    for (int i = 58; i < 72; i += CHECK_TIMES(1, 4)) {
        text_clear(&t);
        for (int k = 0; k < i; k++)
            text_addn(&t, &"once upon a time "[k % 17], 1);
        text_add(&t, "\xd7\xa2\xd7\x91 \xf0\x9f\x98\x80\xf0\x9f\x98\x80 \xe4\xbb\x96\xe4\xbb\x8e when");
        follow(o, text_s(&t), t.len, 1);
    }
    text_free(&t);
}

static void run(const char *name, const char *ending, const struct fuzz_strings *strings, size_t n_strings)
{
    struct text path = { 0 };
    text_addf(&path, FAMILY "%s.%s", name, ending);
    struct subject o = { .name = name, .core = core_alloc() };
    o.vocab = strcmp(ending, "json") == 0 ? vocab_open_json(text_s(&path), NULL, 0)
                                          : vocab_open_sentencepiece(text_s(&path), NULL, 0);
    check(o.vocab != NULL, "%s: %s", name, err_text());
    o.spy = spy_lm_open(vocab_space(o.vocab));
    o.lm = bytes_open(&o.spy->lm, &(struct bytes_options){ .vocab = o.vocab, .kind = "canonical" });
    check(o.lm != NULL, "%s: %s", name, err_text());
    struct text s = { 0 };
    for (uint64_t i = 0; i < n_strings; i++) {
        text_clear(&s);
        fuzz_strings_make(strings, i, &s);
        follow(&o, text_s(&s), s.len < 200 ? s.len : text_utf8_ready(text_s(&s), 200), 1);
    }
    directed(&o);
    struct bytes_counts fuzz = bytes_counts(o.lm);
    printf("%-10s fuzz: %5llu bytes of %llu texts (%llu left out), %.3f states a byte, %llu paths missed\n", name,
           (unsigned long long)o.tally.bytes, (unsigned long long)o.tally.texts, (unsigned long long)o.tally.skipped,
           (double)fuzz.states / (double)o.tally.bytes, (unsigned long long)o.tally.missed);
    check((double)fuzz.states <= 1.05 * (double)o.tally.bytes, "%s: one state a byte, but for what looks ahead", name);
    o.tally = (struct tally){ 0 };
    corpus(&o, "tinystories/cs336_tinystories_sample.txt", 0, CHECK_TIMES(1500, 100));
    struct bytes_counts c = bytes_counts(o.lm);
    if (o.tally.bytes > 0)
        printf("%-10s prose: %5llu bytes, %.3f states a byte\n", name, (unsigned long long)o.tally.bytes,
               (double)(c.states - fuzz.states) / (double)o.tally.bytes);
    text_free(&s);
    text_free(&path);
    lm_free(o.lm);
    check(spy_lm_held(o.spy) == 0, "%s: %zu slots are held", name, spy_lm_held(o.spy));
    spy_lm_free(o.spy);
    vocab_free(o.vocab);
    core_free(o.core);
}

int main(void)
{
    static const char *const json[] = { "gpt2",      "llama3", "qwen2", "bloom",  "deepseek", "deepseek3",
                                        "starcoder", "falcon", "neox",  "llama2", "mistral",  "gemma" };
    size_t n = getenv("CHORALE_LONG") ? 2000 : CHECK_TIMES(40, 4);
    struct fuzz_strings strings;
    check(fuzz_strings_open(&strings, FAMILY "parts.bin") == 0, "%s", err_text());
    for (size_t i = 0; i < sizeof json / sizeof *json; i++)
        run(json[i], "json", &strings, n);
    run("spm_llama", "model", &strings, n);
    run("spm_bpe", "model", &strings, n);
    fuzz_strings_close(&strings);
    return check_done("bytes_path");
}
