/* model/vocab, bpe, pretoken: the same ids as Hugging Face tokenizers on 5,000 texts, as the published GPT-2 and Falcon
 * vectors, and as merging by the definition. */
#include "base/err.h"
#include "base/hash.h"
#include "base/mem.h"
#include "model/bpe.h"
#include "model/checkpoint.h"
#include "model/map_file.h"
#include "model/pretoken.h"
#include "tests/lib/check.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FIXTURES CHORALE_HOME "/tests/fixtures/tokenizer/"
#define SHOWN    5 /* failures reported one by one */

static uint32_t fnv(const struct symbols *ids)
{
    uint32_t h = 0x811c9dc5;
    for (size_t i = 0; i < ids->n; i++)
        for (int b = 0; b < 4; b++)
            h = (h ^ (ids->s[i] >> 8 * b & 0xff)) * 0x01000193;
    return h;
}

/* What tokens give back: the text bytes of every symbol. */
static void decode(const struct vocab *v, const struct symbols *ids, struct text *out)
{
    text_clear(out);
    for (size_t i = 0; i < ids->n; i++) {
        size_t n;
        const uint8_t *bytes = space_text(vocab_space(v), ids->s[i], &n);
        text_addn(out, bytes, n);
    }
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

/* One of the tokenizers of make.py: where it is, and whether texts come back as they were. */
struct kind {
    const char *name, *path;
    bool gives_back; /* false: NFC changes texts */
};

static void compare_text(struct vocab *v, const struct kind *k, size_t i, const struct vocab_part *t,
                         const uint32_t want[2])
{
    static int shown;
    struct symbols data = { 0 }, special = { 0 };
    struct text back = { 0 };
    check(vocab_encode(v, t->text, t->n, &data) == 0 && vocab_encode_special(v, t->text, t->n, &special) == 0,
          "%s: text %zu: %s", k->name, i, err_text());
    bool equal = fnv(&data) == want[0] && fnv(&special) == want[1];
    if (!equal && shown++ < SHOWN) {
        text_add_json(&back, t->text, t->n);
        printf("%s: text %zu differs (as data %d, parsed %d): %.200s\n", k->name, i, fnv(&data) == want[0],
               fnv(&special) == want[1], text_s(&back));
        for (size_t j = 0; j < data.n && j < 20; j++)
            printf(" %u", data.s[j]);
        printf("\n");
    }
    check(equal, "%s: text %zu has the ids of Hugging Face", k->name, i);
    decode(v, &data, &back);
    if (k->gives_back && is_utf8(t->text, t->n))
        check(back.len == t->n && memcmp(text_s(&back), t->text, t->n) == 0, "%s: text %zu comes back", k->name, i);
    else
        check(is_utf8(text_s(&back), back.len), "%s: text %zu comes back as UTF-8", k->name, i);
    text_free(&back);
    free(data.s);
    free(special.s);
}

static void compare_all(struct vocab *v, const struct kind *k)
{
    struct map_file texts, ids;
    struct text path = { 0 };
    text_addf(&path, FIXTURES "%s.ids", k->name);
    check(map_file_open(&texts, FIXTURES "texts.bin") == 0 && map_file_open(&ids, text_s(&path)) == 0, "%s",
          err_text());
    size_t n = ids.size / 8, at = 0;
    check(n == 5000, "5000 texts");
    for (size_t i = 0; i < n && at + 4 <= texts.size; i++) {
        uint32_t length, want[2];
        memcpy(&length, texts.bytes + at, sizeof length);
        memcpy(want, ids.bytes + 8 * i, sizeof want);
        struct vocab_part t = { .text = (const char *)texts.bytes + at + 4, .n = length };
        compare_text(v, k, i, &t, want);
        at += 4 + length;
    }
    check(at == texts.size, "all texts were read");
    map_file_close(&texts);
    map_file_close(&ids);
    text_free(&path);
}

/* Whether the tokenizer is the one that the fixture was made with. */
static bool same_tokenizer(const struct kind *k)
{
    char hex[65] = "";
    struct text want = { 0 }, path = { 0 };
    text_addf(&path, FIXTURES "%s.sha256", k->name);
    bool same = text_read_file(&want, text_s(&path), 1000) == 0 && hash_sha256_file(k->path, hex) == 0 &&
                want.len >= 64 && memcmp(want.s, hex, 64) == 0;
    check(same, "%s: %s is the tokenizer of the fixture (else: tests/fixtures/tokenizer/make.py)", k->name, k->path);
    text_free(&want);
    text_free(&path);
    return same;
}

static void hugging_face(void)
{
    static const struct kind kinds[] = {
        { "tiger", FIXTURES "tiger.json", true },
        { "llama3", FIXTURES "llama3.json", true },
        { "digits", FIXTURES "digits.json", true },
        { "qwen2", FIXTURES "qwen2.json", false },
        { "zoo", CHORALE_HOME "/model/zoo/prose/tokenizer.json", true },
        { "bytes", CHORALE_HOME "/model/zoo/bytes/tokenizer.json", true },
    };
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        const struct kind *k = &kinds[i];
        if (access(k->path, R_OK) != 0) {
            printf("skipped: %s is absent\n", k->path);
            continue;
        }
        struct vocab *v = same_tokenizer(k) ? vocab_open_json(k->path, NULL, 0) : NULL;
        check(v != NULL, "%s: %s", k->name, err_text());
        if (v)
            compare_all(v, k);
        vocab_free(v);
    }
}

