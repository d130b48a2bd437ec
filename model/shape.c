#include "model/shape.h"
#include "base/err.h"
#include "base/num.h"
#include <assert.h>
#include <string.h>

#define SIZE_MOST (1u << 24) /* of any one number: far above real models */

/* Which vectors go with a matrix or a norm. */
enum {
    GATED = 1,
    QKV_BIAS = 2,
    O_BIAS = 4,
    MLP_BIAS = 8,
    LAYER_NORM = 16,
    EMBEDDING_NORM = 32,
    QK_NORM = 64,
    POSITIONS = 128
};

/* How config.json spells the sizes: a name and an older one. */
struct spelling {
    const char *dim[2], *layers[2], *heads[2];
    const char *ffn, *positions; /* NULL: it has none */
};

static const struct spelling usual = { { "hidden_size" },
                                       { "num_hidden_layers" },
                                       { "num_attention_heads" },
                                       "intermediate_size",
                                       "max_position_embeddings" },
                             of_gpt2 = { { "n_embd", "hidden_size" },
                                         { "n_layer", "num_hidden_layers" },
                                         { "n_head", "num_attention_heads" },
                                         "n_inner",
                                         "n_positions" },
                             of_bloom = { { "hidden_size", "n_embed" },
                                          { "n_layer", "num_hidden_layers" },
                                          { "n_head", "num_attention_heads" },
                                          NULL,
                                          NULL };

/* An architecture: what absent sizes are, and what it has in a layer. */
struct shape_row {
    const char *name; /* model_type */
    const struct spelling *key;
    const char *experts, *expert_ffn; /* NULL: none; expert_ffn NULL: ffn */
    uint32_t kv_heads, head_dim;      /* where they are absent; 0: n_heads, dim / n_heads */
    uint32_t ffn_times;               /* ffn in units of dim where it is absent; 0: it must be there */
    uint32_t parts, norms;            /* norms: of a layer */
    bool tied, bias_key;              /* tie_word_embeddings where absent; attention_bias and mlp_bias mean something */
};

#define ALL_BIASES (QKV_BIAS | O_BIAS | MLP_BIAS)

static const struct shape_row rows[] = {
    { "llama", &usual, .parts = GATED, .norms = 2, .bias_key = true },
    { "mistral", &usual, .kv_heads = 8, .parts = GATED, .norms = 2 },
    { "mixtral", &usual, "num_local_experts", .kv_heads = 8, .parts = GATED, .norms = 2 },
    { "qwen2", &usual, .parts = GATED | QKV_BIAS, .norms = 2 },
    { "qwen3", &usual, .head_dim = 128, .parts = GATED | QK_NORM, .norms = 2, .bias_key = true },
    { "qwen3_moe", &usual, "num_experts", "moe_intermediate_size", .parts = GATED | QK_NORM, .norms = 2,
      .bias_key = true },
    { "gemma2", &usual, .head_dim = 256, .parts = GATED, .norms = 4, .tied = true, .bias_key = true },
    { "gemma3_text", &usual, .head_dim = 256, .parts = GATED | QK_NORM, .norms = 4, .tied = true, .bias_key = true },
    { "phi3", &usual, .parts = GATED, .norms = 2 },
    { "gpt2", &of_gpt2, .ffn_times = 4, .parts = ALL_BIASES | LAYER_NORM | POSITIONS, .norms = 2, .tied = true },
    { "gpt_neox", &usual, .parts = ALL_BIASES | LAYER_NORM, .norms = 2, .bias_key = true },
    { "bloom", &of_bloom, .ffn_times = 4, .parts = ALL_BIASES | LAYER_NORM | EMBEDDING_NORM, .norms = 2, .tied = true },
};
#define ROWS (sizeof rows / sizeof *rows)

static const struct shape_row *find(const char *name)
{
    for (size_t i = 0; i < ROWS; i++)
        if (strcmp(rows[i].name, name) == 0)
            return &rows[i];
    return NULL;
}

/* The number at key (NULL, absent or null: *x stays). */
static int read_size(const json_t *o, const char *where, const char *key, uint64_t *x)
{
    int64_t seen = (int64_t)*x;
    if (!key || !json_object_get(o, key) || json_is_null(json_object_get(o, key)))
        return 0;
    TRY(doc_int(o, where, key, &seen));
    if (seen < 1 || seen > SIZE_MOST)
        return err_set(ERR_DATA, "%s: '%s' is %lld, want 1 .. %u", where, key, (long long)seen, SIZE_MOST);
    *x = (uint64_t)seen;
    return 0;
}

/* The number at either of two names of which one must be there. */
static int read_either(const json_t *o, const char *where, const char *const key[2], uint64_t *x)
{
    *x = 0;
    TRY(read_size(o, where, key[0], x));
    if (*x == 0)
        TRY(read_size(o, where, key[1], x));
    return *x > 0 ? 0 : err_set(ERR_DATA, "%s: '%s' is missing", where, key[0]);
}

