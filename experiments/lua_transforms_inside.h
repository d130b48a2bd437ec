/* What lua_transforms.c (what a script declared) and lua_call.c (one call of it) share. */
#ifndef EXPERIMENTS_LUA_TRANSFORMS_INSIDE_H
#define EXPERIMENTS_LUA_TRANSFORMS_INSIDE_H

#include "experiments/lua_row.h"
#include "experiments/lua_seal.h"
#include "experiments/lua_transforms.h"
#include "experiments/script_state.h"
#include <pthread.h>

/* One declared transform. */
struct lua_transform {
    struct transform_type type; /* its self is this */
    struct param params[SPEC_MAX_PARAMS];
    struct lua_transforms *set;
    lua_Integer place; /* in the script's list, from 1 */
    int line;          /* of its function: where errors without a place belong */
    char hash[65];
    const char *state[LUA_STATE_MOST]; /* (n_state,) names */
    double first[LUA_STATE_MOST];      /* and what they begin with */
    size_t n_state;
};

/* A Lua state in which the script has run; one thread at a time. */
struct lua_worker {
    struct script_guard guard;
    struct lua_row row;
    lua_State *L;
    struct lua_worker *next; /* of those that wait */
};

struct lua_transforms {
    struct script_text script; /* path, sets and source are its own */
    struct text source;
    struct lua_transform *own; /* (n,) */
    size_t n;
    const struct transform_type **types; /* (n_types,) the built-in ones, then its own */
    size_t n_types;
    void **strings; /* (n_strings,) names and meanings */
    size_t n_strings, cap_strings;
    struct lua_seal_text text; /* of the function being read */
    locale_t c;
    pthread_mutex_t mutex; /* of idle */
    struct lua_worker *idle;
};

/* A new state; reading: NULL, or what to do with the list of declarations (at index 1 of a protected call, with the places
 * of lua_seal_at) before everything is sealed.  NULL + ERR_USAGE, ERR_MEMORY. */
struct lua_worker *lua_worker_open(struct lua_transforms *s, void (*reading)(lua_State *L, struct lua_transforms *s,
                                                                             int list, const struct lua_seal_at *at));
void lua_worker_close(struct lua_worker *w);

/* The entries of a transform_type. */
void lua_call_start(const struct transform *t, void *state);
int lua_call_apply(const struct transform *t, void *state, struct row *r, const struct transform_at *at);

#endif
