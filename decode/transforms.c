/* The table of transforms: a new strategy is a file and a line here. */
#include "decode/transforms.h"
#include "base/err.h"

const struct transform_type *const *transform_types(size_t *n)
{
    static const struct transform_type *const types[] = {
        /* clang-format off */
        /* the row alone */
        &transform_temperature, &transform_dynatemp, &transform_edt, &transform_quadratic, &transform_skew,
        &transform_normalise, &transform_top_k, &transform_top_p, &transform_min_p, &transform_top_a, &transform_typical,
        &transform_epsilon, &transform_eta, &transform_tfs, &transform_top_n_sigma, &transform_top_h, &transform_p_less,
        &transform_p_less_norm, &transform_min_k, &transform_ees, &transform_diff, &transform_xtc, &transform_conformal,
        /* history, state, masks and bias */
        &transform_repetition, &transform_repetition_norm, &transform_frequency, &transform_presence,
        &transform_no_repeat_ngram, &transform_prompt_reward, &transform_dry, &transform_min_tokens,
        &transform_length_decay, &transform_mirostat1, &transform_mirostat2, &transform_adaptive_p, &transform_loop,
        &transform_budget, &transform_bias, &transform_sequence_bias, &transform_ban, &transform_allow,
        &transform_suppress, &transform_force, &transform_green, &transform_synthid,
        /* clang-format on */
    };
    *n = sizeof types / sizeof types[0];
    return types;
}

void transform_start_none(const struct transform *t, void *state)
{
    (void)t;
    (void)state;
}

void transform_accept_none(const struct transform *t, void *state, const struct transform_choice *c)
{
    (void)t;
    (void)state;
    (void)c;
}

bool transform_never_single(const struct transform *t)
{
    (void)t;
    return false;
}

uint32_t transform_count(const struct transform *t, size_t param)
{
    return (uint32_t)t->value[param].number;
}

size_t transform_said(const struct transform_at *at)
{
    return at->n_prompt + at->n_made;
}

sym_t transform_symbol(const struct transform_at *at, size_t i)
{
    return i < at->n_prompt ? at->prompt[i] : at->made[i - at->n_prompt];
}

int transform_inside(sym_t v, uint32_t n)
{
    return v < n ? 0 : err_set(ERR_DATA, "symbol %u of the history is outside of the distribution's 0 .. %u", v, n - 1);
}

/* A step of the Z-function of the sequence read backwards. */
size_t transform_common(const struct transform_at *at, struct transform_stretch *known, size_t k, size_t most)
{
    const uint32_t *z = at->work->tail;
    size_t said = transform_said(at), left = known->left, right = known->right;
    size_t len = k < right ? (z[k - left] < right - k ? z[k - left] : right - k) : 0;
    if (k + len < right)
        return len;
    while (len < most && transform_symbol(at, said - 1 - len) == transform_symbol(at, said - 1 - len - k))
        len++;
    *known = (struct transform_stretch){ .left = k, .right = k + len };
    return len;
}

size_t transform_tail(const struct transform_at *at, double last_n)
{
    uint32_t *z = at->work->tail;
    size_t said = transform_said(at), n = said < ROW_WORK_TAIL ? said : ROW_WORK_TAIL;
    if (last_n >= 0 && last_n < (double)n)
        n = (size_t)last_n;
    struct transform_stretch known = { 0 };
    for (size_t k = 1; k < n; k++)
        z[k] = (uint32_t)transform_common(at, &known, k, n - k);
    return n;
}

int transform_only(struct row *r, sym_t v)
{
    if (v >= r->n)
        return err_set(ERR_DATA, "symbol %u is outside of the distribution's 0 .. %u", v, r->n - 1);
    if (!row_dead(r))
        row_only(r, v);
    return 0;
}
