/* Methods that change the row. */
#include "base/clones.h"
#include "base/err.h"
#include "experiments/lua_row_arg.h"
#include <math.h>

static int scale(lua_State *L)
{
    struct row *r = lua_row_arg_passing(L)->row;
    double factor = lua_row_arg_number(L, 2);
    if (!(factor >= 0 && factor < INFINITY))
        luaL_argerror(L, 2, "the factor is not in [0, inf)");
    row_scale(r, factor);
    return 0;
}

static int bend(lua_State *L)
{
    struct row *r = lua_row_arg_passing(L)->row;
    double square = lua_row_arg_number(L, 2), cube = luaL_optnumber(L, 3, 0);
    double d = row_dead(r) ? 0 : (double)row_max(r) - (double)row_min(r);
    if (!(fabs(square) * d * d + fabs(cube) * d * d * d < 1e37)) /* beyond, a score may become inf */
        luaL_error(L, "bend: the coefficients are too large for scores that are %f apart", d);
    row_bend(r, square, cube);
    return 0;
}

static int normalise(lua_State *L)
{
    row_normalise(lua_row_arg_passing(L)->row);
    return 0;
}

static int shift(lua_State *L)
{
    struct lua_row *h = lua_row_arg_passing(L);
    uint32_t n = lua_row_arg_symbols(L, 2, h);
    double by = lua_row_arg_number(L, 3);
    if (!(by < 1e30))
        luaL_argerror(L, 3, "the shift is not below 1e30");
    row_shift(h->row, h->at->work->id, n, by);
    return 0;
}

static int mask(lua_State *L)
{
    struct lua_row *h = lua_row_arg_passing(L);
    uint32_t n = lua_row_arg_symbols(L, 2, h);
    row_shift(h->row, h->at->work->id, n, -INFINITY);
    return 0;
}

static int only(lua_State *L)
{
    struct row *r = lua_row_arg_passing(L)->row;
    row_only(r, lua_row_arg_symbol(L, 2, r->n));
    return 0;
}

static int mask_below(lua_State *L)
{
    struct row *r = lua_row_arg_passing(L)->row;
    row_mask_below(r, (float)lua_row_arg_number(L, 2));
    return 0;
}

/* Scores of at least that, and the min_keep best. */
static int keep_above(lua_State *L)
{
    struct lua_row *h = lua_row_arg_passing(L);
    float least = (float)lua_row_arg_number(L, 2);
    uint32_t min_keep = lua_row_arg_count(L, 3, 1);
    bool few = least > row_max(h->row) || (min_keep > 1 && row_at_least(h->row, least, h->at->work) < min_keep);
    if (few && min_keep > 0)
        row_keep_rank(h->row, min_keep, h->at->work);
    else
        row_mask_below(h->row, least);
    return 0;
}

static int keep_rank(lua_State *L)
{
    struct lua_row *h = lua_row_arg_passing(L);
    row_keep_rank(h->row, lua_row_arg_count(L, 2, 1), h->at->work);
    return 0;
}

static int keep_mass(lua_State *L)
{
    struct lua_row *h = lua_row_arg_passing(L);
    row_keep_mass(h->row, lua_row_arg_number(L, 2), lua_row_arg_count(L, 3, 1), h->at->work);
    return 0;
}

/* The shortest prefix in the order of a vector, least first, whose probability reaches p. */
static int keep_mass_by(lua_State *L)
{
    struct lua_row *h = lua_row_arg_passing(L);
    const struct lua_vector *key = lua_vector_check_length(L, 2, h->row->n);
    double p = lua_row_arg_number(L, 3);
    for (uint32_t i = 0; i < key->n; i++)
        if (isnan(key->x[i]))
            luaL_error(L, "keep_mass_by: element %d of the order is nan", (int)i);
    row_keep_mass_by(h->row, key->x, p, lua_row_arg_count(L, 4, 1), h->at->work);
    return 0;
}

#define BLOCK 64

/* Masks where the mask is not above 0. */
CLONES static void mask_where(float *restrict score, const float *restrict keep, uint32_t n)
{
    for (; n >= BLOCK; n -= BLOCK, score += BLOCK, keep += BLOCK)
        for (int k = 0; k < BLOCK; k++)
            score[k] = keep[k] > 0 ? score[k] : -INFINITY;
    for (uint32_t k = 0; k < n; k++)
        score[k] = keep[k] > 0 ? score[k] : -INFINITY;
}

static uint32_t count_where(const struct row *r, const float keep[], uint32_t enough)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < r->n && n < enough; i++)
        n += keep[i] > 0 && r->score[i] > -INFINITY;
    return n;
}

/* Where a vector is above 0; the min_keep best instead where these are fewer. */
static int keep(lua_State *L)
{
    struct lua_row *h = lua_row_arg_passing(L);
    const struct lua_vector *v = lua_vector_check_length(L, 2, h->row->n);
    uint32_t min_keep = lua_row_arg_count(L, 3, 1);
    if (count_where(h->row, v->x, min_keep) < min_keep) {
        row_keep_rank(h->row, min_keep, h->at->work);
        return 0;
    }
    mask_where(h->row->score, v->x, v->n);
    row_measure_less(h->row);
    return 0;
}

/* New scores for what is not masked. */
static int set(lua_State *L)
{
    struct lua_row *h = lua_row_arg_passing(L);
    const struct lua_vector *v = lua_vector_check_length(L, 2, h->row->n);
    float *score = h->row->score;
    for (uint32_t i = 0; i < v->n; i++)
        score[i] = score[i] > -INFINITY ? v->x[i] : -INFINITY;
    if (row_measure(h->row) < 0)
        luaL_error(L, "set: %s", err_text());
    return 0;
}

const luaL_Reg lua_row_change_methods[] = {
    { "scale", scale },
    { "bend", bend },
    { "normalise", normalise },
    { "shift", shift },
    { "mask", mask },
    { "only", only },
    { "mask_below", mask_below },
    { "keep_above", keep_above },
    { "keep_rank", keep_rank },
    { "keep_mass", keep_mass },
    { "keep_mass_by", keep_mass_by },
    { "keep", keep },
    { "set", set },
    { NULL, NULL },
};
