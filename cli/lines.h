/* JSON lines: a verb that answers each line of its input with a line, errors included. */
#ifndef CLI_LINES_H
#define CLI_LINES_H

#include "base/text.h"
#include "cli/options.h"

/* Reads operand 0 (or stdin), calls answer(ctx, ...) for every line that is not blank; answer appends the JSON of the
 * result, or of {"id","error"} and returns < 0.  ERR_SOME when a line failed. */
int lines_run(const struct args *a, int (*answer)(void *ctx, const char *line, size_t n, struct text *out), void *ctx);

#endif
