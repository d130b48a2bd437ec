#include "experiments/script.h"
#include "base/err.h"
#include "experiments/prelude.h"
#include "experiments/script_guard.h"
#include "experiments/script_json.h"
#include "experiments/script_lib.h"
#include <lauxlib.h>
#include <locale.h>
#include <lualib.h>
#include <stdlib.h>
#include <string.h>

static bool is_utf8(const char *s)
{
    for (size_t i = 0, n = strlen(s); i < n;) {
        int length = text_utf8(s + i, n - i, NULL);
        if (length <= 0)
            return false;
        i += (size_t)length;
    }
    return true;
}

static void push_sets(lua_State *L, const char *const sets[], size_t n_sets)
{
    lua_newtable(L);
    for (size_t i = 0; i < n_sets; i++) {
        const char *is = strchr(sets[i], '=');
        if (!is)
            luaL_error(L, "--set '%s': want name=value", sets[i]);
        if (!is_utf8(sets[i]))
            luaL_error(L, "--set %s: no UTF-8", sets[i]);
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
    json_t *out; /* what was declared */
    const char *why;
    bool none; /* nothing was */
};

/* Leaves the table of the script's globals and, below it, the table in which experiment() puts what was declared. */
static void prelude_run(lua_State *L, const struct job *job)
{
    lua_newtable(L); /* index 2: done */
    struct prelude_at at = { 0 };
    if (lua_load(L, prelude_reader, &at, "=(prelude)", "t") != LUA_OK)
        lua_error(L);
    lua_pushcfunction(L, script_lib_where);
    lua_pushcfunction(L, script_lib_unknown);
    lua_pushcfunction(L, script_lib_work);
    lua_pushcfunction(L, script_lib_find);
    push_sets(L, job->sets, job->n_sets);
    push_library(L, "_G", luaopen_base);
    push_library(L, "string", luaopen_string);
    push_library(L, "table", luaopen_table);
    push_library(L, "math", luaopen_math);
    push_library(L, "utf8", luaopen_utf8);
    lua_pushvalue(L, 2); /* done */
    lua_call(L, 11, 1);
    /* ("x"):rep(3) goes through the metatable of strings: it must find the safe functions */
    lua_pushliteral(L, "");
    lua_getmetatable(L, -1);
    lua_getfield(L, -3, "string");
    lua_setfield(L, -2, "__index");
    lua_pop(L, 2);
}

/* All that may raise an error of Lua, memory included; argument 1 is the job. */
static int job_run(lua_State *L)
{
    struct job *job = lua_touserdata(L, 1);
    prelude_run(L, job);
    if (luaL_loadbufferx(L, job->source->s, job->source->len, SCRIPT_CHUNK, "t") != LUA_OK)
        lua_error(L);
    lua_pushvalue(L, -2);
    lua_setupvalue(L, -2, 1); /* _ENV */
    script_guard_on(L);
    lua_call(L, 0, 0);
    script_guard_off(L);
    job->none = lua_getfield(L, 2, "experiment") == LUA_TNIL;
    if (!job->none)
        job->out = script_json(L, -1, &job->why);
    return 0;
}

/* An error may be a number, whose text takes memory: made here, where that may fail. */
static int message(lua_State *L)
{
    lua_tostring(L, 1);
    return 1;
}

static void job_fail(lua_State *L, int status)
{
    const struct script_guard *g = script_guard_of(L);
    const char *path = g->path, *said = lua_isstring(L, -1) ? lua_tostring(L, -1) : NULL;
    size_t n = strlen(SCRIPT_PREFIX);
    if (g->out_of_work)
        err_set(ERR_USAGE, "%s:%d: the script ran %d instructions without an end", path, g->line, SCRIPT_INSTRUCTIONS);
    else if (g->out_of_time)
        err_set(ERR_USAGE, "%s:%d: the script ran %d seconds without an end", path, g->line, SCRIPT_SECONDS);
    else if (g->out_of_host)
        err_set(ERR_MEMORY, "%s:%d: no memory for the script", path, g->line);
    else if (status == LUA_ERRMEM)
        err_set(ERR_USAGE, "%s:%d: the script needs more than %u MiB", path, g->line, SCRIPT_BYTES >> 20);
    else if (!said)
        err_set(ERR_USAGE, "%s:%d: error() was given a %s, want a message", path, g->line, luaL_typename(L, -1));
    else if (strncmp(said, "(prelude):", 10) == 0 && strchr(said + 10, ' '))
        err_set(ERR_USAGE, "%s:%d:%s", path, g->line, strchr(said + 10, ' '));
    else if (strncmp(said, SCRIPT_PREFIX, n) == 0)
        err_set(ERR_USAGE, "%s:%s", path, said + n);
    else
        err_set(ERR_USAGE, "%s:%d: %s", path, g->line, said);
}

/* A plan keeps the script's text as a JSON string: no NUL, no broken UTF-8. */
static int check_source(const char *path, const struct text *source)
{
    const char *s = text_s(source);
    int line = 1;
    if (source->len > SCRIPT_MAX_SOURCE)
        return err_set(ERR_USAGE, "%s:1: the script has %zu bytes, want at most %u", path, source->len,
                       SCRIPT_MAX_SOURCE);
    if (strncmp(s, LUA_SIGNATURE, strlen(LUA_SIGNATURE)) == 0)
        return err_set(ERR_USAGE, "%s:1: a binary chunk of Lua, want the text of a script", path);
    if (strncmp(s, "\xef\xbb\xbf", 3) == 0)
        return err_set(ERR_USAGE, "%s:1: the script begins with a byte order mark, want plain UTF-8", path);
    for (size_t i = 0; i < source->len;) {
        int length = text_utf8(s + i, source->len - i, NULL);
        if (length <= 0 || s[i] == '\0')
            return err_set(ERR_USAGE, "%s:%d: %s in the script, want UTF-8", path, line,
                           length > 0 ? "a NUL byte" : "a byte that is no UTF-8");
        line += s[i] == '\n';
        i += (size_t)length;
    }
    return 0;
}

/* string.upper, %g and the order of strings follow the locale of the thread: for a script that is C. */
static void run_in_c_locale(lua_State *L, struct job *job)
{
    locale_t c = newlocale(LC_ALL_MASK, "C", (locale_t)0), old = uselocale(c);
    const struct script_guard *g = script_guard_of(L);
    lua_pushcfunction(L, message);
    lua_pushcfunction(L, job_run);
    lua_pushlightuserdata(L, job);
    int status = lua_pcall(L, 1, 0, 1);
    script_guard_off(L);
    if (status != LUA_OK)
        job_fail(L, status);
    else if (job->none)
        err_set(ERR_USAGE, "%s:%d: the script declares no experiment { ... }", g->path, g->line);
    else if (!job->out)
        err_set(ERR_USAGE, "%s:%d: experiment: %s", g->path, g->line, job->why);
    uselocale(old);
    if (c)
        freelocale(c);
}

json_t *script_run(const char *name, const struct text *source, const char *const sets[], size_t n_sets)
{
    struct script_guard guard = { .path = name, .line = 1 };
    struct job job = { .source = source, .sets = sets, .n_sets = n_sets };
    if (check_source(name, source) < 0)
        return NULL;
    lua_State *L = lua_newstate(script_guard_alloc, &guard);
    if (!L) {
        err_set(ERR_MEMORY, "%s: no memory for Lua", name);
        return NULL;
    }
    run_in_c_locale(L, &job);
    lua_close(L);
    return job.out;
}

int script_source(const char *path, struct text *source)
{
    int rc = text_read_file(source, path, SCRIPT_MAX_SOURCE);
    return rc == ERR_DATA ? err_add(ERR_USAGE, "%s:1", path) : rc;
}

json_t *script_read(const char *path, const char *const sets[], size_t n_sets)
{
    struct text source = { 0 };
    json_t *out = script_source(path, &source) == 0 ? script_run(path, &source, sets, n_sets) : NULL;
    text_free(&source);
    return out;
}
