/* model/gguf: good files and, one by one, every way in which a number of a file can lie; each with its message.  What files say of
 * a checkpoint: test_gguf_checkpoint. */
#include "base/err.h"
#include "model/gguf.h"
#include "model/vocab_gguf.h"
#include "tests/lib/bytes.h"
#include "tests/lib/check.h"
#include "tests/lib/gguf_draft.h"
#include <stdlib.h>
#include <string.h>

/* Reads a copy that is aligned as a mapped file is, and exactly as long, so that a sanitizer sees every byte too far. */
static struct gguf *read_copy(const struct text *t, size_t n, void **copy)
{
    if (posix_memalign(copy, 4096, n > 0 ? n : 1) != 0)
        return NULL;
    memcpy(*copy, text_s(t), n);
    return gguf_read("f.gguf", *copy, n);
}

static void expect(struct gguf_draft *d, const char *message)
{
    struct text t = gguf_draft_finish(d);
    void *copy;
    struct gguf *g = read_copy(&t, t.len, &copy);
    check((g != NULL) == (message == NULL), "want %s: %s", message ? message : "accepted", g ? "accepted" : err_text());
    if (message)
        check(!g && err_code() == ERR_DATA && strstr(err_text(), message) && strncmp(err_text(), "f.gguf: ", 8) == 0,
              "says '%s', want '%s'", err_text(), message);
    gguf_free(g);
    free(copy);
    text_free(&t);
}

static void heads(void)
{
    struct gguf_draft d = gguf_draft_start();
    expect(&d, NULL);
    d = gguf_draft_start();
    d.version = 2;
    expect(&d, NULL);
    d.version = 1;
    expect(&d, "GGUF version 1, want 2 or 3");
    d.version = 4;
    expect(&d, "GGUF version 4, want 2 or 3");
    d.version = 0x03000000;
    expect(&d, "big-endian");
    d = gguf_draft_start();
    d.claim_tensors = UINT64_MAX;
    expect(&d, "claims 18446744073709551615 tensors, 0 bytes are left");
    d = gguf_draft_start();
    d.claim_pairs = UINT64_MAX;
    expect(&d, "claims 18446744073709551615 keys, 0 bytes are left");
    d = gguf_draft_start();
    d.claim_pairs = 1ull << 60;
    bytes_key_u32(&d.pairs, "a", 1);
    expect(&d, "claims 1152921504606846976 keys");
    d = gguf_draft_start();
    d.claim_pairs = 1;
    bytes_zero(&d.pairs, 13);
    expect(&d, "a key at byte 32 claims 0 bytes");
    d = gguf_draft_start();
    d.claim_tensors = 1;
    bytes_zero(&d.tensors, 32);
    expect(&d, "a tensor's name at byte 32 claims 0 bytes");
    /* more of them than any file has, each really there */
    d = gguf_draft_start();
    for (d.n_pairs = 0; d.n_pairs < 65537; d.n_pairs++) {
        char key[16];
        snprintf(key, sizeof key, "%d", (int)d.n_pairs);
        bytes_key_u32(&d.pairs, key, 1);
    }
    expect(&d, "claims 65537 keys and 0 tensors, want at most 65536 and 1048576");
    struct text t = { 0 };
    text_add(&t, "GGML....");
    void *copy;
    check(!read_copy(&t, t.len, &copy) && strstr(err_text(), "not a GGUF file"), "%s", err_text());
    free(copy);
    text_free(&t);
}

