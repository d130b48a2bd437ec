#include "experiments/lua_vector.h"
#include "base/clones.h"
#include "base/mem.h"
#include "base/num.h"
#include "base/row.h"
#include "base/row_math.h"
#include "experiments/script_guard.h"
#include <lauxlib.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define META  "vector"
#define BLOCK 64 /* elements of a loop of known length: several at once */

void lua_vectors_fini(struct lua_vectors *v)
{
    for (int i = 0; i < LUA_VECTORS; i++)
        free(v->x[i]);
    *v = (struct lua_vectors){ 0 };
}

void lua_vectors_start(struct lua_vectors *v, uint32_t n, struct row_work *w)
{
    v->work = w;
    if (n > v->length) {
        for (int i = 0; i < LUA_VECTORS; i++) {
            free(v->x[i]);
            v->x[i] = NULL;
        }
        v->length = n;
    }
    memset(v->used, 0, sizeof v->used);
    v->call++;
}

static int free_place(const struct lua_vectors *v)
{
    int i = 0;
    while (i < LUA_VECTORS && v->used[i])
        i++;
    return i;
}

struct lua_vector *lua_vector_push(lua_State *L, struct lua_vectors *v, uint32_t n)
{
    script_work(L, (size_t)n * sizeof(float) * 2);
    int place = free_place(v);
    if (place == LUA_VECTORS) { /* those that nobody holds any more give theirs back */
        lua_gc(L, LUA_GCCOLLECT);
        place = free_place(v);
    }
    if (place == LUA_VECTORS)
        luaL_error(L, "more than %d vectors are held at once", LUA_VECTORS);
    if (!v->x[place])
        v->x[place] = mem_aligned(v->length, sizeof(float));
    struct lua_vector *out = lua_newuserdatauv(L, sizeof *out, 0);
    *out = (struct lua_vector){ v, v->x[place], n, place, v->call };
    v->used[place] = true;
    luaL_setmetatable(L, META);
    return out;
}

struct lua_vector *lua_vector_check(lua_State *L, int arg)
{
    struct lua_vector *v = luaL_testudata(L, arg, META);
    if (!v)
        luaL_typeerror(L, arg, "vector");
    if (v->call != v->of->call)
        luaL_argerror(L, arg, "a vector of an earlier row");
    return v;
}

struct lua_vector *lua_vector_check_length(lua_State *L, int arg, uint32_t n)
{
    struct lua_vector *v = lua_vector_check(L, arg);
    if (v->n != n)
        luaL_error(L, "a vector of %d elements, want %d", (int)v->n, (int)n);
    return v;
}

static int vector_gc(lua_State *L)
{
    struct lua_vector *v = lua_touserdata(L, 1);
    if (v->call == v->of->call)
        v->of->used[v->place] = false;
    return 0;
}

/* Two operands ------------------------------------------------------------------------------------------------------- */

/* A vector, or a number in a block that is read again and again. */
struct operand {
    const float *x;
    uint32_t step; /* BLOCK or 0 */
    float block[BLOCK];
};

static void operand(lua_State *L, int arg, struct operand *o)
{
    if (lua_type(L, arg) == LUA_TNUMBER) {
        float x = (float)lua_tonumber(L, arg);
        for (int k = 0; k < BLOCK; k++)
            o->block[k] = x;
        o->x = o->block;
        o->step = 0;
        return;
    }
    o->x = lua_vector_check(L, arg)->x;
    o->step = BLOCK;
}

typedef void binary(float *restrict out, const float *a, const float *b, uint32_t n);

#define BINARY(name, expression)                                                                                       \
    CLONES static void name(float *restrict out, const float *a, const float *b, uint32_t n)                           \
    {                                                                                                                  \
        if (n == BLOCK) {                                                                                              \
            for (int k = 0; k < BLOCK; k++)                                                                            \
                out[k] = expression;                                                                                   \
            return;                                                                                                    \
        }                                                                                                              \
        for (uint32_t k = 0; k < n; k++)                                                                               \
            out[k] = expression;                                                                                       \
    }