/* The GGUF vocabularies in shared/ have lost every byte of 0x80 and more outside of text: U+FFFD stands in its place.  What each was is
 * known from the format (counts, lengths of the tokens that follow, 1e-5). */
struct published {
    const char *name;
    uint8_t lost[10];
    size_t n_lost;
};

static int repair(struct text *to, const struct map_file *from, const struct published *p)
{
    size_t found = 0;
    for (size_t i = 0; i < from->size; i++) {
        bool bad = i + 3 <= from->size && memcmp(from->bytes + i, "\xef\xbf\xbd", 3) == 0;
        if (bad && found == p->n_lost)
            return -1;
        text_addn(to, bad ? &p->lost[found] : from->bytes + i, 1);
        found += bad;
        i += bad ? 2 : 0;
    }
    return found == p->n_lost || found == 0 ? 0 : -1;
}

static void compare_line(struct vocab *v, const char *name, const char *text, size_t n, const char *want)
{
    struct symbols ids = { 0 };
    struct text got = { 0 }, back = { 0 };
    check(vocab_encode(v, text, n, &ids) == 0, "%s: %s", name, err_text());
    for (size_t i = 0; i < ids.n; i++)
        text_addf(&got, " %u", ids.s[i]);
    size_t length = strcspn(want, "\n");
    check(got.len == length && memcmp(text_s(&got), want, length) == 0, "%s: '%.*s' gives%s, want%.*s", name, (int)n,
          text, text_s(&got), (int)length, want);
    decode(v, &ids, &back);
    check(back.len == n && memcmp(text_s(&back), text, n) == 0, "%s: '%.*s' comes back", name, (int)n, text);
    free(ids.s);
    text_free(&got);
    text_free(&back);
}

static size_t compare_lines(struct vocab *v, const char *name, const struct text *inp, const struct text *out)
{
    static const char mark[] = "\n__ggml_vocab_test__\n";
    const char *text = text_s(inp), *want = text_s(out);
    size_t n = 0;
    for (const char *end; (end = strstr(text, mark)); text = end + sizeof mark - 1, n++) {
        compare_line(v, name, text, (size_t)(end - text), want);
        want += strcspn(want, "\n");
        want += *want == '\n';
    }
    return n;
}

