#include "experiments/lua_reward.h"
#include "base/err.h"
#include "base/hash.h"
#include "base/mem.h"
#include "experiments/lua_seal.h"
#include <lauxlib.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* In the registry of its state. */
#define FUNCTION  "chorale.reward"
#define VARIABLES "chorale.variables"

struct lua_reward {
    struct script_guard guard;
    struct script_text script;
    locale_t c;
    lua_State *L;
    int line; /* of the function: where errors without a place belong */
    char hash[65];
    struct lua_seal_text text; /* while it is read */
    char *path;                /* of a plan's script; else NULL */
    struct text source;        /* likewise */
    const char **sets;         /* likewise */
};

/* The list of functions at the top: its first is the reward. */
static void read_function(lua_State *L, struct lua_reward *r, const struct lua_seal_at *at)
{
    lua_Debug ar;
    lua_rawgeti(L, -1, 1);
    lua_pushvalue(L, -1);
    lua_setfield(L, LUA_REGISTRYINDEX, FUNCTION);
    lua_pushvalue(L, -1);
    lua_getinfo(L, ">S", &ar);
    r->line = ar.linedefined;
    lua_seal_read(L, lua_gettop(L), at, &r->text);
    hash_sha256(text_s(&r->text.out), r->text.out.len, r->hash);
    lua_pop(L, 1);
}

static int open_run(lua_State *L)
{
    struct lua_reward *r = lua_touserdata(L, 1);
    script_state_run(L, &r->script); /* what was declared, and the globals */
    struct lua_seal_at at = { lua_gettop(L) - 1, lua_gettop(L), r->script.source };
    if (lua_getfield(L, at.done, "rewards") != LUA_TTABLE)
        luaL_error(L, "the experiment's reward is no function");
    script_guard_on_call(L);
    read_function(L, r, &at);
    lua_seal_close(L, lua_gettop(L), &at);
    lua_setfield(L, LUA_REGISTRYINDEX, VARIABLES);
    script_guard_off(L);
    return 0;
}

static struct lua_reward *open_script(struct lua_reward *r)
{
    r->c = newlocale(LC_ALL_MASK, "C", (locale_t)0);
    r->guard.path = r->script.path;
    if (script_state_check(&r->script) == 0)
        r->L = script_state_open(&r->guard);
    int rc = r->L ? script_state_call(r->L, open_run, r, r->c) : -1;
    text_free(&r->text.out);
    text_free(&r->text.lines);
    if (rc == 0)
        return r;
    lua_reward_close(r);
    return NULL;
}

struct lua_reward *lua_reward_open(const struct script_text *s)
{
    struct lua_reward *r = mem_alloc(1, sizeof *r);
    r->script = *s;
    return open_script(r);
}

/* The script as a plan has it. */
static void read_plan(struct lua_reward *r, const json_t *from)
{
    const char *at = json_string_value(json_object_get(from, "at"));
    const char *source = json_string_value(json_object_get(from, "script"));
    const json_t *sets = json_object_get(from, "set");
    size_t n = 0;
    r->path = mem_string(at ? at : "(script)");
    char *colon = strrchr(r->path, ':');
    if (colon)
        *colon = '\0';
    text_add(&r->source, source ? source : "");
    r->sets = mem_alloc(json_array_size(sets), sizeof *r->sets);
    for (size_t i = 0; i < json_array_size(sets); i++)
        if (json_is_string(json_array_get(sets, i)))
            r->sets[n++] = json_string_value(json_array_get(sets, i));
    r->script = (struct script_text){ r->path, &r->source, r->sets, n };
}

struct lua_reward *lua_reward_load(const json_t *doc)
{
    const json_t *reward = json_object_get(json_object_get(doc, "what"), "reward");
    const char *code = json_string_value(json_object_get(reward, "code"));
    struct lua_reward *r = mem_alloc(1, sizeof *r);
    read_plan(r, json_object_get(doc, "from"));
    r = open_script(r);
    if (!r || (code && strcmp(code, r->hash) == 0))
        return r;
    err_set(ERR_DATA, "the plan: its reward is %.12s..., and %.12s... in the script stored with it", code ? code : "",
            r->hash);
    lua_reward_close(r);
    return NULL;
}