static void keys(void)
{
    struct gguf_draft d = gguf_draft_start();
    d.n_pairs = 1;
    bytes_u64(&d.pairs, UINT64_MAX);
    bytes_zero(&d.pairs, 20);
    expect(&d, "claims 18446744073709551615 bytes, want 1 .. 65535");
    d = gguf_draft_start();
    d.n_pairs = 1;
    bytes_u64(&d.pairs, 60000);
    bytes_zero(&d.pairs, 20);
    expect(&d, "a key wants 60000 bytes at byte 32, 20 are left");
    d = gguf_draft_start();
    d.n_pairs = 1;
    bytes_u64(&d.pairs, 2);
    bytes_zero(&d.pairs, 20);
    expect(&d, "has a NUL inside");
    d = gguf_draft_start();
    d.n_pairs = 1;
    bytes_key(&d.pairs, "a", 13);
    bytes_zero(&d.pairs, 20);
    expect(&d, "'a' is of type 13, want 0 .. 12");
    d = gguf_draft_start();
    d.n_pairs = 1;
    bytes_key(&d.pairs, "a", UINT32_MAX);
    bytes_zero(&d.pairs, 20);
    expect(&d, "'a' is of type 4294967295");
    d = gguf_draft_start();
    d.n_pairs = 1;
    bytes_key(&d.pairs, "a", 7);
    bytes_u8(&d.pairs, 2);
    expect(&d, "a bool of value 2");
    d = gguf_draft_start();
    d.n_pairs = 1;
    bytes_key(&d.pairs, "abc", 10);
    bytes_u32(&d.pairs, 2);
    expect(&d, "abc wants 8 bytes");
    d = gguf_draft_start();
    d.n_pairs = 2;
    bytes_key_u32(&d.pairs, "twice", 1);
    bytes_key_u32(&d.pairs, "twice", 2);
    expect(&d, "key 'twice' comes twice");
}

static void strings_and_arrays(void)
{
    struct gguf_draft d = gguf_draft_start();
    d.n_pairs = 1;
    bytes_key(&d.pairs, "s", 8);
    bytes_u64(&d.pairs, UINT64_MAX);
    bytes_zero(&d.pairs, 9);
    expect(&d, "s wants 18446744073709551615 bytes");
    d = gguf_draft_start();
    d.n_pairs = 1;
    bytes_key(&d.pairs, "a", 9);
    bytes_u32(&d.pairs, 5);
    bytes_u64(&d.pairs, (1ull << 62) + 1); /* times 4 is 4 in 64 bits */
    bytes_u32(&d.pairs, 0);
    expect(&d, "'a' claims 4611686018427387905 elements, 4 bytes are left");
    d = gguf_draft_start();
    d.n_pairs = 1;
    bytes_key(&d.pairs, "a", 9);
    bytes_u32(&d.pairs, 8);
    bytes_u64(&d.pairs, UINT64_MAX);
    bytes_zero(&d.pairs, 16);
    expect(&d, "claims 18446744073709551615 elements, 16 bytes are left");
    d = gguf_draft_start();
    d.n_pairs = 1;
    bytes_key(&d.pairs, "a", 9);
    bytes_u32(&d.pairs, 8);
    bytes_u64(&d.pairs, 2);
    bytes_string(&d.pairs, "x");
    bytes_u64(&d.pairs, 1);
    expect(&d, "a wants 1 bytes");
    d = gguf_draft_start();
    d.n_pairs = 1;
    bytes_key(&d.pairs, "a", 9);
    bytes_u32(&d.pairs, 9);
    bytes_u64(&d.pairs, 1);
    bytes_zero(&d.pairs, 16);
    expect(&d, "'a' is an array of arrays");
    d = gguf_draft_start();
    d.n_pairs = 1;
    bytes_key(&d.pairs, "a", 9);
    bytes_u32(&d.pairs, 77);
    bytes_u64(&d.pairs, 1);
    expect(&d, "'a' is of type 77");
}