static void compare_published(const char *shared, const struct published *p)
{
    struct text path = { 0 }, inp = { 0 }, out = { 0 }, whole = { 0 }, aside = { 0 };
    struct map_file m;
    text_addf(&path, "%s/weights/vocab/ggml-vocab-%s.gguf", shared, p->name);
    check(map_file_open(&m, text_s(&path)) == 0 && repair(&whole, &m, p) == 0, "%s can be repaired", p->name);
    if (whole.len < m.size) {
        check(!checkpoint_open_vocab(text_s(&path)) && err_code() == ERR_DATA, "%s: the damaged file is refused",
              p->name);
        printf("%s: as it is: %s\n", p->name, err_text());
    }
    text_addf(&aside, "/tmp/chorale-test-bpe-%ld.gguf", (long)getpid());
    check(text_write_file(text_s(&aside), whole.s, whole.len) == 0, "%s", err_text());
    struct checkpoint *c = checkpoint_open_vocab(text_s(&aside));
    check(c != NULL, "%s: %s", p->name, err_text());
    text_add(&path, ".inp");
    check(text_read_file(&inp, text_s(&path), 1u << 20) == 0, "%s", err_text());
    text_clear(&path);
    text_addf(&path, "%s/weights/vocab/ggml-vocab-%s.gguf.out", shared, p->name);
    check(text_read_file(&out, text_s(&path), 1u << 20) == 0, "%s", err_text());
    if (c)
        check(compare_lines(c->vocab, p->name, &inp, &out) == 46, "%s: 46 texts", p->name);
    checkpoint_close(c);
    unlink(text_s(&aside));
    map_file_close(&m);
    text_free(&path);
    text_free(&inp);
    text_free(&out);
    text_free(&whole);
    text_free(&aside);
}

static void published(void)
{
    static const struct published files[] = {
        { "gpt-2", { 0xac, 0xc5, 0xc4, 0x80, 0xc4, 0xc3, 0x81, 0xc4, 0xc4 }, 9 },
        { "falcon", { 0xc0, 0xac, 0xc5, 0xfe, 0x80, 0x82, 0xfe, 0xfd, 0x81, 0x83 }, 10 },
    };
    const char *shared = check_shared();
    if (!shared) {
        printf("skipped: published vectors (no shared/)\n");
        return;
    }
    for (size_t i = 0; i < sizeof files / sizeof *files; i++)
        compare_published(shared, &files[i]);
}

/* Merging by the definition: look at all pairs, join the best, again. */
struct oracle {
    sym_t left, right, joined;
};

static size_t merge_slowly(const struct oracle *m, size_t n_merges, sym_t *s, size_t n)
{
    for (;;) {
        size_t best = n_merges, at = 0;
        for (size_t i = 0; i + 1 < n; i++)
            for (size_t r = 0; r < best; r++)
                if (m[r].left == s[i] && m[r].right == s[i + 1]) {
                    best = r;
                    at = i;
                }
        if (best == n_merges)
            return n;
        s[at] = m[best].joined;
        memmove(s + at + 1, s + at + 2, (n - at - 2) * sizeof *s);
        n--;
    }
}

static uint32_t next_random(uint32_t *state)
{
    *state = *state * 1664525u + 1013904223u; /* Numerical Recipes' generator: only to vary inputs */
    return *state >> 8;
}

static void merges(void)
{
    enum { LETTERS = 4, MERGES = 60, LENGTH = 40 };
    uint32_t state = 7;
    for (int round = 0; round < 300; round++) {
        struct oracle m[MERGES];
        struct bpe *b = bpe_alloc();
        size_t n = 0;
        while (n < MERGES) {
            sym_t known = (sym_t)(LETTERS + n);
            m[n] = (struct oracle){ next_random(&state) % known, next_random(&state) % known, known };
            n += bpe_add(b, m[n].left, m[n].right, m[n].joined);
        }
        check(!bpe_add(b, m[0].left, m[0].right, 1), "a pair has one merge");
        sym_t s[LENGTH], t[LENGTH];
        size_t length = next_random(&state) % (LENGTH + 1);
        for (size_t i = 0; i < length; i++)
            s[i] = t[i] = next_random(&state) % LETTERS;
        size_t got = bpe_merge(b, s, length), want = merge_slowly(m, MERGES, t, length);
        check(got == want && memcmp(s, t, got * sizeof *s) == 0, "round %d: as by the definition", round);
        bpe_free(b);
    }
}

