/* Arguments of the row's methods, for lua_row*.c; each an error of Lua where it is not what is wanted. */
#ifndef EXPERIMENTS_LUA_ROW_ARG_H
#define EXPERIMENTS_LUA_ROW_ARG_H

#include "experiments/lua_row.h"
#include <lauxlib.h>

#define LUA_ROW_META "row"

struct lua_row *lua_row_arg_self(lua_State *L);    /* the first, during a call */
struct lua_row *lua_row_arg_passing(lua_State *L); /* likewise, and counts a pass over the row */
double lua_row_arg_number(lua_State *L, int arg);  /* not nan */
sym_t lua_row_arg_symbol(lua_State *L, int arg, uint32_t n);
uint32_t lua_row_arg_count(lua_State *L, int arg, uint32_t otherwise); /* 0 or more */
/* A symbol or a list of symbols into work->id; how many. */
uint32_t lua_row_arg_symbols(lua_State *L, int arg, const struct lua_row *h);

extern const luaL_Reg lua_row_change_methods[]; /* lua_row_change.c */

#endif
