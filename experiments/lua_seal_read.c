/* The text of what a function of a script depends on. */
#include "experiments/lua_seal.h"
#include "experiments/lua_seal_queue.h"
#include "experiments/script_guard.h"
#include <ctype.h>
#include <lauxlib.h>
#include <stdlib.h>
#include <string.h>

struct reading {
    struct lua_seal_queue q;
    const struct lua_seal_at *at;
    struct lua_seal_text *t;
};

/* done.library[table at the top] */
static bool is_library(const struct reading *r)
{
    lua_State *L = r->q.L;
    lua_getfield(L, r->at->done, "library");
    lua_pushvalue(L, -2);
    lua_rawget(L, -2);
    bool is = lua_toboolean(L, -1);
    lua_pop(L, 2);
    return is;
}

/* The value at the top, which stays: itself, or the place where it is told. */
static void write_value(struct reading *r)
{
    lua_State *L = r->q.L;
    struct text *out = &r->t->out;
    size_t n;
    switch (lua_type(L, -1)) {
    case LUA_TNUMBER:
        if (lua_isinteger(L, -1))
            text_addf(out, "i%lld", (long long)lua_tointeger(L, -1));
        else
            text_add(out, "r"), text_add_real(out, lua_tonumber(L, -1));
        return;
    case LUA_TSTRING:
        lua_tolstring(L, -1, &n);
        text_addf(out, "s%zu:", n);
        text_addn(out, lua_tostring(L, -1), n);
        return;
    case LUA_TBOOLEAN: text_add(out, lua_toboolean(L, -1) ? "true" : "false"); return;
    case LUA_TFUNCTION:
        if (lua_seal_queue_own(L))
            text_addf(out, "@%lld", (long long)lua_seal_queue_add(&r->q));
        else
            text_add(out, "library");
        return;
    case LUA_TTABLE: text_addf(out, "@%lld", (long long)lua_seal_queue_add(&r->q)); return;
    default: text_add(out, lua_typename(L, lua_type(L, -1))); return;
    }
}

/* A key of a table: by number, then by bytes. */
struct key {
    const char *s; /* NULL: a number */
    size_t n;
    lua_Number x;
    lua_Integer i;
    bool is_integer;
};

static int by_order(const void *a, const void *b)
{
    const struct key *x = a, *y = b;
    if (!x->s != !y->s)
        return x->s ? 1 : -1;
    if (!x->s)
        return x->x != y->x ? (x->x > y->x) - (x->x < y->x) : (x->i > y->i) - (x->i < y->i);
    int c = memcmp(x->s, y->s, x->n < y->n ? x->n : y->n);
    return c ? c : (x->n > y->n) - (x->n < y->n);
}

/* Pushes the keys of a table, in order, as a userdata. */
static const struct key *sorted_keys(lua_State *L, int table, size_t *n)
{
    size_t count = 0;
    for (lua_pushnil(L); lua_next(L, table); lua_pop(L, 1))
        count++;
    script_work(L, 64 * count);
    struct key *keys = lua_newuserdatauv(L, (count + 1) * sizeof *keys, 0);
    *n = 0;
    for (lua_pushnil(L); lua_next(L, table); lua_pop(L, 1)) {
        struct key k = { 0 };
        if (lua_type(L, -2) == LUA_TSTRING) {
            k.s = lua_tolstring(L, -2, &k.n);
        } else if (lua_type(L, -2) == LUA_TNUMBER) {
            k.is_integer = lua_isinteger(L, -2);
            k.i = k.is_integer ? lua_tointeger(L, -2) : 0;
            k.x = lua_tonumber(L, -2);
        } else {
            luaL_error(L, "a table that a transform may see has a %s for a key, want numbers and strings",
                       luaL_typename(L, -2));
        }
        keys[(*n)++] = k;
    }
    qsort(keys, *n, sizeof *keys, by_order);
    return keys;
}

static void push_key(lua_State *L, const struct key *k)
{
    if (k->s)
        lua_pushlstring(L, k->s, k->n);
    else if (k->is_integer)
        lua_pushinteger(L, k->i);
    else
        lua_pushnumber(L, k->x);
}

/* Of a library only what the script has put into it. */
static bool is_told(struct reading *r, bool library)
{
    return !library || lua_istable(r->q.L, -1) || lua_seal_queue_own(r->q.L);
}

