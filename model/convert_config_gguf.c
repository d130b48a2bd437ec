/* Hyperparameters as GGUF's keys.  Those that llama.cpp knows have its names and meanings.  What it has no key for lies under
 * keys of our own, which it passes over, and a remark says so; what no key can say is refused. */
#include "base/err.h"
#include "model/config_gguf.h"
#include "model/config_layers.h"
#include "model/config_rope.h"
#include "model/convert_inside.h"
#include <math.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#define KEY_BYTES 96
#define COUNT(a)  (sizeof(a) / sizeof *(a))
#define PI        3.14159265358979324

/* The file's keys and what they are about. */
struct writer {
    struct conversion *v;
    const struct architecture *a;
    const struct config *c;
    struct gguf_keys *k;
};

static const char *key_of(const struct writer *w, const char *name, char key[KEY_BYTES])
{
    snprintf(key, KEY_BYTES, "%s.%s", w->a->gguf, name);
    return key;
}

static void put_u32(const struct writer *w, const char *name, uint32_t x)
{
    char key[KEY_BYTES];
    gguf_write_u32(w->k, key_of(w, name, key), x);
}

static void put_real(const struct writer *w, const char *name, float x)
{
    char key[KEY_BYTES];
    gguf_write_real(w->k, key_of(w, name, key), x);
}

static void put_bool(const struct writer *w, const char *name, bool x)
{
    char key[KEY_BYTES];
    gguf_write_bool(w->k, key_of(w, name, key), x);
}

/* Other programs compute what follows from the keys that they know. */
static void remark(const struct writer *w, const char *what)
{
    text_addf(w->v->remarks, "%s: other programs that read GGUF pass over its %s\n", w->v->to, what);
}

static bool has_experts(const struct architecture *a)
{
    return a->keys.n_experts[0] != NULL;
}

static bool has_expert_ffn(const struct architecture *a)
{
    return a->keys.expert_ffn != NULL;
}

static bool is_rms(const struct architecture *a)
{
    return a->norm == NORM_RMS;
}

static bool is_layer_norm(const struct architecture *a)
{
    return a->norm == NORM_LAYER;
}

static bool rotates(const struct architecture *a)
{
    return a->positions == POSITIONS_ROPE;
}

static bool has_local_theta(const struct architecture *a)
{
    return a->absent.local_theta > 0;
}

static bool has_query_scalar(const struct architecture *a)
{
    return a->keys.query_scalar;
}

/* A field of struct config under a key of an architecture that has it. */
struct field {
    const char *key;
    size_t at;
    bool (*when)(const struct architecture *a); /* NULL: always */
};
#define FIELD(name) offsetof(struct config, name)

static const struct field sizes[] = {
    { "vocab_size", FIELD(n_vocab), NULL },
    { "embedding_length", FIELD(dim), NULL },
    { "block_count", FIELD(n_layers), NULL },
    { "feed_forward_length", FIELD(ffn), NULL },
    { "attention.head_count", FIELD(n_heads), NULL },
    { "attention.head_count_kv", FIELD(n_kv_heads), NULL },
    { "attention.key_length", FIELD(head_dim), NULL },
    { "attention.value_length", FIELD(head_dim), NULL },
    { "expert_count", FIELD(n_experts), has_experts },
    { "expert_used_count", FIELD(n_chosen), has_experts },
    { "expert_feed_forward_length", FIELD(expert_ffn), has_expert_ffn },
};

static const struct field reals[] = {
    { "attention.layer_norm_rms_epsilon", FIELD(norm_eps), is_rms },
    { "attention.layer_norm_epsilon", FIELD(norm_eps), is_layer_norm },
    { "rope.freq_base", FIELD(rope_theta), rotates },
    { "rope.freq_base_swa", FIELD(local_theta), has_local_theta },
    { "attention.scale", FIELD(query_scale), has_query_scalar },
};

static void add_fields(const struct writer *w)
{
    uint32_t size;
    float real;
    for (size_t i = 0; i < COUNT(sizes); i++) {
        memcpy(&size, (const char *)w->c + sizes[i].at, sizeof size);
        if (!sizes[i].when || sizes[i].when(w->a))
            put_u32(w, sizes[i].key, size);
    }
    for (size_t i = 0; i < COUNT(reals); i++) {
        memcpy(&real, (const char *)w->c + reals[i].at, sizeof real);
        if (!reals[i].when || reals[i].when(w->a))
            put_real(w, reals[i].key, real);
    }
}

