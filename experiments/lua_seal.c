#include "experiments/lua_seal.h"
#include "experiments/lua_seal_queue.h"
#include <lauxlib.h>

static int refuse(lua_State *L)
{
    return luaL_error(L, "a transform changes what is outside of it, which would make rows depend on their order; "
                         "declare state = { name = number } for what a text keeps");
}

static int shown_length(lua_State *L)
{
    lua_pushinteger(L, (lua_Integer)lua_rawlen(L, lua_upvalueindex(1)));
    return 1;
}

/* The metatable of a frozen table that shows the one at the top, which stays below it. */
static void push_meta(lua_State *L)
{
    lua_newtable(L);
    lua_pushvalue(L, -2);
    lua_setfield(L, -2, "__index");
    lua_pushcfunction(L, refuse);
    lua_setfield(L, -2, "__newindex");
    lua_pushvalue(L, -2);
    lua_pushcclosure(L, shown_length, 1);
    lua_setfield(L, -2, "__len");
}

static void queue_value(struct lua_seal_queue *q)
{
    if (lua_istable(q->L, -1) || lua_seal_queue_own(q->L))
        lua_seal_queue_add(q);
}

/* The table at the top: what it holds moves to another, frozen[table]. */
static void freeze_table(struct lua_seal_queue *q, int frozen)
{
    lua_State *L = q->L;
    int table = lua_gettop(L);
    lua_newtable(L);
    for (lua_pushnil(L); lua_next(L, table);) {
        queue_value(q);
        lua_pushvalue(L, -2);
        lua_insert(L, -2);
        lua_rawset(L, table + 1);
    }
    for (lua_pushnil(L); lua_next(L, table);) { /* a field may be cleared while a table is walked */
        lua_pop(L, 1);
        lua_pushvalue(L, -1);
        lua_pushnil(L);
        lua_rawset(L, table);
    }
    push_meta(L);
    lua_setmetatable(L, table);
    lua_pushvalue(L, table);
    lua_insert(L, -2);
    lua_rawset(L, frozen); /* frozen[table] = what it held */
}

/* The function at the top: its variables from outside into the list, each once. */
static void keep_variables(struct lua_seal_queue *q, int list, int seen)
{
    lua_State *L = q->L;
    for (int i = 1; lua_getupvalue(L, -1, i); i++) {
        queue_value(q);
        if (lua_rawgetp(L, seen, lua_upvalueid(L, -2, i)) == LUA_TNIL) {
            lua_Integer n = (lua_Integer)lua_rawlen(L, list);
            lua_pushboolean(L, 1);
            lua_rawsetp(L, seen, lua_upvalueid(L, -4, i));
            lua_newtable(L); /* { function, place, value } */
            lua_pushvalue(L, -4);
            lua_rawseti(L, -2, 1);
            lua_pushinteger(L, i);
            lua_rawseti(L, -2, 2);
            lua_pushvalue(L, -3);
            lua_rawseti(L, -2, 3);
            lua_rawseti(L, list, n + 1);
        }
        lua_pop(L, 2);
    }
}

void lua_seal_close(lua_State *L, int functions, const struct lua_seal_at *at)
{
    struct lua_seal_queue q;
    luaL_checkstack(L, 32, NULL);
    lua_newtable(L);
    int list = lua_gettop(L);
    lua_newtable(L);
    int seen = lua_gettop(L);
    lua_getfield(L, at->done, "frozen");
    int frozen = lua_gettop(L);
    lua_seal_queue_open(&q, L);
    lua_pushvalue(L, at->globals);
    lua_seal_queue_add(&q);
    lua_pop(L, 1);
    for (lua_Integer i = 1; lua_rawgeti(L, functions, i) != LUA_TNIL; i++) {
        queue_value(&q);
        lua_pop(L, 1);
    }
    lua_pop(L, 1);
    int words = lua_getmetatable(L, at->globals) ? lua_gettop(L) : 0;
    while (lua_seal_queue_next(&q)) {
        int top = lua_gettop(L);
        if (lua_isfunction(L, -1))
            keep_variables(&q, list, seen);
        else
            freeze_table(&q, frozen);
        lua_settop(L, top - 1);
    }
    if (words) { /* a word that nobody defined stays an error */
        lua_pushvalue(L, at->globals);
        lua_rawget(L, frozen);
        lua_pushvalue(L, words);
        lua_setmetatable(L, -2);
    }
    lua_pushboolean(L, 1);
    lua_setfield(L, at->done, "sealed");
    lua_settop(L, list);
}

void lua_seal_restore(lua_State *L, int list)
{
    for (lua_Integer i = 1; lua_rawgeti(L, list, i) == LUA_TTABLE; i++) {
        lua_rawgeti(L, -1, 1);
        lua_rawgeti(L, -2, 2);
        int place = (int)lua_tointeger(L, -1);
        lua_pop(L, 1);
        lua_rawgeti(L, -2, 3);
        lua_setupvalue(L, -2, place);
        lua_pop(L, 2);
    }
    lua_pop(L, 1);
}
