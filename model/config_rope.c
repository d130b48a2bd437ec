#include "model/config_rope.h"
#include "base/err.h"
#include "model/config_value.h"
#include <math.h>
#include <string.h>

/* One dictionary of rope parameters. */
struct dictionary {
    const json_t *o;
    const char *where;
    const struct architecture *a;
};

double config_rope_yarn_amplitude(double factor, double scale)
{
    return factor <= 1 ? 1 : 0.1 * scale * log(factor) + 1;
}

static int read_factor(const struct dictionary *d, struct config_rope *r)
{
    r->factor = 0;
    if (!json_object_get(d->o, "factor") || config_value_null(d->o, "factor"))
        return err_set(ERR_DATA, "%s: 'factor' of the rope scaling is missing", d->where);
    return config_value_positive(d->o, d->where, "factor", &r->factor);
}

static int read_linear(const struct dictionary *d, struct config *c)
{
    c->rope.scaling = SCALING_LINEAR;
    return read_factor(d, &c->rope);
}

/* Positions that a stretched length has. */
static void stretch(struct config *c, double positions)
{
    if (positions > (double)c->max_positions)
        c->max_positions = positions < CONFIG_DIM_MAX ? (uint32_t)positions : CONFIG_DIM_MAX;
}

/* max_position_embeddings is the trained length there: the formula divides by it. */
static int read_dynamic(const struct dictionary *d, struct config *c)
{
    c->rope.scaling = SCALING_DYNAMIC;
    TRY(read_factor(d, &c->rope));
    c->rope.trained = c->max_positions;
    stretch(c, (double)c->rope.factor * (double)c->rope.trained);
    return 0;
}

static int read_yarn(const struct dictionary *d, struct config *c)
{
    struct config_rope *r = &c->rope;
    double mscale = 0, mscale_all = 0, amplitude = 0;
    bool truncate = true;
    r->scaling = SCALING_YARN;
    r->beta_fast = 32;
    r->beta_slow = 1;
    TRY(read_factor(d, r));
    TRY(config_value_positive(d->o, d->where, "beta_fast", &r->beta_fast));
    TRY(config_value_positive(d->o, d->where, "beta_slow", &r->beta_slow));
    TRY(doc_maybe_real(d->o, d->where, "mscale", &mscale));
    TRY(doc_maybe_real(d->o, d->where, "mscale_all_dim", &mscale_all));
    TRY(doc_maybe_bool(d->o, d->where, "truncate", &truncate));
    amplitude = config_rope_yarn_amplitude((double)r->factor, 1);
    if (mscale != 0 && mscale_all != 0)
        amplitude = config_rope_yarn_amplitude((double)r->factor, mscale) /
                    config_rope_yarn_amplitude((double)r->factor, mscale_all);
    if (!((float)amplitude > 0) || !isfinite((float)amplitude))
        return err_set(ERR_DATA, "%s: 'mscale' %g and 'mscale_all_dim' %g give no amplitude", d->where, mscale,
                       mscale_all);
    r->amplitude = (float)amplitude;
    TRY(config_value_positive(d->o, d->where, "attention_factor", &r->amplitude));
    r->keep_fractions = !truncate;
    stretch(c, (double)r->factor * (double)r->trained);
    return 0;
}

static int read_llama3(const struct dictionary *d, struct config *c)
{
    struct config_rope *r = &c->rope;
    static const char *const keys[] = { "low_freq_factor", "high_freq_factor" };
    float *const to[] = { &r->low, &r->high };
    r->scaling = SCALING_LLAMA3;
    TRY(read_factor(d, r));
    for (size_t i = 0; i < 2; i++) {
        if (!json_is_number(json_object_get(d->o, keys[i])))
            return err_set(ERR_DATA, "%s: '%s' of the rope scaling is missing", d->where, keys[i]);
        TRY(config_value_positive(d->o, d->where, keys[i], to[i]));
    }
    if (!(r->low < r->high))
        return err_set(ERR_DATA, "%s: 'low_freq_factor' is %g, want less than 'high_freq_factor', %g", d->where,
                       (double)r->low, (double)r->high);
    return 0;
}

