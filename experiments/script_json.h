/* A Lua value as JSON.  Shared by script.c alone. */
#ifndef EXPERIMENTS_SCRIPT_JSON_H
#define EXPERIMENTS_SCRIPT_JSON_H

#include <jansson.h>
#include <lua.h>

/* The value at index; tables are arrays when their keys are 1..n (an empty one too), objects when all are strings.
 * NULL, with *why a sentence, for functions, mixed keys, invalid UTF-8, nan, depth beyond 32 or more than a million
 * values (tables that share tables grow when written out). */
json_t *script_json(lua_State *L, int index, const char **why);

#endif