/* A choice that GGUF takes from the architecture's name. */
static int check_implied(const struct writer *w)
{
    const struct config *c = w->c;
    const struct architecture_defaults *d = &w->a->absent;
    const char *what = NULL;
    if (c->activation != d->activation)
        what = "another activation";
    else if (c->local_theta != 0 && !has_local_theta(w->a))
        what = "another rope theta of layers with a window";
    else if (c->score_cap == 0 && d->score_cap > 0)
        what = "no soft cap of the scores";
    else if (c->attention_cap == 0 && d->attention_cap > 0)
        what = "no soft cap of attention";
    else if (c->parallel != d->parallel && !w->a->keys.parallel)
        what = "another residual stream";
    else if (d->attention_bias && !c->attention_bias)
        what = "no biases of attention";
    return !what ? 0
                 : err_set(ERR_DATA, "%s: it has %s than a %s in GGUF, which has no key for that", w->v->from, what,
                           w->a->gguf);
}

static void add_choices(const struct writer *w)
{
    const struct config *c = w->c;
    if (w->a->keys.parallel)
        put_bool(w, "use_parallel_residual", c->parallel);
    if (c->score_cap > 0)
        put_real(w, "final_logit_softcapping", c->score_cap);
    if (c->attention_cap > 0)
        put_real(w, "attn_logit_softcapping", c->attention_cap);
    if (w->a->keys.query_scalar && c->query_scale != config_gguf_query_scale(c))
        remark(w, "scale of queries");
    if (c->n_experts > 0 && !c->expert_share) {
        put_bool(w, "expert_weights_norm", false);
        remark(w, "weights of experts that do not sum to one");
    }
}

/* The layers that have the window, where they are not those that the architecture's name implies. */
static void add_windows(const struct writer *w)
{
    struct config usual = *w->c;
    char key[KEY_BYTES];
    if (w->c->window == 0)
        return;
    put_u32(w, "attention.sliding_window", w->c->window);
    memset(&usual.windowed, 0, sizeof usual.windowed);
    config_layers_set_windows(&usual, w->a->absent.window_every);
    if (w->a->windows != WINDOWS_EVERY)
        remark(w, "window of attention");
    if (memcmp(&usual.windowed, &w->c->windowed, sizeof usual.windowed) == 0)
        return;
    gguf_write_array(w->k, key_of(w, "attention.sliding_window_pattern", key), GGUF_BOOL, w->c->n_layers);
    for (uint32_t i = 0; i < w->c->n_layers; i++)
        text_addn(&w->k->bytes, &(uint8_t){ config_has_layer(&w->c->windowed, i) }, 1);
}

/* What read_yarn() of model/checkpoint_gguf.c multiplies YaRN's own amplitude with to get this one. */
static float yarn_factor(const struct config_rope *r)
{
    float own = (float)config_rope_yarn_amplitude((double)r->factor, 1), x = r->amplitude / own;
    float down = nextafterf(x, 0), up = nextafterf(x, INFINITY);
    return x * own == r->amplitude ? x : down * own == r->amplitude ? down : up * own == r->amplitude ? up : x;
}

static int add_yarn(const struct writer *w)
{
    const struct config_rope *r = &w->c->rope;
    put_u32(w, "rope.scaling.original_context_length", r->trained);
    put_real(w, "rope.scaling.yarn_beta_fast", r->beta_fast);
    put_real(w, "rope.scaling.yarn_beta_slow", r->beta_slow);
    if (r->amplitude != (float)config_rope_yarn_amplitude((double)r->factor, 1))
        put_real(w, "rope.scaling.attn_factor", yarn_factor(r));
    if (r->keep_fractions)
        return err_set(ERR_DATA, "%s: its YaRN scaling has 'truncate' false, which has no key in GGUF", w->v->from);
    return 0;
}

/* A vector that goes into the file as a tensor of a name that only GGUF has. */
static int add_vector(const struct writer *w, size_t i, const char *name, const float *x, uint32_t n)
{
    struct tensor *t = &w->v->factor_tensors[i];
    *t = (struct tensor){ .name = name, .type = DTYPE_F32, .n_dims = 1, .dims = { n }, .data = x };
    return recast_add(&w->v->tensors, w->v->to, &(struct recast){ .to = *t, .from = t });
}

