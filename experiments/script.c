#include "experiments/script.h"
#include "base/err.h"
#include "base/mem.h"
#include "experiments/prelude.h"
#include "experiments/script_json.h"
#include <lauxlib.h>
#include <lualib.h>
#include <stdlib.h>
#include <string.h>

#define HOOK_EVERY 1000

/* Lua shortens long names of chunks in messages; ours is short and gives way to the path. */
#define CHUNK  "@(script)"
#define PREFIX "(script):"

/* One script at work; the Lua state finds it through its allocator's pointer. */
struct sandbox {
    lua_State *L;
    const char *path;
    size_t bytes;
    uint64_t instructions;
    int line; /* the last of the script that ran: where errors without a place belong */
    bool out_of_time;
};

static void *sandbox_alloc(void *self, void *p, size_t old, size_t now)
{
    struct sandbox *s = self;
    if (!p)
        old = 0;
    if (now == 0) {
        s->bytes -= old;
        free(p);
        return NULL;
    }
    if (now > old && s->bytes + (now - old) > SCRIPT_BYTES)
        return NULL;
    void *q = realloc(p, now);
    if (q)
        s->bytes += now - old;
    return q;
}

static struct sandbox *sandbox_of(lua_State *L)
{
    void *s;
    lua_getallocf(L, &s);
    return s;
}

static void hook(lua_State *L, lua_Debug *ar)
{
    struct sandbox *s = sandbox_of(L);
    if (ar->event == LUA_HOOKLINE) {
        lua_getinfo(L, "S", ar);
        if (strcmp(ar->source, CHUNK) == 0)
            s->line = ar->currentline;
        return;
    }
    s->instructions += HOOK_EVERY;
    if (s->instructions < SCRIPT_INSTRUCTIONS)
        return;
    s->out_of_time = true;
    lua_pushliteral(L, "");
    lua_error(L);
}

/* where(level) -> "path:line", for messages about a declaration */
static int lua_where(lua_State *L)
{
    struct sandbox *s = sandbox_of(L);
    luaL_where(L, (int)luaL_checkinteger(L, 1));
    const char *at = lua_tostring(L, -1);
    long line = strncmp(at, PREFIX, strlen(PREFIX)) == 0 ? strtol(at + strlen(PREFIX), NULL, 10) : s->line;
    lua_pushfstring(L, "%s:%d", s->path, (int)line);
    return 1;
}

/* unknown(what, seen, names) -> the message that suggests the nearest */
static int lua_unknown(lua_State *L)
{
    const char *what = luaL_checkstring(L, 1), *seen = luaL_checkstring(L, 2);
    const char *names[64];
    size_t n = (size_t)luaL_len(L, 3);
    n = n < 64 ? n : 64;
    luaL_checkstack(L, 64, NULL);
    for (size_t i = 0; i < n; i++) {
        lua_geti(L, 3, (lua_Integer)i + 1);
        names[i] = luaL_checkstring(L, -1);
    }
    err_unknown(ERR_USAGE, what, seen, names, n);
    lua_pushstring(L, err_text());
    return 1;
}

static void push_sets(lua_State *L, const char *const sets[], size_t n_sets)
{
    lua_newtable(L);
    for (size_t i = 0; i < n_sets; i++) {
        const char *is = strchr(sets[i], '=');
        if (!is)
            luaL_error(L, "--set '%s': want name=value", sets[i]);
        lua_pushlstring(L, sets[i], (size_t)(is - sets[i]));
        if (lua_stringtonumber(L, is + 1) == 0)
            lua_pushstring(L, is + 1);
        lua_settable(L, -3);
    }
}

static void push_library(lua_State *L, const char *name, lua_CFunction open)
{
    luaL_requiref(L, name, open, 0);
}

struct prelude_at {
    size_t line;
};

static const char *prelude_reader(lua_State *L, void *at, size_t *n)
{
    (void)L;
    struct prelude_at *p = at;
    if (p->line == prelude_n)
        return NULL;
    const char *s = prelude_lines[p->line++];
    *n = strlen(s);
    return s;
}

struct job {
    const struct text *source;
    const char *const *sets;
    size_t n_sets;
};

