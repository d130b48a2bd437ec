/* Tokenizers made by a stranger, of tokenizer.json and of GGUF files: ids, pieces, merges, added tokens, ends and regexes
 * that lie or are far too many.  Each gives its message or a tokenizer, soon; a text through a regex that is made to
 * backtrack for ever gives ids or a message, soon. */
#include "base/err.h"
#include "base/mem.h"
#include "model/bpe.h"
#include "model/pretoken.h"
#include "model/vocab.h"
#include "model/vocab_gguf.h"
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

/* A tokenizer.json in the making: what stands in its added_tokens, vocab and merges. */
struct draft {
    struct text added, vocab, merges;
    const char *pre; /* NULL: ByteLevel */
};

static struct text finish(struct draft *d)
{
    struct text t = { 0 };
    text_addf(&t, "{\"added_tokens\":[%s],\"pre_tokenizer\":", text_s(&d->added));
    text_add(&t, d->pre ? d->pre : "{\"type\":\"ByteLevel\",\"add_prefix_space\":false}");
    text_add(&t, ",\"model\":{\"type\":\"BPE\",\"vocab\":{");
    text_addn(&t, text_s(&d->vocab), d->vocab.len);
    text_add(&t, "},\"merges\":[");
    text_addn(&t, text_s(&d->merges), d->merges.len);
    text_add(&t, "]}}");
    text_free(&d->added);
    text_free(&d->vocab);
    text_free(&d->merges);
    return t;
}

/* message NULL: accepted, and the tokenizer is the caller's. */
static struct vocab *expect(struct draft *d, const char *message)
{
    struct text t = finish(d);
    struct vocab *v = vocab_read_json("t.json", t.s, t.len, NULL, 0);
    check((v != NULL) == (message == NULL), "want %s: %s", message ? message : "accepted", v ? "accepted" : err_text());
    if (message)
        check(!v && err_code() == ERR_DATA && strstr(err_text(), message) && strncmp(err_text(), "t.json", 6) == 0,
              "says '%s', want '%s'", err_text(), message);
    text_free(&t);
    return v;
}

static void add_letters(struct draft *d)
{
    for (int i = 0; i < 26; i++)
        text_addf(&d->vocab, "%s\"%c\":%d", i > 0 ? "," : "", 'a' + i, i);
}