BINARY(add, a[k] + b[k])
BINARY(subtract, a[k] - b[k])
BINARY(multiply, a[k] * b[k])
BINARY(divide, a[k] / b[k])
BINARY(smaller, a[k] < b[k] ? a[k] : b[k])
BINARY(larger, a[k] > b[k] ? a[k] : b[k])
BINARY(is_ge, a[k] >= b[k] ? 1.f : 0.f)
BINARY(is_gt, a[k] > b[k] ? 1.f : 0.f)
BINARY(is_le, a[k] <= b[k] ? 1.f : 0.f)
BINARY(is_lt, a[k] < b[k] ? 1.f : 0.f)

static int apply(lua_State *L, binary *f)
{
    struct operand a, b;
    struct lua_vector *v = luaL_testudata(L, 1, META) ? lua_vector_check(L, 1) : lua_vector_check(L, 2);
    operand(L, 1, &a);
    operand(L, 2, &b);
    if (a.step && b.step)
        lua_vector_check_length(L, 2, lua_vector_check(L, 1)->n);
    struct lua_vector *out = lua_vector_push(L, v->of, v->n);
    for (uint32_t i = 0; i < v->n; i += BLOCK, a.x += a.step, b.x += b.step)
        f(out->x + i, a.x, b.x, v->n - i < BLOCK ? v->n - i : BLOCK);
    return 1;
}

#define METHOD(name, f)                                                                                                \
    static int name(lua_State *L)                                                                                      \
    {                                                                                                                  \
        return apply(L, f);                                                                                            \
    }
METHOD(vector_add, add)
METHOD(vector_sub, subtract)
METHOD(vector_mul, multiply)
METHOD(vector_div, divide)
METHOD(vector_min, smaller)
METHOD(vector_max, larger)
METHOD(vector_ge, is_ge)
METHOD(vector_gt, is_gt)
METHOD(vector_le, is_le)
METHOD(vector_lt, is_lt)

/* v:where(mask, other): v where the mask is above 0, else the other. */
static int vector_where(lua_State *L)
{
    struct lua_vector *v = lua_vector_check(L, 1);
    struct lua_vector *mask = lua_vector_check_length(L, 2, v->n);
    struct operand other;
    operand(L, 3, &other);
    if (other.step)
        lua_vector_check_length(L, 3, v->n);
    struct lua_vector *out = lua_vector_push(L, v->of, v->n);
    for (uint32_t i = 0; i < v->n; i++)
        out->x[i] = mask->x[i] > 0 ? v->x[i] : other.x[other.step ? i : 0];
    return 1;
}

/* One operand -------------------------------------------------------------------------------------------------------- */

static int vector_negative(lua_State *L)
{
    struct lua_vector *v = lua_vector_check(L, 1), *out = lua_vector_push(L, v->of, v->n);
    for (uint32_t i = 0; i < v->n; i++)
        out->x[i] = -v->x[i];
    return 1;
}

static int vector_abs(lua_State *L)
{
    struct lua_vector *v = lua_vector_check(L, 1), *out = lua_vector_push(L, v->of, v->n);
    for (uint32_t i = 0; i < v->n; i++)
        out->x[i] = fabsf(v->x[i]);
    return 1;
}

/* The rows' exp, which is for x <= 88 and takes NaN for nothing. */
static int vector_exp(lua_State *L)
{
    struct lua_vector *v = lua_vector_check(L, 1), *out = lua_vector_push(L, v->of, v->n);
    struct row r = row_over(out->x, v->n);
    r.log_z = 0;
    for (uint32_t i = 0; i < v->n; i++)
        out->x[i] = v->x[i] > 88 ? 88 : v->x[i];
    row_exp(&r, out->x, v->n);
    for (uint32_t i = 0; i < v->n; i++)
        out->x[i] = v->x[i] > 88 ? INFINITY : isnan(v->x[i]) ? v->x[i] : out->x[i];
    return 1;
}

static double log_of(double x)
{
    return x >= 0 && !isinf(x) ? num_log(x) : x > 0 ? x : (double)NAN;
}

