/* The rows of the table of architectures: names both ways, sizes of known models, and over the miniatures of
 * tests/fixtures/transformer: the laws of an lm, taps, NaN that are named, tensors that are missing or have no place. */
#include "base/err.h"
#include "base/mem.h"
#include "model/architecture.h"
#include "model/config_json.h"
#include "model/weights.h"
#include "tests/lib/check.h"
#include "tests/lib/lm_bench.h"
#include "tests/lib/lm_contract.h"
#include "tests/lib/random_checkpoint.h"
#include "tests/lib/temp_folder.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* One miniature of each row, and of each kind of attention. */
static const char *const fixtures[] = {
    "llama_bias",      "mistral",         "mixtral",   "qwen2",        "qwen3",         "qwen3_moe",
    "qwen3_moe_mixed", "gemma2",          "gemma3",    "phi3",         "gpt2",          "gpt_neox",
    "bloom",           "gpt_neox_serial", "bloom_112", "rope_dynamic", "phi3_longrope",
};
#define N_FIXTURES (sizeof fixtures / sizeof *fixtures)

static const sym_t text[] = { 3, 1, 41, 59, 26, 5, 35, 8, 9, 7, 9, 32, 38, 46, 26, 43, 38, 32, 7, 9, 50, 28, 8, 41 };
#define N_TEXT (sizeof text / sizeof *text)

static struct checkpoint *open_fixture(const char *name)
{
    char path[512];
    snprintf(path, sizeof path, "%s/tests/fixtures/transformer/%s", CHORALE_HOME, name);
    struct checkpoint *c = checkpoint_open_weights(path);
    check(c != NULL, "%s", err_text());
    return c;
}

/* The same checkpoint with another list of tensors, which borrows everything else. */
static struct checkpoint with_tensors(const struct checkpoint *c, const struct tensor *tensors, size_t n)
{
    struct checkpoint copy = *c;
    copy.tensors = tensors;
    copy.n_tensors = n;
    return copy;
}

struct subject {
    struct checkpoint *c;
    struct threads *threads[2];
};

static struct lm *open_subject(void *ctx, size_t n_threads, size_t chunk)
{
    struct subject *s = ctx;
    struct lm *lm =
        transformer_open(s->c, &(struct transformer_options){ .threads = s->threads[n_threads - 1], .chunk = chunk });
    check(lm != NULL, "%s", err_text());
    return lm;
}

static void close_subject(void *ctx, struct lm *lm)
{
    (void)ctx;
    lm_free(lm);
}

/* Rows do not depend on the batch, forks, chunks, threads or order; prefixes are longer than the windows. */
static void laws(const char *name, struct checkpoint *c)
{
    struct subject s = { c, { threads_alloc(1), threads_alloc(2) } };
    lm_contract(&(struct lm_subject){
        .name = name, .open = open_subject, .close = close_subject, .ctx = &s, .n_symbols = 60, .length = 44 });
    threads_free(s.threads[0]);
    threads_free(s.threads[1]);
}

/* Early exit after k layers is the checkpoint of the first k layers. */
static void early_exit(const char *name, struct checkpoint *c, struct bench *b, uint32_t k)
{
    struct tensor *first = mem_alloc(c->n_tensors, sizeof *first);
    struct checkpoint fewer = with_tensors(c, first, 0);
    struct architecture_place p;
    struct row want, got;
    fewer.config.n_layers = k;
    for (size_t i = 0; i < c->n_tensors; i++)
        if (architecture_place(&fewer.config, c->tensors[i].name, &p))
            first[fewer.n_tensors++] = c->tensors[i];
    struct bench f = bench_open(&fewer, (struct transformer_options){ 0 });
    check(bench_rows(&f, text, N_TEXT, (struct want){ .n_rows = 1, .tap = LM_TAP_FINAL }, &want) == 0, "%s",
          err_text());
    check(bench_rows(b, text, N_TEXT, (struct want){ .n_rows = 1, .tap = k }, &got) == 0, "%s", err_text());
    check(memcmp(want.score, got.score, want.n * sizeof *got.score) == 0, "%s: early exit after %u layers", name, k);
    bench_close(&f);
    free(first);
}

