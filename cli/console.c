#include "cli/console.h"
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

static void draw(const struct console_progress *p, uint64_t done, uint64_t total, uint64_t failed, uint64_t found,
                 double eta, double seconds)
{
    enum { WIDTH = 24 };
    char left[32] = "?", took[32], bar[WIDTH + 1];
    double rate = seconds > 0 ? (double)(done - found) / seconds : 0;
    int filled = total > 0 ? (int)((double)WIDTH * (double)done / (double)total) : WIDTH;
    for (int i = 0; i < WIDTH; i++)
        bar[i] = i < filled ? '#' : '.';
    bar[WIDTH] = '\0';
    if (isfinite(eta))
        time_text(eta, left);
    time_text(seconds, took);
    bool terminal = isatty(STDERR_FILENO);
    fprintf(stderr, terminal ? "\r\033[K[%s] " : "[%s] ", bar);
    fprintf(stderr, "%llu/%llu %s, %.1f/s, ", (unsigned long long)done, (unsigned long long)total, p->what, rate);
    if (done < total)
        fprintf(stderr, "%s left", left);
    else
        fprintf(stderr, "took %s", took);
    if (found > 0)
        fprintf(stderr, ", %llu were there", (unsigned long long)found);
    if (failed > 0)
        fprintf(stderr, ", %llu failed", (unsigned long long)failed);
    if (!terminal)
        fputc('\n', stderr);
    fflush(stderr);
}

void console_progress(struct console_progress *p, uint64_t done, uint64_t total, uint64_t failed, uint64_t found,
                      double eta, double seconds)
{
    double every = isatty(STDERR_FILENO) ? 0.1 : 30;
    if (p->quiet || p->whole || (done < total && seconds - p->last < every && p->last > 0))
        return;
    if (done < total && !isatty(STDERR_FILENO) && seconds < every)
        return;
    draw(p, done, total, failed, found, eta, seconds);
    p->last = seconds;
    p->whole = done >= total;
    p->drawn = true;
}

void console_progress_end(struct console_progress *p)
{
    if (p->drawn && isatty(STDERR_FILENO))
        fputc('\n', stderr);
    p->drawn = false;
}

void console_member(struct text *t, const char *key, double x)
{
    text_addf(t, ",\"%s\":", key);
    text_add_json_real(t, x);
}
