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

static int print(struct lines *l, const struct text *out, bool failed)
{
    l->n_failed += failed;
    l->n_answered++;
    puts(text_s(out));
    return ferror(stdout) ? console_check() : 0;
}

int lines_answer(struct lines *l, const char *line, size_t n)
{
    struct text out = { 0 };
    bool failed = l->answer(l->ctx, line, n, &out) < 0;
    int rc = print(l, &out, failed);
    text_free(&out);
    return rc;
}

static int too_long(struct lines *l, size_t n_lines, size_t n)
{
    struct text out = { 0 };
    err_set(ERR_DATA, "%s:%zu: the line has %zu bytes, at most %zu are read", l->path, n_lines, n, LINE_MAX_BYTES);
    text_add(&out, "{\"id\":null,\"error\":");
    text_add_json(&out, err_text(), strlen(err_text()));
    text_add(&out, "}");
    int rc = print(l, &out, true);
    text_free(&out);
    return rc;
}

int lines_open(struct lines *l, const struct args *a)
{
    bool has_file = a->n_operands > 0 && strcmp(a->operand[0], "-") != 0;
    l->path = has_file ? a->operand[0] : "stdin";
    l->in = has_file ? fopen(l->path, "rb") : stdin;
    return l->in ? 0 : err_set(ERR_IO, "%s: cannot open: %s", l->path, strerror(errno));
}

int lines_read(struct lines *l)
{
    struct text line = { 0 };
    size_t n;
    int rc = 0;
    for (size_t n_lines = 1; rc == 0 && read_line(l->in, &line, &n); n_lines++) {
        bool asks = n <= LINE_MAX_BYTES && !blank(text_s(&line), line.len);
        if (!asks && l->skip)
            l->skip(l->ctx);
        if (n > LINE_MAX_BYTES)
            rc = too_long(l, n_lines, n);
        else if (asks)
            rc = lines_answer(l, text_s(&line), line.len);
    }
    if (rc == 0 && ferror(l->in))
        rc = err_set(ERR_IO, "%s: cannot read: %s", l->path, strerror(errno));
    text_free(&line);
    return rc;
}

int lines_close(struct lines *l, int rc)
{
    if (l->in != stdin)
        fclose(l->in);
    if (rc == 0 && l->n_failed > 0)
        rc = err_set(ERR_SOME, "%s: %zu of %zu lines failed (each has its \"error\")", l->path, l->n_failed,
                     l->n_answered);
    return rc;
}

int lines_run(const struct args *a, int (*answer)(void *ctx, const char *line, size_t n, struct text *out), void *ctx)
{
    struct lines l = { .answer = answer, .ctx = ctx };
    TRY(lines_open(&l, a));
    return lines_close(&l, lines_read(&l));
}