static void alignments(void)
{
    static const struct {
        uint32_t alignment;
        const char *message;
    } cases[] = { { 0, "is 0, want a power of two" }, { 24, "is 24, want a power of two" }, { 64, NULL }, { 8, NULL } };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct gguf_draft d = gguf_draft_start();
        d.n_pairs = 1;
        d.alignment = cases[i].alignment ? cases[i].alignment : 1;
        bytes_key_u32(&d.pairs, "general.alignment", cases[i].alignment);
        gguf_draft_tensor(&d, "a", 0, 1, (uint64_t[]){ 3 }, 0);
        gguf_draft_tensor(&d, "b", 0, 1, (uint64_t[]){ 3 }, d.alignment > 12 ? d.alignment : 16);
        d.data = d.alignment + 28;
        expect(&d, cases[i].message);
    }
    struct gguf_draft d = gguf_draft_start();
    d.n_pairs = 1;
    bytes_key_string(&d.pairs, "general.alignment", "32");
    expect(&d, "'general.alignment' is of type string, want u32");
    d = gguf_draft_start();
    d.n_pairs = 1;
    d.alignment = 1;
    bytes_key_u32(&d.pairs, "general.alignment", 1);
    gguf_draft_tensor(&d, "ab", 0, 1, (uint64_t[]){ 1 }, 0);
    d.data = 4;
    expect(&d, "not aligned to 4 bytes");
}

static void tensors(void)
{
    static const struct {
        uint32_t type, n_dims;
        uint64_t dims[5], offset;
        size_t data;
        const char *message;
    } cases[] = {
        { 0, 2, { 3, 2 }, 0, 24, NULL },
        { 1, 4, { 3, 2, 1, 2 }, 0, 24, NULL },
        { 8, 2, { 64, 2 }, 0, 136, NULL },
        { 30, 1, { 7 }, 0, 14, NULL },
        { 0, 0, { 0 }, 0, 4, "has 0 dimensions, want 1 .. 4" },
        { 0, 5, { 1, 1, 1, 1, 1 }, 0, 4, "has 5 dimensions" },
        { 0, 1000000, { 1 }, 0, 4, "has 1000000 dimensions" },
        { 0, 2, { 3, 0 }, 0, 24, "of shape [0 x 3]: a dimension is 0" },
        { 0, 1, { (1ull << 42) + 1 }, 0, 24, "which has 24" },
        { 0, 1, { UINT64_MAX }, 0, 24, "its size overflows" },
        { 0, 2, { 1ull << 32, 1ull << 32 }, 0, 24, "its size overflows" },
        { 0, 3, { 1ull << 31, 1ull << 31, 8 }, 0, 24, "its size overflows" },
        { 0, 1, { (1ull << 62) + 1 }, 0, 24, "its size overflows" },
        { 8, 2, { 33, 32 }, 0, 1088, "multiple of 32" },
        { 2, 2, { 64, 2 }, 0, 72, NULL },
        { 3, 1, { 32 }, 0, 20, NULL },
        { 6, 1, { 32 }, 0, 22, NULL },
        { 7, 1, { 32 }, 0, 24, NULL },
        { 10, 1, { 256 }, 0, 84, NULL },
        { 11, 1, { 256 }, 0, 110, NULL },
        { 12, 2, { 256, 3 }, 0, 432, NULL },
        { 12, 2, { 256, 3 }, 0, 431, "takes bytes 0 + 432 of the data, which has 431" },
        { 13, 1, { 256 }, 0, 176, NULL },
        { 14, 1, { 512 }, 0, 420, NULL },
        { 14, 1, { 128 }, 0, 105, "of shape [128]: rows of q6_k must be a multiple of 256 long" },
        { 2, 2, { 16, 2 }, 0, 18, "of shape [2 x 16]: rows of q4_0 must be a multiple of 32 long" },
        { 4, 1, { 32 }, 0, 20, "is of GGUF type 4, want one of 0 (f32), 1 (f16), 30 (bf16), 8 (q8_0), 2 (q4_0)" },
        { 15, 1, { 256 }, 0, 292, "is of GGUF type 15, want one of" },
        { UINT32_MAX, 1, { 256 }, 0, 144, "is of GGUF type 4294967295" },
        { 0, 1, { 4 }, 32, 64, "is at offset 32 of the data, want 0" },
        { 0, 1, { 4 }, 4, 20, "is at offset 4 of the data, want 0" },
        { 0, 1, { 4 }, UINT64_MAX - 31, 64, "is at offset 18446744073709551584" },
        { 0, 1, { 4 }, 0, 15, "takes bytes 0 + 16 of the data, which has 15 (is the file cut off?)" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct gguf_draft d = gguf_draft_start();
        d.data = cases[i].data;
        gguf_draft_tensor(&d, "t", cases[i].type, cases[i].n_dims, cases[i].dims, cases[i].offset);
        expect(&d, cases[i].message);
    }
    static const struct {
        const char *second;
        uint64_t n, offset;
        const char *message;
    } pairs[] = {
        { "u", 4, 32, NULL },
        { "t", 4, 32, "two tensors are named 't'" },
        { "u", 4, 0, "is at offset 0 of the data, want 32" },
        { "u", 4, 16, "is at offset 16 of the data, want 32" },
        { "u", 4, 64, "is at offset 64 of the data, want 32" },
        { "u", (UINT64_MAX - 95) / 4, 32, "which has 64" },
        { "u", UINT64_MAX / 4, 32, "ends beyond 2^64" },
    };
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
        struct gguf_draft d = gguf_draft_start();
        d.data = 64;
        gguf_draft_tensor(&d, "t", 0, 1, (uint64_t[]){ 4 }, 0);
        gguf_draft_tensor(&d, pairs[i].second, 0, 1, (uint64_t[]){ pairs[i].n }, pairs[i].offset);
        expect(&d, pairs[i].message);
    }
    /* padded sizes that add up beyond 2^64 */
    struct gguf_draft d = gguf_draft_start();
    d.data = 64;
    gguf_draft_tensor(&d, "t", 1, 1, (uint64_t[]){ (UINT64_MAX - 1) / 2 }, 0);
    gguf_draft_tensor(&d, "u", 1, 1, (uint64_t[]){ 1 }, 0);
    expect(&d, "'u' begins beyond 2^64");
    d = gguf_draft_start();
    gguf_draft_tensor(&d, "t", 0, 1, (uint64_t[]){ 4 }, 0);
    struct text t = gguf_draft_finish(&d);
    while (t.len % 32 != 30)
        t.len--; /* the padding before the data is missing too */
    void *copy;
    struct gguf *g = read_copy(&t, t.len, &copy);
    check(!g && err_code() == ERR_DATA, "no data at all: %s", err_text());
    gguf_free(g);
    free(copy);
    text_free(&t);
}

