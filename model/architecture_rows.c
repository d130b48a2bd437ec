#include "model/architecture_rows.h"

#define COUNT(a) (sizeof(a) / sizeof *(a))
#define L        "model.layers.#."
#define B        "blk.#."

/* Tensors in the order in which a missing one is reported. */
#define LLAMA_TOP                                                                                                      \
    { ROLE_EMBEDDING, "model.embed_tokens", "token_embd", BIAS_NONE }, { ROLE_HEAD, "lm_head", "output", BIAS_NONE },  \
    {                                                                                                                  \
        ROLE_FINAL_NORM, "model.norm", "output_norm", BIAS_NONE                                                        \
    }
#define LLAMA_ATTENTION(qkv, o)                                                                                        \
    { ROLE_Q, L "self_attn.q_proj", B "attn_q", qkv }, { ROLE_K, L "self_attn.k_proj", B "attn_k", qkv },              \
        { ROLE_V, L "self_attn.v_proj", B "attn_v", qkv },                                                             \
    {                                                                                                                  \
        ROLE_O, L "self_attn.o_proj", B "attn_output", o                                                               \
    }
#define LLAMA_MLP(bias)                                                                                                \
    { ROLE_GATE, L "mlp.gate_proj", B "ffn_gate", bias }, { ROLE_UP, L "mlp.up_proj", B "ffn_up", bias },              \
    {                                                                                                                  \
        ROLE_DOWN, L "mlp.down_proj", B "ffn_down", bias                                                               \
    }
#define LLAMA_NORMS                                                                                                    \
    { ROLE_ATTENTION_NORM, L "input_layernorm", B "attn_norm", BIAS_NONE },                                            \
    {                                                                                                                  \
        ROLE_MLP_NORM, L "post_attention_layernorm", B "ffn_norm", BIAS_NONE                                           \
    }
#define QK_NORMS                                                                                                       \
    { ROLE_Q_NORM, L "self_attn.q_norm", B "attn_q_norm", BIAS_NONE },                                                 \
    {                                                                                                                  \
        ROLE_K_NORM, L "self_attn.k_norm", B "attn_k_norm", BIAS_NONE                                                  \
    }
#define GEMMA_NORMS                                                                                                    \
    { ROLE_ATTENTION_NORM, L "input_layernorm", B "attn_norm", BIAS_NONE },                                            \
        { ROLE_ATTENTION_POST, L "post_attention_layernorm", B "post_attention_norm", BIAS_NONE },                     \
        { ROLE_MLP_NORM, L "pre_feedforward_layernorm", B "ffn_norm", BIAS_NONE },                                     \
    {                                                                                                                  \
        ROLE_MLP_POST, L "post_feedforward_layernorm", B "post_ffw_norm", BIAS_NONE                                    \
    }
#define EXPERTS(router, gate, up, down)                                                                                \
    { ROLE_ROUTER, L router, B "ffn_gate_inp", BIAS_NONE },                                                            \
        { ROLE_EXPERT_GATE, L gate, B "ffn_gate_exps", BIAS_NONE },                                                    \
        { ROLE_EXPERT_UP, L up, B "ffn_up_exps", BIAS_NONE },                                                          \
    {                                                                                                                  \
        ROLE_EXPERT_DOWN, L down, B "ffn_down_exps", BIAS_NONE                                                         \
    }

static const struct architecture_tensor llama[] = {
    LLAMA_TOP,
    LLAMA_ATTENTION(BIAS_ATTENTION, BIAS_ATTENTION),
    LLAMA_MLP(BIAS_MLP),
    LLAMA_NORMS,
};

static const struct architecture_tensor mistral[] = {
    LLAMA_TOP,
    LLAMA_ATTENTION(BIAS_NONE, BIAS_NONE),
    LLAMA_MLP(BIAS_NONE),
    LLAMA_NORMS,
};

