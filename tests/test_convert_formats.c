/* convert_checkpoint() over a miniature of every architecture (tests/fixtures/transformer): folder to GGUF and back gives the
 * same bytes in every tensor and the same logits bit for bit, GGUF the same logits; types; what cannot be said is refused. */
#include "base/err.h"
#include "base/folder.h"
#include "base/mem.h"
#include "model/architecture.h"
#include "model/convert.h"
#include "tests/lib/check.h"
#include "tests/lib/lm_bench.h"
#include "tests/lib/temp_folder.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LENGTH 100u /* beyond the windows (32) and the trained lengths (64) */

/* remark: what others do not see in the GGUF file; NULL: nothing is said. */
static const struct {
    const char *name, *remark;
} fixtures[] = {
    { "gqa", NULL },
    { "untied", NULL },
    { "llama_bias", NULL },
    { "rope_linear", NULL },
    { "rope_dynamic", "pass over its dynamic scaling of positions" },
    { "rope_yarn", NULL },
    { "rope_llama3", NULL },
    { "mistral", "pass over its window of attention" },
    { "mixtral", NULL },
    { "qwen2", "pass over its window of attention" },
    { "qwen2_full", NULL },
    { "qwen3", NULL },
    { "qwen3_moe", NULL },
    { "qwen3_moe_mixed", "pass over its weights of experts that do not sum to one" },
    { "gemma2", "pass over its scale of queries" },
    { "gemma3", "pass over its scale of queries" },
    { "phi3", "pass over its window of attention" },
    { "phi3_longrope", NULL },
    { "gpt2", NULL },
    { "gpt_neox", NULL },
    { "gpt_neox_serial", NULL },
    { "bloom", NULL },
    { "bloom_112", NULL },
};

static struct temp_folder work;

static const char *fixture_path(const char *name, char path[512])
{
    snprintf(path, 512, "%s/tests/fixtures/transformer/%s", CHORALE_HOME, name);
    return path;
}

static const char *work_path(const char *name, const char *end, char path[512])
{
    snprintf(path, 512, "%s/%s%s", work.path, name, end);
    return path;
}

/* 0, and what was remarked in *remarks. */
static int convert(const char *from, const char *to, const char *type, struct text *remarks)
{
    struct convert_options o = { .type = type, .seed = 1 };
    text_clear(remarks);
    return convert_checkpoint(from, to, &o, remarks);
}

static struct checkpoint *open_weights(const char *path)
{
    struct checkpoint *c = checkpoint_open_weights(path);
    check(c != NULL, "%s: %s", path, err_text());
    return c;
}

static void same_tensors(const char *name, const struct checkpoint *a, const struct checkpoint *b)
{
    check(a->n_tensors == b->n_tensors, "%s: %zu tensors, %zu come back", name, a->n_tensors, b->n_tensors);
    for (size_t i = 0; i < a->n_tensors && i < b->n_tensors; i++) {
        const struct tensor *x = &a->tensors[i], *y = &b->tensors[i];
        bool same = strcmp(x->name, y->name) == 0 && x->type == y->type && x->n_dims == y->n_dims &&
                    memcmp(x->dims, y->dims, sizeof x->dims) == 0 && x->bytes == y->bytes &&
                    memcmp(x->data, y->data, (size_t)x->bytes) == 0;
        check(same, "%s: tensor '%s' (%s) comes back as '%s' (%s)", name, x->name, dtype_name(x->type), y->name,
              dtype_name(y->type));
    }
}

/* The rows of a text, one behind the other, for free(). */
static float *rows_of(struct checkpoint *c)
{
    sym_t ids[LENGTH];
    struct row rows[LENGTH];
    float *all = mem_alloc(LENGTH, c->config.n_vocab * sizeof *all);
    struct bench b = bench_open(c, (struct transformer_options){ .mode = "f32" });
    for (uint32_t i = 0; i < LENGTH; i++)
        ids[i] = i * 37 % 89 % c->config.n_vocab;
    uint32_t n = c->config.max_positions < LENGTH ? c->config.max_positions : LENGTH;
    int rc = bench_rows(&b, ids, n, (struct want){ .n_rows = n, .tap = LM_TAP_FINAL }, rows);
    check(rc == 0, "%s: %s", c->name, err_text());
    for (uint32_t i = 0; rc == 0 && i < n; i++)
        memcpy(all + (size_t)i * c->config.n_vocab, rows[i].score, rows[i].n * sizeof *all);
    bench_close(&b);
    return all;
}

