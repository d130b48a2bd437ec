/* Architectures: what distinguishes one decoder from another, one row of a table each.
 *
 * A row says which tensors there are, under which names in which format, and how they are put together; a checkpoint's
 * configuration (model/config.h) says how large they are.  A new architecture is a row of architecture_rows.c, the keys of its
 * configuration and a fixture of tests/fixtures/transformer.
 *
 * Names are patterns without ".weight" or ".bias"; '#' stands for the number of the layer, then of the expert.  The name
 * in a Hugging Face folder is the canonical one. */
#ifndef MODEL_ARCHITECTURE_H
#define MODEL_ARCHITECTURE_H

#include "model/config.h"

#define ARCHITECTURE_NAME_BYTES 160

enum architecture_norm { NORM_RMS, NORM_LAYER /* with bias */ };
enum architecture_positions { POSITIONS_ROPE, POSITIONS_ALIBI, POSITIONS_LEARNED };

/* What a tensor is for, with its shape; dense layers have GATE, UP, DOWN (or GATE_UP, DOWN), those with experts the
 * others.  A feed-forward part without a gate has UP and DOWN. */
enum architecture_role {
    ROLE_EMBEDDING,      /* (n_vocab, dim) */
    ROLE_POSITIONS,      /* (max_positions, dim) */
    ROLE_EMBEDDING_NORM, /* (dim,) */
    ROLE_FINAL_NORM,     /* (dim,) */
    ROLE_HEAD,           /* (n_vocab, dim) */
    ROLE_Q,              /* (n_heads * head_dim, dim) */
    ROLE_K,              /* (n_kv_heads * head_dim, dim) */
    ROLE_V,
    ROLE_QKV,         /* ((n_heads + 2 n_kv_heads) * head_dim, dim) */
    ROLE_O,           /* (dim, n_heads * head_dim) */
    ROLE_GATE,        /* (ffn, dim) */
    ROLE_UP,          /* (ffn, dim) */
    ROLE_GATE_UP,     /* (2 ffn, dim) */
    ROLE_DOWN,        /* (dim, ffn) */
    ROLE_ROUTER,      /* (n_experts, dim) */
    ROLE_EXPERT_GATE, /* (expert_ffn, dim) each; in GGUF (n_experts, expert_ffn, dim) */
    ROLE_EXPERT_UP,
    ROLE_EXPERT_DOWN,    /* (dim, expert_ffn) each */
    ROLE_ATTENTION_NORM, /* (dim,) before attention */
    ROLE_Q_NORM,         /* (head_dim,) */
    ROLE_K_NORM,
    ROLE_ATTENTION_POST, /* (dim,) the norm of what attention adds */
    ROLE_MLP_NORM,       /* (dim,) before the feed-forward part */
    ROLE_MLP_POST,       /* (dim,) the norm of what it adds */
    ROLES
};

enum architecture_bias {
    BIAS_NONE,
    BIAS_ALWAYS,
    BIAS_ATTENTION,
    BIAS_MLP
}; /* the last two: if the configuration says */

struct architecture_tensor {
    enum architecture_role role;
    const char *folder, *gguf;
    enum architecture_bias bias;
};

/* Which layers have a window, where a configuration names one. */
enum architecture_windows {
    WINDOWS_NONE,  /* the key, if any, means nothing */
    WINDOWS_ALL,   /* all layers */
    WINDOWS_FROM,  /* with use_sliding_window: layer_types, or the layers from max_window_layers on */
    WINDOWS_USED,  /* with use_sliding_window: all layers */
    WINDOWS_EVERY, /* layer_types, or all but every sliding_window_pattern-th */
};

/* Where a config.json keeps what differs between architectures. */
struct architecture_keys {
    const char *dim[2], *n_layers[2], *n_heads[2]; /* a name and an older one, or NULL */
    const char *ffn, *max_positions, *norm_eps, *activation;
    const char *n_kv_heads, *head_dim;                        /* NULL: n_heads, dim / n_heads */
    const char *theta, *partial_rotary;                       /* NULL: whole heads rotate */
    const char *n_experts[2];                                 /* NULL: no experts */
    const char *expert_ffn;                                   /* NULL: ffn */
    const char *window;                                       /* NULL: none */
    bool query_scalar, caps_scores, caps_attention, parallel; /* whether it has these keys */
};