/* A file with everything in it. */
static struct text rich(void)
{
    struct gguf_draft d = gguf_draft_start();
    d.n_pairs = 5;
    bytes_key_string(&d.pairs, "name", "tiny");
    bytes_key_u32(&d.pairs, "count", 7);
    bytes_key(&d.pairs, "real", 6);
    bytes_f32(&d.pairs, 0.25f);
    bytes_key(&d.pairs, "minus", 5);
    bytes_u32(&d.pairs, UINT32_MAX);
    bytes_key(&d.pairs, "words", 9);
    bytes_u32(&d.pairs, 8);
    bytes_u64(&d.pairs, 2);
    bytes_string(&d.pairs, "one");
    bytes_string(&d.pairs, "two");
    gguf_draft_tensor(&d, "b", 0, 2, (uint64_t[]){ 3, 2 }, 0);
    gguf_draft_tensor(&d, "a", 30, 1, (uint64_t[]){ 5 }, 32);
    d.data = 42;
    return gguf_draft_finish(&d);
}

static void values(void)
{
    struct text t = rich();
    void *copy;
    struct gguf *g = read_copy(&t, t.len, &copy);
    uint32_t count = 1, kept = 9;
    float real = 0;
    char *name;
    const struct gguf_value *words;
    check(g != NULL, "%s", err_text());
    check(gguf_maybe_u32(g, "count", &count) == 0 && count == 7 && gguf_maybe_u32(g, "none", &kept) == 0 && kept == 9,
          "whole numbers");
    check(gguf_maybe_u32(g, "minus", &kept) == ERR_DATA && strstr(err_text(), "'minus' is of type i32"), "%s",
          err_text());
    check(gguf_maybe_real(g, "real", &real) == 0 && real == 0.25f, "reals");
    check(gguf_maybe_real(g, "name", &real) == ERR_DATA && gguf_maybe_u32(g, "name", &kept) == ERR_DATA, "types");
    check(gguf_maybe_string(g, "name", &name) == 0 && strcmp(name, "tiny") == 0, "strings");
    free(name);
    check(gguf_array(g, "words", GGUF_STRING, &words) == 0 && words->n == 2, "arrays");
    check(gguf_array(g, "words", GGUF_I32, &words) == ERR_DATA && strstr(err_text(), "an array of string"), "%s",
          err_text());
    check(gguf_array(g, "none", GGUF_I32, &words) == ERR_DATA && strstr(err_text(), "missing"), "%s", err_text());
    const struct tensor *a = tensor_list_find(&g->tensors, "a"), *b = tensor_list_find(&g->tensors, "b");
    check(a && b && b->dims[0] == 2 && b->dims[1] == 3 && a->bytes == 10 && *(const uint8_t *)a->data == 32, "tensors");
    gguf_free(g);
    free(copy);
    text_free(&t);
}

