#include "cli/console.h"
#include "base/columns.h"
#include "base/err.h"
#include "base/mem.h"
#include "base/text.h"
#include "cli/options.h"
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

static bool colourful(int fd)
{
    const char *no = getenv("NO_COLOR"), *term = getenv("TERM");
    return isatty(fd) && !(no && *no) && !(term && strcmp(term, "dumb") == 0);
}

const char *console_colour(enum console_colour c)
{
    static const char *const codes[] = { "\033[0m", "\033[1m", "\033[2m", "\033[31m", "\033[32m", "\033[33m" };
    return colourful(STDOUT_FILENO) ? codes[c] : "";
}

/* On stderr, with a new line; what a stranger's text put into it becomes escapes, but for ends of lines. */
static void show(const char *begin, const char *message)
{
    struct text shown = { 0 };
    size_t n = strlen(message);
    while (n > 0 && message[n - 1] == '\n')
        n--;
    for (size_t from = 0, end; from < n; from = end + 1) {
        const char *newline = memchr(message + from, '\n', n - from);
        end = newline ? (size_t)(newline - message) : n;
        text_add(&shown, from > 0 ? "\n" : "");
        text_add_shown(&shown, message + from, end - from);
    }
    fprintf(stderr, "%s%s\n", begin, text_s(&shown));
    text_free(&shown);
}

void console_say(bool quiet, const char *format, ...)
{
    va_list args, again;
    va_start(args, format);
    va_copy(again, args);
    int n = quiet ? -1 : vsnprintf(NULL, 0, format, args);
    if (n >= 0) {
        char *message = mem_alloc((size_t)n + 1, 1);
        vsnprintf(message, (size_t)n + 1, format, again);
        show("", message);
        free(message);
    }
    va_end(again);
    va_end(args);
}

void console_error(const char *message)
{
    show("chorale: ", message);
}

const char *console_name(const struct args *a, const char *name, struct text *t)
{
    text_clear(t);
    if (!a->json)
        return name;
    text_add_json(t, name, strlen(name));
    return text_s(t);
}

int console_check(void)
{
    errno = 0;
    if (!ferror(stdout) && fflush(stdout) == 0)
        return 0;
    return err_set(ERR_IO, "cannot write to stdout%s%s", errno ? ": " : "", errno ? strerror(errno) : "");
}

bool console_is_open(void)
{
    return (fcntl(STDOUT_FILENO, F_GETFL) & O_ACCMODE) != O_RDONLY;
}

bool console_reader_gone(void)
{
    struct pollfd out = { .fd = STDOUT_FILENO };
    return poll(&out, 1, 0) > 0 && (out.revents & POLLERR);
}

static void time_text(double seconds, char out[32])
{
    long s = (long)(seconds + 0.5);
    if (s >= 3600)
        snprintf(out, 32, "%ld h %02ld min", s / 3600, s / 60 % 60);
    else if (s >= 60)
        snprintf(out, 32, "%ld min %02ld s", s / 60, s % 60);
    else
        snprintf(out, 32, "%ld s", s);
}

/* Whether stderr is a terminal on which a line can be drawn again. */
static bool redraws(void)
{
    const char *term = getenv("TERM");
    return isatty(STDERR_FILENO) && !(term && strcmp(term, "dumb") == 0);
}

size_t console_width(FILE *out)
{
    struct winsize size = { 0 };
    if (!isatty(fileno(out)))
        return SIZE_MAX;
    return ioctl(fileno(out), TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
}

/* One line of a text, at a width of so many columns. */
static void add_words(struct text *t, const char *s, size_t n, size_t at, size_t indent, size_t width)
{
    size_t column = at, own = 0;
    while (own < n && s[own] == ' ')
        own++;
    for (size_t i = 0, end; i < n; i = end) {
        for (end = i; end < n && s[end] == ' ';)
            end++;
        size_t spaces = end - i, word = end;
        while (end < n && s[end] != ' ')
            end++;
        size_t wide = columns_count(s + word, end - word);
        if (column + spaces + wide > width && column > indent + own) {
            text_add(t, "\n");
            spaces = column = 0;
            while (column < indent + own) {
                text_add(t, " ");
                column++;
            }
        }
        text_addn(t, s + word - spaces, spaces + end - word);
        column += spaces + wide;
    }
}

void console_words(FILE *out, const char *s, size_t at, size_t indent)
{
    struct text t = { 0 };
    size_t width = console_width(out);
    for (size_t n; *s; at = 0) {
        n = strcspn(s, "\n");
        add_words(&t, s, n, at, indent, width);
        s += n;
        if (*s) {
            text_add(&t, "\n");
            s++;
        }
    }
    fputs(text_s(&t), out);
    text_free(&t);
}

enum { WIDTH = 24 };

static void add_bar(uint64_t done, uint64_t total, struct text *t)
{
    int filled = total > 0 ? (int)((double)WIDTH * (double)done / (double)total) : WIDTH;
    text_add(t, "[");
    for (int i = 0; i < WIDTH; i++)
        text_add(t, i < filled ? "#" : ".");
    text_add(t, "] ");
}

/* What does not fit in one row of the terminal would be drawn again below itself: without its bar then, and cut. */
static void fit(struct text *line, size_t columns)
{
    const size_t bar = WIDTH + 3;
    if (line->len >= columns) {
        memmove(line->s, line->s + bar, line->len + 1 - bar);
        line->len -= bar;
    }
    if (line->len >= columns)
        line->s[line->len = columns - 1] = '\0';
}

static void draw(const struct console_progress *p, uint64_t done, uint64_t total, uint64_t failed, uint64_t found,
                 double eta, double seconds)
{
    char time[32] = "?";
    struct text line = { 0 };
    double rate = seconds > 0 ? (double)(done - found) / seconds : 0;
    if (done >= total || isfinite(eta))
        time_text(done < total ? eta : seconds, time);
    add_bar(done, total, &line);
    text_addf(&line, "%llu/%llu %s, %.1f/s, ", (unsigned long long)done, (unsigned long long)total, p->what, rate);
    text_addf(&line, done < total ? "%s left" : "took %s", time);
    if (found > 0)
        text_addf(&line, ", %llu were there", (unsigned long long)found);
    if (failed > 0)
        text_addf(&line, ", %llu failed", (unsigned long long)failed);
    if (redraws())
        fit(&line, console_width(stderr));
    fprintf(stderr, redraws() ? "\r\033[K%s" : "%s\n", text_s(&line));
    fflush(stderr);
    text_free(&line);
}

void console_progress(struct console_progress *p, uint64_t done, uint64_t total, uint64_t failed, uint64_t found,
                      double eta, double seconds)
{
    double every = redraws() ? 0.1 : 30;
    if (p->quiet || p->whole || (done < total && seconds - p->last < every && p->last > 0))
        return;
    if (done < total && !redraws() && seconds < every)
        return;
    draw(p, done, total, failed, found, eta, seconds);
    p->last = seconds;
    p->whole = done >= total;
    p->drawn = true;
}

void console_progress_end(struct console_progress *p)
{
    if (p->drawn && redraws())
        fputc('\n', stderr);
    p->drawn = false;
}

void console_member(struct text *t, const char *key, double x)
{
    text_addf(t, ",\"%s\":", key);
    text_add_json_real(t, x);
}
