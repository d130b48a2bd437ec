#include "experiments/lua_row.h"
#include "base/err.h"
#include "experiments/script_guard.h"
#include <lauxlib.h>
#include <math.h>
#include <string.h>

#define META "row"

static struct lua_row *self(lua_State *L)
{
    struct lua_row **h = luaL_testudata(L, 1, META);
    if (!h)
        luaL_typeerror(L, 1, "row");
    if (!(*h)->row)
        luaL_argerror(L, 1, "a row of an earlier call");
    return *h;
}

/* As self(), and counts a pass over the row. */
static struct lua_row *passing(lua_State *L)
{
    struct lua_row *h = self(L);
    script_work(L, h->row->n * sizeof(float));
    return h;
}

static double number(lua_State *L, int arg)
{
    double x = luaL_checknumber(L, arg);
    if (isnan(x))
        luaL_argerror(L, arg, "a number is nan");
    return x;
}

static sym_t symbol(lua_State *L, int arg, uint32_t n)
{
    lua_Integer v = luaL_checkinteger(L, arg);
    if (v < 0 || v >= n)
        luaL_error(L, "symbol %I, want 0 .. %d", (LUAI_UACINT)v, (int)n - 1);
    return (sym_t)v;
}

static uint32_t count(lua_State *L, int arg, uint32_t otherwise)
{
    lua_Integer k = luaL_optinteger(L, arg, otherwise);
    if (k < 0)
        luaL_argerror(L, arg, "a count is below 0");
    return k > UINT32_MAX ? UINT32_MAX : (uint32_t)k;
}

/* A symbol or a list of symbols into work->id; how many. */
static uint32_t symbols(lua_State *L, int arg, const struct lua_row *h)
{
    uint32_t n = h->row->n, k = 0;
    if (lua_type(L, arg) == LUA_TNUMBER) {
        h->at->work->id[0] = symbol(L, arg, n);
        return 1;
    }
    luaL_checktype(L, arg, LUA_TTABLE);
    for (lua_Integer i = 1; lua_geti(L, arg, i) != LUA_TNIL; i++, lua_pop(L, 1)) {
        script_work(L, 16);
        if (k == n)
            luaL_error(L, "a list of more symbols than the row's %d", (int)n);
        h->at->work->id[k++] = symbol(L, -1, n);
    }
    lua_pop(L, 1);
    return k;
}

/* What the row is ---------------------------------------------------------------------------------------------------- */

#define NUMBER(name, expression)                                                                                       \
    static int name(lua_State *L)                                                                                      \
    {                                                                                                                  \
        const struct row *r = passing(L)->row;                                                                         \
        lua_pushnumber(L, expression);                                                                                 \
        return 1;                                                                                                      \
    }
NUMBER(get_max, (double)row_max(r))
NUMBER(get_min, (double)row_min(r))
NUMBER(get_log_z, r->log_z)
NUMBER(get_entropy, row_entropy(r))

static int get_count(lua_State *L)
{
    lua_pushinteger(L, row_count(passing(L)->row));
    return 1;
}

static int get_length(lua_State *L)
{
    lua_pushinteger(L, self(L)->row->n);
    return 1;
}

static int get_argmax(lua_State *L)
{
    const struct row *r = passing(L)->row;
    if (row_dead(r))
        lua_pushnil(L);
    else
        lua_pushinteger(L, row_argmax(r));
    return 1;
}

/* Mean and population standard deviation of the scores that are not masked. */
static int get_spread(lua_State *L)
{
    const struct row *r = passing(L)->row;
    double mean = NAN, variance = NAN;
    if (!row_dead(r))
        row_spread(r, &mean, &variance);
    lua_pushnumber(L, mean);
    lua_pushnumber(L, sqrt(variance));
    return 2;
}

/* log of the sum of p^k */
static int get_log_power(lua_State *L)
{
    struct lua_row *h = passing(L);
    double k = number(L, 2);
    if (!(k > 0 && k < INFINITY))
        luaL_argerror(L, 2, "the exponent is not in (0, inf)");
    lua_pushnumber(L, row_dead(h->row) ? (double)-INFINITY : row_log_power(h->row, k, h->at->work));
    return 1;
}

static int get_score(lua_State *L)
{
    const struct row *r = self(L)->row;
    lua_pushnumber(L, (double)r->score[symbol(L, 2, r->n)]);
    return 1;
}

static int get_logp(lua_State *L)
{
    const struct row *r = self(L)->row;
    lua_pushnumber(L, row_logp(r, symbol(L, 2, r->n)));
    return 1;
}

/* A list of log-probabilities of a list of symbols. */
static int get_gather(lua_State *L)
{
    struct lua_row *h = self(L);
    uint32_t n = symbols(L, 2, h);
    lua_createtable(L, (int)(n < INT32_MAX ? n : INT32_MAX), 0);
    for (uint32_t i = 0; i < n; i++) {
        lua_pushnumber(L, row_logp(h->row, h->at->work->id[i]));
        lua_rawseti(L, -2, (lua_Integer)i + 1);
    }
    return 1;
}

