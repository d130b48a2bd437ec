#include "cli/script_steps.h"
#include "base/err.h"
#include "base/mem.h"
#include "decode/chain.h"
#include "experiments/script.h"
#include "experiments/script_sets.h"
#include <stdlib.h>

/* Built-in steps stand first in the table, the script's own behind them. */
static int check_some(struct lua_transforms *s, const char *path)
{
    size_t n, n_known;
    transform_types(&n_known);
    lua_transforms_types(s, &n);
    return n > n_known ? 0 : err_set(ERR_USAGE, "%s: the script declares no transform { ... }", path);
}

int script_steps_open(const struct args *a, struct lua_transforms **out)
{
    const char *path = options_text(a, "script");
    struct text source = { 0 };
    *out = NULL;
    if (!path)
        return options_no_set(a);
    const char **sets = mem_alloc(a->n_repeated / 2, sizeof *sets);
    size_t n = options_all(a, "set", sets);
    int rc = script_source(path, &source);
    rc = rc < 0 ? rc : script_sets_check(path, &source, sets, n);
    if (rc == 0 && !(*out = lua_transforms_open(path, &source, sets, n)))
        rc = err_code();
    if (rc == 0)
        rc = check_some(*out, path);
    if (rc < 0) {
        lua_transforms_close(*out);
        *out = NULL;
    }
    free(sets);
    text_free(&source);
    return rc;
}
