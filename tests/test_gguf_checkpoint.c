/* What GGUF files say of a checkpoint: tokenizers and hyperparameters that are taken, and what is said of those that are not. */
#include "base/err.h"
#include "model/checkpoint.h"
#include "tests/lib/bytes.h"
#include "tests/lib/check.h"
#include "tests/lib/gguf_draft.h"
#include "tests/lib/temp_folder.h"
#include <string.h>

/* Tokenizers in GGUF that are not taken say why. */
static void vocabularies(void)
{
    static const struct {
        const char *model, *pre, *message;
        uint32_t n_types;
    } cases[] = {
        { "gpt2", "gpt-2", NULL, 2 },
        { "gpt2", "gpt2", "unknown pre-tokeniser 'gpt2'; did you mean 'gpt-2'?", 2 },
        { "gpt2", "gpt-2", "2 tokens have 1 types", 1 },
        { "llama", "default", "'tokenizer.ggml.scores' is missing", 2 },
        { "bert", "default", "'bert', which is not supported", 2 },
    };
    struct temp_folder f = temp_folder_make();
    const char *path = temp_folder_path(&f, "f.gguf");
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct gguf_draft d = gguf_draft_start();
        d.n_pairs = 6;
        bytes_key_string(&d.pairs, "general.architecture", "gpt2");
        bytes_key_string(&d.pairs, "tokenizer.ggml.model", cases[i].model);
        bytes_key_string(&d.pairs, "tokenizer.ggml.pre", cases[i].pre);
        bytes_key(&d.pairs, "tokenizer.ggml.tokens", 9);
        bytes_u32(&d.pairs, 8);
        bytes_u64(&d.pairs, 2);
        bytes_string(&d.pairs, "a");
        bytes_string(&d.pairs, "<end>");
        bytes_key(&d.pairs, "tokenizer.ggml.token_type", 9);
        bytes_u32(&d.pairs, 5);
        bytes_u64(&d.pairs, cases[i].n_types);
        bytes_u32(&d.pairs, 1);
        if (cases[i].n_types > 1)
            bytes_u32(&d.pairs, 3);
        bytes_key_u32(&d.pairs, "tokenizer.ggml.eos_token_id", 1);
        struct text t = gguf_draft_finish(&d);
        check(text_write_file(path, t.s, t.len) == 0, "%s", err_text());
        struct checkpoint *c = checkpoint_open_vocab(path);
        check((c != NULL) == !cases[i].message, "%s/%s: %s", cases[i].model, cases[i].pre, err_text());
        if (c)
            check(vocab_space(c->vocab)->n == 2 && vocab_space(c->vocab)->ends[0] == 1 && c->config.dim == 0, "small");
        else
            check(strstr(err_text(), cases[i].message) && strstr(err_text(), path), "says '%s'", err_text());
        checkpoint_close(c);
        check(!checkpoint_open(path) && strstr(err_text(), "'gpt2.embedding_length' is missing"), "%s", err_text());
        text_free(&t);
    }
    temp_folder_remove(&f);
}

/* An added token of the second byte of a character would be found within one, and the search would never end in what is
 * left of it. */
