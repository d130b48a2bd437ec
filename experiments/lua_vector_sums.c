/* Methods of vectors that give a number. */
#include "base/row_cut.h"
#include "base/row_kernel.h"
#include "experiments/lua_vector.h"
#include "experiments/script_guard.h"

#define SUMS 16

static double lanes_sum(const double lane[SUMS])
{
    double sum = 0;
    for (int k = 0; k < SUMS; k++)
        sum += lane[k];
    return sum;
}

static int vector_sum(lua_State *L)
{
    struct lua_vector *v = lua_vector_check(L, 1);
    double lane[SUMS] = { 0 };
    uint32_t i = 0;
    script_work(L, 4 * (size_t)v->n);
    for (; v->n - i >= SUMS; i += SUMS)
        for (int k = 0; k < SUMS; k++)
            lane[k] += (double)v->x[i + (uint32_t)k];
    for (int k = 0; i < v->n; i++, k++)
        lane[k] += (double)v->x[i];
    lua_pushnumber(L, lanes_sum(lane));
    return 1;
}

static int vector_dot(lua_State *L)
{
    struct lua_vector *v = lua_vector_check(L, 1), *w = lua_vector_check_length(L, 2, v->n);
    double lane[SUMS] = { 0 };
    uint32_t i = 0;
    script_work(L, 8 * (size_t)v->n);
    for (; v->n - i >= SUMS; i += SUMS)
        for (int k = 0; k < SUMS; k++)
            lane[k] += (double)v->x[i + (uint32_t)k] * (double)w->x[i + (uint32_t)k];
    for (int k = 0; i < v->n; i++, k++)
        lane[k] += (double)v->x[i] * (double)w->x[i];
    lua_pushnumber(L, lanes_sum(lane));
    return 1;
}

static int vector_largest(lua_State *L)
{
    struct lua_vector *v = lua_vector_check(L, 1);
    uint32_t best = 0;
    float most;
    script_work(L, 4 * (size_t)v->n);
    if (row_kernel_best()->max(v->x, v->n, &most)) /* no nan, no inf */
        best = row_kernel_best()->find(v->x, v->n, most);
    else
        for (uint32_t i = 1; i < v->n; i++)
            best = v->x[i] > v->x[best] ? i : best;
    lua_pushnumber(L, (double)v->x[best]);
    lua_pushinteger(L, best);
    return 2;
}

static int vector_smallest(lua_State *L)
{
    struct lua_vector *v = lua_vector_check(L, 1);
    uint32_t best = 0;
    script_work(L, 4 * (size_t)v->n);
    for (uint32_t i = 1; i < v->n; i++)
        best = v->x[i] < v->x[best] ? i : best;
    lua_pushnumber(L, (double)v->x[best]);
    lua_pushinteger(L, best);
    return 2;
}

/* Elements above 0. */
static int vector_count(lua_State *L)
{
    struct lua_vector *v = lua_vector_check(L, 1);
    uint32_t n = 0;
    script_work(L, 4 * (size_t)v->n);
    for (uint32_t i = 0; i < v->n; i++)
        n += v->x[i] > 0;
    lua_pushinteger(L, n);
    return 1;
}

/* The least of the largest elements that together reach x; 0 where all above 0 do not. */
static int vector_heaviest(lua_State *L)
{
    struct lua_vector *v = lua_vector_check(L, 1);
    double x = luaL_checknumber(L, 2);
    float most;
    script_work(L, 8 * (size_t)v->n);
    if (!row_kernel_best()->max(v->x, v->n, &most))
        luaL_error(L, "heaviest: an element is nan or inf");
    lua_pushnumber(L, (double)row_cut_heaviest(v->x, v->n, x, v->of->work));
    return 1;
}

/* How many elements from the first on until one is at least x, that one included; all where none is. */
static int vector_reaches(lua_State *L)
{
    struct lua_vector *v = lua_vector_check(L, 1);
    double x = luaL_checknumber(L, 2);
    uint32_t i = 0;
    script_work(L, 4 * (size_t)v->n);
    while (i < v->n && !((double)v->x[i] >= x))
        i++;
    lua_pushinteger(L, i < v->n ? i + 1 : v->n);
    return 1;
}

const luaL_Reg lua_vector_sums[] = {
    { "sum", vector_sum },           { "dot", vector_dot },
    { "count", vector_count },       { "reaches", vector_reaches },
    { "heaviest", vector_heaviest }, { "largest", vector_largest },
    { "smallest", vector_smallest }, { NULL, NULL },
};
