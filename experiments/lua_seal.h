/* What a function of a script depends on, and how it is kept from depending on anything else: a transform is called for
 * row after row, in any order, in several Lua states at once, and must give the same each time.
 *
 * Its text: the lines of the function, the values that it has from outside of it (numbers, strings, tables, functions of
 * the script, likewise) and those globals of the script whose names occur in these lines (all, where _ENV does).
 * Sealed: every table that it can reach is emptied behind a metatable that shows what it held and refuses to be written;
 * every local variable from outside is put back before each call.  Shared by lua_transform*.c and
 * lua_reward.c alone. */
#ifndef EXPERIMENTS_LUA_SEAL_H
#define EXPERIMENTS_LUA_SEAL_H

#include "base/text.h"
#include <lua.h>

/* Freed by the caller: errors of Lua jump over whoever reads. */
struct lua_seal_text {
    struct text out, lines;
};

/* Places on the stack of what a script left (script_state_run()). */
struct lua_seal_at {
    int done, globals;
    const struct text *source;
};

/* Appends the text of the function at an index to t->out.  Errors of Lua: a key that is no number or string. */
void lua_seal_read(lua_State *L, int function, const struct lua_seal_at *at, struct lua_seal_text *t);

/* Seals what the functions in the list at an index can reach; pushes the list that lua_seal_restore() wants. */
void lua_seal_close(lua_State *L, int functions, const struct lua_seal_at *at);
void lua_seal_restore(lua_State *L, int list);

#endif
