/* What keeps a script within bounds: memory, instructions, time.  Shared by script.c and script_lib.c alone.
 *
 * An instruction of Lua counts one, and so do 16 bytes of memory asked for or of work done in C (script_work), so that no
 * call of a library hides what it costs.  What still escapes the count (a comparison of two long strings, a call with
 * hundreds of thousands of arguments: one instruction each) the processor's clock ends. */
#ifndef EXPERIMENTS_SCRIPT_GUARD_H
#define EXPERIMENTS_SCRIPT_GUARD_H

#include <lua.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SCRIPT_CHUNK  "@(script)" /* Lua shortens long names of chunks in messages; ours gives way to the path */
#define SCRIPT_PREFIX "(script):"

/* One script at work; its Lua state finds it through the allocator's pointer. */
struct script_guard {
    const char *path;
    size_t bytes;
    uint64_t work;   /* instructions and what counts as such */
    double deadline; /* seconds of this thread's processor time */
    int line;        /* the last of the script that ran: where errors without a place belong */
    bool on;         /* between script_guard_on() and _off() */
    bool out_of_work, out_of_time, out_of_host; /* the last: the host has no memory, within the script's bounds */
};

void *script_guard_alloc(void *guard, void *p, size_t old, size_t now); /* for lua_newstate() */
struct script_guard *script_guard_of(lua_State *L);

/* The limits hold from here on: inside a protected call, as they end in errors. */
void script_guard_on(lua_State *L);
void script_guard_off(lua_State *L);

/* Likewise for one call of a function that the script left: no look at every line, so that loops are quick. */
void script_guard_on_call(lua_State *L);

/* Sets the guard's line to where the innermost function of the script is: for errors that do not say. */
void script_guard_locate(lua_State *L);

/* Counts n bytes of work that is about to be done in C; an error of Lua when the script has had its share. */
void script_work(lua_State *L, size_t n);

#endif