/* The k best, best first: a list of symbols and a list of their log-probabilities. */
static int get_top(lua_State *L)
{
    struct lua_row *h = passing(L);
    const struct row_work *w = h->at->work;
    uint32_t k = count(L, 2, 1);
    script_work(L, 32 * (size_t)(k < h->row->n ? k : h->row->n));
    uint32_t n = row_top(h->row, k < h->row->n ? k : h->row->n, h->at->work, w->id, w->mass);
    lua_createtable(L, (int)n, 0);
    lua_createtable(L, (int)n, 0);
    for (uint32_t i = 0; i < n; i++) {
        lua_pushinteger(L, w->id[i]);
        lua_rawseti(L, -3, (lua_Integer)i + 1);
        lua_pushnumber(L, w->mass[i]);
        lua_rawseti(L, -2, (lua_Integer)i + 1);
    }
    return 2;
}

/* Vectors ------------------------------------------------------------------------------------------------------------ */

static int get_scores(lua_State *L)
{
    struct lua_row *h = passing(L);
    struct lua_vector *v = lua_vector_push(L, &h->vectors, h->row->n);
    memcpy(v->x, h->row->score, h->row->n * sizeof *v->x);
    return 1;
}

static int get_probs(lua_State *L)
{
    struct lua_row *h = passing(L);
    struct lua_vector *v = lua_vector_push(L, &h->vectors, h->row->n);
    if (row_dead(h->row)) {
        memset(v->x, 0, h->row->n * sizeof *v->x);
        return 1;
    }
    memcpy(v->x, h->row->score, h->row->n * sizeof *v->x);
    row_exp(h->row, v->x, h->row->n);
    return 1;
}

static int get_logps(lua_State *L)
{
    struct lua_row *h = passing(L);
    struct lua_vector *v = lua_vector_push(L, &h->vectors, h->row->n);
    double log_z = row_dead(h->row) ? 0 : h->row->log_z;
    for (uint32_t i = 0; i < h->row->n; i++)
        v->x[i] = (float)((double)h->row->score[i] - log_z);
    return 1;
}

/* |score - center|, inf where masked */
static int get_distance(lua_State *L)
{
    struct lua_row *h = passing(L);
    double center = number(L, 2);
    if (isinf(center))
        luaL_argerror(L, 2, "the center is not finite");
    struct lua_vector *v = lua_vector_push(L, &h->vectors, h->row->n);
    row_distance(h->row, center, v->x);
    return 1;
}

/* Log-probabilities in rank order, best first, of the k best (all that are not masked). */
static int get_ranked(lua_State *L)
{
    struct lua_row *h = passing(L);
    struct row_work *w = h->at->work;
    uint32_t alive = row_count(h->row), k = count(L, 2, alive);
    k = k < alive ? k : alive;
    if (k == 0)
        luaL_error(L, "ranked: %s", alive == 0 ? "the row is dead" : "no symbols, want at least 1");
    script_work(L, 64 * (size_t)k); /* a sort */
    k = row_top(h->row, k, w, w->id, w->mass);
    struct lua_vector *v = lua_vector_push(L, &h->vectors, k);
    for (uint32_t i = 0; i < k; i++)
        v->x[i] = (float)w->mass[i];
    return 1;
}

/* Changes ------------------------------------------------------------------------------------------------------------ */

static int scale(lua_State *L)
{
    struct row *r = passing(L)->row;
    double factor = number(L, 2);
    if (!(factor >= 0 && factor < INFINITY))
        luaL_argerror(L, 2, "the factor is not in [0, inf)");
    row_scale(r, factor);
    return 0;
}

static int bend(lua_State *L)
{
    struct row *r = passing(L)->row;
    double square = number(L, 2), cube = luaL_optnumber(L, 3, 0);
    double d = row_dead(r) ? 0 : (double)row_max(r) - (double)row_min(r);
    if (!(fabs(square) * d * d + fabs(cube) * d * d * d < 1e37)) /* beyond, a score may become inf */
        luaL_error(L, "bend: the coefficients are too large for scores that are %f apart", d);
    row_bend(r, square, cube);
    return 0;
}

static int normalise(lua_State *L)
{
    row_normalise(passing(L)->row);
    return 0;
}

static int shift(lua_State *L)
{
    struct lua_row *h = passing(L);
    uint32_t n = symbols(L, 2, h);
    double by = number(L, 3);
    if (!(by < 1e30))
        luaL_argerror(L, 3, "the shift is not below 1e30");
    row_shift(h->row, h->at->work->id, n, by);
    return 0;
}

static int mask(lua_State *L)
{
    struct lua_row *h = passing(L);
    uint32_t n = symbols(L, 2, h);
    row_shift(h->row, h->at->work->id, n, -INFINITY);
    return 0;
}

static int only(lua_State *L)
{
    struct row *r = passing(L)->row;
    row_only(r, symbol(L, 2, r->n));
    return 0;
}

static int mask_below(lua_State *L)
{
    struct row *r = passing(L)->row;
    row_mask_below(r, (float)number(L, 2));
    return 0;
}

