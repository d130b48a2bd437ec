#include "cli/lines.h"
#include "base/err.h"
#include "cli/console.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LINE_MAX_BYTES ((size_t)256 << 20)

static bool blank(const char *s, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (!strchr(" \t\r\n", s[i]))
            return false;
    return true;
}

int lines_run(const struct args *a, int (*answer)(void *ctx, const char *line, size_t n, struct text *out), void *ctx)
{
    bool has_file = a->n_operands > 0 && strcmp(a->operand[0], "-") != 0;
    const char *path = has_file ? a->operand[0] : "stdin";
    FILE *in = has_file ? fopen(path, "rb") : stdin;
    if (!in)
        return err_set(ERR_IO, "%s: cannot open: %s", path, strerror(errno));
    struct text out = { 0 };
    char *line = NULL;
    size_t cap = 0, n_failed = 0, n_answered = 0, n_lines = 0;
    ssize_t n;
    int rc = 0;
    while (rc == 0 && (n = getline(&line, &cap, in)) >= 0) {
        n_lines++;
        if ((size_t)n > LINE_MAX_BYTES)
            rc = err_set(ERR_DATA, "%s:%zu: the line has %zd bytes, at most %zu are read", path, n_lines, n,
                         LINE_MAX_BYTES);
        if (rc < 0 || blank(line, (size_t)n))
            continue;
        text_clear(&out);
        n_failed += answer(ctx, line, (size_t)n, &out) < 0;
        n_answered++;
        puts(text_s(&out));
        if (ferror(stdout))
            rc = console_check();
    }
    if (rc == 0 && ferror(in))
        rc = err_set(ERR_IO, "%s: cannot read: %s", path, strerror(errno));
    free(line);
    text_free(&out);
    if (in != stdin)
        fclose(in);
    if (rc == 0 && n_failed > 0)
        rc = err_set(ERR_SOME, "%s: %zu of %zu lines failed (each has its \"error\")", path, n_failed, n_answered);
    return rc;
}
