#include "experiments/lua_row.h"
#include "experiments/lua_row_arg.h"
#include "experiments/script_guard.h"
#include <math.h>
#include <string.h>

/* What the row is ---------------------------------------------------------------------------------------------------- */

#define NUMBER(name, expression)                                                                                       \
    static int name(lua_State *L)                                                                                      \
    {                                                                                                                  \
        const struct row *r = lua_row_arg_passing(L)->row;                                                             \
        lua_pushnumber(L, expression);                                                                                 \
        return 1;                                                                                                      \
    }
NUMBER(get_max, (double)row_max(r))
NUMBER(get_min, (double)row_min(r))
NUMBER(get_log_z, r->log_z)
NUMBER(get_entropy, row_entropy(r))

static int get_count(lua_State *L)
{
    lua_pushinteger(L, row_count(lua_row_arg_passing(L)->row));
    return 1;
}

static int get_length(lua_State *L)
{
    lua_pushinteger(L, lua_row_arg_self(L)->row->n);
    return 1;
}

static int get_argmax(lua_State *L)
{
    const struct row *r = lua_row_arg_passing(L)->row;
    if (row_dead(r))
        lua_pushnil(L);
    else
        lua_pushinteger(L, row_argmax(r));
    return 1;
}

/* Mean and population standard deviation of the scores that are not masked. */
static int get_spread(lua_State *L)
{
    const struct row *r = lua_row_arg_passing(L)->row;
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
    struct lua_row *h = lua_row_arg_passing(L);
    double k = lua_row_arg_number(L, 2);
    if (!(k > 0 && k < INFINITY))
        luaL_argerror(L, 2, "the exponent is not in (0, inf)");
    lua_pushnumber(L, row_dead(h->row) ? (double)-INFINITY : row_log_power(h->row, k, h->at->work));
    return 1;
}

static int get_score(lua_State *L)
{
    const struct row *r = lua_row_arg_self(L)->row;
    lua_pushnumber(L, (double)r->score[lua_row_arg_symbol(L, 2, r->n)]);
    return 1;
}

static int get_logp(lua_State *L)
{
    const struct row *r = lua_row_arg_self(L)->row;
    lua_pushnumber(L, row_logp(r, lua_row_arg_symbol(L, 2, r->n)));
    return 1;
}

/* A list of log-probabilities of a list of symbols. */
static int get_gather(lua_State *L)
{
    struct lua_row *h = lua_row_arg_self(L);
    uint32_t n = lua_row_arg_symbols(L, 2, h);
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
    struct lua_row *h = lua_row_arg_passing(L);
    const struct row_work *w = h->at->work;
    uint32_t k = lua_row_arg_count(L, 2, 1);
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
    struct lua_row *h = lua_row_arg_passing(L);
    struct lua_vector *v = lua_vector_push(L, &h->vectors, h->row->n);
    memcpy(v->x, h->row->score, h->row->n * sizeof *v->x);
    return 1;
}

static int get_probs(lua_State *L)
{
    struct lua_row *h = lua_row_arg_passing(L);
    struct lua_vector *v = lua_vector_push(L, &h->vectors, h->row->n);
    row_probs(h->row, v->x);
    return 1;
}

static int get_logps(lua_State *L)
{
    struct lua_row *h = lua_row_arg_passing(L);
    struct lua_vector *v = lua_vector_push(L, &h->vectors, h->row->n);
    double log_z = row_dead(h->row) ? 0 : h->row->log_z;
    for (uint32_t i = 0; i < h->row->n; i++)
        v->x[i] = (float)((double)h->row->score[i] - log_z);
    return 1;
}

/* |score - center|, inf where masked */
static int get_distance(lua_State *L)
{
    struct lua_row *h = lua_row_arg_passing(L);
    double center = lua_row_arg_number(L, 2);
    if (isinf(center))
        luaL_argerror(L, 2, "the center is not finite");
    struct lua_vector *v = lua_vector_push(L, &h->vectors, h->row->n);
    row_distance(h->row, center, v->x);
    return 1;
}

/* Log-probabilities in rank order, best first, of the k best (all that are not masked). */
static int get_ranked(lua_State *L)
{
    struct lua_row *h = lua_row_arg_passing(L);
    struct row_work *w = h->at->work;
    uint32_t alive = row_count(h->row), k = lua_row_arg_count(L, 2, alive);
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

/* Where it stands ---------------------------------------------------------------------------------------------------- */

static int get_step(lua_State *L)
{
    lua_pushinteger(L, (lua_Integer)lua_row_arg_self(L)->at->n_made);
    return 1;
}

/* The i-th symbol before this one, prompt included; nil where there is none. */
static int get_said(lua_State *L)
{
    const struct transform_at *at = lua_row_arg_self(L)->at;
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
    const struct lua_row *h = lua_row_arg_self(L);
    sym_t v = lua_row_arg_symbol(L, 2, h->row->n);
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
    { "max", get_max },       { "min", get_min },       { "log_z", get_log_z },   { "entropy", get_entropy },
    { "count", get_count },   { "argmax", get_argmax }, { "spread", get_spread }, { "log_power", get_log_power },
    { "score", get_score },   { "logp", get_logp },     { "gather", get_gather }, { "top", get_top },
    { "scores", get_scores }, { "probs", get_probs },   { "logps", get_logps },   { "distance", get_distance },
    { "ranked", get_ranked }, { "step", get_step },     { "said", get_said },     { "text", get_text },
    { NULL, NULL },
};

void lua_row_register(lua_State *L)
{
    lua_vector_register(L);
    luaL_newmetatable(L, LUA_ROW_META);
    luaL_newlib(L, methods);
    luaL_setfuncs(L, lua_row_change_methods, 0);
    lua_setfield(L, -2, "__index");
    lua_pushcfunction(L, get_length);
    lua_setfield(L, -2, "__len");
    lua_pop(L, 1);
}

void lua_row_push(lua_State *L, struct lua_row *r)
{
    struct lua_row **h = lua_newuserdatauv(L, sizeof(struct lua_row *), 0);
    *h = r;
    luaL_setmetatable(L, LUA_ROW_META);
}
