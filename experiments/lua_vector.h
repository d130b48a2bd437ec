/* Vectors of floats for the transforms of a script: what they compute with beside the row itself.
 *
 * Each operation makes a new vector in one of LUA_VECTORS buffers that are kept from call to call, so that steps allocate
 * none; a vector is good until its call ends.  Elements are numbered from 0, as symbols are.  Sums are double, in sixteen
 * lanes of fixed order; a number beside a vector is a float.  Shared by lua_*.c alone. */
#ifndef EXPERIMENTS_LUA_VECTOR_H
#define EXPERIMENTS_LUA_VECTOR_H

#include "base/row.h"
#include <lauxlib.h>
#include <stdbool.h>
#include <stdint.h>

#define LUA_VECTORS 32 /* alive at once in one call */

struct lua_vectors {
    float *x[LUA_VECTORS]; /* (length,) each, made when first used */
    bool used[LUA_VECTORS];
    uint32_t length;
    uint64_t call;         /* those of earlier calls are refused */
    struct row_work *work; /* of the call */
};

struct lua_vector {
    struct lua_vectors *of;
    float *x; /* (n,) */
    uint32_t n;
    int place;
    uint64_t call;
};

void lua_vectors_fini(struct lua_vectors *v); /* after lua_close() */
/* The vectors of a call over rows of n symbols, w's; older ones are gone. */
void lua_vectors_start(struct lua_vectors *v, uint32_t n, struct row_work *w);

void lua_vector_register(lua_State *L);
/* Pushes a new one of n <= length elements, not set.  An error of Lua when all are in use. */
struct lua_vector *lua_vector_push(lua_State *L, struct lua_vectors *v, uint32_t n);
struct lua_vector *lua_vector_check(lua_State *L, int arg); /* an error of Lua when the argument is none */
struct lua_vector *lua_vector_check_length(lua_State *L, int arg, uint32_t n);

extern const luaL_Reg lua_vector_sums[]; /* lua_vector_sums.c */

#endif