static const struct architecture_tensor mixtral[] = {
    LLAMA_TOP,
    LLAMA_ATTENTION(BIAS_NONE, BIAS_NONE),
    EXPERTS("block_sparse_moe.gate", "block_sparse_moe.experts.#.w1", "block_sparse_moe.experts.#.w3",
            "block_sparse_moe.experts.#.w2"),
    LLAMA_NORMS,
};

static const struct architecture_tensor qwen2[] = {
    LLAMA_TOP,
    LLAMA_ATTENTION(BIAS_ALWAYS, BIAS_NONE),
    LLAMA_MLP(BIAS_NONE),
    LLAMA_NORMS,
};

static const struct architecture_tensor qwen3[] = {
    LLAMA_TOP, LLAMA_ATTENTION(BIAS_ATTENTION, BIAS_ATTENTION), LLAMA_MLP(BIAS_NONE), LLAMA_NORMS, QK_NORMS,
};

static const struct architecture_tensor qwen3_moe[] = {
    LLAMA_TOP,
    LLAMA_ATTENTION(BIAS_ATTENTION, BIAS_ATTENTION),
    LLAMA_MLP(BIAS_NONE),
    EXPERTS("mlp.gate", "mlp.experts.#.gate_proj", "mlp.experts.#.up_proj", "mlp.experts.#.down_proj"),
    LLAMA_NORMS,
    QK_NORMS,
};

static const struct architecture_tensor gemma2[] = {
    LLAMA_TOP,
    LLAMA_ATTENTION(BIAS_ATTENTION, BIAS_ATTENTION),
    LLAMA_MLP(BIAS_NONE),
    GEMMA_NORMS,
};

static const struct architecture_tensor gemma3[] = {
    LLAMA_TOP, LLAMA_ATTENTION(BIAS_ATTENTION, BIAS_ATTENTION), LLAMA_MLP(BIAS_NONE), GEMMA_NORMS, QK_NORMS,
};

static const struct architecture_tensor phi3[] = {
    LLAMA_TOP,
    { ROLE_QKV, L "self_attn.qkv_proj", B "attn_qkv", BIAS_NONE },
    { ROLE_O, L "self_attn.o_proj", B "attn_output", BIAS_NONE },
    { ROLE_GATE_UP, L "mlp.gate_up_proj", B "ffn_up", BIAS_NONE },
    { ROLE_DOWN, L "mlp.down_proj", B "ffn_down", BIAS_NONE },
    LLAMA_NORMS,
};

static const struct architecture_tensor gpt2[] = {
    { ROLE_EMBEDDING, "transformer.wte", "token_embd", BIAS_NONE },
    { ROLE_POSITIONS, "transformer.wpe", "position_embd", BIAS_NONE },
    { ROLE_HEAD, "lm_head", "output", BIAS_NONE },
    { ROLE_FINAL_NORM, "transformer.ln_f", "output_norm", BIAS_ALWAYS },
    { ROLE_QKV, "transformer.h.#.attn.c_attn", B "attn_qkv", BIAS_ALWAYS },
    { ROLE_O, "transformer.h.#.attn.c_proj", B "attn_output", BIAS_ALWAYS },
    { ROLE_UP, "transformer.h.#.mlp.c_fc", B "ffn_up", BIAS_ALWAYS },
    { ROLE_DOWN, "transformer.h.#.mlp.c_proj", B "ffn_down", BIAS_ALWAYS },
    { ROLE_ATTENTION_NORM, "transformer.h.#.ln_1", B "attn_norm", BIAS_ALWAYS },
    { ROLE_MLP_NORM, "transformer.h.#.ln_2", B "ffn_norm", BIAS_ALWAYS },
};