static void ids(void)
{
    static const struct {
        const char *vocab, *added, *message;
    } cases[] = {
        { "\"a\":0,\"b\":1027", "", NULL }, /* holes are allowed, up to a number that the tokens pay for */
        { "\"a\":0,\"b\":1028", "", "the id of token 'b' is no whole number below 1028" },
        { "\"a\":0,\"b\":-1", "", "the id of token 'b' is no whole number" },
        { "\"a\":0,\"b\":0", "", "id 0 has two tokens, 'a' and 'b'" },
        { "\"a\":0,\"b\":\"1\"", "", "the id of token 'b'" },
        { "\"a\":0,\"b\":18446744073709551616", "", "too big integer" },
        { "\"\":0", "", "token 0 is empty" },
        { "\"a\":0", "{\"id\":0,\"content\":\"a\",\"special\":true}", NULL },
        { "\"a\":0", "{\"id\":1,\"content\":\"\"}", "token 1 is empty" },
        { "\"a\":0", "{\"id\":1}", "'content' is missing" },
        { "\"a\":0", "{\"content\":\"x\"}", "'id' is missing" },
        { "\"a\":0", "7", "'id' is missing" },
        { "\"a\":0", "{\"id\":1,\"content\":\"x\"},{\"id\":1,\"content\":\"y\"}", "id 1 has two tokens, 'x' and 'y'" },
        { "\"a\":0", "{\"id\":1,\"content\":\"x\"},{\"id\":2,\"content\":\"x\"}", "'x' comes twice, as 1 and as 2" },
        { "\"a\":0", "{\"id\":5000000000,\"content\":\"x\"}", "the id of token 'x' is 5000000000, want 0 .. 1027" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct draft d = { 0 };
        text_add(&d.vocab, cases[i].vocab);
        text_add(&d.added, cases[i].added);
        vocab_free(expect(&d, cases[i].message));
    }
}

/* More than any tokenizer has, of everything that may be many. */
static void many(void)
{
    struct draft d = { 0 };
    add_letters(&d);
    for (int i = 0; i < 65537; i++)
        text_addf(&d.added, "%s{\"id\":%d,\"content\":\"a%d\"}", i > 0 ? "," : "", 26 + i, i);
    expect(&d, "65537 added tokens, want at most 65536");
    d = (struct draft){ 0 };
    text_add(&d.vocab, "\"");
    for (int i = 0; i < 65536; i++)
        text_add(&d.vocab, "a");
    text_add(&d.vocab, "\":0");
    expect(&d, "token 0 has 65536 bytes, want at most 65535");
    struct text pre = { 0 };
    text_add(&pre, "{\"type\":\"Sequence\",\"pretokenizers\":[");
    for (int i = 0; i < 33; i++)
        text_add(&pre, "{\"type\":\"Digits\"},");
    text_add(&pre, "{\"type\":\"ByteLevel\",\"add_prefix_space\":false}]}");
    d = (struct draft){ .pre = pre.s };
    add_letters(&d);
    expect(&d, "more than 32 steps in the pre-tokeniser");
    text_free(&pre);
    /* sixty thousand added tokens of one first letter over a text of that letter */
    d = (struct draft){ 0 };
    add_letters(&d);
    for (int i = 0; i < 60000; i++)
        text_addf(&d.added, "%s{\"id\":%d,\"content\":\"a%05d\"}", i > 0 ? "," : "", 26 + i, i);
    struct vocab *v = expect(&d, NULL);
    struct symbols out = { 0 };
    char *text = mem_alloc(500, 1);
    memset(text, 'a', 500);
    double start = seconds();
    check(v && vocab_encode(v, text, 500, &out) == 0 && out.n == 500, "%s", err_text());
    check(seconds() - start < 20, "500 letters in %.1f s", seconds() - start);
    free(text);
    free(out.s);
    vocab_free(v);
}

/* Regexes that backtrack without end, each over a text made for it: time is bounded by the budget. */
static void regexes(void)
{
    static const struct {
        const char *regex, *piece;
    } cases[] = {
        { "(?:a?){20}a{20}z|a", "a" }, /* a million steps for each letter, and then a match of one */
        { "(a+)+$", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab" },
        { "(?:a|a)*c", "a" },
        { "(a?){40}a{40}x", "a" },
        { "(?:.*){12}x", "ab" },
        { "(?=(?:(?:a*)*)*b)a", "a" },
        { "((a*)*)*\\1b", "a" },
        { "(?:(?:x+x+)+y|.)", "x" },
        { "(?s:.+?)\\1(z)", "a" },
        { "(a)b|a(?=(?:a*)*b)", "a" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct pretoken *p = pretoken_alloc();
        struct text t = { 0 };
        struct pieces all;
        while (t.len < 4000)
            text_add(&t, cases[i].piece);
        if (pretoken_add(p, "t.json", cases[i].regex) == 0) {
            double start = seconds();
            int rc = pretoken_split(p, t.s, t.len, &all);
            check(rc == 0 || (rc == ERR_DATA && strstr(err_text(), "pre-tokeniser: ")), "%s: %s", cases[i].regex,
                  err_text());
            check(seconds() - start < 10, "%s: 4,000 bytes in %.1f s", cases[i].regex, seconds() - start);
        }
        text_free(&t);
        pretoken_free(p);
    }
    struct pretoken *p = pretoken_alloc();
    struct text t = { 0 };
    text_add(&t, "(");
    while (t.len <= 65536)
        text_add(&t, "aaaaaaaaaaaaaaaa");
    check(pretoken_add(p, "t.json", t.s) == ERR_DATA && strstr(err_text(), "want at most 65536"), "%s", err_text());
    check(pretoken_add(p, "t.json", "(((a{999}){999}){999}){999}") == ERR_DATA && strstr(err_text(), "too large"), "%s",
          err_text());
    check(pretoken_add(p, "t.json", "\\C") == ERR_DATA, "half characters");
    text_free(&t);
    pretoken_free(p);
}

/* bug: a group that calls itself goes as deep as the text is long at each place, and no limit counts it: 200,000 letters took
 * minutes */
static void calls_of_groups(void)
{
    static const struct {
        const char *regex, *offender;
    } cases[] = {
        { "(a(?1)?a)|x", "byte 2: '(?1'" }, { "a(?R)?b", "byte 1: '(?R'" },       { "(a)(?-1)", "byte 3: '(?-'" },
        { "(?+1)(a)", "byte 0: '(?+'" },    { "(?<n>a(?&n)?)", "byte 6: '(?&'" }, { "(a)(?P>n)", "byte 3: '(?P'" },
        { "(a\\g<1>?)", "byte 2: '\\g<'" }, { "a(*ACCEPT)b", "byte 1: '(*A'" },
    };
    struct pretoken *p = pretoken_alloc();
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        check(pretoken_add(p, "t.json", cases[i].regex) == ERR_DATA && strstr(err_text(), cases[i].offender) &&
                  strstr(err_text(), "is not supported"),
              "'%s': want '%s' in: %s", cases[i].regex, cases[i].offender, err_text());
    check(pretoken_add(p, "t.json", "(?i:a)(?=b)(?-i:c)(?<=d)(?<n>e)(?>f)\\(*[(*]") == 0, "others: %s", err_text());
    pretoken_free(p);
}

/* Long runs that honest tokenizers do meet stay within the budget. */
static void long_runs(void)
{
    static const char *const runs[] = { " ", "a", "7", "\xe4\xbd\xa0", "\n", "-", "A", "\xcc\x81" };
    static const char gpt4o[] =
        "[^\\r\\n\\p{L}\\p{N}]?[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]*[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]+(?i:'s|'t|'re)?|"
        "[^\\r\\n\\p{L}\\p{N}]?[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]+[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]*(?i:'s|'t|'re)?|"
        "\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n/]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";
    const char *const regexes[] = { pretoken_gpt2, gpt4o };
    for (size_t r = 0; r < 2; r++) {
        struct pretoken *p = pretoken_alloc();
        check(pretoken_add(p, "t.json", regexes[r]) == 0, "%s", err_text());
        for (size_t i = 0; i < sizeof runs / sizeof *runs; i++) {
            struct text t = { 0 };
            struct pieces all;
            while (t.len < (getenv("CHORALE_LONG") ? 4000000u : 100000u))
                text_add(&t, runs[i]);
            text_add(&t, "x");
            check(pretoken_split(p, t.s, t.len, &all) == 0 && all.span[all.n - 1].to == t.len, "a long run of '%s': %s",
                  runs[i], err_text());
            text_free(&t);
        }
        pretoken_free(p);
    }
}

/* Merges chosen so that Fibonacci hashing, which once placed them, puts all into one place: n^2 steps then, some seconds. */
static void colliding_merges(void)
{
    enum { MERGES = 100000 };
    const uint64_t phi = 0x9e3779b97f4a7c15u;
    uint32_t inverse = 1; /* of phi modulo 2^32, by Newton's iteration */
    for (int i = 0; i < 5; i++)
        inverse *= 2 - (uint32_t)phi * inverse;
    struct bpe *b = bpe_alloc();
    double start = seconds();
    for (sym_t right = 0; right < MERGES; right++) {
        sym_t left = (0u - (uint32_t)(right * phi >> 32)) * inverse % (1u << 22);
        check((((uint64_t)left << 32 | right) * phi >> 32) % (1u << 20) == 0, "pair %u collides", right);
        bpe_add(b, left, right, 1);
    }
    check(seconds() - start < 1, "%d merges that collide in %.1f s", MERGES, seconds() - start);
    bpe_free(b);
}

/* A GGUF file of a tokenizer: n_tokens and n_types letters, merges, and what else is appended. */
struct gguf_case {
    const char *what;
    uint32_t n_tokens, n_types;
    int32_t type;
    const char *merge; /* NULL: none */
    uint32_t bos, eos;
    const char *message; /* NULL: fine */
};

static struct text gguf_file(const struct gguf_case *c, size_t length)
{
    struct text t = { 0 };
    text_add(&t, "GGUF");
    bytes_u32(&t, 3);
    bytes_u64(&t, 0);
    bytes_u64(&t, 7);
    bytes_key_string(&t, "tokenizer.ggml.model", "gpt2");
    bytes_key_string(&t, "tokenizer.ggml.pre", "gpt-2");
    bytes_key(&t, "tokenizer.ggml.tokens", 9);
    bytes_u32(&t, 8);
    bytes_u64(&t, c->n_tokens);
    for (uint32_t i = 0; i < c->n_tokens; i++) {
        bytes_u64(&t, length + i);
        for (size_t k = 0; k < length + i; k++)
            text_add(&t, "a");
    }
    bytes_key(&t, "tokenizer.ggml.token_type", 9);
    bytes_u32(&t, 5);
    bytes_u64(&t, c->n_types);
    for (uint32_t i = 0; i < c->n_types; i++)
        bytes_u32(&t, (uint32_t)c->type);
    bytes_key(&t, "tokenizer.ggml.merges", 9);
    bytes_u32(&t, 8);
    bytes_u64(&t, c->merge ? 1 : 0);
    if (c->merge)
        bytes_string(&t, c->merge);
    bytes_key_u32(&t, "tokenizer.ggml.bos_token_id", c->bos);
    bytes_key_u32(&t, "tokenizer.ggml.eos_token_id", c->eos);
    return t;
}

static void ggufs(void)
{
    static const struct gguf_case cases[] = {
        { "fine", 3, 3, 1, "a a", 0, 1, NULL },
        { "types", 3, 2, 1, NULL, 0, 1, "3 tokens have 2 types" },
        { "a type", 3, 3, 7, NULL, 0, 1, "token 0 is of type 7, want 1 .. 5" },
        { "a negative type", 3, 3, -1, NULL, 0, 1, "token 0 is of type -1" },
        { "no tokens", 0, 0, 1, NULL, 0, 1, "bos_token_id' is 0, beyond the vocabulary of 0" },
        { "no space", 3, 3, 1, "aa", 0, 1, "merge 0, of 2 bytes, is no pair of tokens" },
        { "no right part", 3, 3, 1, "a ", 0, 1, "the right part is not in the vocabulary" },
        { "no whole", 3, 3, 1, "aaa aaa", 0, 1, "what it makes is not in the vocabulary" },
        { "bos", 3, 3, 1, NULL, 3, 1, "'tokenizer.ggml.bos_token_id' is 3, beyond the vocabulary of 3" },
        { "eos", 3, 3, 1, NULL, 0, 3, "end token 3 is beyond the vocabulary of 3" },
        { "eos of -1", 3, 3, 1, NULL, 0, UINT32_MAX, "end token 4294967295 is beyond" },
    };
    for (size_t i = 0; i <= sizeof cases / sizeof *cases; i++) {
        const struct gguf_case *c = &cases[i < sizeof cases / sizeof *cases ? i : 0];
        size_t length = c == &cases[i] ? 1 : 65534; /* the last round: tokens of 65534 .. 65536 bytes */
        const char *message = c == &cases[i] ? c->message : "token 2 has 65536 bytes, want at most 65535";
        struct text t = gguf_file(c, length);
        void *copy;
        if (posix_memalign(&copy, 4096, t.len) != 0)
            abort();
        memcpy(copy, t.s, t.len);
        struct gguf *g = gguf_read("f.gguf", copy, t.len);
        check(g != NULL, "%s: %s", c->what, err_text());
        struct vocab *v = g ? vocab_read_gguf(g) : NULL;
        check((v != NULL) == (message == NULL) && (v || strstr(err_text(), message)), "%s: says '%s', want '%s'",
              c->what, v ? "fine" : err_text(), message ? message : "fine");
        vocab_free(v);
        gguf_free(g);
        free(copy);
        text_free(&t);
    }
}

int main(void)
{
    alarm(280); /* nothing here may wait */
    ids();
    many();
    regexes();
    calls_of_groups();
    long_runs();
    colliding_merges();
    ggufs();
    return check_done("hostile_tokenizer");
}
