#include "base/text.h"
#include "base/err.h"
#include "base/file.h"
#include "base/folder.h"
#include "base/mem.h"
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <float.h>
#include <libgen.h>
#include <locale.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

void text_free(struct text *t)
{
    free(t->s);
    *t = (struct text){ 0 };
}

void text_clear(struct text *t)
{
    t->len = 0;
    if (t->s)
        t->s[0] = '\0';
}

const char *text_s(const struct text *t)
{
    return t->s ? t->s : "";
}

void text_addn(struct text *t, const void *s, size_t n)
{
    mem_grow(&t->s, &t->cap, t->len + n + 1, 1);
    if (n > 0)
        memcpy(t->s + t->len, s, n);
    t->len += n;
    t->s[t->len] = '\0';
}

void text_add(struct text *t, const char *s)
{
    text_addn(t, s, strlen(s));
}

void text_addf(struct text *t, const char *format, ...)
{
    va_list args, again;
    va_start(args, format);
    va_copy(again, args);
    int n = vsnprintf(NULL, 0, format, args);
    if (n > 0) {
        mem_grow(&t->s, &t->cap, t->len + (size_t)n + 1, 1);
        vsnprintf(t->s + t->len, (size_t)n + 1, format, again);
        t->len += (size_t)n;
    }
    va_end(again);
    va_end(args);
}

/* The program never calls setlocale(), and a library that does must not change our numbers: the decimal separator of the
 * moment is read and undone. */
static void undo_locale(char *s, char from, char to)
{
    for (; *s; s++)
        if (*s == from)
            *s = to;
}

void text_add_real(struct text *t, double x)
{
    char s[40];
    if (isnan(x)) {
        text_add(t, "nan");
        return;
    }
    if (isinf(x)) {
        text_add(t, x > 0 ? "inf" : "-inf");
        return;
    }
    if (fabs(x) < 1e15 && x == floor(x)) { /* 40, not 4e+01 */
        snprintf(s, sizeof s, "%.0f", x);
        text_add(t, s);
        return;
    }
    /* of a normal number fifteen digits are the shortest text where that has no more (%g drops zeros at the end) */
    for (int digits = fabs(x) < DBL_MIN ? 1 : DBL_DIG; digits <= DBL_DECIMAL_DIG; digits++) {
        snprintf(s, sizeof s, "%.*g", digits, x);
        if (strtod(s, NULL) == x)
            break;
    }
    undo_locale(s, localeconv()->decimal_point[0], '.');
    text_add(t, s);
}

void text_add_json_real(struct text *t, double x)
{
    if (isfinite(x))
        text_add_real(t, x);
    else
        text_add(t, "null");
}

void text_add_json(struct text *t, const char *s, size_t n)
{
    text_addn(t, "\"", 1);
    for (size_t i = 0; i < n;) {
        unsigned char c = (unsigned char)s[i];
        int length = text_utf8(s + i, n - i, NULL);
        if (length <= 0) {
            text_add(t, "\xef\xbf\xbd");
            i++;
            continue;
        }
        if (c == '"' || c == '\\')
            text_addf(t, "\\%c", c);
        else if (c == '\n')
            text_add(t, "\\n");
        else if (c == '\t')
            text_add(t, "\\t");
        else if (c == '\r')
            text_add(t, "\\r");
        else if (c < 0x20 || c == 0x7f)
            text_addf(t, "\\u%04x", c);
        else
            text_addn(t, s + i, (size_t)length);
        i += (size_t)length;
    }
    text_addn(t, "\"", 1);
}

/* Characters that move a terminal's cursor, change its state or turn text round. */
static bool steers_terminal(uint32_t c)
{
    return c < 0x20 || (c >= 0x7f && c < 0xa0) || c == 0x200e || c == 0x200f || (c >= 0x2028 && c <= 0x202e) ||
           (c >= 0x2066 && c <= 0x2069) || c == 0xfeff;
}

void text_add_shown(struct text *t, const char *s, size_t n)
{
    uint32_t c = 0;
    for (size_t i = 0; i < n;) {
        int length = text_utf8(s + i, n - i, &c);
        if (length <= 0)
            text_addf(t, "\\x%02x", (unsigned char)s[i]);
        else if (c == '\n')
            text_add(t, "\\n");
        else if (steers_terminal(c))
            text_addf(t, c < 0x100 ? "\\x%02x" : "\\u%04x", c);
        else
            text_addn(t, s + i, (size_t)length);
        i += length > 0 ? (size_t)length : 1;
    }
}

void text_add_html(struct text *t, const char *s, size_t n)
{
    for (size_t i = 0; i < n;) {
        int length = text_utf8(s + i, n - i, NULL);
        char c = s[i];
        if (length <= 0 || ((unsigned char)c < 0x20 && c != '\n' && c != '\t'))
            text_add(t, "\xef\xbf\xbd");
        else if (c == '&')
            text_add(t, "&amp;");
        else if (c == '<')
            text_add(t, "&lt;");
        else if (c == '>')
            text_add(t, "&gt;");
        else if (c == '"')
            text_add(t, "&quot;");
        else if (c == '\'')
            text_add(t, "&#39;");
        else
            text_addn(t, s + i, (size_t)length);
        i += length > 0 ? (size_t)length : 1;
    }
}

bool text_real(const char *s, double *x)
{
    bool negative = *s == '-';
    if (strcmp(s + negative, "inf") == 0) {
        *x = negative ? -INFINITY : INFINITY;
        return true;
    }
    /* strtod also takes hex, "nan" and "infinity": only decimal digits come in here */
    if (*s == '\0' || strspn(s, "0123456789+-.eE") != strlen(s) || *s == '+')
        return false;
    char copy[128], *end;
    if (strlen(s) >= sizeof copy)
        return false;
    strcpy(copy, s);
    undo_locale(copy, '.', localeconv()->decimal_point[0]);
    double value = strtod(copy, &end);
    if (end == copy || *end != '\0' || !isfinite(value))
        return false;
    *x = value;
    return true;
}