/* The largest difference, of the largest |logit|. */
static double difference(const float *a, const float *b, size_t n)
{
    double most = 0, largest = 0;
    for (size_t i = 0; i < n; i++) {
        most = fmax(most, fabs((double)a[i] - (double)b[i]));
        largest = fmax(largest, fabs((double)a[i]));
    }
    return isfinite(most) ? most / largest : INFINITY;
}

static void check_back(const char *name, struct checkpoint *from, struct checkpoint *gguf, struct checkpoint *back)
{
    size_t n = (size_t)from->config.n_vocab * LENGTH;
    check(strcmp(from->config.architecture, back->config.architecture) == 0, "%s comes back as a %s", name,
          back->config.architecture);
    check(from->config.max_positions == back->config.max_positions &&
              from->config.max_positions == gguf->config.max_positions,
          "%s: %u positions, %u in GGUF, %u back", name, from->config.max_positions, gguf->config.max_positions,
          back->config.max_positions);
    same_tensors(name, from, back);
    float *a = rows_of(from), *b = rows_of(gguf), *c = rows_of(back);
    check(memcmp(a, c, n * sizeof *a) == 0, "%s: other logits: %.2g of the largest", name, difference(a, c, n));
    bool turned = gguf->config.rope_interleaved; /* the values of a head are added up in another order */
    check(turned ? difference(a, b, n) < 1e-5 : memcmp(a, b, n * sizeof *a) == 0,
          "%s: other logits in GGUF: %.2g of the largest", name, difference(a, b, n));
    free(a);
    free(b);
    free(c);
}

static void round_trip(const char *name, const char *remark)
{
    char from[512], gguf[512], back[512];
    struct text remarks = { 0 };
    fixture_path(name, from);
    work_path(name, ".gguf", gguf);
    work_path(name, "", back);
    check(convert(from, gguf, NULL, &remarks) == 0, "%s: %s", name, err_text());
    check(remark ? strstr(text_s(&remarks), remark) != NULL : remarks.len == 0, "%s: says '%s', want '%s'", name,
          text_s(&remarks), remark ? remark : "");
    check(convert(gguf, back, NULL, &remarks) == 0 && remarks.len == 0, "%s: %s", name, err_text());
    struct checkpoint *a = open_weights(from), *b = open_weights(gguf), *c = open_weights(back);
    if (a && b && c)
        check_back(name, a, b, c);
    checkpoint_close(a);
    checkpoint_close(b);
    checkpoint_close(c);
    text_free(&remarks);
    remove(gguf);
    folder_remove(back, 0);
}

/* A GGUF file that another program laid out (fixtures/transformer/gguf_files.py) becomes the folder that it was made of, and
 * Llama 3's frequencies, whose numbers it does not name, factors. */
static void foreign(const char *name, const char *reference)
{
    char from[512], gguf[520], back[512];
    struct text remarks = { 0 };
    fixture_path(reference, from);
    snprintf(gguf, sizeof gguf, "%s/tests/fixtures/transformer/%s.gguf", CHORALE_HOME, name);
    work_path(name, "-foreign", back);
    check(convert(gguf, back, NULL, &remarks) == 0 && remarks.len == 0, "%s: %s", name, err_text());
    struct checkpoint *a = open_weights(from), *b = open_weights(gguf), *c = open_weights(back);
    if (a && b && c) {
        size_t n = (size_t)a->config.n_vocab * LENGTH;
        float *x = rows_of(a), *y = rows_of(b), *z = rows_of(c);
        same_tensors(name, a, c);
        check(difference(y, z, n) < 1e-5, "%s: %.2g of the largest in the folder", name, difference(y, z, n));
        check(difference(x, z, n) < 1e-5, "%s: %.2g of the largest of %s", name, difference(x, z, n), reference);
        free(x);
        free(y);
        free(z);
    }
    checkpoint_close(a);
    checkpoint_close(b);
    checkpoint_close(c);
    text_free(&remarks);
    folder_remove(back, 0);
}