/* The head times the hidden state, capped, is the row. */
static void hidden_state(const char *name, struct checkpoint *c, struct bench *b)
{
    struct row row, hidden;
    struct weights *w = weights_open(c);
    float *head = mem_aligned(kernel_pad(c->config.dim), sizeof *head);
    check(bench_rows(b, text, N_TEXT, (struct want){ .n_rows = 1, .tap = LM_TAP_FINAL }, &row) == 0, "%s", err_text());
    check(bench_rows(b, text, N_TEXT, (struct want){ .n_rows = 1, .tap = LM_TAP_HIDDEN }, &hidden) == 0, "%s",
          err_text());
    check(hidden.n == c->config.dim, "%s: a hidden state of %u", name, hidden.n);
    for (uint32_t v = 0; w && v < row.n; v += 7) {
        double dot = 0, cap = (double)c->config.score_cap;
        kernel_widen(w->head.type, kernel_row(&w->head, v), w->head.k, head);
        for (uint32_t d = 0; d < hidden.n; d++)
            dot += (double)head[d] * (double)hidden.score[d];
        check_near(cap > 0 ? cap * tanh(dot / cap) : dot, (double)row.score[v], 1e-5, "%s: head times hidden state",
                   name);
    }
    free(head);
    weights_close(w);
}

static void taps(const char *name, struct checkpoint *c)
{
    struct bench b = bench_open(c, (struct transformer_options){ .chunk = 5 });
    for (uint32_t k = 1; k < c->config.n_layers; k++)
        early_exit(name, c, &b, k);
    hidden_state(name, c, &b);
    bench_close(&b);
}

/* Where a NaN of this tensor meets the text: the row of a symbol, of a position, or the first of all. */
static size_t place_of_nan(const struct config *c, const char *name)
{
    struct architecture_place p;
    check(architecture_place(c, name, &p), "%s has a place", name);
    return p.tensor->role == ROLE_EMBEDDING   ? (size_t)text[4] * c->dim
           : p.tensor->role == ROLE_POSITIONS ? 5 * c->dim
                                              : 0;
}

/* A NaN in any tensor is an error that names it; only an expert that nobody chose stays unseen. */
static void not_finite(const char *name, struct checkpoint *c)
{
    struct tensor *tensors = mem_copy(c->tensors, c->n_tensors * sizeof *tensors);
    size_t unseen = 0;
    for (size_t i = 0; i < c->n_tensors; i++) {
        struct checkpoint bad = with_tensors(c, tensors, c->n_tensors);
        uint32_t nan = 0x7fc07fc0;
        char *data = mem_copy(c->tensors[i].data, (size_t)c->tensors[i].bytes);
        size_t bytes = dtype_block_bytes(c->tensors[i].type);
        memcpy(data + place_of_nan(&c->config, c->tensors[i].name) * bytes, &nan, bytes);
        tensors[i].data = data;
        struct bench b = bench_open(&bad, (struct transformer_options){ 0 });
        struct row rows[N_TEXT];
        int rc = bench_rows(&b, text, N_TEXT, (struct want){ .n_rows = N_TEXT, .tap = LM_TAP_FINAL }, rows);
        unseen += rc == 0;
        check(rc == 0 ? strstr(c->tensors[i].name, ".experts.") != NULL
                      : rc == ERR_DATA && strstr(err_text(), c->tensors[i].name) != NULL,
              "%s: NaN in %s: %d %s", name, c->tensors[i].name, rc, rc < 0 ? err_text() : "fine");
        bench_close(&b);
        tensors[i] = c->tensors[i];
        free(data);
    }
    check(unseen < c->n_tensors / 8, "%s: %zu of %zu tensors unseen", name, unseen, c->n_tensors);
    free(tensors);
}

static void refuses(const struct checkpoint *c, const char *message, const char *tensor)
{
    struct weights *w = weights_open(c);
    check(!w && err_code() == ERR_DATA && strstr(err_text(), message) && strstr(err_text(), tensor), "%s: says '%s'",
          tensor, w ? "fine" : err_text());
    weights_close(w);
}

