#include "experiments/script_guard.h"
#include "experiments/script.h"
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define HOOK_EVERY     100  /* instructions between two looks at the clock */
#define HOOK_CALL      1000 /* likewise in a call */
#define BYTES_AN_INSTR 16
#define LEVELS         64 /* that an error's place is looked for in */

static double cpu_seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* Counts; true when that was too much. */
static bool spent(struct script_guard *g, uint64_t work)
{
    g->work += work;
    if (g->on && g->work >= SCRIPT_INSTRUCTIONS)
        g->out_of_work = true;
    return g->out_of_work;
}

void *script_guard_alloc(void *guard, void *p, size_t old, size_t now)
{
    struct script_guard *g = guard;
    if (!p)
        old = 0;
    if (now == 0) {
        g->bytes -= old;
        free(p);
        return NULL;
    }
    /* a block that grows may be copied whole */
    if (now > old && g->on && (spent(g, now / BYTES_AN_INSTR) || g->bytes + (now - old) > SCRIPT_BYTES))
        return NULL;
    void *q = realloc(p, now);
    if (q)
        g->bytes += now - old;
    else
        g->out_of_host = true;
    return q;
}

struct script_guard *script_guard_of(lua_State *L)
{
    void *g;
    lua_getallocf(L, &g);
    return g;
}

static void give_up(lua_State *L)
{
    lua_pushliteral(L, "");
    lua_error(L);
}

static void look(lua_State *L, uint64_t instructions)
{
    struct script_guard *g = script_guard_of(L);
    if (spent(g, instructions))
        give_up(L);
    if (cpu_seconds() > g->deadline) {
        g->out_of_time = true;
        give_up(L);
    }
}

static void hook(lua_State *L, lua_Debug *ar)
{
    if (ar->event == LUA_HOOKLINE) {
        lua_getinfo(L, "S", ar);
        if (strcmp(ar->source, SCRIPT_CHUNK) == 0)
            script_guard_of(L)->line = ar->currentline;
        return;
    }
    look(L, HOOK_EVERY);
}

static void hook_call(lua_State *L, lua_Debug *ar)
{
    (void)ar;
    look(L, HOOK_CALL);
}

/* The way to a level is walked from the innermost one each time, and a stack may have a hundred thousand. */
void script_guard_locate(lua_State *L)
{
    lua_Debug ar;
    for (int level = 0; level < LEVELS && lua_getstack(L, level, &ar); level++) {
        lua_getinfo(L, "Sl", &ar);
        if (strcmp(ar.source, SCRIPT_CHUNK) == 0 && ar.currentline > 0) {
            script_guard_of(L)->line = ar.currentline;
            return;
        }
    }
}

static void guard_start(struct script_guard *g)
{
    g->on = true;
    g->work = 0;
    g->out_of_work = g->out_of_time = g->out_of_host = false;
    g->deadline = cpu_seconds() + SCRIPT_SECONDS;
}

void script_guard_on(lua_State *L)
{
    guard_start(script_guard_of(L));
    lua_sethook(L, hook, LUA_MASKCOUNT | LUA_MASKLINE, HOOK_EVERY);
}

void script_guard_on_call(lua_State *L)
{
    guard_start(script_guard_of(L));
    lua_sethook(L, hook_call, LUA_MASKCOUNT, HOOK_CALL);
}

void script_guard_off(lua_State *L)
{
    script_guard_of(L)->on = false;
    lua_sethook(L, NULL, 0, 0);
}

void script_work(lua_State *L, size_t n)
{
    if (spent(script_guard_of(L), n / BYTES_AN_INSTR + 1))
        give_up(L);
}