/* The table at the top. */
static void write_table(struct reading *r)
{
    lua_State *L = r->q.L;
    int table = lua_gettop(L);
    bool library = is_library(r);
    size_t n;
    const struct key *keys = sorted_keys(L, table, &n);
    text_add(&r->t->out, "{");
    for (size_t i = 0; i < n; i++) {
        push_key(L, &keys[i]);
        lua_rawget(L, table);
        if (is_told(r, library)) {
            push_key(L, &keys[i]);
            write_value(r);
            lua_pop(L, 1);
            text_add(&r->t->out, "=");
            write_value(r);
            text_add(&r->t->out, ",");
        }
        lua_pop(L, 1);
    }
    text_add(&r->t->out, "}");
    lua_pop(L, 1);
}

/* Lines from .. to of the script, counted from 1. */
static void write_lines(struct reading *r, int from, int to)
{
    const char *s = text_s(r->at->source), *end = s + r->at->source->len;
    for (int line = 1; s < end && line <= to; line++) {
        const char *stop = memchr(s, '\n', (size_t)(end - s));
        stop = stop ? stop + 1 : end;
        if (line >= from) {
            text_addn(&r->t->lines, s, (size_t)(stop - s));
            text_addn(&r->t->out, s, (size_t)(stop - s));
        }
        s = stop;
    }
}

/* The function of the script at the top. */
static void write_function(struct reading *r)
{
    lua_State *L = r->q.L;
    lua_Debug ar;
    const char *name;
    lua_pushvalue(L, -1);
    lua_getinfo(L, ">S", &ar);
    script_work(L, r->at->source->len);
    text_add(&r->t->out, "function ");
    write_lines(r, ar.linedefined, ar.lastlinedefined);
    for (int i = 1; (name = lua_getupvalue(L, -1, i)); i++) {
        if (!lua_rawequal(L, -1, r->at->globals)) {
            text_addf(&r->t->out, "^%s=", name);
            write_value(r);
        }
        lua_pop(L, 1);
    }
}

static void drain(struct reading *r)
{
    while (lua_seal_queue_next(&r->q)) {
        text_addf(&r->t->out, "\n@%lld ", (long long)r->q.next);
        if (lua_isfunction(r->q.L, -1))
            write_function(r);
        else
            write_table(r);
        lua_pop(r->q.L, 1);
    }
}

/* Whether a word stands in a text by itself. */
static bool has_word(const struct text *t, const char *word, size_t n)
{
    const char *s = text_s(t), *end = s + t->len, *at;
    for (; (at = memmem(s, (size_t)(end - s), word, n)); s = at + 1) {
        bool before = at > text_s(t) && (isalnum((unsigned char)at[-1]) || at[-1] == '_');
        bool after = at + n < end && (isalnum((unsigned char)at[n]) || at[n] == '_');
        if (!before && !after)
            return true;
    }
    return false;
}

/* Globals whose names the lines hold; what they bring may hold more.  Whether one was new. */
static bool write_globals(struct reading *r, const struct key keys[], size_t n, bool told[])
{
    lua_State *L = r->q.L;
    bool all = has_word(&r->t->lines, "_ENV", 4), more = false;
    script_work(L, n * r->t->lines.len / 8);
    for (size_t i = 0; i < n; i++) {
        if (told[i] || !keys[i].s || (!all && !has_word(&r->t->lines, keys[i].s, keys[i].n)))
            continue;
        push_key(L, &keys[i]);
        lua_rawget(L, r->at->globals);
        told[i] = more = true;
        if (!lua_isfunction(L, -1) || lua_seal_queue_own(L)) {
            text_add(&r->t->out, "\n_ENV.");
            text_addn(&r->t->out, keys[i].s, keys[i].n);
            text_add(&r->t->out, "=");
            write_value(r);
        }
        lua_pop(L, 1);
    }
    drain(r);
    return more;
}

void lua_seal_read(lua_State *L, int function, const struct lua_seal_at *at, struct lua_seal_text *t)
{
    int top = lua_gettop(L);
    struct reading r = { .at = at, .t = t };
    size_t n;
    lua_seal_queue_open(&r.q, L);
    lua_pushvalue(L, function);
    write_value(&r);
    lua_pop(L, 1);
    drain(&r);
    const struct key *keys = sorted_keys(L, at->globals, &n);
    bool *told = lua_newuserdatauv(L, n + 1, 0);
    memset(told, 0, n + 1);
    while (write_globals(&r, keys, n, told))
        continue;
    lua_settop(L, top);
}