/* Every truncation and every changed byte: an error or a file, never a byte outside (a sanitizer watches). */
static void damage(void)
{
    struct text t = rich();
    void *copy;
    for (size_t n = 0; n < t.len; n++) {
        struct gguf *g = read_copy(&t, n, &copy);
        check(!g && err_code() == ERR_DATA, "cut off at %zu of %zu", n, t.len);
        gguf_free(g);
        free(copy);
    }
    static const uint8_t flips[] = { 0x01, 0x80, 0xff };
    for (size_t i = 0; i < t.len; i++)
        for (size_t f = 0; f < sizeof flips; f++) {
            t.s[i] = (char)((uint8_t)t.s[i] ^ flips[f]);
            struct gguf *g = read_copy(&t, t.len, &copy);
            check(g || err_code() == ERR_DATA, "byte %zu changed", i);
            gguf_free(g);
            free(copy);
            t.s[i] = (char)((uint8_t)t.s[i] ^ flips[f]);
        }
    text_free(&t);
}

/* Random damage to a whole checkpoint: three bytes at a time, mostly in the head. */
static void campaign(void)
{
    static const char from[] = CHORALE_HOME "/tests/fixtures/checkpoint/llama.gguf";
    struct text t = { 0 };
    uint32_t state = 1, n_good = 0;
    int rounds = getenv("CHORALE_LONG") ? 100000 : 300;
    check(text_read_file(&t, from, 1u << 20) == 0, "%s", err_text());
    for (int i = 0; i < rounds; i++) {
        size_t at[3];
        char old[3];
        for (int k = 0; k < 3; k++) {
            state = state * 1664525u + 1013904223u;
            at[k] = (state >> 8) % (k == 0 ? t.len : 1200 + state % 8000);
            old[k] = t.s[at[k]];
            t.s[at[k]] = (char)(state >> 3);
        }
        void *copy;
        struct gguf *g = read_copy(&t, t.len, &copy);
        struct vocab *v = g ? vocab_read_gguf(g) : NULL;
        n_good += v != NULL;
        check(v || err_code() == ERR_DATA, "round %d: %s", i, err_text());
        vocab_free(v);
        gguf_free(g);
        free(copy);
        for (int k = 3; k-- > 0;)
            t.s[at[k]] = old[k];
    }
    check(n_good > 0, "some damage is not seen");
    text_free(&t);
}

int main(void)
{
    campaign();
    heads();
    keys();
    strings_and_arrays();
    alignments();
    tensors();
    values();
    damage();
    return check_done("gguf");
}
