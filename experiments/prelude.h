/* The Lua source of what a script sees: prelude.lua, line by line.  prelude.c is made from it by prelude.sh; a test
 * compares the two. */
#ifndef EXPERIMENTS_PRELUDE_H
#define EXPERIMENTS_PRELUDE_H

#include <stddef.h>

extern const char *const prelude_lines[]; /* (prelude_n,) each with its newline */
extern const size_t prelude_n;

#endif
