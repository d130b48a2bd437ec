#include "model/config.h"
#include "base/err.h"
#include "model/architecture.h"
#include <math.h>

static int check_width(const char *where, const char *what, uint64_t width)
{
    if (width > CONFIG_WIDTH_MAX)
        return err_set(ERR_DATA, "%s: %s: %llu wide, want at most %u", where, what, (unsigned long long)width,
                       CONFIG_WIDTH_MAX);
    return 0;
}

static int check_heads(const struct config *c, const char *where)
{
    if (c->n_heads % c->n_kv_heads != 0)
        return err_set(ERR_DATA, "%s: %u heads do not divide among %u for keys and values", where, c->n_heads,
                       c->n_kv_heads);
    if (c->head_dim > CONFIG_HEAD_MAX)
        return err_set(ERR_DATA, "%s: heads are %u wide, want at most %u", where, c->head_dim, CONFIG_HEAD_MAX);
    if (c->qkv_by_head && c->n_heads != c->n_kv_heads)
        return err_set(ERR_DATA, "%s: %u heads for keys and values of a matrix by heads, want %u", where, c->n_kv_heads,
                       c->n_heads);
    return 0;
}

static bool within(float x, float low, float high)
{
    return x >= low && x <= high; /* false for NaN */
}

/* Numbers with which no finite position gives an angle that is not. */
static int check_scaling(const struct config_rope *r, const char *where)
{
    if (r->scaling == SCALING_NONE)
        return 0;
    if (r->amplitude != 0 && !within(r->amplitude, 1e-3f, 1e3f))
        return err_set(ERR_DATA, "%s: the amplitude of rotary positions is %g, want 0.001 .. 1000", where,
                       (double)r->amplitude);
    if (r->scaling != SCALING_FACTORS)
        return within(r->factor, 1, 1e6f)
                   ? 0
                   : err_set(ERR_DATA, "%s: 'factor' of the rope scaling is %g, want 1 .. 1000000", where,
                             (double)r->factor);
    for (size_t i = 0; i < 2 * (size_t)r->n_factors; i++) {
        float x = r->factors[i % 2][i / 2];
        if (!within(x, 1e-6f, 1e9f))
            return err_set(ERR_DATA, "%s: a factor of rotary frequencies is %g, want 1e-06 .. 1e+09", where, (double)x);
    }
    return 0;
}

/* Where a cap is so small or large, the exponential of what it divides or the difference from it has no digits. */
static int check_caps(const struct config *c, const char *where)
{
    const float caps[] = { c->score_cap, c->attention_cap };
    for (size_t i = 0; i < 2; i++)
        if (caps[i] != 0 && !within(caps[i], 0.01f, 1000))
            return err_set(ERR_DATA, "%s: a soft cap is %g, want 0.01 .. 1000", where, (double)caps[i]);
    return 0;
}

static int check_rope(const struct config *c, const char *where)
{
    const struct config_rope *r = &c->rope;
    uint32_t rotary = c->n_rotary > 0 ? c->n_rotary : c->head_dim;
    if (architecture_of(c)->positions != POSITIONS_ROPE)
        return 0;
    if (c->head_dim % 2 != 0)
        return err_set(ERR_DATA, "%s: heads are %u wide, want an even number", where, c->head_dim);
    if (rotary > c->head_dim || rotary % 2 != 0)
        return err_set(ERR_DATA, "%s: %u dimensions of heads of %u rotate, want an even number up to that", where,
                       rotary, c->head_dim);
    if (!(c->rope_theta >= 1)) /* below, angles grow with the dimension and overflow */
        return err_set(ERR_DATA, "%s: rope theta is %g, want 1 or more", where, (double)c->rope_theta);
    if (c->local_theta != 0 && !(c->local_theta >= 1))
        return err_set(ERR_DATA, "%s: rope theta of layers with a window is %g, want 1 or more", where,
                       (double)c->local_theta);
    if (r->scaling == SCALING_DYNAMIC && rotary < 4)
        return err_set(ERR_DATA, "%s: %u dimensions rotate, want 4 or more for dynamic scaling", where, rotary);
    if (r->scaling == SCALING_YARN && !(c->rope_theta > 1))
        return err_set(ERR_DATA, "%s: rope theta is %g, want more than 1 for YaRN", where, (double)c->rope_theta);
    if (r->scaling == SCALING_FACTORS && (r->n_factors != rotary / 2 || r->n_factors > CONFIG_FACTORS_MAX))
        return err_set(ERR_DATA, "%s: %u factors of rotary frequencies, want %u (at most %u)", where, r->n_factors,
                       rotary / 2, CONFIG_FACTORS_MAX);
    return check_scaling(r, where);
}

static int check_experts(const struct config *c, const char *where)
{
    bool wanted = architecture_of(c)->keys.n_experts[0] != NULL;
    if (!wanted && c->n_experts > 0)
        return err_set(ERR_DATA, "%s: %u experts, want none in a %s", where, c->n_experts, architecture_of(c)->name);
    if (!wanted)
        return 0;
    if (c->n_experts == 0 || c->n_experts > CONFIG_EXPERT_MAX)
        return err_set(ERR_DATA, "%s: %u experts, want 1 .. %u", where, c->n_experts, CONFIG_EXPERT_MAX);
    if (c->n_chosen == 0 || c->n_chosen > c->n_experts)
        return err_set(ERR_DATA, "%s: %u experts chosen for a token, want 1 .. %u", where, c->n_chosen, c->n_experts);
    if (c->expert_ffn == 0)
        return err_set(ERR_DATA, "%s: experts are 0 wide", where);
    return check_width(where, "an expert", c->expert_ffn);
}

int config_check(const struct config *c, const char *where)
{
    if (c->dim == 0 || c->n_layers == 0 || c->n_heads == 0 || c->n_kv_heads == 0 || c->head_dim == 0 || c->ffn == 0 ||
        c->max_positions == 0)
        return err_set(ERR_DATA, "%s: a size in its configuration is zero", where);
    TRY(check_width(where, "the hidden state", c->dim));
    TRY(check_width(where, "the feed-forward part", c->ffn));
    TRY(check_width(where, "all heads together", (uint64_t)c->n_heads * c->head_dim));
    TRY(check_heads(c, where));
    TRY(check_rope(c, where));
    TRY(check_experts(c, where));
    TRY(check_caps(c, where));
    if (!(c->norm_eps >= 0))
        return err_set(ERR_DATA, "%s: the epsilon of norms is %g, want 0 or more", where, (double)c->norm_eps);
    if ((c->window > 0 || c->n_experts > 0) && c->n_layers > CONFIG_MIXED_LAYERS)
        return err_set(ERR_DATA, "%s: %u layers with a window or experts, want at most %u", where, c->n_layers,
                       CONFIG_MIXED_LAYERS);
    return 0;
}