/* Without any one of its tensors, or with a wrong shape of one, a checkpoint does not open. */
static void every_tensor(struct checkpoint *c)
{
    struct tensor *tensors = mem_alloc(c->n_tensors, sizeof *tensors);
    for (size_t i = 0; i < c->n_tensors; i++) {
        memcpy(tensors, c->tensors, i * sizeof *tensors);
        memcpy(tensors + i, c->tensors + i + 1, (c->n_tensors - i - 1) * sizeof *tensors);
        const struct checkpoint fewer = with_tensors(c, tensors, c->n_tensors - 1);
        bool other_head = strcmp(c->tensors[i].name, "embed_out.weight") == 0;
        refuses(&fewer, "is missing", other_head ? "lm_head.weight" : c->tensors[i].name);
        memcpy(tensors, c->tensors, c->n_tensors * sizeof *tensors);
        tensors[i].dims[0]++;
        const struct checkpoint wrong = with_tensors(c, tensors, c->n_tensors);
        refuses(&wrong, "want ", c->tensors[i].name);
    }
    free(tensors);
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct tensor *)a)->name, ((const struct tensor *)b)->name);
}

/* A bias, a norm or a layer that this architecture does not have. */
static void no_place(struct checkpoint *c)
{
    static const char *const names[] = {
        "model.layers.0.mlp.up_proj.bogus",
        "model.layers.0.self_attn.sinks",
        "model.layers.0.self_attn.rotary.bias",
        "model.layers.0.mlp.shared_expert.up_proj.weight",
        "transformer.h.0.attn.q_norm.weight",
        "model.layers.99.input_layernorm.weight",
        "gpt_neox.layers.01.mlp.dense_4h_to_h.bias",
        "transformer.h.1.crossattention.c_attn.weight",
        "model.embed_tokens.bias",
    };
    struct tensor *more = mem_alloc(c->n_tensors + 1, sizeof *more);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        memcpy(more, c->tensors, c->n_tensors * sizeof *more);
        more[c->n_tensors] = c->tensors[0];
        more[c->n_tensors].name = names[i];
        qsort(more, c->n_tensors + 1, sizeof *more, by_name);
        const struct checkpoint with = with_tensors(c, more, c->n_tensors + 1);
        refuses(&with, "has no place in a", names[i]);
    }
    free(more);
}

/* Every tensor of the file, and no other, is what the configuration calls for; names lead back to their places. */
static void enumeration(const char *name, struct checkpoint *c)
{
    size_t n = 0;
    for (struct architecture_place p = { 0 }; architecture_next(&c->config, &p); n++) {
        char tensor[ARCHITECTURE_NAME_BYTES];
        struct architecture_place back;
        architecture_name(&p, tensor);
        check(architecture_place(&c->config, tensor, &back) && back.tensor->role == p.tensor->role &&
                  back.layer == p.layer && back.expert == p.expert && back.bias == p.bias,
              "%s: %s leads back", name, tensor);
    }
    check(n == c->n_tensors, "%s: %zu tensors, the configuration calls for %zu", name, c->n_tensors, n);
    check(architecture_parameters(&c->config) == checkpoint_parameters(c), "%s: %llu parameters", name,
          (unsigned long long)architecture_parameters(&c->config));
}