bool text_ends_in(const char *s, const char *end)
{
    size_t n = strlen(s), m = strlen(end);
    return n >= m && strcmp(s + n - m, end) == 0;
}

bool text_same_word(const char *word, const char *seen)
{
    while (*seen && *word == (*seen == '-' ? '_' : *seen >= 'A' && *seen <= 'Z' ? *seen - 'A' + 'a' : *seen)) {
        word++;
        seen++;
    }
    return !*word && !*seen;
}

double text_shortest(float x)
{
    char s[32];
    double y = NAN;
    for (int digits = 1; digits <= 9 && (float)y != x; digits++) {
        snprintf(s, sizeof s, "%.*g", digits, (double)x);
        text_real(s, &y);
    }
    return y;
}

bool text_u64(const char *s, uint64_t *x)
{
    if (!isdigit((unsigned char)*s))
        return false;
    char *end;
    errno = 0;
    unsigned long long value = strtoull(s, &end, 10);
    if (errno != 0 || *end != '\0')
        return false;
    *x = value;
    return true;
}

bool text_i64(const char *s, int64_t *x)
{
    if (!isdigit((unsigned char)s[*s == '-']))
        return false;
    char *end;
    errno = 0;
    long long value = strtoll(s, &end, 10);
    if (errno != 0 || *end != '\0')
        return false;
    *x = value;
    return true;
}

/* Long strings are not compared to their ends: a name of megabytes would take seconds against a dozen others. */
size_t text_distance(const char *a, const char *b)
{
    size_t n_a = strnlen(a, TEXT_DISTANCE_MAX), n = strnlen(b, TEXT_DISTANCE_MAX), *row = mem_alloc(n + 1, sizeof *row);
    for (size_t j = 0; j <= n; j++)
        row[j] = j;
    for (size_t i = 0; i < n_a; i++) {
        size_t diagonal = row[0];
        row[0] = i + 1;
        for (size_t j = 0; j < n; j++) {
            size_t best = diagonal + (a[i] != b[j]);
            if (row[j] + 1 < best)
                best = row[j] + 1;
            if (row[j + 1] + 1 < best)
                best = row[j + 1] + 1;
            diagonal = row[j + 1];
            row[j + 1] = best;
        }
    }
    size_t distance = row[n];
    free(row);
    return n_a < TEXT_DISTANCE_MAX && n < TEXT_DISTANCE_MAX ? distance : SIZE_MAX;
}

static int read_stream(struct text *t, FILE *f, const char *path, size_t max)
{
    char block[65536];
    size_t n;
    while ((n = fread(block, 1, sizeof block, f)) > 0) {
        if (n > max - t->len)
            return err_set(ERR_DATA, "%s: larger than %zu bytes", path, max);
        text_addn(t, block, n);
    }
    return ferror(f) ? err_set(ERR_IO, "%s: cannot read: %s", path, strerror(errno)) : 0;
}

int text_read_file(struct text *t, const char *path, size_t max)
{
    text_clear(t);
    if (strcmp(path, "-") == 0)
        return read_stream(t, stdin, "stdin", max);
    FILE *f = fopen(path, "rbe");
    if (!f)
        return err_set(ERR_IO, "%s: cannot open: %s", path, strerror(errno));
    int rc = read_stream(t, f, path, max);
    fclose(f);
    return rc;
}

static int check_regular(int fd, const char *path, size_t max)
{
    struct stat st;
    if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode))
        return err_set(ERR_DATA, "%s: no plain file, want a regular file", path);
    if (st.st_size < 0 || (uintmax_t)st.st_size > max)
        return err_set(ERR_DATA, "%s: larger than %zu bytes", path, max);
    return 0;
}

static int read_regular(struct text *t, const char *path, size_t max, int flags)
{
    text_clear(t);
    int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC | flags);
    if (fd < 0 && errno == ELOOP && flags == O_NOFOLLOW)
        return err_set(ERR_DATA, "%s: a symbolic link, want a regular file", path);
    if (fd < 0)
        return err_set(ERR_IO, "%s: cannot open: %s", path, strerror(errno));
    int rc = check_regular(fd, path, max);
    FILE *f = rc == 0 ? fdopen(fd, "rb") : NULL;
    if (rc == 0 && !f)
        rc = err_set(ERR_IO, "%s: cannot open: %s", path, strerror(errno));
    if (rc == 0)
        rc = read_stream(t, f, path, max);
    if (f)
        fclose(f);
    else
        close(fd);
    return rc;
}

int text_read_regular(struct text *t, const char *path, size_t max)
{
    return read_regular(t, path, max, O_NOFOLLOW);
}

int text_read_followed(struct text *t, const char *path, size_t max)
{
    return read_regular(t, path, max, 0);
}

int text_write_file(const char *path, const void *bytes, size_t n)
{
    struct text aside = { 0 };
    int fd = file_create_aside(path, ".part", &aside);
    bool ok = fd >= 0 && file_write(fd, bytes, n) == 0 && file_sync(fd) == 0;
    int saved = errno;
    if (fd >= 0 && close(fd) != 0 && ok) {
        saved = errno;
        ok = false;
    }
    if (ok && rename(aside.s, path) != 0) {
        saved = errno;
        ok = false;
    }
    if (!ok && fd >= 0)
        unlink(aside.s);
    text_free(&aside);
    return ok ? folder_sync_of(path) : err_set(ERR_IO, "%s: cannot write %zu bytes: %s", path, n, strerror(saved));
}