static void half_characters(void)
{
    static const char *const pieces[] = { "\xbd", "\xe4\xbd", "x\xff", "\xe4\xbd\xa0" };
    struct temp_folder f = temp_folder_make();
    const char *path = temp_folder_path(&f, "f.gguf");
    for (uint32_t i = 0; i < 8; i++) {
        struct gguf_draft d = gguf_draft_start();
        d.n_pairs = 5;
        bytes_key_string(&d.pairs, "general.architecture", "gpt2");
        bytes_key_string(&d.pairs, "tokenizer.ggml.model", "gpt2");
        bytes_key_string(&d.pairs, "tokenizer.ggml.pre", "gpt-2");
        bytes_key(&d.pairs, "tokenizer.ggml.tokens", 9);
        bytes_u32(&d.pairs, 8);
        bytes_u64(&d.pairs, 1);
        bytes_string(&d.pairs, pieces[i / 2]);
        bytes_key(&d.pairs, "tokenizer.ggml.token_type", 9);
        bytes_u32(&d.pairs, 5);
        bytes_u64(&d.pairs, 1);
        bytes_u32(&d.pairs, 3 + i % 2); /* special, added */
        struct text t = gguf_draft_finish(&d);
        check(text_write_file(path, t.s, t.len) == 0, "%s", err_text());
        struct checkpoint *c = checkpoint_open_vocab(path);
        check(i / 2 == 3 ? c != NULL : !c && strstr(err_text(), "token 0 is not UTF-8"), "piece %u: %s", i / 2,
              c ? "taken" : err_text());
        checkpoint_close(c);
        text_free(&t);
    }
    temp_folder_remove(&f);
}

/* A llama of one layer without its tensors but the embedding; change is a key left out or put in with 0 or a text. */
struct change {
    const char *leave_out, *number, *text, *tensor, *message, *architecture;
    uint32_t value;
    const char *text_value;
    const char *raw; /* a key of a type of its own: 4 bytes, value */
    uint32_t raw_type;
};

static struct text small_llama(const struct change *c)
{
    static const struct {
        const char *key;
        uint32_t value;
    } keys[] = { { "llama.embedding_length", 32 },
                 { "llama.block_count", 1 },
                 { "llama.attention.head_count", 4 },
                 { "llama.feed_forward_length", 64 },
                 { "llama.context_length", 128 } };
    struct gguf_draft d = gguf_draft_start();
    bytes_key_string(&d.pairs, "general.architecture", c->architecture ? c->architecture : "llama");
    d.n_pairs = 1;
    if (!c->leave_out || strcmp(c->leave_out, "llama.attention.layer_norm_rms_epsilon") != 0) {
        bytes_key(&d.pairs, "llama.attention.layer_norm_rms_epsilon", 6);
        bytes_f32(&d.pairs, 1e-5f);
        d.n_pairs++;
    }
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
        if (!c->leave_out || strcmp(c->leave_out, keys[i].key) != 0) {
            bytes_key_u32(&d.pairs, keys[i].key, keys[i].value);
            d.n_pairs++;
        }
    if (c->number) {
        bytes_key_u32(&d.pairs, c->number, c->value);
        d.n_pairs++;
    }
    if (c->raw) {
        bytes_key(&d.pairs, c->raw, c->raw_type);
        bytes_u32(&d.pairs, c->value);
        d.n_pairs++;
    }
    if (c->text) {
        bytes_key_string(&d.pairs, c->text, c->text_value);
        d.n_pairs++;
    }
    gguf_draft_tensor(&d, c->tensor ? c->tensor : "token_embd.weight", 1, 2, (uint64_t[]){ 32, 2 }, 0);
    d.data = 128;
    return gguf_draft_finish(&d);
}

