/* Objects that a walk over what a script left has met, for lua_seal*.c. */
#ifndef EXPERIMENTS_LUA_SEAL_QUEUE_H
#define EXPERIMENTS_LUA_SEAL_QUEUE_H

#include <lua.h>
#include <stdbool.h>

/* Each once: ids[object] = place, list[place] = object. */
struct lua_seal_queue {
    lua_State *L;
    int ids, list; /* places on the stack */
    lua_Integer n, next;
};

void lua_seal_queue_open(struct lua_seal_queue *q, lua_State *L);
lua_Integer lua_seal_queue_add(struct lua_seal_queue *q); /* the place of the object at the top, which stays */
bool lua_seal_queue_next(struct lua_seal_queue *q);       /* pushes the next object; false at the end */
bool lua_seal_queue_own(lua_State *L); /* the value at the top is a function of the script, not of its libraries */

#endif
