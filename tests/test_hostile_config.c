/* Configurations made by a stranger: each number out of its range, of another type, or at odds with the weights; tensors
 * without a place.  The message names the key or the tensor, what is seen and what is wanted. */
#include "base/doc.h"
#include "base/err.h"
#include "base/mem.h"
#include "model/checkpoint.h"
#include "model/weights.h"
#include "tests/lib/check.h"
#include "tests/lib/random_checkpoint.h"
#include "tests/lib/temp_folder.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct config small = { .architecture = "llama",
                                     .n_vocab = 40,
                                     .dim = 8,
                                     .n_layers = 2,
                                     .n_heads = 2,
                                     .n_kv_heads = 1,
                                     .head_dim = 4,
                                     .ffn = 12,
                                     .max_positions = 32,
                                     .norm_eps = 1e-5f,
                                     .rope_theta = 10000 };

/* A folder of small random weights with a tokenizer of 40 letters. */
static struct temp_folder make_small(void)
{
    struct temp_folder f = temp_folder_make();
    struct checkpoint *c = random_checkpoint(&small, DTYPE_BF16, 1);
    char *tokenizer = random_checkpoint_tokenizer(small.n_vocab);
    check(random_checkpoint_save(c, f.path, tokenizer) == 0, "%s", err_text());
    free(tokenizer);
    random_checkpoint_free(c);
    return f;
}

/* Opens the checkpoint and its weights; the message names the file and says what is wanted. */
static void refused(const struct temp_folder *f, int code, const char *name, const char *message)
{
    struct checkpoint *c = checkpoint_open(f->path);
    struct weights *w = c ? weights_open(c) : NULL;
    check(!w && err_code() == code && strstr(err_text(), message) && strstr(err_text(), name),
          "'%s' says '%s', want '%s'", name, w ? "fine" : err_text(), message);
    weights_close(w);
    checkpoint_close(c);
}

static void accepted(const struct temp_folder *f, const char *what)
{
    struct checkpoint *c = checkpoint_open(f->path);
    struct weights *w = c ? weights_open(c) : NULL;
    check(w != NULL, "%s: %s", what, err_text());
    weights_close(w);
    checkpoint_close(c);
}

/* A text of n times a piece. */
static struct text repeated(const char *before, const char *piece, size_t n, const char *after)
{
    struct text t = { 0 };
    text_add(&t, before);
    for (size_t i = 0; i < n; i++)
        text_add(&t, piece);
    text_add(&t, after);
    return t;
}

/* config.json of the small checkpoint with one member replaced (NULL: as it is). */
static void put_config(const struct temp_folder *f, const char *key, const char *value)
{
    struct text t = { 0 };
    json_t *o = doc_read_file(temp_folder_path(f, "config.json"), 1u << 20);
    if (key && !json_object_get(o, key))
        json_object_set_new(o, key, json_null());
    char *whole = json_dumps(o, JSON_SORT_KEYS | JSON_ENSURE_ASCII);
    json_decref(o);
    char quoted[96] = "";
    if (key)
        snprintf(quoted, sizeof quoted, "\"%s\": ", key);
    char *at = key ? strstr(whole, quoted) : NULL;
    size_t before = at ? (size_t)(at - whole) + strlen(quoted) : strlen(whole);
    text_addn(&t, whole, before);
    if (at)
        text_addf(&t, "%s%s", value, at + strlen(quoted) + strcspn(at + strlen(quoted), ",}"));
    temp_folder_put(f, "config.json", t.s, t.len);
    text_free(&t);
    free(whole);
}

