/* --script FILE of verbs that have no experiment: the steps that a script adds to chains (docs/transforms.md). */
#ifndef CLI_SCRIPT_STEPS_H
#define CLI_SCRIPT_STEPS_H

#include "cli/options.h"
#include "experiments/lua_transforms.h"

#define SCRIPT_STEPS_OPTIONS                                                                                           \
    { "script", "FILE", NULL, "chains may use the transforms that this script declares" },                             \
    {                                                                                                                  \
        "set", "NAME=VALUE", NULL, "arg.NAME of the script; may be given several times"                                \
    }

/* *out: NULL without --script; lua_transforms_close().  0; ERR_USAGE (the script, none in it), ERR_IO, ERR_MEMORY. */
int script_steps_open(const struct args *a, struct lua_transforms **out);

#endif
