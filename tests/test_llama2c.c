/* model/checkpoint_llama2c, model/vocab_llama2c: good files, and every way in which a number of one can lie. */
#include "base/err.h"
#include "model/checkpoint.h"
#include "tests/lib/bytes.h"
#include "tests/lib/check.h"
#include "tests/lib/temp_folder.h"
#include <stdlib.h>
#include <string.h>

/* dim, hidden_dim, n_layers, n_heads, n_kv_heads, vocab_size, seq_len */
static const int32_t tiny[7] = { 8, 12, 2, 2, 1, 262, 6 };
#define TOKENS 262u

/* Floats of the file of these numbers; the head's last where it is its own. */
static size_t count(const int32_t x[7])
{
    size_t dim = (size_t)x[0], ffn = (size_t)x[1], kv = dim / (size_t)x[3] * (size_t)x[4];
    size_t vocab = (size_t)abs(x[5]), layer = 2 * dim + 2 * dim * dim + 2 * kv * dim + 3 * dim * ffn;
    return vocab * dim * (x[5] < 0 ? 2 : 1) + (size_t)x[2] * layer + dim + (size_t)x[6] * (dim / (size_t)x[3]);
}

/* Numbers, then floats 0, 1, 2, ... so that every value says where it was. */
static struct text weights(const int32_t x[7], size_t floats)
{
    struct text t = { 0 };
    for (int i = 0; i < 7; i++)
        bytes_u32(&t, (uint32_t)x[i]);
    for (size_t i = 0; i < floats; i++)
        bytes_f32(&t, (float)i);
    return t;
}

static const char *const words[] = { " ", "a", "b", " a" }; /* 259 .. 261; the last by turns */

static struct text tokenizer(uint32_t n)
{
    static const char *const first[] = { "<unk>", "\n<s>\n", "\n</s>\n" };
    struct text t = { 0 };
    bytes_u32(&t, 7);
    for (uint32_t i = 0; i < n; i++) {
        struct text piece = { 0 };
        if (i < 3)
            text_add(&piece, first[i]);
        else if (i < 259)
            text_addf(&piece, "<0x%02X>", i - 3);
        else
            text_add(&piece, words[i - 259]);
        bytes_f32(&t, i < 259 ? 0 : -(float)i);
        bytes_u32(&t, (uint32_t)piece.len);
        text_add(&t, text_s(&piece));
        text_free(&piece);
    }
    return t;
}

static void put(const struct temp_folder *f, const char *name, struct text t)
{
    temp_folder_put(f, name, text_s(&t), t.len);
    text_free(&t);
}

static float first_of(const struct checkpoint *c, const char *name)
{
    const struct tensor *t = checkpoint_tensor(c, name);
    check(t != NULL, "%s", err_text());
    return t ? *(const float *)t->data : -1;
}

/* Tensors lie where llama2.c's own reader (run.c, memory_map_weights()) has them. */
static void opens(void)
{
    struct temp_folder f = temp_folder_make();
    int32_t own[7];
    memcpy(own, tiny, sizeof own);
    own[5] = -own[5];
    put(&f, "m.bin", weights(tiny, count(tiny)));
    put(&f, "own.bin", weights(own, count(own)));
    put(&f, "tok262.bin", tokenizer(TOKENS));
    struct checkpoint *c = checkpoint_open(temp_folder_path(&f, "m.bin"));
    check(c && c->config.tied_head && c->config.head_dim == 4 && c->config.rope_interleaved && c->n_tensors == 20, "%s",
          err_text());
    if (c) {
        float at = 262 * 8;
        check(first_of(c, "model.embed_tokens.weight") == 0, "the embedding");
        check(first_of(c, "model.layers.0.input_layernorm.weight") == at, "rms_att");
        check(first_of(c, "model.layers.1.self_attn.q_proj.weight") == at + 16 + 64, "wq");
        check(first_of(c, "model.layers.1.self_attn.k_proj.weight") == at + 16 + 128 + 32, "wk");
        check(first_of(c, "model.layers.0.self_attn.v_proj.weight") == at + 16 + 128 + 64, "wv");
        check(first_of(c, "model.layers.1.self_attn.o_proj.weight") == at + 16 + 128 + 128 + 64, "wo");
        at += 16 + 128 + 128 + 128;
        check(first_of(c, "model.layers.0.post_attention_layernorm.weight") == at, "rms_ffn");
        check(first_of(c, "model.layers.1.mlp.gate_proj.weight") == at + 16 + 96, "w1");
        check(first_of(c, "model.layers.0.mlp.down_proj.weight") == at + 16 + 192, "w2");
        check(first_of(c, "model.layers.1.mlp.up_proj.weight") == at + 16 + 384 + 96, "w3");
        check(first_of(c, "model.norm.weight") == at + 16 + 576, "rms_final");
    }
    checkpoint_close(c);
    c = checkpoint_open(temp_folder_path(&f, "own.bin"));
    check(c && !c->config.tied_head && first_of(c, "lm_head.weight") == (float)(count(own) - 262 * 8), "%s",
          err_text());
    checkpoint_close(c);
    temp_folder_remove(&f);
}