#define X "gpt_neox.layers.#."
static const struct architecture_tensor gpt_neox[] = {
    { ROLE_EMBEDDING, "gpt_neox.embed_in", "token_embd", BIAS_NONE },
    { ROLE_HEAD, "embed_out", "output", BIAS_NONE },
    { ROLE_HEAD, "lm_head", "output", BIAS_NONE },
    { ROLE_FINAL_NORM, "gpt_neox.final_layer_norm", "output_norm", BIAS_ALWAYS },
    { ROLE_QKV, X "attention.query_key_value", B "attn_qkv", BIAS_ATTENTION },
    { ROLE_O, X "attention.dense", B "attn_output", BIAS_ATTENTION },
    { ROLE_UP, X "mlp.dense_h_to_4h", B "ffn_up", BIAS_ALWAYS },
    { ROLE_DOWN, X "mlp.dense_4h_to_h", B "ffn_down", BIAS_ALWAYS },
    { ROLE_ATTENTION_NORM, X "input_layernorm", B "attn_norm", BIAS_ALWAYS },
    { ROLE_MLP_NORM, X "post_attention_layernorm", B "ffn_norm", BIAS_ALWAYS },
};

static const struct architecture_tensor bloom[] = {
    { ROLE_EMBEDDING, "transformer.word_embeddings", "token_embd", BIAS_NONE },
    { ROLE_EMBEDDING_NORM, "transformer.word_embeddings_layernorm", "token_embd_norm", BIAS_ALWAYS },
    { ROLE_HEAD, "lm_head", "output", BIAS_NONE },
    { ROLE_FINAL_NORM, "transformer.ln_f", "output_norm", BIAS_ALWAYS },
    { ROLE_QKV, "transformer.h.#.self_attention.query_key_value", B "attn_qkv", BIAS_ALWAYS },
    { ROLE_O, "transformer.h.#.self_attention.dense", B "attn_output", BIAS_ALWAYS },
    { ROLE_UP, "transformer.h.#.mlp.dense_h_to_4h", B "ffn_up", BIAS_ALWAYS },
    { ROLE_DOWN, "transformer.h.#.mlp.dense_4h_to_h", B "ffn_down", BIAS_ALWAYS },
    { ROLE_ATTENTION_NORM, "transformer.h.#.input_layernorm", B "attn_norm", BIAS_ALWAYS },
    { ROLE_MLP_NORM, "transformer.h.#.post_attention_layernorm", B "ffn_norm", BIAS_ALWAYS },
};

/* Frequencies of rotary positions, which follow from theta; masks of attention. */
static const char *const rotary_idle[] = { ".rotary_emb.inv_freq", NULL };
static const char *const masks_idle[] = { ".attn.bias", ".attn.masked_bias", NULL };
static const char *const neox_idle[] = { ".rotary_emb.inv_freq", ".attention.bias", ".attention.masked_bias", NULL };
static const char *const none_idle[] = { NULL };

#define TENSORS(t) .tensors = (t), .n_tensors = COUNT(t)
#define KEYS                                                                                                           \
    .dim = { "hidden_size" }, .n_layers = { "num_hidden_layers" }, .n_heads = { "num_attention_heads" },               \
    .ffn = "intermediate_size", .max_positions = "max_position_embeddings", .theta = "rope_theta"
#define GROUPED_KEYS KEYS, .n_kv_heads = "num_key_value_heads", .head_dim = "head_dim", .norm_eps = "rms_norm_eps"
#define LLAMA_KEYS   GROUPED_KEYS, .activation = "hidden_act"