static int read_list(const struct dictionary *d, const char *key, struct config_rope *r, float to[])
{
    json_t *list;
    const json_t *x;
    size_t i;
    TRY(doc_array(d->o, d->where, key, &list));
    if (json_array_size(list) > CONFIG_FACTORS_MAX)
        return err_set(ERR_DATA, "%s: '%s' has %zu numbers, want at most %u", d->where, key, json_array_size(list),
                       CONFIG_FACTORS_MAX);
    r->n_factors = (uint32_t)json_array_size(list);
    json_array_foreach(list, i, x)
    {
        to[i] = (float)json_number_value(x);
        if (!json_is_number(x) || !(to[i] > 0) || !isfinite(to[i]))
            return err_set(ERR_DATA, "%s: '%s' holds what is no number more than 0", d->where, key);
    }
    return 0;
}

/* LongRoPE, which Phi-3 once called "su" and "yarn". */
static int read_longrope(const struct dictionary *d, struct config *c)
{
    struct config_rope *r = &c->rope;
    r->scaling = SCALING_FACTORS;
    TRY(read_list(d, "short_factor", r, r->factors[0]));
    uint32_t n = r->n_factors;
    TRY(read_list(d, "long_factor", r, r->factors[1]));
    if (r->n_factors != n)
        return err_set(ERR_DATA, "%s: 'long_factor' has %u numbers, 'short_factor' %u", d->where, r->n_factors, n);
    r->factor = (float)c->max_positions / (float)r->trained;
    TRY(config_value_positive(d->o, d->where, "factor", &r->factor));
    r->amplitude = 1;
    if (r->factor > 1 && r->trained > 1)
        r->amplitude = (float)sqrt(1 + log((double)r->factor) / log((double)r->trained));
    return config_value_positive(d->o, d->where, "attention_factor", &r->amplitude);
}

static int read_default(const struct dictionary *d, struct config *c)
{
    (void)d;
    c->rope.scaling = SCALING_NONE;
    return 0;
}

static const struct {
    const char *name;
    int (*read)(const struct dictionary *d, struct config *c);
} types[] = {
    { "default", read_default }, { "linear", read_linear },     { "dynamic", read_dynamic }, { "yarn", read_yarn },
    { "llama3", read_llama3 },   { "longrope", read_longrope }, { "su", read_longrope },
};

/* Anything else in the dictionary would be a part of a formula that is not computed here. */
static int check_keys(const struct dictionary *d)
{
    static const char *const known[] = { "rope_type",       "type",
                                         "rope_theta",      "partial_rotary_factor",
                                         "factor",          "original_max_position_embeddings",
                                         "beta_fast",       "beta_slow",
                                         "mscale",          "mscale_all_dim",
                                         "truncate",        "attention_factor",
                                         "short_factor",    "long_factor",
                                         "low_freq_factor", "high_freq_factor" };
    const size_t n = sizeof known / sizeof *known;
    const char *key;
    const json_t *value;
    json_object_foreach((json_t *)(uintptr_t)d->o, key, value)
    {
        size_t i = 0;
        while (i < n && strcmp(key, known[i]) != 0)
            i++;
        if (i == n && !json_is_null(value))
            return err_set(ERR_DATA, "%s: '%s' of the rope scaling is not supported", d->where, key);
    }
    return 0;
}

static int read_trained(const struct dictionary *d, const json_t *config, struct config *c)
{
    static const char key[] = "original_max_position_embeddings";
    c->rope.trained = c->max_positions;
    TRY(config_value_size(d->o, d->where, key, &c->rope.trained));
    return config_value_size(config, d->where, key, &c->rope.trained); /* Phi-3 has it outside, which comes first */
}