/* What absent keys mean, as transformers has it. */
struct architecture_defaults {
    uint32_t n_kv_heads; /* 0: n_heads */
    uint32_t head_dim;   /* 0: dim / n_heads */
    uint32_t ffn_times;  /* ffn in units of dim; 0: it must be there */
    uint32_t max_positions, window, window_every;
    float norm_eps, theta, local_theta, partial_rotary;
    float query_scalar, score_cap, attention_cap;
    enum config_activation activation;
    bool tied_head, parallel, attention_bias, expert_share;
};

struct architecture {
    const char *name;       /* model_type of config.json */
    const char *class_name; /* of transformers: "architectures" of config.json */
    const char *gguf;       /* general.architecture */
    const char *prefix;     /* of names in a folder, which some writers leave out */
    const struct architecture_tensor *tensors;
    size_t n_tensors;
    const char *const *idle; /* ends of names of tensors that are not weights; NULL-terminated */
    enum architecture_norm norm;
    enum architecture_positions positions;
    enum architecture_windows windows;
    bool scales_embedding; /* by sqrt(dim) */
    struct architecture_keys keys;
    struct architecture_defaults absent;
    /* the layouts of the two formats: fields of struct config */
    bool folder_qkv_by_head, folder_transposed, gguf_interleaved;
    float folder_norm_offset;
};

/* By model_type; "llama" for NULL.  NULL: unknown. */
const struct architecture *architecture_find(const char *name);
const struct architecture *architecture_of(const struct config *c); /* never NULL: c->architecture is known */
/* ERR_DATA: "where: unknown KEY 'seen'; did you mean 'llama'? known: llama, ...". */
int architecture_unknown(const char *where, const char *key, const char *seen);
int architecture_unknown_gguf(const char *where, const char *key, const char *seen); /* with the names of GGUF files */

/* By general.architecture and what else the file has; Mistral is a llama with a window there, Mixtral one with experts.
 * NULL: unknown. */
struct architecture_hint {
    bool experts, window;
};
const struct architecture *architecture_find_gguf(const char *name, struct architecture_hint has);

/* Whether the configuration says if tensors have such a bias. */
bool architecture_leaves_open(const struct architecture *a, enum architecture_bias bias);

/* Sets the fields of a configuration that say how tensors lie, to what the format has. */
void architecture_lay_out_folder(struct config *c);
void architecture_lay_out_gguf(struct config *c);

/* One tensor of an architecture. */
struct architecture_place {
    const struct architecture_tensor *tensor;
    uint32_t layer, expert;
    bool bias;
    bool stacked; /* of experts in GGUF: all of a layer in one, (n_experts, n, k) */
};

/* The tensor that a name in the folder's, or GGUF's, spelling means; false: none.  Numbers must be below those of c.  Older
 * GGUF files have a tensor for each expert, "blk.0.ffn_gate.3.weight" for "blk.0.ffn_gate_exps.weight". */
bool architecture_place(const struct config *c, const char *name, struct architecture_place *p);
bool architecture_place_gguf(const struct config *c, const char *name, struct architecture_place *p);
bool architecture_idle(const struct config *c, const char *name); /* no weight, though files have it */

/* Its canonical name; its name in GGUF, where experts are stacked. */
void architecture_name(const struct architecture_place *p, char out[ARCHITECTURE_NAME_BYTES]);
void architecture_name_gguf(const struct architecture_place *p, char out[ARCHITECTURE_NAME_BYTES]);

/* Its shape (n, k), k = 0 for a vector; of a transposed matrix too it is (outputs, inputs). */
void architecture_shape(const struct config *c, const struct architecture_place *p, size_t *n, size_t *k);
bool architecture_is_top(enum architecture_role role);    /* not of a layer */
bool architecture_is_norm(enum architecture_role role);   /* a vector; norm_offset applies */
bool architecture_is_expert(enum architecture_role role); /* one for each expert */
bool architecture_in_layer(const struct config *c, enum architecture_role role, size_t layer);
bool architecture_has_bias(const struct config *c, const struct architecture_tensor *t);

/* The next tensor after *p, which starts as { 0 }, of all those that a checkpoint of this configuration holds; false: that
 * was the last.  A head that is tied has none; one of two spellings of a role comes first and alone. */
bool architecture_next(const struct config *c, struct architecture_place *p);

/* Values of all of them, and of those the ones of experts that one token does not meet; by formula, so that the numbers of
 * a file may be any that config_check() lets through.  UINT64_MAX: more than 2^62. */
uint64_t architecture_parameters(const struct config *c);
uint64_t architecture_idle_parameters(const struct config *c);

#endif