void lua_reward_close(struct lua_reward *r)
{
    if (!r)
        return;
    if (r->L)
        lua_close(r->L);
    if (r->c)
        freelocale(r->c);
    free(r->path);
    free((void *)r->sets);
    text_free(&r->source);
    free(r);
}

const char *lua_reward_hash(const struct lua_reward *r)
{
    return r->hash;
}

struct call {
    const struct measures_record *x;
    double value;
};

static void set_text(lua_State *L, const char *key, const char *s, size_t n)
{
    lua_pushlstring(L, s ? s : "", s ? n : 0);
    lua_setfield(L, -2, key);
}

static void set_number(lua_State *L, const char *key, double x)
{
    if (isnan(x))
        return;
    lua_pushnumber(L, x);
    lua_setfield(L, -2, key);
}

static void set_item(lua_State *L, const struct item *item)
{
    lua_newtable(L);
    for (size_t i = 0; i < item->prompt.n_fields; i++)
        set_text(L, item->prompt.fields[i].name, item->prompt.fields[i].text, strlen(item->prompt.fields[i].text));
    lua_setfield(L, -2, "prompt");
    lua_newtable(L);
    for (size_t i = 0; i < item->n_keywords; i++) {
        lua_pushstring(L, item->keywords[i]);
        lua_rawseti(L, -2, (lua_Integer)i + 1);
    }
    lua_setfield(L, -2, "keywords");
}

/* A field that a text happens not to have (nll without a judge) is nil; one that none has is a slip. */
static int absent(lua_State *L)
{
    static const char *const names[] = { "text", "prompt", "keywords", "lang", "symbols", "nll", "judge_nll", "ended" };
    const char *seen = luaL_checkstring(L, 2);
    size_t n = sizeof names / sizeof *names;
    for (size_t i = 0; i < n; i++)
        if (strcmp(seen, names[i]) == 0)
            return 0;
    err_unknown(ERR_USAGE, "field", seen, names, n);
    return luaL_error(L, "%s", err_text());
}

static void push_text(lua_State *L, const struct measures_record *x)
{
    const struct sample *s = &x->sample;
    lua_createtable(L, 0, 8);
    lua_createtable(L, 0, 1);
    lua_pushcfunction(L, absent);
    lua_setfield(L, -2, "__index");
    lua_setmetatable(L, -2);
    set_text(L, "text", s->text, s->n_text);
    set_item(L, s->item);
    set_text(L, "lang", s->item->lang, s->item->lang ? strlen(s->item->lang) : 0);
    lua_pushinteger(L, (lua_Integer)s->n_symbols);
    lua_setfield(L, -2, "symbols");
    set_number(L, "nll", s->nll);
    set_number(L, "judge_nll", s->judge_nll);
    lua_pushboolean(L, x->trace->end == HYP_SYMBOL || x->trace->end == HYP_STRING);
    lua_setfield(L, -2, "ended");
}

static int call_run(lua_State *L)
{
    struct call *c = lua_touserdata(L, 1);
    script_guard_on_call(L);
    lua_getfield(L, LUA_REGISTRYINDEX, VARIABLES);
    lua_seal_restore(L, lua_gettop(L));
    lua_getfield(L, LUA_REGISTRYINDEX, FUNCTION);
    push_text(L, c->x);
    lua_call(L, 1, 1);
    c->value = NAN;
    if (lua_type(L, -1) == LUA_TNUMBER)
        c->value = lua_tonumber(L, -1);
    else if (!lua_isnil(L, -1))
        luaL_error(L, "the reward returned a %s, want a number or nil", luaL_typename(L, -1));
    return 0;
}

int lua_reward_of(struct lua_reward *r, const struct measures_record *x, double *out)
{
    struct call c = { x, NAN };
    r->guard.line = r->line;
    int rc = script_state_call(r->L, call_run, &c, r->c);
    *out = rc == 0 ? c.value : NAN;
    return rc < 0 ? err_add(rc, "reward of item '%s'", x->sample.item->id) : 0;
}