static int read_experts(const json_t *o, const char *where, const struct shape_row *r, struct shape *s)
{
    if (!r->experts)
        return 0;
    TRY(read_either(o, where, (const char *const[]){ r->experts, "num_local_experts" }, &s->n_experts));
    s->n_chosen = 2;
    TRY(read_size(o, where, "num_experts_per_tok", &s->n_chosen));
    s->expert_ffn = s->ffn;
    TRY(read_size(o, where, r->expert_ffn, &s->expert_ffn));
    if (s->n_chosen > s->n_experts)
        return err_set(ERR_DATA, "%s: 'num_experts_per_tok' is %llu, want at most the experts, %llu", where,
                       (unsigned long long)s->n_chosen, (unsigned long long)s->n_experts);
    return 0;
}

static int read_sizes(const json_t *o, const char *where, const struct shape_row *r, struct shape *s)
{
    TRY(read_either(o, where, r->key->dim, &s->dim));
    TRY(read_either(o, where, r->key->layers, &s->n_layers));
    TRY(read_either(o, where, r->key->heads, &s->n_heads));
    TRY(read_either(o, where, (const char *const[]){ "vocab_size", NULL }, &s->n_vocab));
    s->ffn = r->ffn_times * s->dim;
    TRY(read_size(o, where, r->key->ffn, &s->ffn));
    if (s->ffn == 0)
        return err_set(ERR_DATA, "%s: '%s' is missing", where, r->key->ffn);
    s->n_kv_heads = r->kv_heads > 0 ? r->kv_heads : s->n_heads;
    s->head_dim = r->head_dim > 0 ? r->head_dim : s->dim / s->n_heads;
    if (r->ffn_times == 0) { /* the older ones have neither */
        TRY(read_size(o, where, "num_key_value_heads", &s->n_kv_heads));
        TRY(read_size(o, where, "head_dim", &s->head_dim));
    }
    s->max_positions = r->key->positions ? 2048 : 0;
    TRY(read_size(o, where, r->key->positions, &s->max_positions));
    return read_experts(o, where, r, s);
}

/* "torch_dtype", which newer files call "dtype"; quantised ones, whose types are not ours, count as bf16. */
static void read_type(const json_t *o, struct shape *s)
{
    const char *type = json_string_value(json_object_get(o, "torch_dtype"));
    type = type ? type : json_string_value(json_object_get(o, "dtype"));
    s->type = !type                           ? DTYPE_F32
              : strcmp(type, "bfloat16") == 0 ? DTYPE_BF16
              : strcmp(type, "float16") == 0  ? DTYPE_F16
                                              : DTYPE_F32;
}

/* *sum += a * b * c; false: it does not fit 62 bits. */
static bool add(uint64_t *sum, uint64_t a, uint64_t b, uint64_t c)
{
    uint64_t x;
    return num_mul(a, b, &x) && num_mul(x, c, &x) && num_add(*sum, x, sum) && *sum >> 62 == 0;
}

struct count {
    const struct shape_row *row;
    struct shape *s;
    uint32_t parts; /* of the row, and what the configuration adds */
};

static uint64_t has(const struct count *c, uint32_t part)
{
    return (c->parts & part) != 0;
}

/* Layers without experts, where the others have them. */
static int dense_layers(const json_t *o, const char *where, struct shape *s, uint64_t *n)
{
    const json_t *list = json_object_get(o, "mlp_only_layers");
    uint64_t step = 1;
    TRY(read_size(o, where, "decoder_sparse_step", &step));
    *n = s->n_experts == 0 ? s->n_layers : s->n_layers - s->n_layers / step;
    for (size_t i = 0; s->n_experts > 0 && i < json_array_size(list); i++) {
        json_int_t layer = json_integer_value(json_array_get(list, i));
        *n += layer >= 0 && (uint64_t)layer < s->n_layers && ((uint64_t)layer + 1) % step == 0;
    }
    return 0;
}

static bool count_layers(const struct count *c, uint64_t n_dense)
{
    struct shape *s = c->s;
    uint64_t q = s->n_heads * s->head_dim, kv = s->n_kv_heads * s->head_dim, *sum = &s->parameters, L = s->n_layers;
    uint64_t matrices = 2 + has(c, GATED), sparse = L - n_dense;
    bool ok = add(sum, L, s->dim, 2 * q + 2 * kv);
    ok = ok && add(sum, L, 1, has(c, QKV_BIAS) * (q + 2 * kv) + has(c, O_BIAS) * s->dim);
    ok = ok && add(sum, L, s->dim, c->row->norms * (1 + has(c, LAYER_NORM)));
    ok = ok && add(sum, L, s->head_dim, 2 * has(c, QK_NORM));
    ok = ok && add(sum, n_dense * matrices, s->dim, s->ffn);
    ok = ok && add(sum, n_dense, 1, has(c, MLP_BIAS) * ((matrices - 1) * s->ffn + s->dim));
    ok = ok && add(sum, sparse * s->n_experts, s->dim, 1 + matrices * s->expert_ffn);
    return ok && add(&s->idle, sparse * (s->n_experts - s->n_chosen), s->dim, matrices * s->expert_ffn);
}