static int read_dictionary(const struct dictionary *d, const json_t *config, struct config *c)
{
    const char *type = "default";
    TRY(check_keys(d));
    TRY(doc_maybe_string(d->o, d->where, "type", &type));
    TRY(doc_maybe_string(d->o, d->where, "rope_type", &type));
    TRY(config_value_positive(d->o, d->where, "rope_theta", &c->rope_theta));
    TRY(read_trained(d, config, c));
    if (strcmp(d->a->name, "phi3") == 0 && strcmp(type, "yarn") == 0)
        type = "longrope";
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        if (strcmp(type, types[i].name) == 0)
            return types[i].read(d, c);
    const char *names[sizeof types / sizeof *types];
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        names[i] = types[i].name;
    err_unknown(ERR_DATA, "type of rope scaling", type, names, sizeof types / sizeof *types);
    return err_add(ERR_DATA, "%s", d->where);
}

/* {"full_attention": {...}, "sliding_attention": {...}}: layers with a window have a theta of their own. */
static int read_nested(const struct dictionary *d, const json_t *config, struct config *c)
{
    static const char *const kinds[] = { "full_attention", "sliding_attention" };
    if (json_object_size(d->o) > 2)
        return err_set(ERR_DATA, "%s: 'rope_parameters' has %zu members, want full_attention, sliding_attention",
                       d->where, json_object_size(d->o));
    struct config local = *c;
    local.rope_theta = c->local_theta > 0 ? c->local_theta : c->rope_theta;
    struct config *const to[] = { c, &local };
    for (size_t i = 0; i < 2; i++) {
        json_t *o = json_object_get(d->o, kinds[i]);
        if (!o || json_is_null(o))
            continue;
        TRY(doc_object(d->o, d->where, kinds[i], &o));
        const struct dictionary inner = { o, d->where, d->a };
        TRY(read_dictionary(&inner, config, to[i]));
    }
    if (local.rope.scaling != SCALING_NONE)
        return err_set(ERR_DATA, "%s: a scaling of layers with a window is not supported", d->where);
    c->local_theta = local.rope_theta;
    return 0;
}

static int read_member(const json_t *o, const char *where, const char *key, const struct architecture *a,
                       struct config *c)
{
    json_t *rope = json_object_get(o, key);
    if (!rope || json_is_null(rope))
        return 0;
    TRY(doc_object(o, where, key, &rope));
    const struct dictionary d = { rope, where, a };
    if (json_object_get(rope, "full_attention") || json_object_get(rope, "sliding_attention"))
        return read_nested(&d, o, c);
    return read_dictionary(&d, o, c);
}

/* The part of a head that rotates, a key of the configuration or of its rope_parameters. */
static int read_rotary(const json_t *o, const char *where, const struct architecture *a, struct config *c)
{
    float part = a->absent.partial_rotary > 0 ? a->absent.partial_rotary : 1;
    const json_t *inner = json_object_get(o, "rope_parameters");
    TRY(config_value_positive(o, where, a->keys.partial_rotary ? a->keys.partial_rotary : "partial_rotary_factor",
                              &part));
    if (json_is_object(inner))
        TRY(config_value_positive(inner, where, "partial_rotary_factor", &part));
    if (part > 1 || (part < 1 && !a->keys.partial_rotary))
        return err_set(ERR_DATA, "%s: 'partial_rotary_factor' is %g, want %s", where, (double)part,
                       a->keys.partial_rotary ? "at most 1" : "1");
    if (part < 1)
        c->n_rotary = (uint32_t)((double)c->head_dim * (double)part);
    if (part < 1 && c->n_rotary == 0)
        return err_set(ERR_DATA, "%s: no dimension of heads of %u rotates", where, c->head_dim);
    return 0;
}

int config_rope_read(const json_t *o, const char *where, const struct architecture *a, struct config *c)
{
    if (a->positions != POSITIONS_ROPE)
        return config_value_absent(o, where, "rope_scaling");
    c->rope_theta = a->absent.theta;
    c->local_theta = a->absent.local_theta;
    TRY(config_value_positive(o, where, a->keys.theta, &c->rope_theta));
    if (a->absent.local_theta > 0)
        TRY(config_value_positive(o, where, "rope_local_base_freq", &c->local_theta));
    TRY(read_rotary(o, where, a, c));
    TRY(read_member(o, where, "rope_scaling", a, c));
    TRY(read_member(o, where, "rope_parameters", a, c));
    return 0;
}
