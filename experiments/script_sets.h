/* Whether a script reads what --set gives it: a slip in a name would otherwise leave the script's own value, without a word. */
#ifndef EXPERIMENTS_SCRIPT_SETS_H
#define EXPERIMENTS_SCRIPT_SETS_H

#include "base/text.h"
#include <stdbool.h>

/* sets: (n_sets,) "name=value".  0, or ERR_USAGE when the script has arg.NAME and arg["NAME"] of other names only; where it
 * uses arg in another way, as pairs(arg) does, any name may be meant. */
int script_sets_check(const char *path, const struct text *source, const char *const sets[], size_t n_sets);
/* Whether a script reads arg.NAME, or may. */
bool script_sets_reads(const char *source, const char *name);

#endif