static const struct {
    const char *key, *value, *message; /* NULL: fine */
} numbered[] = {
    { "num_hidden_layers", "0", "'num_hidden_layers' is 0, want 1 .. 16777216" },
    { "num_hidden_layers", "-1", "'num_hidden_layers' is -1" },
    { "num_hidden_layers", "1.0", "'num_hidden_layers' is a number, want an integer" },
    { "num_hidden_layers", "16777216", "tensor 'model.layers.2.self_attn.q_proj.weight' is missing" },
    { "num_hidden_layers", "1",
      "tensor 'model.layers.1.input_layernorm.weight' has no place in a llama decoder of 1 l" },
    { "num_attention_heads", "0", "'num_attention_heads' is 0" },
    { "num_attention_heads", "9223372036854775807", "'num_attention_heads' is 9223372036854775807" },
    { "num_attention_heads", "9223372036854775808", "too big integer" },
    { "num_attention_heads", "16777216", "all heads together: 67108864 wide, want at most 1048576" },
    { "num_attention_heads", "4", "'model.layers.0.self_attn.q_proj.weight' is 8 x 8, want 16 x 8" },
    { "num_key_value_heads", "0", "'num_key_value_heads' is 0" },
    { "num_key_value_heads", "4", "2 heads do not divide among 4" },
    { "num_key_value_heads", "2", "'model.layers.0.self_attn.k_proj.weight' is 4 x 8, want 8 x 8" },
    { "head_dim", "0", "'head_dim' is 0" },
    { "head_dim", "3", "heads are 3 wide, want an even number" },
    { "head_dim", "4098", "heads are 4098 wide, want at most 4096" },
    { "hidden_size", "9", "'model.embed_tokens.weight' is 40 x 8, want 40 x 9" },
    { "hidden_size", "2097152", "the hidden state: 2097152 wide, want at most 1048576" },
    { "hidden_size", "\"8\"", "'hidden_size' is a string, want an integer" },
    { "intermediate_size", "13", "'model.layers.0.mlp.gate_proj.weight' is 12 x 8, want 13 x 8" },
    { "intermediate_size", "16777216", "the feed-forward part: 16777216 wide" },
    { "vocab_size", "0", "'vocab_size' is 0" },
    { "vocab_size", "39", "the tokenizer has 40 tokens, the embedding only 39 rows" },
    { "vocab_size", "41", "'model.embed_tokens.weight' is 40 x 8, want 41 x 8" },
    { "vocab_size", "2147483648", "'vocab_size' is 2147483648, want 1 .. 16777216" },
    { "max_position_embeddings", "2147483648", "'max_position_embeddings' is 2147483648, want 1 .. 16777216" },
    { "max_position_embeddings", "-5", "'max_position_embeddings' is -5" },
    { "max_position_embeddings", "16777216", NULL },
    { "rms_norm_eps", "0", "'rms_norm_eps' is 0, want more than 0" },
    { "rms_norm_eps", "-1e-5", "'rms_norm_eps' is -1e-05" },
    { "rms_norm_eps", "1e39", "'rms_norm_eps' is 1e+39, want more than 0" },
    { "rms_norm_eps", "1e-85", "'rms_norm_eps' is 1e-85, want more than 0" }, /* no float: it would be 0 */
    { "rms_norm_eps", "1e-400", "'rms_norm_eps' is 0" },
    { "rms_norm_eps", "NaN", "config.json:1:" },
    { "rms_norm_eps", "[1]", "'rms_norm_eps' is an array, want a number" },
    { "rope_theta", "1e400", "real number overflow" },
    { "rope_theta", "0", "'rope_theta' is 0" },
    { "rope_theta", "1e-30", "rope theta is 1e-30, want 1 or more" },
    { "rope_theta", "-10000", "'rope_theta' is -10000" },
    { "rope_theta", "true", "'rope_theta' is true, want a number" },
    { "rope_theta", "Infinity", "config.json:1:" },
    { "tie_word_embeddings", "1", "'tie_word_embeddings' is an integer, want true or false" },
    { "eos_token_id", "40", "end token 40 is beyond the vocabulary of 40" },
    { "eos_token_id", "-1", "'eos_token_id' is no token id" },
    { "eos_token_id", "4294967296", "'eos_token_id' is no token id" },
    { "bos_token_id", "1.5", "'bos_token_id' is a number, want an integer" },
};

/* The number goes into the file as it is written here: jansson could not hold some of them. */
static void numbers(void)
{
    for (size_t i = 0; i < sizeof numbered / sizeof *numbered; i++) {
        struct temp_folder f = make_small();
        put_config(&f, numbered[i].key, numbered[i].value);
        if (numbered[i].message)
            refused(&f, ERR_DATA, "", numbered[i].message);
        else
            accepted(&f, numbered[i].value);
        temp_folder_remove(&f);
    }
}

static void ends(void)
{
    struct temp_folder f = make_small();
    struct text t = repeated("[", "0,", 1024, "0]");
    struct text g = { 0 };
    text_addf(&g, "{\"eos_token_id\":%s}", t.s);
    temp_folder_put(&f, "generation_config.json", g.s, g.len);
    refused(&f, ERR_DATA, f.path, "'eos_token_id' has 1025 tokens, want at most 1024");
    text_free(&t);
    text_free(&g);
    temp_folder_remove(&f);
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct tensor *)a)->name, ((const struct tensor *)b)->name);
}

/* Tensors that this architecture has no place for; those that old writers left are idle. */
static void places(void)
{
    static const struct {
        const char *name, *message;
    } cases[] = {
        { "model.layers.0.self_attn.rotary_emb.inv_freq", NULL },
        { "model.layers.0.self_attn.q_proj.bias", "'model.layers.0.self_attn.q_proj.bias' has no place" },
        { "model.layers.00.mlp.up_proj.weight", "has no place" },
        { "model.layers.99999999999999999999.mlp.up_proj.weight", "has no place" },
        { "model.layers..mlp.up_proj.weight", "has no place" },
        { "model.layers.1", "has no place" },
        { "visual.patch_embed.weight", "'visual.patch_embed.weight' has no place in a llama decoder of 2 layers" },
    };
    struct checkpoint *c = random_checkpoint(&small, DTYPE_BF16, 1);
    struct tensor *more = mem_alloc(c->n_tensors + 1, sizeof *more);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct checkpoint with = *c;
        memcpy(more, c->tensors, c->n_tensors * sizeof *more);
        more[c->n_tensors] = c->tensors[0];
        more[c->n_tensors].name = cases[i].name;
        qsort(more, c->n_tensors + 1, sizeof *more, by_name);
        with.tensors = more;
        with.n_tensors = c->n_tensors + 1;
        struct weights *w = weights_open(&with);
        check((w != NULL) == (cases[i].message == NULL), "%s: %s", cases[i].name, w ? "fine" : err_text());
        check(w || strstr(err_text(), cases[i].message), "says '%s', want '%s'", err_text(), cases[i].message);
        weights_close(w);
    }
    free(more);
    random_checkpoint_free(c);
}

int main(void)
{
    numbers();
    ends();
    places();
    return check_done("hostile_config");
}