static int vector_log(lua_State *L)
{
    struct lua_vector *v = lua_vector_check(L, 1), *out = lua_vector_push(L, v->of, v->n);
    script_work(L, 16 * (size_t)v->n);
    for (uint32_t i = 0; i < v->n; i++)
        out->x[i] = (float)log_of((double)v->x[i]);
    return 1;
}

static float power_of(double x, double y)
{
    double p = x == 0 ? (y < 0 ? (double)INFINITY : 0) : y * log_of(x);
    return x == 0 ? (float)p : isnan(p) ? NAN : p > 709 ? INFINITY : (float)math_exp64(p);
}

/* x^y of x >= 0, y a number: exp(y log x) by the rows' functions; squares exactly. */
static int vector_pow(lua_State *L)
{
    struct lua_vector *v = lua_vector_check(L, 1);
    double y = luaL_checknumber(L, 2);
    struct lua_vector *out = lua_vector_push(L, v->of, v->n);
    script_work(L, 32 * (size_t)v->n);
    for (uint32_t i = 0; i < v->n; i++) {
        float x = v->x[i];
        out->x[i] = y == 2 ? x * x : y == 1 ? x : y == 0 ? 1 : power_of((double)x, y);
    }
    return 1;
}

/* Prefix sums, in double before they are stored. */
static int vector_cumulated(lua_State *L)
{
    struct lua_vector *v = lua_vector_check(L, 1), *out = lua_vector_push(L, v->of, v->n);
    double sum = 0;
    for (uint32_t i = 0; i < v->n; i++) {
        sum += (double)v->x[i];
        out->x[i] = (float)sum;
    }
    return 1;
}

/* Elements ----------------------------------------------------------------------------------------------------------- */

static uint32_t place(lua_State *L, const struct lua_vector *v)
{
    lua_Integer i = luaL_checkinteger(L, 2);
    if (i < 0 || i >= v->n)
        luaL_error(L, "element %I of a vector of 0 .. %d", (LUAI_UACINT)i, (int)v->n - 1);
    return (uint32_t)i;
}

static int vector_index(lua_State *L)
{
    struct lua_vector *v = lua_vector_check(L, 1);
    if (lua_type(L, 2) == LUA_TNUMBER) {
        lua_pushnumber(L, (double)v->x[place(L, v)]);
        return 1;
    }
    lua_pushvalue(L, 2);
    lua_rawget(L, lua_upvalueindex(1));
    return 1;
}

static int vector_newindex(lua_State *L)
{
    struct lua_vector *v = lua_vector_check(L, 1);
    uint32_t i = place(L, v);
    v->x[i] = (float)luaL_checknumber(L, 3);
    return 0;
}

static int vector_length(lua_State *L)
{
    lua_pushinteger(L, lua_vector_check(L, 1)->n);
    return 1;
}

static const luaL_Reg metamethods[] = {
    { "__gc", vector_gc },   { "__add", vector_add },    { "__sub", vector_sub },
    { "__mul", vector_mul }, { "__div", vector_div },    { "__unm", vector_negative },
    { "__pow", vector_pow }, { "__len", vector_length }, { "__newindex", vector_newindex },
    { NULL, NULL },
};

static const luaL_Reg methods[] = {
    { "ge", vector_ge },   { "gt", vector_gt },   { "le", vector_le },       { "lt", vector_lt },
    { "min", vector_min }, { "max", vector_max }, { "where", vector_where }, { "abs", vector_abs },
    { "exp", vector_exp }, { "log", vector_log }, { "pow", vector_pow },     { "cumulated", vector_cumulated },
    { NULL, NULL },
};

void lua_vector_register(lua_State *L)
{
    luaL_newmetatable(L, META);
    luaL_setfuncs(L, metamethods, 0);
    luaL_newlib(L, methods);
    luaL_setfuncs(L, lua_vector_sums, 0);
    lua_pushcclosure(L, vector_index, 1);
    lua_setfield(L, -2, "__index");
    lua_pop(L, 1);
}
