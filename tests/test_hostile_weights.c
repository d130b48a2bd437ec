/* Weights made by a stranger: NaN and infinities in each tensor, on each path, named; the others of a batch go on.  Sizes
 * that only the configuration claims, vocabularies of 1 and 256,000, prompts at, below and beyond the context limit and of
 * no length: a result or a message, in memory that follows what is used. */
#include "base/err.h"
#include "base/mem.h"
#include "model/kernel.h"
#include "tests/lib/check.h"
#include "tests/lib/lm_bench.h"
#include "tests/lib/random_checkpoint.h"
#include "tests/lib/temp_folder.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

static const struct config small = { .architecture = "llama",
                                     .n_vocab = 70,
                                     .dim = 64,
                                     .n_layers = 3,
                                     .n_heads = 4,
                                     .n_kv_heads = 2,
                                     .head_dim = 24,
                                     .ffn = 96,
                                     .max_positions = 64,
                                     .norm_eps = 1e-5f,
                                     .rope_theta = 10000 };
static const sym_t text[] = { 3, 1, 41, 59, 26, 5, 35 };
#define N_TEXT (sizeof text / sizeof *text)

static const struct kernels *const paths[] = { &kernel_reference,  &kernel_avx2,       &kernel_avxvnni, &kernel_avx512,
                                               &kernel_avx512vnni, &kernel_avx512bf16, &kernel_amx };

struct planted {
    const char *tensor;
    size_t at; /* element; of the embedding one of a symbol of the text */
    const char *where;
};

static const struct planted planted[] = {
    { "model.embed_tokens.weight", 41 * 64 + 7, "layer 0" },
    { "model.layers.0.input_layernorm.weight", 63, "layer 0" },
    { "model.layers.1.self_attn.q_proj.weight", 95 * 64, "layer 1" },
    { "model.layers.2.self_attn.q_proj.weight", 5, "layer 2" },
    { "model.layers.1.self_attn.k_proj.weight", 47 * 64 + 63, "layer 1" },
    { "model.layers.1.self_attn.v_proj.weight", 0, "layer 1" },
    { "model.layers.0.self_attn.o_proj.weight", 63 * 96 + 95, "layer 0" },
    { "model.layers.2.post_attention_layernorm.weight", 1, "layer 2" },
    { "model.layers.1.mlp.gate_proj.weight", 95 * 64 + 1, "layer 1" },
    { "model.layers.1.mlp.up_proj.weight", 3, "layer 1" },
    { "model.layers.2.mlp.down_proj.weight", 63 * 96 + 2, "layer 2" },
    { "model.norm.weight", 11, "the head's output" },
    { "lm_head.weight", 69 * 64 + 63, "the head's output" },
};
#define N_PLANTED (sizeof planted / sizeof *planted)

static void plant(struct checkpoint *c, const struct planted *p, float value)
{
    char *data = random_checkpoint_data(c, p->tensor);
    bool norm = strstr(p->tensor, "norm") != NULL;
    for (size_t i = 0; i < c->n_tensors; i++) {
        if (c->tensors[i].data != data)
            continue;
        uint16_t bf16 = kernel_to_bf16(value), f16 = isnan(value) ? 0x7e00 : value > 0 ? 0x7c00 : 0xfc00;
        if (norm || c->tensors[i].type == DTYPE_F32)
            memcpy(data + p->at * sizeof value, &value, sizeof value);
        else if (dtype_block(c->tensors[i].type) > 1) /* a block's scale is what can be no number */
            memcpy(data + dtype_row_bytes(c->tensors[i].type, p->at / 32 * 32), &f16, sizeof f16);
        else
            memcpy(data + p->at * 2, c->tensors[i].type == DTYPE_F16 ? &f16 : &bf16, 2);
    }
}

/* One tensor of one checkpoint is spoilt: the message names checkpoint, layer, tensor; nothing counts as computed. */
static void spoilt(const struct planted *p, enum dtype type, const char *kernels, float value)
{
    struct checkpoint *c = random_checkpoint(&small, type, 11);
    plant(c, p, value);
    struct bench b = bench_open(c, (struct transformer_options){ .kernels = kernels, .mode = "native" });
    struct row row;
    int rc = bench_rows(&b, text, N_TEXT, (struct want){ .n_rows = 1, .tap = LM_TAP_FINAL }, &row);
    check(rc == ERR_DATA && strstr(err_text(), p->tensor) && strstr(err_text(), p->where) &&
              strncmp(err_text(), "random: ", 8) == 0,
          "%g in %s of %s on %s: %d, %s", (double)value, p->tensor, dtype_name(type), kernels, rc,
          rc < 0 ? err_text() : "fine");
    check(core_counts(b.core).computed == 0, "a failed pass counts for nothing");
    bench_close(&b);
    random_checkpoint_free(c);
}

