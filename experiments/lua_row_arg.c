#include "experiments/lua_row_arg.h"
#include "experiments/script_guard.h"
#include <math.h>

struct lua_row *lua_row_arg_self(lua_State *L)
{
    struct lua_row **h = luaL_testudata(L, 1, LUA_ROW_META);
    if (!h)
        luaL_typeerror(L, 1, "row");
    if (!(*h)->row)
        luaL_argerror(L, 1, "a row of an earlier call");
    return *h;
}

struct lua_row *lua_row_arg_passing(lua_State *L)
{
    struct lua_row *h = lua_row_arg_self(L);
    script_work(L, h->row->n * sizeof(float));
    return h;
}

double lua_row_arg_number(lua_State *L, int arg)
{
    double x = luaL_checknumber(L, arg);
    if (isnan(x))
        luaL_argerror(L, arg, "a number is nan");
    return x;
}

sym_t lua_row_arg_symbol(lua_State *L, int arg, uint32_t n)
{
    lua_Integer v = luaL_checkinteger(L, arg);
    if (v < 0 || v >= n)
        luaL_error(L, "symbol %I, want 0 .. %d", (LUAI_UACINT)v, (int)n - 1);
    return (sym_t)v;
}

uint32_t lua_row_arg_count(lua_State *L, int arg, uint32_t otherwise)
{
    lua_Integer k = luaL_optinteger(L, arg, otherwise);
    if (k < 0)
        luaL_argerror(L, arg, "a count is below 0");
    return k > UINT32_MAX ? UINT32_MAX : (uint32_t)k;
}

uint32_t lua_row_arg_symbols(lua_State *L, int arg, const struct lua_row *h)
{
    uint32_t n = h->row->n, k = 0;
    if (lua_type(L, arg) == LUA_TNUMBER) {
        h->at->work->id[0] = lua_row_arg_symbol(L, arg, n);
        return 1;
    }
    luaL_checktype(L, arg, LUA_TTABLE);
    for (lua_Integer i = 1; lua_geti(L, arg, i) != LUA_TNIL; i++, lua_pop(L, 1)) {
        script_work(L, 16);
        if (k == n)
            luaL_error(L, "a list of more symbols than the row's %d", (int)n);
        h->at->work->id[k++] = lua_row_arg_symbol(L, -1, n);
    }
    lua_pop(L, 1);
    return k;
}
