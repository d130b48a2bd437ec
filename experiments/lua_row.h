/* The row as the transforms of a script see it: a handle whose methods are the functions of base/row.h.  docs/scripts.md
 * lists them.  Every change leaves the row measured; what is masked stays masked.  Shared by lua_*.c alone. */
#ifndef EXPERIMENTS_LUA_ROW_H
#define EXPERIMENTS_LUA_ROW_H

#include "base/transform.h"
#include "experiments/lua_vector.h"

/* One Lua state's; what the handle points to.  row NULL: no call is going on, and the handle is refused. */
struct lua_row {
    struct row *row;
    const struct transform_at *at;
    struct lua_vectors vectors;
};

void lua_row_register(lua_State *L);
void lua_row_push(lua_State *L, struct lua_row *r); /* r must outlive the state */

#endif
