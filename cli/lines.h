/* JSON lines: a verb that answers each line of its input with a line, errors included. */
#ifndef CLI_LINES_H
#define CLI_LINES_H

#include "base/text.h"
#include "cli/options.h"
#include <stdio.h>

/* Reads operand 0 (or stdin), calls answer(ctx, ...) for every line that is not blank; answer appends the JSON of the
 * result, or of {"id","error"} and returns < 0.  ERR_SOME when a line failed. */
int lines_run(const struct args *a, int (*answer)(void *ctx, const char *line, size_t n, struct text *out), void *ctx);

/* The same in parts, for who looks at the input first. */
struct lines {
    FILE *in;
    const char *path;
    int (*answer)(void *ctx, const char *line, size_t n, struct text *out);
    /* Told of each line that is not answered, so that who counts lines counts all; NULL: nobody. */
    void (*skip)(void *ctx);
    void *ctx;
    size_t n_answered, n_failed;
};
int lines_open(struct lines *l, const struct args *a); /* operand 0, or stdin; 0 or ERR_IO */
int lines_read(struct lines *l);                       /* every line of the input */
/* Answers one line of n bytes and prints what it gave; 0, or what stops all. */
int lines_answer(struct lines *l, const char *line, size_t n);
int lines_close(struct lines *l, int rc); /* rc: of what was done; ERR_SOME when that is 0 and a line failed */

#endif
