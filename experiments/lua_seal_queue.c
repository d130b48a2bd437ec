#include "experiments/lua_seal_queue.h"
#include "experiments/script_guard.h"
#include <lauxlib.h>
#include <string.h>

void lua_seal_queue_open(struct lua_seal_queue *q, lua_State *L)
{
    luaL_checkstack(L, 16, NULL);
    lua_newtable(L);
    lua_newtable(L);
    *q = (struct lua_seal_queue){ .L = L, .ids = lua_gettop(L) - 1, .list = lua_gettop(L) };
}

lua_Integer lua_seal_queue_add(struct lua_seal_queue *q)
{
    lua_pushvalue(q->L, -1);
    lua_rawget(q->L, q->ids);
    lua_Integer place = lua_tointeger(q->L, -1);
    lua_pop(q->L, 1);
    if (place > 0)
        return place;
    lua_pushvalue(q->L, -1);
    lua_pushinteger(q->L, ++q->n);
    lua_rawset(q->L, q->ids);
    lua_pushvalue(q->L, -1);
    lua_rawseti(q->L, q->list, q->n);
    return q->n;
}

bool lua_seal_queue_next(struct lua_seal_queue *q)
{
    if (q->next == q->n)
        return false;
    lua_rawgeti(q->L, q->list, ++q->next);
    return true;
}

bool lua_seal_queue_own(lua_State *L)
{
    lua_Debug ar;
    if (!lua_isfunction(L, -1) || lua_iscfunction(L, -1))
        return false;
    lua_pushvalue(L, -1);
    lua_getinfo(L, ">S", &ar);
    return strcmp(ar.source, SCRIPT_CHUNK) == 0;
}
