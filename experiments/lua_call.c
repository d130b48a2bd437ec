/* One call of a transform of a script: a Lua state that waits is taken, the function is called, the state waits again. */
#include "base/err.h"
#include "base/mem.h"
#include "experiments/lua_transforms_inside.h"
#include <lauxlib.h>
#include <stdlib.h>

/* In the registry of a worker's state. */
#define FUNCTIONS "chorale.functions"
#define VARIABLES "chorale.variables"
#define ROW       "chorale.row"
#define NAMED     "chorale.named" /* the metatable of parameters and state */

enum { MOST_NAMES = 64 };

struct opening {
    struct lua_transforms *set;
    struct lua_worker *worker;
    void (*reading)(lua_State *L, struct lua_transforms *s, int list, const struct lua_seal_at *at);
};

/* The functions of the declarations in a list, as a list. */
static void push_functions(lua_State *L, int list)
{
    lua_newtable(L);
    for (lua_Integer i = 1; lua_rawgeti(L, list, i) == LUA_TTABLE; i++) {
        lua_rawgeti(L, -1, 1);
        lua_rawseti(L, -3, i);
        lua_pop(L, 1);
    }
    lua_pop(L, 1);
}

/* Parameters and state hold every name that was declared: another is a slip, not nil. */
static int missing(lua_State *L)
{
    const char *names[MOST_NAMES], *seen = luaL_checkstring(L, 2);
    size_t n = 0;
    lua_pushnil(L);
    while (n < MOST_NAMES && lua_next(L, 1)) {
        lua_pop(L, 1);
        if (lua_type(L, -1) == LUA_TSTRING)
            names[n++] = lua_tostring(L, -1);
    }
    err_unknown(ERR_USAGE, "field", seen, names, n);
    return luaL_error(L, "%s", err_text());
}

static int open_run(lua_State *L)
{
    const struct opening *o = lua_touserdata(L, 1);
    script_state_run(L, &o->set->script); /* what was declared, and the globals */
    struct lua_seal_at at = { lua_gettop(L) - 1, lua_gettop(L), &o->set->source };
    lua_getfield(L, at.done, "transforms");
    int list = lua_gettop(L);
    script_guard_on_call(L);
    if (o->reading)
        o->reading(L, o->set, list, &at);
    push_functions(L, list);
    lua_pushvalue(L, -1);
    lua_setfield(L, LUA_REGISTRYINDEX, FUNCTIONS);
    lua_seal_close(L, lua_gettop(L), &at);
    lua_setfield(L, LUA_REGISTRYINDEX, VARIABLES);
    luaL_newmetatable(L, NAMED);
    lua_pushcfunction(L, missing);
    lua_setfield(L, -2, "__index");
    lua_row_register(L);
    lua_row_push(L, &o->worker->row);
    lua_setfield(L, LUA_REGISTRYINDEX, ROW);
    script_guard_off(L);
    return 0;
}

void lua_worker_close(struct lua_worker *w)
{
    if (w->L)
        lua_close(w->L);
    lua_vectors_fini(&w->row.vectors);
    free(w);
}

struct lua_worker *lua_worker_open(struct lua_transforms *s, void (*reading)(lua_State *L, struct lua_transforms *s,
                                                                             int list, const struct lua_seal_at *at))
{
    struct lua_worker *w = mem_alloc(1, sizeof *w);
    struct opening o = { s, w, reading };
    w->guard.path = s->script.path;
    w->L = script_state_open(&w->guard);
    if (w->L && script_state_call(w->L, open_run, &o, s->c) == 0)
        return w;
    lua_worker_close(w);
    return NULL;
}

static struct lua_worker *take(struct lua_transforms *s)
{
    pthread_mutex_lock(&s->mutex);
    struct lua_worker *w = s->idle;
    if (w)
        s->idle = w->next;
    pthread_mutex_unlock(&s->mutex);
    return w ? w : lua_worker_open(s, NULL);
}