/* Llama 3's stretch, as llama.cpp has it: what each frequency is divided by (generate_extra_tensors() of its converter).
 * The keys are ours, so that it comes back as what it was. */
static int add_llama3(const struct writer *w)
{
    const struct config *c = w->c;
    const struct config_rope *r = &c->rope;
    uint32_t rotary = c->n_rotary > 0 ? c->n_rotary : c->head_dim, n = rotary / 2;
    double low = (double)r->trained / (double)r->low, high = (double)r->trained / (double)r->high;
    if (n > CONFIG_FACTORS_MAX)
        return err_set(ERR_DATA, "%s: heads of %u with Llama 3's scaling, want at most %u", w->v->from, rotary,
                       2 * CONFIG_FACTORS_MAX);
    for (uint32_t i = 0; i < n; i++) {
        double wave = 2 * PI * pow((double)c->rope_theta, (double)(2 * i) / rotary), factor = (double)r->factor;
        double smooth = ((double)r->trained / wave - (double)r->low) / ((double)r->high - (double)r->low);
        double x = wave < high ? 1 : wave > low ? factor : 1 / ((1 - smooth) / factor + smooth);
        w->v->factors[i] = (float)x;
    }
    put_real(w, "rope.scaling.llama3.factor", r->factor);
    put_real(w, "rope.scaling.llama3.low_freq_factor", r->low);
    put_real(w, "rope.scaling.llama3.high_freq_factor", r->high);
    put_u32(w, "rope.scaling.llama3.original_context_length", r->trained);
    return add_vector(w, 0, "rope_freqs.weight", w->v->factors, n);
}

static int add_factors(const struct writer *w)
{
    const struct config_rope *r = &w->c->rope;
    char key[KEY_BYTES];
    put_u32(w, "rope.scaling.original_context_length", r->trained);
    if (r->amplitude > 0)
        put_real(w, "rope.scaling.attn_factor", r->amplitude);
    if (memcmp(r->factors[0], r->factors[1], r->n_factors * sizeof **r->factors) == 0)
        return add_vector(w, 0, "rope_freqs.weight", r->factors[0], r->n_factors);
    gguf_write_text(w->k, key_of(w, "rope.scaling.type", key), "longrope", 8);
    TRY(add_vector(w, 0, "rope_factors_short.weight", r->factors[0], r->n_factors));
    return add_vector(w, 1, "rope_factors_long.weight", r->factors[1], r->n_factors);
}

static int add_rope(const struct writer *w)
{
    const struct config *c = w->c;
    const struct config_rope *r = &c->rope;
    char key[KEY_BYTES];
    bool named = r->scaling == SCALING_LINEAR || r->scaling == SCALING_YARN, dynamic = r->scaling == SCALING_DYNAMIC;
    put_u32(w, "context_length", dynamic ? r->trained : c->max_positions);
    if (!rotates(w->a))
        return 0;
    put_u32(w, "rope.dimension_count", c->n_rotary > 0 ? c->n_rotary : c->head_dim);
    if (named) {
        const char *name = r->scaling == SCALING_LINEAR ? "linear" : "yarn";
        gguf_write_text(w->k, key_of(w, "rope.scaling.type", key), name, strlen(name));
        put_real(w, "rope.scaling.factor", r->factor);
    }
    if (dynamic) {
        put_real(w, "rope.scaling.dynamic.factor", r->factor);
        remark(w, "dynamic scaling of positions");
    }
    return r->scaling == SCALING_YARN      ? add_yarn(w)
           : r->scaling == SCALING_LLAMA3  ? add_llama3(w)
           : r->scaling == SCALING_FACTORS ? add_factors(w)
                                           : 0;
}

int convert_add_config(struct conversion *v, struct gguf_keys *k)
{
    const struct writer w = { v, architecture_of(&v->c->config), &v->c->config, k };
    const char *slash = strrchr(v->from, '/'), *colon = strrchr(v->from, ':');
    const char *name = slash && slash[1] ? slash + 1 : colon && colon[1] ? colon + 1 : v->from;
    TRY(check_implied(&w));
    gguf_write_text(k, "general.architecture", w.a->gguf, strlen(w.a->gguf));
    gguf_write_text(k, "general.name", name, strlen(name));
    add_fields(&w);
    add_choices(&w);
    add_windows(&w);
    return add_rope(&w);
}