/* A long piece of one letter takes n log n, not n^2: with n^2 steps this would take an hour. */
static void long_piece(void)
{
    enum { N = 1 << 20, LEVELS = 10 };
    struct bpe *b = bpe_alloc();
    for (sym_t s = 0; s < LEVELS; s++)
        bpe_add(b, s, s, s + 1);
    sym_t *s = mem_alloc(N, sizeof *s);
    check(bpe_merge(b, s, N) == N >> LEVELS && s[0] == LEVELS && s[(N >> LEVELS) - 1] == LEVELS, "2^20 equal letters");
    free(s);
    bpe_free(b);
}

static void splits(void)
{
    struct pretoken *p = pretoken_alloc();
    struct pieces all;
    check(pretoken_add(p, "x.json", "a*") == ERR_DATA && strstr(err_text(), "empty string"), "%s", err_text());
    check(pretoken_add(p, "x.json", "(") == ERR_DATA && strstr(err_text(), "x.json: regex '(', byte 1"), "%s",
          err_text());
    check(pretoken_add(p, "x.json", "(?:(?=[\\p{L}])([^A-Z]))+") == 0, "%s", err_text());
    struct text t = { 0 };
    for (int i = 0; i < 300000; i++)
        text_add(&t, "b");
    text_add(&t, "A");
    /* the JIT compiler's stack is too small for this one; the interpreter takes over */
    check(pretoken_split(p, t.s, t.len, &all) == 0 && all.n == 2 && all.span[0].to == 300000, "a long run: %s",
          err_text());
    check(pretoken_split(p, "", 0, &all) == 0 && all.n == 0, "nothing has no pieces");
    text_free(&t);
    pretoken_free(p);
}

/* Whether "a c c 1" is split as classes.txt says of c. */
static bool splits_as(struct pretoken *p, uint32_t c, char kind)
{
    char s[16] = "a";
    size_t n = 1;
    struct pieces all;
    for (int i = 0; i < 2; i++) {
        int length = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
        static const uint8_t lead[] = { 0, 0, 0xc0, 0xe0, 0xf0 };
        for (int k = length - 1; k >= 0; k--)
            s[n++] = (char)(length == 1 ? c : k == length - 1 ? lead[length] | c >> 6 * k : 0x80 | (c >> 6 * k & 0x3f));
    }
    size_t width = (n - 1) / 2;
    s[n++] = '1';
    if (pretoken_split(p, s, n, &all) < 0)
        return false;
    size_t n_spans = all.n, second = all.n > 1 ? all.span[1].from : 0;
    const struct span *spans = all.span;
    switch (kind) {
    case 'L': return n_spans == 2 && second == n - 1;
    case 'N': return n_spans == 2 && second == 1;
    case 'S': return n_spans == 4 && second == 1 && spans[2].from == 1 + width;
    default: return n_spans == 3 && second == 1 && spans[2].from == n - 1;
    }
}

/* Every range of characters, those of 200 and more at both ends; with CHORALE_LONG every character. */
static void classes(void)
{
    struct text t = { 0 };
    struct pretoken *p = pretoken_alloc();
    size_t n = 0;
    check(pretoken_add(p, "gpt2", pretoken_gpt2) == 0, "%s", err_text());
    check(text_read_file(&t, FIXTURES "classes.txt", 1u << 20) == 0, "%s", err_text());
    for (const char *line = text_s(&t); *line; line += strcspn(line, "\n"), line += *line == '\n') {
        unsigned first, last;
        char kind;
        check(sscanf(line, "%x %x %c", &first, &last, &kind) == 3, "a line of classes.txt");
        uint32_t step = getenv("CHORALE_LONG") || last - first < 200 ? 1 : last - first;
        for (uint32_t c = first; c <= last; c += step, n++)
            check(splits_as(p, c, kind), "U+%04X splits as %c", c, kind);
    }
    check(n > 2000, "%zu characters", n);
    text_free(&t);
    pretoken_free(p);
}

