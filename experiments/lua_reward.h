/* A reward that a script computes: reward = function(x) ... return number end, of each finished text.
 *
 * x: { text =, prompt = { FIELD = text }, keywords = { ... }, lang =, symbols =, nll =, judge_nll =, ended = }: the bytes of
 * the text; the fields of the item's prompt; nll and judge_nll in nats, nil where there is none; ended: whether it ended by
 * itself.  The function gives a number, or nil for none.  It has the limits of a script (script_guard.h), sees the script as
 * it was left, whatever earlier calls did (lua_seal.h), and is called from one thread. */
#ifndef EXPERIMENTS_LUA_REWARD_H
#define EXPERIMENTS_LUA_REWARD_H

#include "base/doc.h"
#include "experiments/measures.h"
#include "experiments/script_state.h"

struct lua_reward;

/* Runs the script (its texts must outlive the reward) and takes the experiment's function.  NULL + ERR_USAGE,
 * ERR_MEMORY. */
struct lua_reward *lua_reward_open(const struct script_text *s);
/* That of a plan's document, from the script's text in it, which must be the code that the plan says.  NULL + ERR_DATA
 * (it is not), ERR_USAGE, ERR_MEMORY. */
struct lua_reward *lua_reward_load(const json_t *doc);
void lua_reward_close(struct lua_reward *r); /* NULL is fine */
const char *
lua_reward_hash(const struct lua_reward *r); /* SHA-256 of what its outcome depends on; lives as long as r */

/* NAN: nil was given.  0; ERR_USAGE "PATH:LINE: what", ERR_MEMORY. */
int lua_reward_of(struct lua_reward *r, const struct measures_record *x, double *out);

#endif
