/* Transforms that a script declares, beside the built-in ones: transform { name = ..., function(row, p) ... end }.
 *
 * They are called for rows of several hypotheses at once, in any order, by several threads: each thread has a Lua state of
 * its own, in which the script has run, and a call sees the script as it was left, whatever earlier calls did
 * (experiments/lua_seal.h).  A call has the limits of a script: SCRIPT_INSTRUCTIONS (a pass over a row of n symbols counts
 * n / 4), SCRIPT_BYTES, SCRIPT_SECONDS.  What goes wrong fails the unit: "mine: step 17: SCRIPT:LINE: what".
 *
 * State: up to LUA_STATE_MOST doubles by name, kept with the hypothesis as the state of every transform is. */
#ifndef EXPERIMENTS_LUA_TRANSFORMS_H
#define EXPERIMENTS_LUA_TRANSFORMS_H

#include "base/doc.h"
#include "decode/chain.h"

#define LUA_STATE_MOST 16

struct lua_transforms;

/* Runs the script (sets: (n_sets,) "name=value") and takes its transforms; it need not declare an experiment.  path: for
 * messages.  NULL + ERR_USAGE "PATH:LINE: ...", ERR_MEMORY. */
struct lua_transforms *lua_transforms_open(const char *path, const struct text *source, const char *const sets[],
                                           size_t n_sets);
void lua_transforms_close(struct lua_transforms *s); /* NULL is fine; chains over it first */

/* A chain over the built-in transforms and these; s NULL: the built-in ones alone.  s must outlive it. */
struct chain *lua_transforms_chain(const struct lua_transforms *s, const char *text);

/* The table that its chains are made of; NULL, 0 of s NULL. */
const struct transform_type *const *lua_transforms_types(const struct lua_transforms *s, size_t *n);

/* Of those that a chain's text names: {"name": SHA-256 of what its outcome depends on} as "transforms" of out, which has
 * none where there are none. */
void lua_transforms_code(const struct lua_transforms *s, const char *text, json_t *out);

/* Those of a plan's document, from the script's text in it: all that the script declares (none: *out NULL), of which
 * what->transforms, those that chains use, must be what the plan says.
 * 0, ERR_DATA (they are not), ERR_USAGE, ERR_MEMORY. */
int lua_transforms_load(const json_t *doc, const char *where, struct lua_transforms **out);

#endif