/* Defaults are those of the configuration classes of transformers 5.24. */
const struct architecture architecture_rows[] = {
    { .name = "llama",
      .class_name = "LlamaForCausalLM",
      .gguf = "llama",
      .prefix = "model.",
      TENSORS(llama),
      .idle = rotary_idle,
      .gguf_interleaved = true,
      .keys = { LLAMA_KEYS },
      .absent = { .max_positions = 2048, .norm_eps = 1e-6f, .theta = 1e4f } },
    { .name = "mistral",
      .class_name = "MistralForCausalLM",
      .gguf = "llama",
      .prefix = "model.",
      TENSORS(mistral),
      .idle = rotary_idle,
      .windows = WINDOWS_ALL,
      .gguf_interleaved = true,
      .keys = { LLAMA_KEYS, .window = "sliding_window" },
      .absent = { .n_kv_heads = 8, .max_positions = 131072, .norm_eps = 1e-6f, .theta = 1e4f, .window = 4096 } },
    { .name = "mixtral",
      .class_name = "MixtralForCausalLM",
      .gguf = "llama",
      .prefix = "model.",
      TENSORS(mixtral),
      .idle = rotary_idle,
      .windows = WINDOWS_ALL,
      .gguf_interleaved = true,
      .keys = { LLAMA_KEYS, .window = "sliding_window", .n_experts = { "num_local_experts", "num_experts" } },
      .absent = { .n_kv_heads = 8, .max_positions = 131072, .norm_eps = 1e-5f, .theta = 1e6f, .expert_share = true } },
    { .name = "qwen2",
      .class_name = "Qwen2ForCausalLM",
      .gguf = "qwen2",
      .prefix = "model.",
      TENSORS(qwen2),
      .idle = rotary_idle,
      .windows = WINDOWS_FROM,
      .keys = { LLAMA_KEYS, .window = "sliding_window" },
      .absent = { .n_kv_heads = 32, .max_positions = 32768, .norm_eps = 1e-6f, .theta = 1e4f, .window = 4096 } },
    { .name = "qwen3",
      .class_name = "Qwen3ForCausalLM",
      .gguf = "qwen3",
      .prefix = "model.",
      TENSORS(qwen3),
      .idle = rotary_idle,
      .windows = WINDOWS_FROM,
      .keys = { LLAMA_KEYS, .window = "sliding_window" },
      .absent = { .n_kv_heads = 32,
                  .head_dim = 128,
                  .max_positions = 32768,
                  .norm_eps = 1e-6f,
                  .theta = 1e4f,
                  .window = 4096 } },
    { .name = "qwen3_moe",
      .class_name = "Qwen3MoeForCausalLM",
      .gguf = "qwen3moe",
      .prefix = "model.",
      TENSORS(qwen3_moe),
      .idle = rotary_idle,
      .windows = WINDOWS_USED,
      .keys = { LLAMA_KEYS, .window = "sliding_window", .n_experts = { "num_experts", "num_local_experts" },
                .expert_ffn = "moe_intermediate_size" },
      .absent = { .n_kv_heads = 4, .max_positions = 32768, .norm_eps = 1e-6f, .theta = 1e4f, .window = 4096 } },
    { .name = "gemma2",
      .class_name = "Gemma2ForCausalLM",
      .gguf = "gemma2",
      .prefix = "model.",
      TENSORS(gemma2),
      .idle = rotary_idle,
      .windows = WINDOWS_EVERY,
      .scales_embedding = true,
      .folder_norm_offset = 1,
      .keys = { GROUPED_KEYS, .activation = "hidden_activation", .window = "sliding_window", .query_scalar = true,
                .caps_scores = true, .caps_attention = true },
      .absent = { .n_kv_heads = 4,
                  .head_dim = 256,
                  .max_positions = 8192,
                  .norm_eps = 1e-6f,
                  .theta = 1e4f,
                  .window = 4096,
                  .window_every = 2,
                  .query_scalar = 256,
                  .score_cap = 30,
                  .attention_cap = 50,
                  .activation = ACTIVATION_GELU_TANH,
                  .tied_head = true } },
    { .name = "gemma3_text",
      .class_name = "Gemma3ForCausalLM",
      .gguf = "gemma3",
      .prefix = "model.",
      TENSORS(gemma3),
      .idle = rotary_idle,
      .windows = WINDOWS_EVERY,
      .scales_embedding = true,
      .folder_norm_offset = 1,
      .keys = { GROUPED_KEYS, .activation = "hidden_activation", .window = "sliding_window", .query_scalar = true,
                .caps_scores = true },
      .absent = { .n_kv_heads = 4,
                  .head_dim = 256,
                  .max_positions = 131072,
                  .norm_eps = 1e-6f,
                  .theta = 1e6f,
                  .local_theta = 1e4f,
                  .window = 4096,
                  .window_every = 6,
                  .query_scalar = 256,
                  .activation = ACTIVATION_GELU_TANH,
                  .tied_head = true } },
    { .name = "phi3",
      .class_name = "Phi3ForCausalLM",
      .gguf = "phi3",
      .prefix = "model.",
      TENSORS(phi3),
      .idle = rotary_idle,
      .windows = WINDOWS_ALL,
      .keys = { LLAMA_KEYS, .window = "sliding_window", .partial_rotary = "partial_rotary_factor" },
      .absent = { .max_positions = 4096, .norm_eps = 1e-5f, .theta = 1e4f, .partial_rotary = 1 } },
    { .name = "gpt2",
      .class_name = "GPT2LMHeadModel",
      .gguf = "gpt2",
      .prefix = "transformer.",
      TENSORS(gpt2),
      .idle = masks_idle,
      .norm = NORM_LAYER,
      .positions = POSITIONS_LEARNED,
      .folder_transposed = true,
      .keys = { .dim = { "n_embd", "hidden_size" },
                .n_layers = { "n_layer", "num_hidden_layers" },
                .n_heads = { "n_head", "num_attention_heads" },
                .ffn = "n_inner",
                .max_positions = "n_positions",
                .norm_eps = "layer_norm_epsilon",
                .activation = "activation_function" },
      .absent = { .ffn_times = 4,
                  .max_positions = 1024,
                  .norm_eps = 1e-5f,
                  .activation = ACTIVATION_GELU_TANH,
                  .theta = 1e4f,
                  .tied_head = true } },
    { .name = "gpt_neox",
      .class_name = "GPTNeoXForCausalLM",
      .gguf = "gptneox",
      .prefix = "gpt_neox.",
      TENSORS(gpt_neox),
      .idle = neox_idle,
      .norm = NORM_LAYER,
      .folder_qkv_by_head = true,
      .keys = { .dim = { "hidden_size" },
                .n_layers = { "num_hidden_layers" },
                .n_heads = { "num_attention_heads" },
                .ffn = "intermediate_size",
                .max_positions = "max_position_embeddings",
                .theta = "rotary_emb_base",
                .norm_eps = "layer_norm_eps",
                .activation = "hidden_act",
                .partial_rotary = "rotary_pct",
                .parallel = true },
      .absent = { .max_positions = 2048,
                  .norm_eps = 1e-5f,
                  .theta = 1e4f,
                  .partial_rotary = 0.25f,
                  .activation = ACTIVATION_GELU,
                  .parallel = true,
                  .attention_bias = true } },
    { .name = "bloom",
      .class_name = "BloomForCausalLM",
      .gguf = "bloom",
      .prefix = "transformer.",
      TENSORS(bloom),
      .idle = none_idle,
      .norm = NORM_LAYER,
      .positions = POSITIONS_ALIBI,
      .folder_qkv_by_head = true,
      .keys = { .dim = { "hidden_size", "n_embed" },
                .n_layers = { "n_layer", "num_hidden_layers" },
                .n_heads = { "n_head", "num_attention_heads" },
                .max_positions = "seq_length",
                .norm_eps = "layer_norm_epsilon" },
      .absent = { .ffn_times = 4,
                  .max_positions = 2048,
                  .norm_eps = 1e-5f,
                  .activation = ACTIVATION_GELU_TANH,
                  .theta = 1e4f,
                  .tied_head = true } },
};

const size_t architecture_rows_n = COUNT(architecture_rows);
