#include "experiments/script_lib.h"
#include "base/err.h"
#include "base/num.h"
#include "base/row_math.h"
#include "decode/elsewhere.h"
#include "experiments/script_guard.h"
#include <lauxlib.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define MAX_NAMES 64

int script_lib_where(lua_State *L)
{
    const struct script_guard *g = script_guard_of(L);
    luaL_where(L, (int)luaL_checkinteger(L, 1));
    const char *at = lua_tostring(L, -1);
    size_t n = strlen(SCRIPT_PREFIX);
    long line = strncmp(at, SCRIPT_PREFIX, n) == 0 ? strtol(at + n, NULL, 10) : g->line;
    lua_pushfstring(L, "%s:%d", g->path, (int)line);
    return 1;
}

int script_lib_unknown(lua_State *L)
{
    const char *what = luaL_checkstring(L, 1), *seen = luaL_checkstring(L, 2);
    const char *names[MAX_NAMES];
    size_t n = (size_t)luaL_len(L, 3);
    n = n < MAX_NAMES ? n : MAX_NAMES;
    luaL_checkstack(L, MAX_NAMES, NULL);
    for (size_t i = 0; i < n; i++) {
        lua_geti(L, 3, (lua_Integer)i + 1);
        names[i] = luaL_checkstring(L, -1);
    }
    if (strcmp(what, "field") == 0)
        elsewhere_unknown(ERR_USAGE, what, seen, names, n);
    else
        err_unknown(ERR_USAGE, what, seen, names, n);
    lua_pushstring(L, err_text());
    return 1;
}

int script_lib_work(lua_State *L)
{
    lua_Integer n = luaL_checkinteger(L, 1);
    script_work(L, n > 0 ? (size_t)n : 0);
    return 0;
}

/* The library's own compares at every place: a million bytes in a million bytes take hours in one call. */
int script_lib_find(lua_State *L)
{
    size_t n, m;
    const char *s = luaL_checklstring(L, 1, &n), *what = luaL_checklstring(L, 2, &m);
    lua_Integer init = luaL_optinteger(L, 3, 1);
    if (init < 0)
        init = (lua_Unsigned) - (init + 1) >= n ? 1 : (lua_Integer)n + init + 1;
    else if (init == 0)
        init = 1;
    if ((lua_Unsigned)init > n + 1) {
        lua_pushnil(L);
        return 1;
    }
    script_work(L, n + m);
    const char *at = memmem(s + init - 1, n - (size_t)(init - 1), what, m);
    if (!at) {
        lua_pushnil(L);
        return 1;
    }
    lua_pushinteger(L, at - s + 1);
    lua_pushinteger(L, at - s + (lua_Integer)m);
    return 2;
}

int script_lib_log(lua_State *L)
{
    double x = luaL_checknumber(L, 1), base = luaL_optnumber(L, 2, 0);
    double y = !(x >= 0) ? NAN : isinf(x) ? x : num_log(x);
    lua_pushnumber(L, lua_isnoneornil(L, 2) ? y : y / (base > 0 ? num_log(base) : NAN));
    return 1;
}

int script_lib_exp(lua_State *L)
{
    double x = luaL_checknumber(L, 1);
    lua_pushnumber(L, isnan(x) ? x : x > 709 ? (double)INFINITY : math_exp64(x));
    return 1;
}