/* Parameters from configurations alone, against the published counts of TigerBot's families and others. */
static void published_sizes(void)
{
    static const struct {
        const char *config;
        double billions; /* to its last digit */
        double digit;
    } cases[] = {
        { "{\"model_type\":\"bloom\",\"vocab_size\":250682,\"hidden_size\":4096,\"n_layer\":30,\"n_head\":32}",
          7.068205056, 1e-9 },
        { "{\"model_type\":\"bloom\",\"vocab_size\":250682,\"hidden_size\":14336,\"n_layer\":70,\"n_head\":112}",
          176.24, 0.01 },
        { "{\"model_type\":\"llama\",\"vocab_size\":60515,\"hidden_size\":5120,\"num_hidden_layers\":40,"
          "\"num_attention_heads\":40,\"intermediate_size\":13824}",
          13.31, 0.01 },
        { "{\"model_type\":\"llama\",\"vocab_size\":60928,\"hidden_size\":8192,\"num_hidden_layers\":80,"
          "\"num_attention_heads\":64,\"num_key_value_heads\":8,\"intermediate_size\":28672}",
          69.45, 0.01 },
        { "{\"model_type\":\"gpt2\",\"vocab_size\":50257,\"n_embd\":768,\"n_layer\":12,\"n_head\":12}", 0.124439808,
          1e-9 },
        { "{\"model_type\":\"gpt_neox\",\"vocab_size\":50304,\"hidden_size\":512,\"num_hidden_layers\":6,"
          "\"num_attention_heads\":8,\"intermediate_size\":2048}",
          0.070426624, 1e-9 },
        { "{\"model_type\":\"mixtral\",\"vocab_size\":32000,\"hidden_size\":4096,\"num_hidden_layers\":32,"
          "\"num_attention_heads\":32,\"intermediate_size\":14336,\"num_local_experts\":8,\"num_experts_per_tok\":2}",
          46.702792704, 1e-9 },
        { "{\"model_type\":\"qwen2\",\"vocab_size\":151936,\"hidden_size\":896,\"num_hidden_layers\":24,"
          "\"num_attention_heads\":14,\"num_key_value_heads\":2,\"intermediate_size\":4864,\"tie_word_embeddings\":"
          "true}",
          0.494032768, 1e-9 },
        { "{\"model_type\":\"gemma2\",\"vocab_size\":256000,\"hidden_size\":2304,\"num_hidden_layers\":26,"
          "\"num_attention_heads\":8,\"intermediate_size\":9216}",
          2.614341888, 1e-9 },
        { "{\"model_type\":\"qwen3_moe\",\"vocab_size\":151936,\"hidden_size\":2048,\"num_hidden_layers\":48,"
          "\"num_attention_heads\":32,\"head_dim\":128,\"intermediate_size\":6144,\"moe_intermediate_size\":768,"
          "\"num_experts\":128,\"num_experts_per_tok\":8}",
          30.532122624, 1e-9 },
        { "{\"model_type\":\"phi3\",\"vocab_size\":32064,\"hidden_size\":3072,\"num_hidden_layers\":32,"
          "\"num_attention_heads\":32,\"intermediate_size\":8192}",
          3.821079552, 1e-9 },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct config c;
        json_t *o = doc_read("config", cases[i].config, strlen(cases[i].config));
        check(o && config_json_read(o, "config", &c) == 0, "%s", err_text());
        if (o)
            check_near((double)architecture_parameters(&c) / 1e9, cases[i].billions, cases[i].digit * 0.51, "%s",
                       cases[i].config);
        json_decref(o);
    }
}

static bool read_config(const char *text_of_config, struct config *c)
{
    json_t *o = doc_read("config", text_of_config, strlen(text_of_config));
    bool ok = o && config_json_read(o, "config", c) == 0;
    check(ok, "%s: %s", text_of_config, err_text());
    json_decref(o);
    return ok;
}

#define SIZES                                                                                                          \
    "\"vocab_size\":96,\"hidden_size\":32,\"num_hidden_layers\":7,\"num_attention_heads\":2,\"intermediate_size\":64,"