static void not_finite(void)
{
    static const float values[] = { NAN, INFINITY, -INFINITY };
    for (size_t k = 0; k < sizeof paths / sizeof *paths; k++) {
        if (!paths[k]->available())
            continue;
        for (size_t i = 0; i < N_PLANTED; i++)
            for (size_t v = 0; v < 3; v++)
                for (int type = v == 0 ? 0 : DTYPE_BF16; type < (v == 0 ? DTYPE_COUNT : DTYPE_BF16 + 1); type++)
                    if (dtype_block((enum dtype)type) <= 32) /* the others: tests/test_quant.c */
                        spoilt(&planted[i], (enum dtype)type, paths[k]->name, values[v]);
    }
}

/* Finite weights whose activations overflow: the layer is named, and that no weight is to blame. */
static void overflow(void)
{
    struct checkpoint *c = random_checkpoint(&small, DTYPE_F32, 11);
    float *down = random_checkpoint_data(c, "model.layers.1.mlp.down_proj.weight");
    for (size_t i = 0; i < 64 * 96; i++)
        down[i] = 3e38f;
    struct bench b = bench_open(c, (struct transformer_options){ 0 });
    struct row row;
    int rc = bench_rows(&b, text, N_TEXT, (struct want){ .n_rows = 1, .tap = LM_TAP_FINAL }, &row);
    check(rc == ERR_DATA && strstr(err_text(), "layer 1 is not finite: its weights are, the activations overflow"),
          "%d, %s", rc, err_text());
    bench_close(&b);
    random_checkpoint_free(c);
}

/* Finite scores so large that log Z loses ln n would give probabilities that do not sum to one: refused. */
static void large_scores(void)
{
    struct checkpoint *c = random_checkpoint(&small, DTYPE_F32, 11);
    float *head = random_checkpoint_data(c, "lm_head.weight");
    for (size_t i = 0; i < (size_t)small.n_vocab * small.dim; i++)
        head[i] *= 1e15f;
    struct bench b = bench_open(c, (struct transformer_options){ 0 });
    struct row row;
    int rc = bench_rows(&b, text, N_TEXT, (struct want){ .n_rows = 1, .tap = LM_TAP_FINAL }, &row);
    check(rc == ERR_DATA && strstr(err_text(), "scores as large as"), "%d, %s", rc, err_text());
    bench_close(&b);
    random_checkpoint_free(c);
}

/* A spoilt embedding row harms the prefixes that hold its symbol; the others give the numbers of a sound checkpoint. */
static void others_go_on(void)
{
    struct checkpoint *good = random_checkpoint(&small, DTYPE_F32, 11), *bad = random_checkpoint(&small, DTYPE_F32, 11);
    struct bench g = bench_open(good, (struct transformer_options){ 0 }),
                 b = bench_open(bad, (struct transformer_options){ 0 });
    struct want last = { .n_rows = 1, .tap = LM_TAP_FINAL };
    struct row want, got;
    plant(bad, &planted[0], NAN);
    for (int round = 0; round < 3; round++) {
        check(bench_rows(&b, text, N_TEXT, last, &got) == ERR_DATA, "the spoilt prefix fails each time");
        check(bench_rows(&b, text, 2, last, &got) == 0 && bench_rows(&g, text, 2, last, &want) == 0 &&
                  memcmp(got.score, want.score, got.n * sizeof(float)) == 0,
              "its beginning, which the failed pass had in hand, is right: %s", err_text());
        check(bench_rows(&b, text + 3, 4, last, &got) == 0 && bench_rows(&g, text + 3, 4, last, &want) == 0 &&
                  memcmp(got.score, want.score, got.n * sizeof(float)) == 0,
              "another prefix is right: %s", err_text());
    }
    bench_close(&b);
    bench_close(&g);
    random_checkpoint_free(bad);
    random_checkpoint_free(good);
}

static size_t peak_bytes(void)
{
    struct rusage u;
    getrusage(RUSAGE_SELF, &u);
    return (size_t)u.ru_maxrss * 1024;
}

