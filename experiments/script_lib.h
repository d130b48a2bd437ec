/* The C functions that prelude.lua builds on.  Shared by script_state.c alone. */
#ifndef EXPERIMENTS_SCRIPT_LIB_H
#define EXPERIMENTS_SCRIPT_LIB_H

#include <lua.h>

int script_lib_where(lua_State *L);   /* where(level) -> "path:line", for messages about a declaration */
int script_lib_unknown(lua_State *L); /* unknown(what, seen, names) -> the message that suggests the nearest */
int script_lib_work(lua_State *L);    /* work(n): n bytes of work are about to be done in C */
int script_lib_find(lua_State *L);    /* find(s, what, init) -> from, to or nil; plain text, in linear time */

int script_lib_log(lua_State *L); /* log(x, base): the rows' own (base/num.h), the same bits on every machine */
int script_lib_exp(lua_State *L); /* exp(x), likewise */

#endif
