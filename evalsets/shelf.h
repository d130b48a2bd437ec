/* Where evalsets stand: the bundled ones, folders, and the splits named after them. */
#ifndef EVALSETS_SHELF_H
#define EVALSETS_SHELF_H

#include "base/text.h"

/* Behind evalset_set_home() and evalset_names(). */
void shelf_set_home(const char *home);
const char *const *shelf_names(size_t *n);

/* The folder that a name means, and the split behind its last '/' ("" where it selects none).
 * 0 or ERR_DATA that lists the bundled names. */
int shelf_find(const char *name, struct text *path, struct text *split);

/* The first paragraph of path/README.md that is no heading, its lines joined; "" without one.  0 or ERR_IO. */
int shelf_readme(const char *path, struct text *first);

#endif