/* What only the configuration claims costs nothing: 2^24 positions; an embedding of rows that no symbol has. */
static void claims(void)
{
    struct config far = small;
    far.max_positions = 1u << 24;
    struct checkpoint *c = random_checkpoint(&far, DTYPE_BF16, 3);
    size_t before = peak_bytes();
    struct bench b = bench_open(c, (struct transformer_options){ 0 });
    struct row row;
    check(bench_rows(&b, text, N_TEXT, (struct want){ .n_rows = 1, .tap = LM_TAP_FINAL }, &row) == 0, "%s", err_text());
    check(peak_bytes() - before < (size_t)24 << 20, "16 million positions claimed take %zu bytes",
          peak_bytes() - before);
    bench_close(&b);
    random_checkpoint_free(c);
    /* layers as wide as a config may have, of a hidden state of 1: activations of 256 positions would be 2 GB, 512 MB are taken */
    struct config wide = small;
    wide.dim = 2;
    wide.ffn = 1u << 20;
    wide.n_layers = 1;
    c = random_checkpoint(&wide, DTYPE_BF16, 3);
    before = peak_bytes();
    b = bench_open(c, (struct transformer_options){ 0 });
    check(bench_rows(&b, text, N_TEXT, (struct want){ .n_rows = 1, .tap = LM_TAP_FINAL }, &row) == 0, "%s", err_text());
    check(peak_bytes() - before < (size_t)700 << 20, "a wide layer takes %zu bytes", peak_bytes() - before);
    bench_close(&b);
    random_checkpoint_free(c);
    /* keys and values that are far wider than all else */
    struct config keys = small;
    keys.dim = 1;
    keys.ffn = 1;
    keys.n_heads = keys.n_kv_heads = 256;
    keys.head_dim = 4096;
    keys.n_layers = 5;
    c = random_checkpoint(&keys, DTYPE_BF16, 3);
    struct threads *threads = threads_alloc(1);
    struct lm *lm = transformer_open(c, &(struct transformer_options){ .threads = threads });
    check(!lm && err_code() == ERR_DATA &&
              strstr(err_text(), "keys and values of 16 positions take 671088640 bytes, want at most 536870912"),
          "%s", lm ? "opened" : err_text());
    lm_free(lm);
    threads_free(threads);
    random_checkpoint_free(c);
}

/* A checkpoint of random weights and n tokens, through files. */
static struct checkpoint *saved(struct config config, uint32_t n, const struct temp_folder *f)
{
    config.n_vocab = n;
    struct checkpoint *random = random_checkpoint(&config, DTYPE_BF16, 5);
    char *tokenizer = random_checkpoint_tokenizer(n);
    check(random_checkpoint_save(random, f->path, tokenizer) == 0, "%s", err_text());
    free(tokenizer);
    random_checkpoint_free(random);
    struct checkpoint *c = checkpoint_open(f->path);
    check(c != NULL, "%u tokens: %s", n, err_text());
    return c;
}

static void vocabularies(void)
{
    static const uint32_t sizes[] = { 1, 2, 256000 };
    struct config narrow = small;
    narrow.dim = 4;
    narrow.ffn = 4;
    narrow.head_dim = 2;
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        struct temp_folder f = temp_folder_make();
        struct checkpoint *c = saved(narrow, sizes[i], &f);
        struct symbols ids = { 0 };
        struct row row = { 0 };
        check(vocab_space(c->vocab)->n == sizes[i], "%u tokens", vocab_space(c->vocab)->n);
        check(vocab_encode(c->vocab, "aaa", 3, &ids) == 0 && ids.n == 3 && ids.s[2] == 0, "three a: %s", err_text());
        int rc = vocab_encode(c->vocab, "c", 1, &ids);
        check(sizes[i] > 2 ? rc == 0
                           : rc == ERR_DATA && strstr(err_text(), "the vocabulary has no token for byte 0x63"),
              "a byte without a token: %s", err_text());
        struct bench b = bench_open(c, (struct transformer_options){ 0 });
        check(bench_rows(&b, ids.s, 3, (struct want){ .n_rows = 1, .tap = LM_TAP_FINAL }, &row) == 0 &&
                  row.n == sizes[i],
              "a row of %u symbols: %s", row.n, err_text());
        double sum = 0;
        for (sym_t v = 0; v < row.n; v++)
            sum += exp(row_logp(&row, v));
        check_near(sum, 1, 1e-6, "the row of %u symbols sums to one", row.n);
        check(row.n != 1 || (row_entropy(&row) == 0 && row_argmax(&row) == 0), "a row of one symbol has no entropy");
        bench_close(&b);
        free(ids.s);
        checkpoint_close(c);
        temp_folder_remove(&f);
    }
}

