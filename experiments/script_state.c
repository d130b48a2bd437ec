#include "experiments/script_state.h"
#include "base/err.h"
#include "experiments/prelude.h"
#include "experiments/script.h"
#include "experiments/script_lib.h"
#include <lauxlib.h>
#include <lualib.h>
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

/* Pushes the table in which the declarations put what was declared, and the script's globals. */
static void prelude_run(lua_State *L, const struct script_text *s)
{
    lua_newtable(L); /* done */
    int done = lua_gettop(L);
    struct prelude_at at = { 0 };
    if (lua_load(L, prelude_reader, &at, "=(prelude)", "t") != LUA_OK)
        lua_error(L);
    lua_pushcfunction(L, script_lib_where);
    lua_pushcfunction(L, script_lib_unknown);
    lua_pushcfunction(L, script_lib_work);
    lua_pushcfunction(L, script_lib_find);
    push_sets(L, s->sets, s->n_sets);
    push_library(L, "_G", luaopen_base);
    push_library(L, "string", luaopen_string);
    push_library(L, "table", luaopen_table);
    push_library(L, "math", luaopen_math);
    push_library(L, "utf8", luaopen_utf8);
    lua_pushvalue(L, done);
    lua_pushcfunction(L, script_lib_log);
    lua_pushcfunction(L, script_lib_exp);
    lua_call(L, 13, 1);
    /* ("x"):rep(3) goes through the metatable of strings: it must find the safe functions */
    lua_pushliteral(L, "");
    lua_getmetatable(L, -1);
    lua_getfield(L, -3, "string");
    lua_setfield(L, -2, "__index");
    lua_pop(L, 2);
}

void script_state_run(lua_State *L, const struct script_text *s)
{
    prelude_run(L, s);
    if (luaL_loadbufferx(L, s->source->s, s->source->len, SCRIPT_CHUNK, "t") != LUA_OK)
        lua_error(L);
    lua_pushvalue(L, -2);
    lua_setupvalue(L, -2, 1); /* _ENV */
    script_guard_on(L);
    lua_call(L, 0, 0);
    script_guard_off(L);
}

/* An error may be a number, whose text takes memory: made here, where that may fail. */
static int message(lua_State *L)
{
    script_guard_locate(L);
    lua_tostring(L, 1);
    return 1;
}

static int fail(lua_State *L, int status)
{
    const struct script_guard *g = script_guard_of(L);
    const char *path = g->path, *said = lua_isstring(L, -1) ? lua_tostring(L, -1) : NULL;
    size_t n = strlen(SCRIPT_PREFIX);
    if (g->out_of_work)
        return err_set(ERR_USAGE, "%s:%d: the script ran %d instructions without an end", path, g->line,
                       SCRIPT_INSTRUCTIONS);
    if (g->out_of_time)
        return err_set(ERR_USAGE, "%s:%d: the script ran %d seconds without an end", path, g->line, SCRIPT_SECONDS);
    if (g->out_of_host)
        return err_set(ERR_MEMORY, "%s:%d: no memory for the script", path, g->line);
    if (status == LUA_ERRMEM)
        return err_set(ERR_USAGE, "%s:%d: the script needs more than %u MiB", path, g->line, SCRIPT_BYTES >> 20);
    if (!said)
        return err_set(ERR_USAGE, "%s:%d: error() was given a %s, want a message", path, g->line, luaL_typename(L, -1));
    if (strncmp(said, "(prelude):", 10) == 0 && strchr(said + 10, ' '))
        return err_set(ERR_USAGE, "%s:%d:%s", path, g->line, strchr(said + 10, ' '));
    if (strncmp(said, SCRIPT_PREFIX, n) == 0)
        return err_set(ERR_USAGE, "%s:%s", path, said + n);
    return err_set(ERR_USAGE, "%s:%d: %s", path, g->line, said);
}

int script_state_check(const struct script_text *s)
{
    const char *bytes = text_s(s->source);
    size_t n = s->source->len;
    int line = 1;
    if (n > SCRIPT_MAX_SOURCE)
        return err_set(ERR_USAGE, "%s:1: the script has %zu bytes, want at most %u", s->path, n, SCRIPT_MAX_SOURCE);
    if (strncmp(bytes, LUA_SIGNATURE, strlen(LUA_SIGNATURE)) == 0)
        return err_set(ERR_USAGE, "%s:1: a binary chunk of Lua, want the text of a script", s->path);
    if (strncmp(bytes, "\xef\xbb\xbf", 3) == 0)
        return err_set(ERR_USAGE, "%s:1: the script begins with a byte order mark, want plain UTF-8", s->path);
    for (size_t i = 0; i < n;) {
        int length = text_utf8(bytes + i, n - i, NULL);
        if (length <= 0 || bytes[i] == '\0')
            return err_set(ERR_USAGE, "%s:%d: %s in the script, want UTF-8", s->path, line,
                           length > 0 ? "a NUL byte" : "a byte that is no UTF-8");
        line += bytes[i] == '\n';
        i += (size_t)length;
    }
    return 0;
}

lua_State *script_state_open(struct script_guard *g)
{
    g->line = 1;
    lua_State *L = lua_newstate(script_guard_alloc, g);
    if (!L)
        err_set(ERR_MEMORY, "%s: no memory for Lua", g->path);
    return L;
}

int script_state_call(lua_State *L, lua_CFunction f, void *p, locale_t c)
{
    locale_t old = uselocale(c);
    lua_pushcfunction(L, message);
    lua_pushcfunction(L, f);
    lua_pushlightuserdata(L, p);
    int status = lua_pcall(L, 1, 0, -3);
    script_guard_off(L);
    int rc = status == LUA_OK ? 0 : fail(L, status);
    lua_settop(L, 0);
    uselocale(old);
    return rc;
}
