#include "experiments/script_json.h"
#include "experiments/script.h"
#include <lauxlib.h>
#include <stdbool.h>
#include <string.h>

#define MAX_DEPTH  32
#define MAX_VALUES 1000000

struct walk {
    lua_State *L;
    size_t n_values, n_bytes; /* bytes of strings: Lua's are shared, their copies are not */
    int depth;
    const char *why;
};

static json_t *value(struct walk *w, int index);

static bool too_long(struct walk *w, size_t n)
{
    w->n_bytes += n;
    if (w->n_bytes > SCRIPT_BYTES && !w->why)
        w->why = "strings of more than 64 MiB in all (a string that is used twice counts twice)";
    return w->n_bytes > SCRIPT_BYTES;
}

static json_t *fail(struct walk *w, json_t *partial, const char *why)
{
    json_decref(partial);
    if (!w->why)
        w->why = why;
    return NULL;
}

/* The member named at -2 with the value at -1; both stay.  Plans are JSON without NUL: there it would end a name. */
static bool member(struct walk *w, json_t *o)
{
    size_t n;
    const char *key = lua_tolstring(w->L, -2, &n);
    json_t *v = too_long(w, n) ? NULL : value(w, lua_gettop(w->L));
    if (v && json_object_setn_new(o, key, n, v) == 0 && strlen(key) == n)
        return true;
    if (!w->why)
        w->why = strlen(key) == n ? "a name is not UTF-8" : "a name holds a NUL";
    return false;
}

static lua_Integer count(lua_State *L, int index)
{
    lua_Integer n = 0;
    lua_pushnil(L);
    for (; lua_next(L, index); lua_pop(L, 1))
        n++;
    return n;
}

static json_t *array(struct walk *w, int index, lua_Integer n)
{
    json_t *a = json_array();
    for (lua_Integer i = 1; i <= n; i++) {
        lua_geti(w->L, index, i);
        json_t *v = value(w, lua_gettop(w->L));
        lua_pop(w->L, 1);
        if (!v)
            return fail(w, a, "a value cannot be stored");
        json_array_append_new(a, v);
    }
    return a;
}

/* Of a table that is nothing but a list. */
static json_t *array_alone(struct walk *w, int index, lua_Integer n)
{
    return count(w->L, index) == n ? array(w, index, n)
                                   : fail(w, NULL, "a table mixes a list and named fields, or its list has a gap");
}

static json_t *object(struct walk *w, int index)
{
    json_t *o = json_object();
    lua_pushnil(w->L);
    while (lua_next(w->L, index)) {
        if (lua_type(w->L, -2) != LUA_TSTRING || !member(w, o)) {
            lua_pop(w->L, 2);
            return fail(w, o, "a table mixes a list and named fields, or its list has a gap");
        }
        lua_pop(w->L, 1);
    }
    return o;
}

/* Declarations carry their first values under "1", "2", ... beside their fields: model { "zoo:prose", name = "p" }. */
static json_t *declaration(struct walk *w, int index, lua_Integer n)
{
    json_t *o = json_object(), *of = array(w, index, n);
    if (!of)
        return fail(w, o, "a value cannot be stored");
    json_object_set_new(o, "of", of);
    lua_pushnil(w->L);
    while (lua_next(w->L, index)) {
        if (lua_type(w->L, -2) == LUA_TSTRING && !member(w, o)) {
            lua_pop(w->L, 2);
            return fail(w, o, "a value cannot be stored");
        }
        lua_pop(w->L, 1);
    }
    return o;
}

static json_t *table(struct walk *w, int index)
{
    if (++w->depth > MAX_DEPTH || !lua_checkstack(w->L, 8))
        return fail(w, NULL, "tables are nested more than 32 deep (or hold themselves)");
    lua_Integer n = luaL_len(w->L, index);
    lua_getfield(w->L, index, "kind");
    int is_declaration = !lua_isnil(w->L, -1);
    lua_pop(w->L, 1);
    lua_pushnil(w->L);
    int is_empty = !lua_next(w->L, index);
    if (!is_empty)
        lua_pop(w->L, 2);
    json_t *out = is_declaration && n > 0 ? declaration(w, index, n)
                  : n > 0 || is_empty     ? array_alone(w, index, n)
                                          : object(w, index);
    w->depth--;
    return out;
}

static json_t *value(struct walk *w, int index)
{
    if (++w->n_values > MAX_VALUES)
        return fail(w, NULL, "more than a million values (tables that share tables grow when written out)");
    json_t *v = NULL;
    size_t n;
    const char *s;
    switch (lua_type(w->L, index)) {
    case LUA_TTABLE: return table(w, index);
    case LUA_TBOOLEAN: return json_boolean(lua_toboolean(w->L, index));
    case LUA_TSTRING:
        s = lua_tolstring(w->L, index, &n);
        if (too_long(w, n))
            return NULL;
        if (memchr(s, '\0', n))
            return fail(w, NULL, "a string holds a NUL");
        v = json_stringn(s, n);
        return v ? v : fail(w, NULL, "a string is not UTF-8");
    case LUA_TNUMBER:
        v = lua_isinteger(w->L, index) ? json_integer(lua_tointeger(w->L, index))
                                       : json_real(lua_tonumber(w->L, index));
        return v ? v : fail(w, NULL, "a number is not finite");
    default: return fail(w, NULL, "a value is a function, want numbers, strings and tables");
    }
}

json_t *script_json(lua_State *L, int index, const char **why)
{
    struct walk w = { .L = L };
    json_t *out = value(&w, lua_absindex(L, index));
    *why = w.why;
    return out;
}
