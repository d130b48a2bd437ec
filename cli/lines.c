#include "cli/lines.h"
#include "base/err.h"
#include "cli/console.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>

#define LINE_MAX_BYTES ((size_t)256 << 20)

static bool blank(const char *s, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (s[i] == '\0' || !strchr(" \t\r\n", s[i]))
            return false;
    return true;
}

/* The next line without its newline into line; *n: its bytes, of which no more than LINE_MAX_BYTES are kept. */
static bool read_line(FILE *in, struct text *line, size_t *n)
{
    char block[4096];
    size_t filled = 0;
    int c;
    text_clear(line);
    for (*n = 0; (c = getc_unlocked(in)) != EOF && c != '\n'; ++*n) {
        if (*n >= LINE_MAX_BYTES)
            continue;
        block[filled++] = (char)c;
        if (filled == sizeof block) {
            text_addn(line, block, filled);
            filled = 0;
        }
    }
    text_addn(line, block, filled);
    return c != EOF || *n > 0;
}

static void too_long(const char *path, size_t n_lines, size_t n, struct text *out)
{
    err_set(ERR_DATA, "%s:%zu: the line has %zu bytes, at most %zu are read", path, n_lines, n, LINE_MAX_BYTES);
    text_add(out, "{\"id\":null,\"error\":");
    text_add_json(out, err_text(), strlen(err_text()));
    text_add(out, "}");
}

int lines_run(const struct args *a, int (*answer)(void *ctx, const char *line, size_t n, struct text *out), void *ctx)
{
    bool has_file = a->n_operands > 0 && strcmp(a->operand[0], "-") != 0;
    const char *path = has_file ? a->operand[0] : "stdin";
    FILE *in = has_file ? fopen(path, "rb") : stdin;
    if (!in)
        return err_set(ERR_IO, "%s: cannot open: %s", path, strerror(errno));
    struct text out = { 0 }, line = { 0 };
    size_t n, n_failed = 0, n_answered = 0;
    int rc = 0;
    for (size_t n_lines = 1; rc == 0 && read_line(in, &line, &n); n_lines++) {
        bool long_one = n > LINE_MAX_BYTES;
        if (!long_one && blank(text_s(&line), line.len))
            continue;
        text_clear(&out);
        if (long_one)
            too_long(path, n_lines, n, &out);
        n_failed += long_one || answer(ctx, text_s(&line), line.len, &out) < 0;
        n_answered++;
        puts(text_s(&out));
        if (ferror(stdout))
            rc = console_check();
    }
    if (rc == 0 && ferror(in))
        rc = err_set(ERR_IO, "%s: cannot read: %s", path, strerror(errno));
    text_free(&line);
    text_free(&out);
    if (in != stdin)
        fclose(in);
    if (rc == 0 && n_failed > 0)
        rc = err_set(ERR_SOME, "%s: %zu of %zu lines failed (each has its \"error\")", path, n_failed, n_answered);
    return rc;
}
