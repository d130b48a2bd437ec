/* Hyperparameters of a decoder: the sizes of its checkpoint and the choices that its architecture leaves open.
 *
 * Zero means the plain case in every field below the sizes, so that a Llama needs the sizes alone.  What all checkpoints
 * of an architecture share (the kind of norm, where norms are, the position scheme, tensor names) is in its row
 * (model/architecture.h), not here. */
#ifndef MODEL_CONFIG_H
#define MODEL_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Of any one dimension: far above real models, far below overflows of products of two. */
#define CONFIG_DIM_MAX (1u << 24)

/* Of what a token is wide inside a layer (hidden size, feed-forward, all heads together): ten times the widest known. */
#define CONFIG_WIDTH_MAX  (1u << 20)
#define CONFIG_HEAD_MAX   4096u /* of one head */
#define CONFIG_EXPERT_MAX 4096u /* experts of a layer */

/* Layers of a model whose layers differ (some with a window, some without experts). */
#define CONFIG_MIXED_LAYERS 1024u

/* Rotating pairs of a head that may have factors of their own. */
#define CONFIG_FACTORS_MAX 256u

enum config_activation { ACTIVATION_SILU, ACTIVATION_GELU_TANH, ACTIVATION_GELU, ACTIVATIONS };

/* How the angles of rotary positions are stretched to longer contexts; formulas and sources in model/rope.h. */
enum config_scaling { SCALING_NONE, SCALING_LINEAR, SCALING_DYNAMIC, SCALING_YARN, SCALING_LLAMA3, SCALING_FACTORS };

struct config_rope {
    enum config_scaling scaling;
    float factor;
    uint32_t trained;                     /* positions of the first training; where the formula has them */
    float amplitude;                      /* of cos and sin; 0: 1, or what YaRN's factor gives */
    float beta_fast, beta_slow;           /* YaRN */
    bool keep_fractions;                  /* YaRN: the ends of its ramp are not rounded */
    float low, high;                      /* Llama 3: low_freq_factor, high_freq_factor */
    uint32_t n_factors;                   /* SCALING_FACTORS: (rotating dimensions / 2), each divides its frequency */
    float factors[2][CONFIG_FACTORS_MAX]; /* for up to `trained` positions; for more */
};

/* A set of the layers 0 .. CONFIG_MIXED_LAYERS - 1. */
struct config_layers {
    uint64_t bits[CONFIG_MIXED_LAYERS / 64];
};

struct config {
    const char *architecture; /* "llama", "gpt2", ...: model_type of config.json; NULL: "llama" */
    uint32_t n_vocab;         /* rows of the embedding, padding included */
    uint32_t dim, n_layers, n_heads, n_kv_heads, head_dim, ffn;
    uint32_t max_positions;
    float norm_eps;
    bool tied_head;

    /* rotary positions */
    float rope_theta;
    float local_theta; /* of layers with a window, which are not stretched; 0: as the others */
    uint32_t n_rotary; /* the first dimensions of a head that rotate; 0: all */
    struct config_rope rope;

    /* attention */
    float query_scale;   /* 0: 1 / sqrt(head_dim) */
    float attention_cap; /* scores become cap tanh(score / cap); 0: as they are */
    uint32_t window;     /* positions that a layer of `windowed` sees, its own included; 0: all layers see all */
    struct config_layers windowed; /* of a model with a window */
    bool attention_bias, mlp_bias; /* where the architecture leaves it open */

    /* the rest of a layer */
    bool parallel; /* attention and feed-forward read the same residual stream */
    enum config_activation activation;
    uint32_t n_experts, n_chosen, expert_ffn; /* 0: none */
    bool expert_share;                        /* the weights of the chosen experts sum to one */
    struct config_layers dense;               /* of a model with experts: layers without */
    float embedding_scale;                    /* 0: 1 */
    float score_cap;                          /* of the head; 0: none */

    /* how the file lays out what it holds; zero is the layout of Hugging Face's Llama */
    bool rope_interleaved; /* pairs (2i, 2i + 1) rotate (GGUF llama order) instead of (i, i + half) */
    bool qkv_by_head;      /* rows of a fused QKV are [head][q, k, v] instead of all q, all k, all v */
    bool transposed;       /* matrices of layers are (inputs, outputs) */
    float norm_offset;     /* is added to the weights of norms */
};

/* Consistency of hyperparameters from any file, so that what divides by them, allocates or counts needs no further check:
 * 0 or ERR_DATA.  n_vocab is not looked at, which GGUF has from its tensors. */
int config_check(const struct config *c, const char *where);

static inline bool config_has_layer(const struct config_layers *l, size_t layer)
{
    return layer < CONFIG_MIXED_LAYERS && (l->bits[layer / 64] >> layer % 64 & 1u) != 0;
}

static inline void config_add_layer(struct config_layers *l, size_t layer)
{
    l->bits[layer / 64] |= (uint64_t)1 << layer % 64;
}

/* Positions that the layer sees; 0: all. */
static inline uint32_t config_window(const struct config *c, size_t layer)
{
    return config_has_layer(&c->windowed, layer) ? c->window : 0;
}

static inline bool config_has_experts(const struct config *c, size_t layer)
{
    return c->n_experts > 0 && !config_has_layer(&c->dense, layer);
}

#endif