/* Scores of at least that, and the min_keep best. */
static int keep_above(lua_State *L)
{
    struct lua_row *h = passing(L);
    float least = (float)number(L, 2);
    uint32_t min_keep = count(L, 3, 1);
    bool few = least > row_max(h->row) || (min_keep > 1 && row_at_least(h->row, least, h->at->work) < min_keep);
    if (few && min_keep > 0)
        row_keep_rank(h->row, min_keep, h->at->work);
    else
        row_mask_below(h->row, least);
    return 0;
}

static int keep_rank(lua_State *L)
{
    struct lua_row *h = passing(L);
    row_keep_rank(h->row, count(L, 2, 1), h->at->work);
    return 0;
}

static int keep_mass(lua_State *L)
{
    struct lua_row *h = passing(L);
    row_keep_mass(h->row, number(L, 2), count(L, 3, 1), h->at->work);
    return 0;
}

/* The shortest prefix in the order of a vector, least first, whose probability reaches p. */
static int keep_mass_by(lua_State *L)
{
    struct lua_row *h = passing(L);
    const struct lua_vector *key = lua_vector_check_length(L, 2, h->row->n);
    double p = number(L, 3);
    for (uint32_t i = 0; i < key->n; i++)
        if (isnan(key->x[i]))
            luaL_error(L, "keep_mass_by: element %d of the order is nan", (int)i);
    row_keep_mass_by(h->row, key->x, p, count(L, 4, 1), h->at->work);
    return 0;
}

#define BLOCK 64

/* Masks where the mask is not above 0. */
static void mask_where(float *restrict score, const float *restrict keep, uint32_t n)
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
    struct lua_row *h = passing(L);
    const struct lua_vector *v = lua_vector_check_length(L, 2, h->row->n);
    uint32_t min_keep = count(L, 3, 1);
    if (count_where(h->row, v->x, min_keep) < min_keep) {
        row_keep_rank(h->row, min_keep, h->at->work);
        return 0;
    }
    mask_where(h->row->score, v->x, v->n);
    if (row_measure(h->row) < 0)
        luaL_error(L, "keep: %s", err_text());
    return 0;
}

/* New scores for what is not masked. */
static int set(lua_State *L)
{
    struct lua_row *h = passing(L);
    const struct lua_vector *v = lua_vector_check_length(L, 2, h->row->n);
    float *score = h->row->score;
    for (uint32_t i = 0; i < v->n; i++)
        score[i] = score[i] > -INFINITY ? v->x[i] : -INFINITY;
    if (row_measure(h->row) < 0)
        luaL_error(L, "set: %s", err_text());
    return 0;
}

/* Where it stands ---------------------------------------------------------------------------------------------------- */

static int get_step(lua_State *L)
{
    lua_pushinteger(L, (lua_Integer)self(L)->at->n_made);
    return 1;
}

/* The i-th symbol before this one, prompt included; nil where there is none. */
static int get_said(lua_State *L)
{
    const struct transform_at *at = self(L)->at;
    lua_Integer i = luaL_optinteger(L, 2, 1);
    if (i >= 1 && (lua_Unsigned)i <= at->n_made)
        lua_pushinteger(L, at->made[at->n_made - (size_t)i]);
    else if (i >= 1 && (lua_Unsigned)i <= at->n_made + at->n_prompt)
        lua_pushinteger(L, at->prompt[at->n_prompt - ((size_t)i - at->n_made)]);
    else
        lua_pushnil(L);
    return 1;
}

/* The bytes of a symbol; nil where the space is not known. */
static int get_text(lua_State *L)
{
    const struct lua_row *h = self(L);
    sym_t v = symbol(L, 2, h->row->n);
    size_t n;
    if (!h->at->space || v >= h->at->space->n) {
        lua_pushnil(L);
        return 1;
    }
    const uint8_t *s = space_text(h->at->space, v, &n);
    lua_pushlstring(L, (const char *)s, n);
    return 1;
}

static const luaL_Reg methods[] = {
    { "max", get_max },
    { "min", get_min },
    { "log_z", get_log_z },
    { "entropy", get_entropy },
    { "count", get_count },
    { "argmax", get_argmax },
    { "spread", get_spread },
    { "log_power", get_log_power },
    { "score", get_score },
    { "logp", get_logp },
    { "gather", get_gather },
    { "top", get_top },
    { "scores", get_scores },
    { "probs", get_probs },
    { "logps", get_logps },
    { "distance", get_distance },
    { "ranked", get_ranked },
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
    { "step", get_step },
    { "said", get_said },
    { "text", get_text },
    { NULL, NULL },
};

void lua_row_register(lua_State *L)
{
    lua_vector_register(L);
    luaL_newmetatable(L, META);
    luaL_newlib(L, methods);
    lua_setfield(L, -2, "__index");
    lua_pushcfunction(L, get_length);
    lua_setfield(L, -2, "__len");
    lua_pop(L, 1);
}

void lua_row_push(lua_State *L, struct lua_row *r)
{
    struct lua_row **h = lua_newuserdatauv(L, sizeof(struct lua_row *), 0);
    *h = r;
    luaL_setmetatable(L, META);
}