static bool count_top(const struct count *c)
{
    struct shape *s = c->s;
    bool ok = add(&s->parameters, s->n_vocab, s->dim, s->tied_head ? 1 : 2);
    ok = ok && add(&s->parameters, s->dim, 1, (1 + has(c, EMBEDDING_NORM)) * (1 + has(c, LAYER_NORM)));
    ok = ok && add(&s->parameters, s->max_positions, s->dim, has(c, POSITIONS));
    return ok && (s->tied_head || add(&s->embedding, s->n_vocab, s->dim, 1));
}

static int read_biases(const json_t *o, const char *where, struct count *c)
{
    bool attention = has(c, O_BIAS), mlp = has(c, MLP_BIAS);
    if (!c->row->bias_key)
        return 0;
    TRY(doc_maybe_bool(o, where, "attention_bias", &attention));
    TRY(doc_maybe_bool(o, where, "mlp_bias", &mlp));
    c->parts &= ~(uint32_t)(QKV_BIAS | O_BIAS | MLP_BIAS);
    c->parts |= (attention ? QKV_BIAS | O_BIAS : 0u) | (mlp ? MLP_BIAS : 0u);
    return 0;
}

static int read_row(const json_t *o, const char *where, const struct shape_row *r, struct shape *s)
{
    struct count c = { r, s, r->parts };
    uint64_t n_dense;
    *s = (struct shape){ .architecture = r->name, .tied_head = r->tied };
    TRY(read_sizes(o, where, r, s));
    TRY(doc_maybe_bool(o, where, "tie_word_embeddings", &s->tied_head));
    TRY(read_biases(o, where, &c));
    TRY(dense_layers(o, where, s, &n_dense));
    read_type(o, s);
    if (n_dense > s->n_layers || !count_layers(&c, n_dense) || !count_top(&c))
        return err_set(ERR_DATA, "%s: its sizes make more than 2^62 parameters", where);
    return 0;
}

int shape_read(const json_t *config, const char *where, struct shape *s)
{
    const json_t *inner = json_object_get(config, "text_config");
    const json_t *o = json_is_object(inner) ? inner : config;
    const char *type, *names[ROWS];
    if (!json_is_object(config))
        return err_set(ERR_DATA, "%s: not an object", where);
    TRY(doc_string(o, where, "model_type", &type));
    const struct shape_row *r = find(type);
    for (size_t i = 0; i < ROWS; i++)
        names[i] = rows[i].name;
    return r ? read_row(o, where, r, s) : err_add(err_unknown(ERR_DATA, "model_type", type, names, ROWS), "%s", where);
}

void shape_of(const struct checkpoint *c, struct shape *s)
{
    const struct config *g = &c->config;
    const struct shape_row *r = find(g->architecture);
    *s = (struct shape){ .architecture = r ? r->name : "llama",
                         .n_vocab = g->n_vocab,
                         .dim = g->dim,
                         .n_layers = g->n_layers,
                         .n_heads = g->n_heads,
                         .n_kv_heads = g->n_kv_heads,
                         .head_dim = g->head_dim,
                         .ffn = g->ffn,
                         .max_positions = g->max_positions,
                         .tied_head = g->tied_head };
    s->parameters = checkpoint_parameters(c);
    s->embedding = g->tied_head ? 0 : s->n_vocab * s->dim;
    s->n_experts = g->n_experts;
    s->n_chosen = g->n_chosen;
    s->expert_ffn = g->expert_ffn;
    for (size_t i = 0; i < g->n_layers; i++) /* every architecture with experts has gated ones */
        if (config_has_experts(g, i))
            s->idle += 3 * (s->n_experts - s->n_chosen) * s->dim * s->expert_ffn;
    for (size_t i = 0; i < c->n_tensors; i++) /* the largest matrix's stands for all */
        if (c->tensors[i].n_dims > 1 && c->tensors[i].dims[0] == g->n_vocab)
            s->type = c->tensors[i].type;
}

uint64_t shape_kv_values(const struct shape *s)
{
    return s->n_layers * 2 * s->n_kv_heads * s->head_dim;
}

uint64_t shape_activations(const struct shape *s)
{
    uint64_t q = s->n_heads * s->head_dim, kv = s->n_kv_heads * s->head_dim;
    return (3 * s->dim + 2 * q + 2 * kv + 2 * (s->ffn > s->expert_ffn ? s->ffn : s->expert_ffn)) * sizeof(float);
}