/* A prompt of n letters: the code of lm_prompt(). */
static int prompt_of(struct bench *b, size_t n, int *slot)
{
    char *letters = mem_alloc(n + 1, 1);
    memset(letters, 'b', n);
    struct prompt_field field = { "text", letters };
    struct prompt p = { .fields = &field, .n_fields = 1 };
    *slot = lm_fork(b->lm, LM_EMPTY, 0);
    int rc = lm_prompt(b->lm, *slot, &p, NULL);
    free(letters);
    return rc;
}

static void prompts(void)
{
    struct temp_folder f = temp_folder_make();
    struct checkpoint *c = saved(small, 70, &f);
    struct bench b = bench_open(c, (struct transformer_options){ 0 });
    struct row row;
    int slot;
    for (size_t n = 63; n <= 64; n++) {
        check(prompt_of(&b, n, &slot) == 0, "a prompt of %zu: %s", n, err_text());
        struct want w = { .lm = b.lm, .slot = slot, .n_rows = 1, .tap = LM_TAP_FINAL };
        check(lm_room(b.lm, slot) == 64 - n && core_run(b.core, &w, 1) == 0 && lm_rows(&w, &row) == 0,
              "a prompt of %zu has a next symbol: %s", n, err_text());
        check(lm_push(b.lm, slot, text, 65 - n, NULL) == ERR_DATA && lm_length(b.lm, slot) == n,
              "one symbol too many is refused, and changes nothing");
    }
    size_t longer[] = { 65, 1000000 };
    for (size_t i = 0; i < 2; i++) {
        char want[96];
        snprintf(want, sizeof want, "a prefix of %zu symbols, its context limit is 64", longer[i]);
        check(prompt_of(&b, longer[i], &slot) == ERR_DATA && strstr(err_text(), want), "says '%s', want '%s'",
              err_text(), want);
    }
    check(prompt_of(&b, 0, &slot) == 0 && lm_length(b.lm, slot) == 0, "a prompt of nothing: %s", err_text());
    struct want w = { .lm = b.lm, .slot = slot, .n_rows = 1, .tap = LM_TAP_FINAL };
    check(core_run(b.core, &w, 1) == ERR_DATA && strstr(err_text(), "an empty prefix has no next symbol"), "%s",
          err_text());
    bench_close(&b);
    checkpoint_close(c);
    /* with bos in front it has one */
    static const char with_bos[] =
        "{\"added_tokens\":[{\"id\":0,\"content\":\"<s>\",\"special\":true}],"
        "\"pre_tokenizer\":{\"type\":\"ByteLevel\",\"add_prefix_space\":false},"
        "\"post_processor\":{\"type\":\"TemplateProcessing\",\"single\":[{\"SpecialToken\":{\"id\":\"<s>\"}},"
        "{\"Sequence\":{}}],\"special_tokens\":{\"<s>\":{\"ids\":[0]}}},"
        "\"model\":{\"type\":\"BPE\",\"vocab\":{\"b\":1},\"merges\":[]}}";
    temp_folder_put(&f, "tokenizer.json", with_bos, sizeof with_bos - 1);
    c = checkpoint_open(f.path);
    check(c != NULL, "%s", err_text());
    b = bench_open(c, (struct transformer_options){ 0 });
    check(prompt_of(&b, 0, &slot) == 0 && lm_length(b.lm, slot) == 1, "bos alone: %s", err_text());
    w = (struct want){ .lm = b.lm, .slot = slot, .n_rows = 1, .tap = LM_TAP_FINAL };
    check(core_run(b.core, &w, 1) == 0 && lm_rows(&w, &row) == 0 && row.n == 2, "%s", err_text());
    check(prompt_of(&b, 63, &slot) == 0 && prompt_of(&b, 64, &slot) == ERR_DATA && strstr(err_text(), "of 65 symbols"),
          "bos counts: %s", err_text());
    bench_close(&b);
    checkpoint_close(c);
    temp_folder_remove(&f);
}

int main(void)
{
    alarm(280); /* nothing here may wait */
    claims();
    not_finite();
    overflow();
    large_scores();
    others_go_on();
    vocabularies();
    prompts();
    return check_done("hostile_weights");
}