/* Leaves the table of the script's globals and, below it, the table in which experiment() puts what was declared. */
static void prelude_run(lua_State *L, const struct job *job)
{
    lua_newtable(L); /* index 2: done */
    struct prelude_at at = { 0 };
    if (lua_load(L, prelude_reader, &at, "=(prelude)", "t") != LUA_OK)
        lua_error(L);
    lua_pushcfunction(L, lua_where);
    lua_pushcfunction(L, lua_unknown);
    push_sets(L, job->sets, job->n_sets);
    push_library(L, "_G", luaopen_base);
    push_library(L, "string", luaopen_string);
    push_library(L, "table", luaopen_table);
    push_library(L, "math", luaopen_math);
    push_library(L, "utf8", luaopen_utf8);
    lua_pushvalue(L, 2); /* done */
    lua_call(L, 9, 1);
    /* ("x"):rep(3) goes through the metatable of strings: it must find the safe functions */
    lua_pushliteral(L, "");
    lua_getmetatable(L, -1);
    lua_getfield(L, -3, "string");
    lua_setfield(L, -2, "__index");
    lua_pop(L, 2);
}

/* The protected part: argument 1 is the job; returns the declared experiment or nil. */
static int job_run(lua_State *L)
{
    const struct job *job = lua_touserdata(L, 1);
    prelude_run(L, job);
    if (luaL_loadbufferx(L, job->source->s, job->source->len, CHUNK, "t") != LUA_OK)
        lua_error(L);
    lua_pushvalue(L, -2);
    lua_setupvalue(L, -2, 1); /* _ENV */
    lua_sethook(L, hook, LUA_MASKCOUNT | LUA_MASKLINE, HOOK_EVERY);
    lua_call(L, 0, 0);
    lua_sethook(L, NULL, 0, 0);
    lua_getfield(L, 2, "experiment");
    return 1;
}

static json_t *job_fail(struct sandbox *s, int status)
{
    const char *path = s->path, *said = lua_tostring(s->L, -1);
    if (s->out_of_time)
        err_set(ERR_USAGE, "%s:%d: the script ran %d instructions without an end", path, s->line, SCRIPT_INSTRUCTIONS);
    else if (status == LUA_ERRMEM)
        err_set(ERR_USAGE, "%s:%d: the script needs more than %u MiB", path, s->line, SCRIPT_BYTES >> 20);
    else if (!said)
        err_set(ERR_USAGE, "%s:%d: error() was given a %s, want a message", path, s->line, luaL_typename(s->L, -1));
    else if (strncmp(said, "(prelude):", 10) == 0 && strchr(said + 10, ' '))
        err_set(ERR_USAGE, "%s:%d:%s", path, s->line, strchr(said + 10, ' '));
    else if (strncmp(said, PREFIX, strlen(PREFIX)) == 0)
        err_set(ERR_USAGE, "%s:%s", path, said + strlen(PREFIX));
    else
        err_set(ERR_USAGE, "%s:%d: %s", path, s->line, said);
    return NULL;
}

static json_t *job_done(struct sandbox *s)
{
    const char *why;
    if (lua_isnil(s->L, -1)) {
        err_set(ERR_USAGE, "%s: the script declares no experiment { ... }", s->path);
        return NULL;
    }
    json_t *out = script_json(s->L, -1, &why);
    if (!out)
        err_set(ERR_USAGE, "%s:%d: experiment: %s", s->path, s->line, why);
    return out;
}

json_t *script_run(const char *name, const struct text *source, const char *const sets[], size_t n_sets)
{
    struct sandbox s = { .path = name, .line = 1 };
    s.L = lua_newstate(sandbox_alloc, &s);
    struct job job = { source, sets, n_sets };
    json_t *out = NULL;
    if (s.L) {
        lua_pushcfunction(s.L, job_run);
        lua_pushlightuserdata(s.L, &job);
        int status = lua_pcall(s.L, 1, 1, 0);
        out = status == LUA_OK ? job_done(&s) : job_fail(&s, status);
        lua_close(s.L);
    }
    return out;
}

json_t *script_read(const char *path, const char *const sets[], size_t n_sets)
{
    struct text source = { 0 };
    json_t *out = NULL;
    if (text_read_file(&source, path, SCRIPT_MAX_SOURCE) == 0) {
        text_s(&source);
        out = script_run(path, &source, sets, n_sets);
    }
    text_free(&source);
    return out;
}
