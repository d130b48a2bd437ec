#include "experiments/script.h"
#include "base/err.h"
#include "experiments/script_json.h"
#include "experiments/script_state.h"
#include <lauxlib.h>
#include <string.h>

struct job {
    const struct script_text *script;
    json_t *out; /* what was declared */
    const char *why;
    bool none, transforms; /* no experiment; transforms beside it */
};

/* All that may raise an error of Lua, memory included. */
static int job_run(lua_State *L)
{
    struct job *job = lua_touserdata(L, 1);
    script_state_run(L, job->script); /* what was declared, and the globals */
    job->none = lua_getfield(L, -2, "experiment") == LUA_TNIL;
    lua_getfield(L, -3, "transforms");
    job->transforms = luaL_len(L, -1) > 0;
    lua_pop(L, 1);
    if (!job->none)
        job->out = script_json(L, -1, &job->why);
    return 0;
}

/* name: of the script, in UTF-8 */
static json_t *run_named(const char *name, const struct text *source, const char *const sets[], size_t n_sets)
{
    const struct script_text script = { name, source, sets, n_sets };
    struct script_guard g = { .path = name };
    struct job job = { .script = &script };
    lua_State *L = script_state_check(&script) == 0 ? script_state_open(&g) : NULL;
    if (!L)
        return NULL;
    locale_t c = newlocale(LC_ALL_MASK, "C", (locale_t)0);
    if (script_state_call(L, job_run, &job, c) < 0)
        ;
    else if (job.none)
        err_set(ERR_USAGE, "%s:%d: the script declares no experiment { ... }", name, g.line);
    else if (!job.out)
        err_set(ERR_USAGE, "%s:%d: experiment: %s", name, g.line, job.why);
    else if (job.transforms)
        json_object_set_new(job.out, "transforms", json_true());
    if (c)
        freelocale(c);
    lua_close(L);
    return job.out;
}

json_t *script_run(const char *path, const struct text *source, const char *const sets[], size_t n_sets)
{
    struct text shown = { 0 }; /* plans name the lines of declarations, and are UTF-8 */
    if (!text_is_utf8(path, strlen(path)))
        text_add_shown(&shown, path, strlen(path));
    json_t *out = run_named(shown.len > 0 ? text_s(&shown) : path, source, sets, n_sets);
    text_free(&shown);
    return out;
}

int script_source(const char *path, struct text *source)
{
    int rc = text_read_file(source, path, SCRIPT_MAX_SOURCE);
    return rc == ERR_DATA ? err_add(ERR_USAGE, "%s:1", path) : rc;
}
