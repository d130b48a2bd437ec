/* Checkpoints of random weights: shapes without data, and a tokenizer of bytes. */
#include "base/doc.h"
#include "base/err.h"
#include "base/mem.h"
#include "base/spec.h"
#include "model/byte_level.h"
#include "model/config_json.h"
#include "model/convert_inside.h"
#include "model/generation_config.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define JSON_MAX (1u << 20)
#define SPECIALS 2u /* <s>, </s>; then the bytes */
#define LEAST    (SPECIALS + 256u)

enum { DIM, LAYERS, HEADS, KV_HEADS, FFN, VOCAB, CONTEXT, PARAMS };
static const struct param params[PARAMS] = {
    { "dim", PARAM_INT, 2, CONFIG_WIDTH_MAX, .value = 256, .meaning = "width of the residual stream" },
    { "layers", PARAM_INT, 1, 4096, .value = 2, .meaning = "layers" },
    { "heads", PARAM_INT, 1, 4096, .value = 4, .meaning = "attention heads" },
    { "kv_heads", PARAM_INT, 0, 4096, .value = 0, .meaning = "heads for keys and values; 0: as many" },
    { "ffn", PARAM_INT, 0, CONFIG_WIDTH_MAX, .value = 0, .meaning = "width of the feed-forward part; 0: 2.75 dim" },
    { "vocab", PARAM_INT, LEAST, CONFIG_DIM_MAX, .value = 512, .meaning = "rows of the embedding" },
    { "context", PARAM_INT, 1, CONFIG_DIM_MAX, .value = 2048, .meaning = "positions" },
};

static int use_step(const struct spec_step *s, const char *text, struct config *g)
{
    struct spec_value x[SPEC_MAX_PARAMS];
    static const char *const names[] = { "llama" };
    if (strcmp(s->name, "llama") != 0)
        return err_unknown(ERR_USAGE, "architecture of random weights", s->name, names, 1);
    TRY(spec_bind(s, params, PARAMS, x));
    g->dim = (uint32_t)x[DIM].number;
    g->n_layers = (uint32_t)x[LAYERS].number;
    g->n_heads = (uint32_t)x[HEADS].number;
    g->n_kv_heads = x[KV_HEADS].number > 0 ? (uint32_t)x[KV_HEADS].number : g->n_heads;
    g->ffn = x[FFN].number > 0 ? (uint32_t)x[FFN].number : g->dim * 11 / 4;
    g->n_vocab = (uint32_t)x[VOCAB].number;
    g->max_positions = (uint32_t)x[CONTEXT].number;
    g->head_dim = g->dim / g->n_heads;
    if (g->dim % g->n_heads != 0)
        return err_set(ERR_USAGE, "%s: dim is %u, want a multiple of heads, %u", text, g->dim, g->n_heads);
    if (g->head_dim % 2 != 0)
        return err_set(ERR_USAGE, "%s: dim is %u, want an even multiple of heads, %u", text, g->dim, g->n_heads);
    return config_check(g, text);
}

static int read_shape(const char *text, struct config *g)
{
    if (!*text)
        return err_set(ERR_USAGE, "'random:' names no shape; want random:llama(dim=64, ...) or random:FILE.json");
    struct spec *s = spec_parse("random", text);
    if (!s)
        return ERR_USAGE;
    *g = (struct config){ .architecture = "llama", .norm_eps = 1e-5f, .rope_theta = 10000 };
    int rc = s->n_steps == 1 ? use_step(&s->steps[0], text, g) : err_set(ERR_USAGE, "%s: want one shape", text);
    spec_free(s);
    return rc;
}

static int read_file(const char *path, struct config *g)
{
    json_t *o = doc_read_file(path, JSON_MAX);
    int rc = o ? config_json_read(o, path, g) : err_code();
    json_decref(o);
    if (rc == 0 && g->n_vocab < LEAST)
        rc = err_set(ERR_DATA, "%s: 'vocab_size' is %u, want %u or more for a tokenizer of bytes", path, g->n_vocab,
                     LEAST);
    return rc;
}

static int add_tensors(struct tensor_list *l, const struct config *g)
{
    for (struct architecture_place p = { 0 }; architecture_next(g, &p);) {
        char name[ARCHITECTURE_NAME_BYTES];
        size_t n, k;
        architecture_name(&p, name);
        architecture_shape(g, &p, &n, &k);
        bool turned = g->transposed && k > 0 && !architecture_is_top(p.tensor->role);
        struct tensor t = { .name = name, .type = DTYPE_F32, .n_dims = k > 0 ? 2 : 1, .dims = { n, k } };
        if (turned) {
            t.dims[0] = k;
            t.dims[1] = n;
        }
        TRY(tensor_measure("random", &t, &t.bytes));
        TRY(tensor_list_add(l, "random", &t));
    }
    return tensor_list_sort(l, "random");
}

struct checkpoint *convert_open_random(const char *shape)
{
    struct checkpoint *c = mem_alloc(1, sizeof *c);
    generation_config_none(&c->generation);
    struct tensor_list l = { 0 };
    bool file = text_ends_in(shape, ".json");
    int rc = file ? read_file(shape, &c->config) : read_shape(shape, &c->config);
    if (rc == 0)
        rc = add_tensors(&l, &c->config);
    c->tensors = l.t;
    c->n_tensors = l.n;
    if (rc == 0)
        return c;
    convert_close_random(c);
    return NULL;
}

void convert_close_random(struct checkpoint *c)
{
    struct tensor_list l = { .t = (struct tensor *)(uintptr_t)c->tensors, .n = c->n_tensors };
    tensor_list_free(&l);
    free(c);
}

static void add_token(struct text *t, const char *s, uint32_t id)
{
    text_add(t, id > 0 ? "," : "");
    text_add_json(t, s, strlen(s));
    text_addf(t, ":%u", id);
}

char *convert_random_tokenizer(uint32_t n_tokens)
{
    static const char added[] = "{\"id\":%d,\"content\":\"%s\",\"single_word\":false,\"lstrip\":false,\"rstrip\":false,"
                                "\"normalized\":false,\"special\":true}";
    struct text t = { 0 }, piece = { 0 };
    text_add(&t, "{\"version\":\"1.0\",\"truncation\":null,\"padding\":null,\"added_tokens\":[");
    text_addf(&t, added, 0, "<s>");
    text_add(&t, ",");
    text_addf(&t, added, 1, "</s>");
    text_add(&t,
             "],\"normalizer\":null,\"pre_tokenizer\":{\"type\":\"ByteLevel\",\"add_prefix_space\":false,"
             "\"trim_offsets\":true,\"use_regex\":true},\"post_processor\":null,\"decoder\":{\"type\":\"ByteLevel\","
             "\"add_prefix_space\":false,\"trim_offsets\":true,\"use_regex\":true},\"model\":{\"type\":\"BPE\","
             "\"dropout\":null,\"unk_token\":null,\"continuing_subword_prefix\":null,\"end_of_word_suffix\":null,"
             "\"fuse_unk\":false,\"byte_fallback\":false,\"ignore_merges\":false,\"merges\":[],\"vocab\":{");
    for (uint32_t i = 0; i < n_tokens; i++) {
        text_clear(&piece);
        if (i < SPECIALS)
            text_add(&piece, i == 0 ? "<s>" : "</s>");
        else if (i < LEAST)
            byte_level_add(&piece, (uint8_t)(i - SPECIALS));
        else
            text_addf(&piece, "\xc4\xa0%u", i);
        add_token(&t, text_s(&piece), i);
    }
    text_add(&t, "}}}");
    text_free(&piece);
    return t.s;
}
