/* The Lua state of a script: made, run, and kept by who wants more of it than JSON.  Shared by script.c,
 * lua_transforms*.c and lua_reward.c alone. */
#ifndef EXPERIMENTS_SCRIPT_STATE_H
#define EXPERIMENTS_SCRIPT_STATE_H

#include "base/text.h"
#include "experiments/script_guard.h"
#include <locale.h>

struct script_text {
    const char *path; /* for messages */
    const struct text *source;
    const char *const *sets; /* (n_sets,) "name=value" */
    size_t n_sets;
};

/* g->path set; g must outlive the state.  NULL + ERR_MEMORY; lua_close(). */
lua_State *script_state_open(struct script_guard *g);

/* Inside a protected call: runs prelude and script under the guard, and pushes the table of what was declared
 * ("experiment", "transforms", "frozen") and the script's globals. */
void script_state_run(lua_State *L, const struct script_text *s);

/* f(L) with p as light userdata, protected, in the locale C that is given (string.upper, %g and the order of strings
 * follow the thread's).  0 or ERR_USAGE "PATH:LINE: what" / ERR_MEMORY. */
int script_state_call(lua_State *L, lua_CFunction f, void *p, locale_t c);

/* A plan keeps the script's text as a JSON string: no NUL, no broken UTF-8.  0 or ERR_USAGE. */
int script_state_check(const struct script_text *s);

#endif