/* Each file has one thing that is not supported or wrong; the message names it. */
static void refusals(void)
{
#define MODEL(m)  "\"model\":{\"type\":\"BPE\",\"vocab\":{\"a\":0,\"b\":1,\"ab\":2}," m "}"
#define BYTES     "\"pre_tokenizer\":{\"type\":\"ByteLevel\",\"add_prefix_space\":false}"
#define MERGES(m) MODEL("\"merges\":[" m "]")
    static const struct {
        const char *json, *message;
    } cases[] = {
        { "{" BYTES "," MERGES("\"a b\"") "}", NULL },
        { "{" BYTES "," MERGES("[\"a\",\"b\"]") "}", NULL },
        { "{" BYTES "," MERGES("\"a\"") "}", "merge 0 is no pair" },
        { "{" BYTES "," MERGES("7") "}", "merge 0 is no pair" },
        { "{" BYTES "," MERGES("\"a c\"") "}", "'a' + 'c': the right part" },
        { "{" BYTES "," MERGES("\"b a\"") "}", "what it makes" },
        { "{" BYTES "," MERGES("\"a b\",\"a b\"") "}", "comes twice" },
        { "{" BYTES "," MODEL("\"merges\":[],\"dropout\":0.1") "}", "dropout" },
        { "{" BYTES "," MODEL("\"merges\":[],\"byte_fallback\":true") "}", "'byte_fallback' behind ByteLevel" },
        { "{" BYTES ",\"normalizer\":{\"type\":\"BertNormalizer\"}," MERGES("") "}", "'BertNormalizer'" },
        { "{\"pre_tokenizer\":{}," MERGES("") "}", "'type' is missing" },
        { "{\"pre_tokenizer\":{\"type\":\"BertPreTokenizer\"}," MERGES("") "}", "'BertPreTokenizer'" },
        { "{\"pre_tokenizer\":{\"type\":\"Split\",\"pattern\":{\"Regex\":\"a\"},\"behavior\":\"Isolate\"}," MERGES(
              "") "}",
          "unknown behavior 'Isolate'; did you mean 'Isolated'" },
        { "{\"pre_tokenizer\":{\"type\":\"Split\",\"pattern\":{\"Regex\":\"\\\\w\"},\"behavior\":\"Isolated\"}," MERGES(
              "") "}",
          "byte 0: '\\w' is not supported" },
        { "{" BYTES ",\"post_processor\":{\"type\":\"BertProcessing\"}," MERGES("") "}", "'BertProcessing'" },
        { "{" BYTES ",\"decoder\":{\"type\":\"WordPiece\"}," MERGES("") "}", "'WordPiece'" },
        { "{" BYTES ",\"added_tokens\":[{\"id\":1,\"content\":\"x\"}]," MERGES("") "}", "id 1 has two tokens" },
        { "{" BYTES ",\"added_tokens\":[{\"id\":5,\"content\":\"a\"}]," MERGES("") "}", "'a' comes twice" },
        { "{" BYTES ",\"added_tokens\":[{\"id\":99999999,\"content\":\"x\"}]," MERGES("") "}", "is 99999999" },
        { "{" BYTES ",\"added_tokens\":[{\"id\":-1,\"content\":\"x\"}]," MERGES("") "}", "is -1" },
        { "{" BYTES ",\"added_tokens\":[{\"id\":3,\"content\":\"x\",\"lstrip\":1}]," MERGES("") "}", "'lstrip' is" },
        { "{" BYTES ",\"added_tokens\":{}," MERGES("") "}", "'added_tokens' is no array" },
        { "{" BYTES ",\"model\":{\"type\":\"Unigram\"}}", "Unigram behind ByteLevel" },
        { "{\"model\":{\"type\":\"WordPiece\"}}", "the model is 'WordPiece'" },
        { "{" BYTES ",\"model\":{\"type\":\"BPE\",\"vocab\":{\"a\":4000000000},\"merges\":[]}}", "'a'" },
        { "{" BYTES ",\"model\":{\"type\":\"BPE\",\"vocab\":{\"a\":1.5},\"merges\":[]}}", "'a'" },
        { "{" BYTES ",\"model\":{\"type\":\"BPE\",\"vocab\":{},\"merges\":[]}}", "is empty" },
        { "{" BYTES ",\"model\":{\"type\":\"BPE\",\"vocab\":{\"a\":0,\"a\":1},\"merges\":[]}}", "uplicate" },
        { "[]", "'model' is missing" },
        { "{", "t.json:1" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *json = cases[i].json, *want = cases[i].message;
        struct vocab *v = vocab_read_json("t.json", json, strlen(json), NULL, 0);
        check((v != NULL) == (want == NULL), "%s: %s", json, v ? "accepted" : err_text());
        if (want)
            check(!v && err_code() == ERR_DATA && strstr(err_text(), want) && strstr(err_text(), "t.json"),
                  "'%s' says '%s'", err_text(), want);
        vocab_free(v);
    }
    struct vocab *v = vocab_read_json("t.json", cases[0].json, strlen(cases[0].json), NULL, 0);
    struct symbols ids = { 0 };
    check(vocab_encode(v, "abba", 4, &ids) == 0 && ids.n == 3 && ids.s[0] == 2 && ids.s[2] == 0, "abba: ab b a");
    check(vocab_encode(v, "abc", 3, &ids) == ERR_DATA && strstr(err_text(), "0x63"), "%s", err_text());
    check(!vocab_read_json("t.json", cases[0].json, strlen(cases[0].json), &(sym_t){ 3 }, 1), "an end beyond");
    free(ids.s);
    vocab_free(v);
}

static void properties(void)
{
    static const sym_t ends[] = { 1, 1 };
    struct vocab *v = vocab_open_json(FIXTURES "tiger.json", ends, 2);
    const struct space *s = vocab_space(v);
    check(s->n == 1600 && s->kind == SPACE_TOKEN && strcmp(vocab_kind(v), "byte-level bpe") == 0, "a space of 1600");
    check(s->n_ends == 3 && s->ends[0] == 1 && s->ends[1] == 2 && s->ends[2] == 3, "ends: given, then both marks");
    check(vocab_bos(v) == 0 && vocab_adds_bos(v) && vocab_has_marks(v), "bos is put in front");
    check(vocab_find(v, VOCAB_MARK_RESPONSE) == 3 && s->special[3] && vocab_find(v, "nothing like it") == -1, "find");
    size_t n;
    space_text(s, 3, &n);
    check(n == 0, "a mark gives no text");
    for (sym_t i = 0; i < s->n; i++)
        check(vocab_find(v, vocab_piece(v, i)) == (int64_t)i, "piece %u is found", i);
    /* parts: a mark is parsed in literal parts only, and never across a border */
    struct vocab_part parts[] = { { "\n\n### Instruction:", 18, true },
                                  { "\n\n### Response:\n", 17, false },
                                  { "</s>", 4, true } };
    struct symbols ids = { 0 };
    check(vocab_encode_parts(v, parts, 3, &ids) == 0, "%s", err_text());
    size_t marks = 0;
    for (size_t i = 0; i < ids.n; i++)
        marks += ids.s[i] < 4;
    check(marks == 1, "%zu special tokens in a prompt that tries to forge more", marks);
    free(ids.s);
    vocab_free(v);
    v = vocab_open_json(FIXTURES "digits.json", NULL, 0);
    check(vocab_bos(v) == -1 && !vocab_adds_bos(v) && !vocab_has_marks(v) && vocab_space(v)->n_ends == 0, "plain");
    vocab_free(v);
    check(!vocab_open_json(FIXTURES "none.json", NULL, 0) && err_code() == ERR_IO, "%s", err_text());
}

int main(void)
{
    merges();
    long_piece();
    splits();
    classes();
    properties();
    refusals();
    hugging_face();
    published();
    return check_done("bpe");
}