/* What configurations of the hub spell in the ways of their time. */
static void older_spellings(void)
{
    struct config c;
    if (read_config("{\"model_type\":\"gemma3_text\"," SIZES
                    "\"num_key_value_heads\":2,\"rope_theta\":1e6,\"rope_local_base_freq\":2e4,"
                    "\"rope_scaling\":{\"factor\":8,\"rope_type\":\"linear\"},\"sliding_window\":512,"
                    "\"sliding_window_pattern\":3}",
                    &c)) {
        check(c.rope_theta == 1e6f && c.local_theta == 2e4f && c.rope.scaling == SCALING_LINEAR && c.rope.factor == 8,
              "gemma3: thetas %g, %g, factor %g", (double)c.rope_theta, (double)c.local_theta, (double)c.rope.factor);
        check(config_window(&c, 0) == 512 && config_window(&c, 2) == 0 && config_window(&c, 6) == 512, "every third");
    }
    if (read_config("{\"model_type\":\"gpt_neox\"," SIZES "\"rotary_pct\":0.5,\"rotary_emb_base\":20000}", &c))
        check(c.n_rotary == 8 && c.rope_theta == 2e4f && c.parallel && c.attention_bias && !c.tied_head,
              "gpt_neox: %u dimensions of theta %g", c.n_rotary, (double)c.rope_theta);
    if (read_config("{\"model_type\":\"llama\"," SIZES "\"max_position_embeddings\":2048,"
                    "\"rope_scaling\":{\"type\":\"dynamic\",\"factor\":8}}",
                    &c))
        check(c.rope.scaling == SCALING_DYNAMIC && c.rope.trained == 2048 && c.max_positions == 16384,
              "dynamic: %u of %u positions", c.rope.trained, c.max_positions);
    if (read_config("{\"model_type\":\"llama\"," SIZES "\"max_position_embeddings\":2048,"
                    "\"rope_scaling\":{\"type\":\"yarn\",\"factor\":8}}",
                    &c)) { /* TigerBot's: the amplitude of factor 8 is 1.208 */
        check_near((double)c.rope.amplitude, 1.208, 5e-4, "YaRN's amplitude");
        check(c.rope.trained == 2048 && c.max_positions == 16384, "yarn: %u of %u positions", c.rope.trained,
              c.max_positions);
    }
    if (read_config("{\"model_type\":\"bloom\",\"vocab_size\":96,\"n_embed\":32,\"num_hidden_layers\":3,"
                    "\"num_attention_heads\":4,\"tie_word_embeddings\":false,\"offset_alibi\":100}",
                    &c))
        check(c.dim == 32 && c.n_layers == 3 && c.ffn == 128 && c.head_dim == 8 && !c.tied_head && c.qkv_by_head,
              "bloom: %u wide", c.dim);
}

/* Files whose tensors lack the name of the whole model open under their canonical names. */
static void bare_names(void)
{
    static const char prefix[] = "model.";
    const struct config small = { .n_vocab = 40,
                                  .dim = 8,
                                  .n_layers = 2,
                                  .n_heads = 2,
                                  .n_kv_heads = 1,
                                  .head_dim = 4,
                                  .ffn = 12,
                                  .max_positions = 32,
                                  .norm_eps = 1e-5f,
                                  .rope_theta = 10000 };
    struct temp_folder f = temp_folder_make();
    struct checkpoint *c = random_checkpoint(&small, DTYPE_BF16, 1);
    for (size_t i = 0; i < c->n_tensors; i++) {
        char *name = (char *)(uintptr_t)c->tensors[i].name;
        if (strncmp(name, prefix, sizeof prefix - 1) == 0)
            memmove(name, name + sizeof prefix - 1, strlen(name) - sizeof prefix + 2);
    }
    check(random_checkpoint_save(c, f.path, NULL) == 0, "%s", err_text());
    random_checkpoint_free(c);
    c = checkpoint_open_weights(f.path);
    struct weights *w = c ? weights_open(c) : NULL;
    check(w && checkpoint_tensor(c, "model.layers.1.mlp.up_proj.weight") && checkpoint_tensor(c, "lm_head.weight"),
          "bare names: %s", err_text());
    weights_close(w);
    checkpoint_close(c);
    temp_folder_remove(&f);
}

int main(void)
{
    bare_names();
    published_sizes();
    older_spellings();
    for (size_t i = 0; i < N_FIXTURES; i++) {
        struct checkpoint *c = open_fixture(fixtures[i]);
        if (!c)
            continue;
        enumeration(fixtures[i], c);
        every_tensor(c);
        no_place(c);
        taps(fixtures[i], c);
        not_finite(fixtures[i], c);
        laws(fixtures[i], c);
        checkpoint_close(c);
    }
    return check_done("architecture");
}