static void configs(void)
{
    static const struct change cases[] = {
        { .message = NULL },
        { .architecture = "qwen3moo", .message = "unknown general.architecture 'qwen3moo'; did you mean 'qwen3moe'?" },
        { .leave_out = "llama.block_count", .message = "'llama.block_count' is missing" },
        { .leave_out = "llama.context_length", .message = "'llama.context_length' is missing" },
        { .number = "llama.attention.head_count_kv", .value = 3, .message = "4 heads do not divide among 3" },
        { .number = "llama.attention.head_count_kv", .value = 0, .message = "_kv' is 0, want 1 .. 16777216" },
        { .number = "llama.attention.key_length", .value = 7, .message = "heads are 7 wide" },
        { .number = "llama.rope.dimension_count", .value = 4, .message = "is 4, want the width of a head, 8" },
        { .text = "llama.rope.scaling.type", .text_value = "ntk", .message = "'llama.rope.scaling.type' is 'ntk'" },
        { .text = "llama.rope.scaling.type",
          .text_value = "yarn",
          .message = "'llama.rope.scaling.factor' is missing" },
        { .text = "llama.rope.scaling.type", .text_value = "none", .message = NULL },
        { .text = "llama.attention.head_count_kv", .text_value = "2", .message = "is of type string, want a whole" },
        { .leave_out = "llama.embedding_length",
          .number = "llama.embedding_length",
          .value = 0,
          .message = "is 0, want 1" },
        { .leave_out = "llama.embedding_length",
          .number = "llama.embedding_length",
          .value = 1u << 21,
          .message = "the hidden state: 2097152 wide, want at most 1048576" },
        { .leave_out = "llama.block_count",
          .number = "llama.block_count",
          .value = UINT32_MAX,
          .message = "is 4294967295" },
        { .leave_out = "llama.block_count",
          .raw = "llama.block_count",
          .raw_type = 5,
          .value = UINT32_MAX,
          .message = "'llama.block_count' is of type i32, want a whole number of 0 or more" },
        { .leave_out = "llama.block_count",
          .raw = "llama.block_count",
          .raw_type = 6,
          .value = 0x3f800000,
          .message = "'llama.block_count' is of type f32, want a whole number" },
        { .leave_out = "llama.attention.head_count",
          .number = "llama.attention.head_count",
          .value = 0,
          .message = "'llama.attention.head_count' is 0" },
        { .leave_out = "llama.context_length",
          .number = "llama.context_length",
          .value = 1u << 31,
          .message = "'llama.context_length' is 2147483648, want 1 .. 16777216" },
        { .number = "llama.attention.key_length", .value = 4098, .message = "heads are 4098 wide, want at most 4096" },
        { .leave_out = "llama.attention.layer_norm_rms_epsilon", .message = "norm epsilon 0 must be more than 0" },
        { .raw = "llama.rope.freq_base",
          .raw_type = 6,
          .value = 0,
          .message = "'llama.rope.freq_base' is 0, want more than 0" },
        { .raw = "llama.rope.freq_base",
          .raw_type = 6,
          .value = 0xbf800000,
          .message = "'llama.rope.freq_base' is -1, want more than 0" },
        { .raw = "llama.rope.freq_base", .raw_type = 6, .value = 0x7fc00000, .message = "freq_base' is not finite" },
        { .raw = "llama.rope.freq_base", .raw_type = 6, .value = 0x7f800000, .message = "freq_base' is not finite" },
        { .raw = "llama.rope.freq_base",
          .raw_type = 4,
          .value = 10000,
          .message = "is of type u32, want a real number" },
        { .tensor = "rope_freqs.weight", .message = "'rope_freqs.weight' is no vector of 4 f32" },
        { .tensor = "blk.0.attn_q_norm.weight",
          .message = "'blk.0.attn_q_norm.weight' has no place in the llama architecture" },
        { .tensor = "blk.99999999999999999999.attn_q.weight", .message = "has no place" },
        { .tensor = "blk.0.attn_q.weight", .message = "'token_embd.weight' is missing" },
    };
    struct temp_folder f = temp_folder_make();
    const char *path = temp_folder_path(&f, "f.gguf");
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct text t = small_llama(&cases[i]);
        check(text_write_file(path, t.s, t.len) == 0, "%s", err_text());
        struct checkpoint *c = checkpoint_open_weights(path);
        if (cases[i].message)
            check(!c && strstr(err_text(), cases[i].message), "says '%s', want '%s'", c ? "fine" : err_text(),
                  cases[i].message);
        else
            check(c && c->config.n_kv_heads == 4 && c->config.head_dim == 8 && c->config.n_vocab == 2 &&
                      c->config.tied_head && c->config.rope_theta == 10000.0f && !c->vocab,
                  "defaults: %s", err_text());
        checkpoint_close(c);
        text_free(&t);
    }
    temp_folder_remove(&f);
}

int main(void)
{
    configs();
    vocabularies();
    half_characters();
    return check_done("gguf_checkpoint");
}