/* Highest score first, the leftmost of equals; unknown characters as bytes; a space in front. */
static void encodes(void)
{
    static const struct {
        const char *text;
        sym_t ids[8];
        size_t n;
    } cases[] = {
        { "ab", { 259, 260, 261 }, 3 },
        { "a", { 259, 260 }, 2 },
        { "\xc3\xa9", { 259, 3 + 0xc3, 3 + 0xa9 }, 3 },
        { "c", { 259, 3 + 'c' }, 2 },
        { "a a", { 259, 260, 259, 260 }, 4 },
        { "", { 0 }, 0 },
    };
    struct temp_folder f = temp_folder_make();
    put(&f, "m.bin", weights(tiny, count(tiny)));
    put(&f, "tokenizer.bin", tokenizer(TOKENS));
    struct checkpoint *c = checkpoint_open(temp_folder_path(&f, "m.bin"));
    check(c != NULL, "%s", err_text());
    for (size_t i = 0; c && i < sizeof cases / sizeof *cases; i++) {
        struct symbols out = { 0 };
        check(vocab_encode(c->vocab, cases[i].text, strlen(cases[i].text), &out) == 0, "%s", err_text());
        check(out.n == cases[i].n && (out.n == 0 || memcmp(out.s, cases[i].ids, out.n * sizeof *out.s) == 0),
              "'%s': %zu ids", cases[i].text, out.n);
        free(out.s);
    }
    checkpoint_close(c);
    temp_folder_remove(&f);
}

static void refused(const struct temp_folder *f, const char *open, const char *message)
{
    struct checkpoint *c = checkpoint_open(temp_folder_path(f, open));
    check(!c && strstr(err_text(), message), "says '%s', want '%s'", c ? "fine" : err_text(), message);
    checkpoint_close(c);
}

static void bad_weights(void)
{
    static const struct {
        int at;
        int32_t value;
        const char *message;
    } cases[] = {
        { 0, 0, "'dim' is 0, want 1 .. 16777216" },
        { 0, -8, "'dim' is -8" },
        { 0, INT32_MAX, "'dim' is 2147483647" },
        { 1, 13, "bytes, the numbers at its start want" },
        { 2, 3, "bytes, the numbers at its start want" },
        { 2, 1 << 24, "bytes, the numbers at its start want" },
        { 3, 3, "'dim' is 8, want a multiple of 'n_heads', 3" },
        { 3, 8, "heads are 1 wide, want an even number" },
        { 4, 3, "2 heads do not divide among 3" },
        { 5, INT32_MIN, "'vocab_size' is -2147483648" },
        { 5, 0, "'vocab_size' is 0" },
        { 5, 1 << 24, "bytes, the numbers at its start want 536" },
        { 6, 0, "'seq_len' is 0" },
        { 6, 1 << 24, "bytes, the numbers at its start want" },
    };
    struct temp_folder f = temp_folder_make();
    put(&f, "tok262.bin", tokenizer(TOKENS));
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        int32_t x[7];
        memcpy(x, tiny, sizeof x);
        x[cases[i].at] = cases[i].value;
        put(&f, "m.bin", weights(x, count(tiny)));
        refused(&f, "m.bin", cases[i].message);
    }
    /* the largest numbers of all, whose product is beyond 2^64 */
    static const int32_t most[7] = { 1 << 20, 1 << 20, 1 << 24, 1 << 10, 1 << 10, 1 << 24, 1 << 24 };
    put(&f, "m.bin", weights(most, 1));
    refused(&f, "m.bin", "the numbers at its start want");
    put(&f, "m.bin", weights(tiny, count(tiny) - 1));
    refused(&f, "m.bin", "the numbers at its start want");
    put(&f, "m.bin", weights(tiny, count(tiny) + 1));
    refused(&f, "m.bin", "the numbers at its start want");
    static const int32_t later[7] = { 0x616b3432, 2 };
    put(&f, "m.bin", weights(later, 60));
    refused(&f, "m.bin", "llama2.c's version 2, which is not supported; want its version 0");
    temp_folder_put(&f, "m.bin", "1234567", 7);
    refused(&f, "m.bin", "7 bytes, want the 28 of llama2.c's head");
    temp_folder_remove(&f);
}

static void bad_tokenizers(void)
{
    struct temp_folder f = temp_folder_make();
    put(&f, "m.bin", weights(tiny, count(tiny)));
    refused(&f, "m.bin", "its tokenizer: ");
    refused(&f, "m.bin,tok.bin", "its tokenizer: ");
    refused(&f, "n.bin,tok262.bin", "cannot open");
    struct text good = tokenizer(TOKENS), t = { 0 };
    put(&f, "tok262.bin", tokenizer(TOKENS - 1));
    refused(&f, "m.bin", "token 261 has 0 bytes at byte");
    temp_folder_put(&f, "tok262.bin", "abcd", 4);
    refused(&f, "m.bin", "4 bytes cannot hold 262 tokens");
    put(&f, "tok262.bin", tokenizer(TOKENS + 1));
    refused(&f, "m.bin", "its 262 tokens end at byte");
    static const struct {
        size_t at; /* in the file */
        uint32_t value;
        const char *message;
    } cases[] = {
        { 8, 0, "token 0 has 0 bytes" },
        { 8, UINT32_MAX, "token 0 has -1 bytes" },
        { 8, 0x7fffffff, "token 0 has 2147483647 bytes" },
        { 8, 600, "token 0 has 600 bytes at byte 12, want 1 .. 512" },
        { 4, 0x7fc00000, "the score of token 0 is not finite" },
        { 4, 0x7f800000, "the score of token 0 is not finite" },
        { 12, 0x006b6e75, "a NUL inside" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        text_clear(&t);
        text_addn(&t, good.s, good.len);
        memcpy(t.s + cases[i].at, &cases[i].value, 4);
        temp_folder_put(&f, "tok262.bin", t.s, t.len);
        refused(&f, "m.bin", cases[i].message);
    }
    for (size_t n = 0; n < good.len; n += 7) { /* cut off anywhere */
        temp_folder_put(&f, "tok262.bin", good.s, n);
        refused(&f, "m.bin", "");
    }
    text_free(&good);
    text_free(&t);
    temp_folder_remove(&f);
}

int main(void)
{
    opens();
    encodes();
    bad_weights();
    bad_tokenizers();
    return check_done("llama2c");
}