static void give(struct lua_transforms *s, struct lua_worker *w)
{
    pthread_mutex_lock(&s->mutex);
    w->next = s->idle;
    s->idle = w;
    pthread_mutex_unlock(&s->mutex);
}

struct call {
    const struct transform *t;
    const struct lua_transform *own;
    double *state;
};

static void push_parameters(lua_State *L, const struct transform *t)
{
    lua_createtable(L, 0, (int)t->type->n_params);
    for (size_t i = 0; i < t->type->n_params; i++) {
        double x = t->value[i].number;
        if (t->type->params[i].kind == PARAM_INT)
            lua_pushinteger(L, (lua_Integer)x);
        else
            lua_pushnumber(L, x);
        lua_setfield(L, -2, t->type->params[i].name);
    }
    luaL_setmetatable(L, NAMED);
}

static void push_state(lua_State *L, const struct call *c)
{
    lua_createtable(L, 0, (int)c->own->n_state);
    for (size_t i = 0; i < c->own->n_state; i++) {
        lua_pushnumber(L, c->state[i]);
        lua_setfield(L, -2, c->own->state[i]);
    }
    luaL_setmetatable(L, NAMED);
}

/* What the call left in the table at the top; a name that was not declared would be lost. */
static void read_state(lua_State *L, const struct call *c)
{
    size_t n = 0;
    for (size_t i = 0; i < c->own->n_state; i++) {
        lua_pushstring(L, c->own->state[i]);
        if (lua_rawget(L, -2) != LUA_TNUMBER)
            luaL_error(L, "state '%s' is a %s, want a number", c->own->state[i], luaL_typename(L, -1));
        c->state[i] = lua_tonumber(L, -1);
        lua_pop(L, 1);
    }
    for (lua_pushnil(L); lua_next(L, -2); lua_pop(L, 1))
        if (++n > c->own->n_state)
            luaL_error(L, "state has more names than its %d declared ones", (int)c->own->n_state);
}

static int call_run(lua_State *L)
{
    const struct call *c = lua_touserdata(L, 1);
    script_guard_on_call(L);
    lua_getfield(L, LUA_REGISTRYINDEX, VARIABLES);
    lua_seal_restore(L, lua_gettop(L));
    if (c->own->n_state > 0)
        push_state(L, c);
    int state = lua_gettop(L);
    lua_getfield(L, LUA_REGISTRYINDEX, FUNCTIONS);
    lua_rawgeti(L, -1, c->own->place);
    lua_getfield(L, LUA_REGISTRYINDEX, ROW);
    push_parameters(L, c->t);
    if (c->own->n_state > 0)
        lua_pushvalue(L, state);
    lua_call(L, c->own->n_state > 0 ? 3 : 2, 1);
    if (!lua_isnil(L, -1))
        luaL_error(L, "the function returned a %s; it changes the row and returns nothing", luaL_typename(L, -1));
    lua_settop(L, state);
    if (c->own->n_state > 0)
        read_state(L, c);
    return 0;
}

void lua_call_start(const struct transform *t, void *state)
{
    const struct lua_transform *own = t->type->self;
    double *x = state;
    for (size_t i = 0; i < own->n_state; i++)
        x[i] = own->first[i];
}

int lua_call_apply(const struct transform *t, void *state, struct row *r, const struct transform_at *at)
{
    const struct lua_transform *own = t->type->self;
    struct lua_worker *w = take(own->set);
    if (!w)
        return err_code();
    struct call c = { t, own, state };
    w->row.row = r;
    w->row.at = at;
    w->guard.line = own->line;
    lua_vectors_start(&w->row.vectors, r->n, at->work);
    int rc = script_state_call(w->L, call_run, &c, own->set->c);
    w->row.row = NULL;
    give(own->set, w);
    return rc < 0 ? err_add(rc, "step %zu", at->n_made) : 0;
}