/* Norms, biases, routers and positions stay what they are; other matrices have the type, or q8_0 or f16 where their rows do
 * not fit it. */
static void check_types(const char *name, const struct checkpoint *c, enum dtype type)
{
    for (size_t i = 0; i < c->n_tensors; i++) {
        const struct tensor *t = &c->tensors[i];
        struct architecture_place p;
        check(architecture_place(&c->config, t->name, &p), "%s: %s", name, t->name);
        size_t n = (size_t)t->dims[t->n_dims - 1];
        bool wide = t->n_dims == 1 || p.tensor->role == ROLE_ROUTER || p.tensor->role == ROLE_POSITIONS;
        enum dtype want = wide ? DTYPE_F32 : n % dtype_block(type) == 0 ? type : n % 32 == 0 ? DTYPE_Q8_0 : DTYPE_F16;
        check(t->type == want, "%s: tensor '%s' is %s, want %s", name, t->name, dtype_name(t->type), dtype_name(want));
    }
}

/* In GGUF the logits are those of the values that the blocks stand for, as a folder in float32 has them. */
static void quantise(const char *name, enum dtype type)
{
    char from[512], gguf[512], wide[512];
    struct text remarks = { 0 };
    fixture_path(name, from);
    work_path(name, "-q.gguf", gguf);
    work_path(name, "-q", wide);
    check(convert(from, gguf, dtype_name(type), &remarks) == 0, "%s: %s", name, err_text());
    check(convert(gguf, wide, "f32", &remarks) == 0, "%s: %s", name, err_text());
    struct checkpoint *a = open_weights(from), *b = open_weights(gguf), *c = open_weights(wide);
    if (a && b && c) {
        size_t n = (size_t)a->config.n_vocab * LENGTH;
        float *x = rows_of(a), *y = rows_of(b), *z = rows_of(c);
        check_types(name, b, type);
        check(difference(y, z, n) < 1e-4, "%s: %.2g of the largest in %s and unpacked", name, difference(y, z, n),
              dtype_name(type));
        check(a->config.n_experts > 0 || difference(x, y, n) < 0.2, "%s: %.2g of the largest in %s", name,
              difference(x, y, n), dtype_name(type));
        free(x);
        free(y);
        free(z);
    }
    checkpoint_close(a);
    checkpoint_close(b);
    checkpoint_close(c);
    text_free(&remarks);
    remove(gguf);
    folder_remove(wide, 0);
}

int main(void)
{
    work = temp_folder_make();
    for (size_t i = 0; i < sizeof fixtures / sizeof *fixtures; i++) {
        round_trip(fixtures[i].name, fixtures[i].remark);
        quantise(fixtures[i].name, DTYPE_Q8_0);
        quantise(fixtures[i].name, DTYPE_Q4_K);
    }
    static const char *const others[][2] = {
        { "rope_linear", "rope_linear" },
        { "rope_yarn", "rope_yarn" },
        { "rope_llama3", "rope_llama3" },
        { "mistral", "mistral" },
        { "mixtral", "mixtral" },
        { "mixtral_old", "mixtral" },
        { "qwen2_full", "qwen2_full" },
        { "qwen3", "qwen3" },
        { "qwen3_moe", "qwen3_moe" },
        { "gemma2", "gemma2" },
        { "gemma3", "gemma3" },
        { "phi3_longrope", "phi3_longrope" },
        { "gpt2", "gpt2" },
        { "gpt_neox", "gpt_neox" },
        { "bloom", "bloom" },
    };
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        foreign(others[i][0], others[i][1]);
    temp_folder_remove(&work);
    return check_done("convert_formats");
}
