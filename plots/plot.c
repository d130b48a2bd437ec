#include "plots/plot.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/file.h"
#include "plots/svg.h"
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define SVG_MAX     ((size_t)64 << 20)
#define ERRORS_MAX  4096 /* bytes of gnuplot's complaints that are kept */
#define MAX_SECONDS 120.0

/* Characters that a label must not have: controls, marks that turn the direction of what follows, and what XML lacks. */
static bool is_invisible(uint32_t c)
{
    return c < 0x20 || (c >= 0x7f && c < 0xa0) || (c >= 0x2028 && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069) ||
           c == 0xfffe || c == 0xffff;
}

/* One character of s, at most n bytes left, appended; its length. */
static size_t add_character(struct text *script, const char *s, size_t n)
{
    uint32_t codepoint = 0;
    int length = text_utf8(s, n, &codepoint);
    if (length <= 0) {
        text_add(script, "\xef\xbf\xbd");
        return 1;
    }
    if (is_invisible(codepoint))
        text_add(script, " ");
    else if (codepoint == '\'')
        text_add(script, "\xe2\x80\x99"); /* doubled quotes at a string's start confuse gnuplot 5.4 */
    else
        text_addn(script, s, (size_t)length);
    return (size_t)length;
}

static void add_literal(struct text *script, const char *s, const char *percent)
{
    size_t n = strlen(s), i = 0;
    text_add(script, "'");
    while (i < n && i < PLOT_STRING_MAX) {
        if (s[i] == '>' && i >= 2 && memcmp(s + i - 2, "]]", 2) == 0)
            text_add(script, " "); /* gnuplot escapes & and < only; XML forbids this too */
        if (s[i] == '%') {
            text_add(script, percent);
            i++;
        } else {
            i += add_character(script, s + i, n - i);
        }
    }
    if (i < n)
        text_add(script, "\xe2\x80\xa6");
    /* a backslash before the closing quote would be a line continuation to some versions */
    if (script->s[script->len - 1] == '\\')
        text_add(script, " ");
    text_add(script, "'");
}

void plot_string(struct text *script, const char *s)
{
    add_literal(script, s, "%");
}

void plot_tic(struct text *script, const char *s)
{
    add_literal(script, s, "%%");
}

void plot_number(struct text *script, double x)
{
    if (isfinite(x))
        text_add_real(script, x);
    else
        text_add(script, "NaN");
}

void plot_head(struct text *script, int width, int height)
{
    static const char *const colours[] = { "#0072B2", "#D55E00", "#009E73", "#CC79A7",
                                           "#56B4E9", "#E69F00", "#555555", "#8C6D1F" };
    static const int points[PLOT_LINES] = { 5, 7, 9, 11, 13, 15, 4, 6, 8, 10, 12, 14 };
    text_addf(script,
              "set terminal svg size %d,%d dynamic noenhanced font 'sans-serif,13' background rgb 'white'\n"
              "set encoding utf8\nset decimalsign '.'\nset border 3 lc rgb '#888888'\n"
              "set tics nomirror out textcolor rgb '#555555'\n"
              "set grid lc rgb '#e4e4e4' lt 1 lw 1\nset key outside right top Left reverse samplen 2\n",
              width, height);
    for (int i = 0; i < PLOT_LINES; i++)
        text_addf(script, "set linetype %d lc rgb '%s' lw 1.6 pt %d ps 0.8\n", i + 1, colours[i % 8], points[i]);
    text_addf(script, "set linetype %d lc rgb '#999999' lw 1 pt 7 ps 0.35\n", PLOT_LINES + 1);
}

/* The child: gnuplot in the figure's folder, reading the script, its complaints into errors. */
static void become_gnuplot(const char *program, const char *folder, int script_fd, int errors_fd)
{
    static const char *const places[] = { "/usr/local/bin/gnuplot", "/usr/bin/gnuplot", "/bin/gnuplot" };
    static char *const argv[] = { "gnuplot", "-d", NULL };
    static char *const env[] = { "PATH=/usr/local/bin:/usr/bin:/bin", "LC_ALL=C.UTF-8", "GNUTERM=svg", NULL };
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    setpgid(0, 0); /* so that what it starts can be stopped with it */
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    dup2(script_fd, STDIN_FILENO);
    dup2(errors_fd, STDOUT_FILENO);
    dup2(errors_fd, STDERR_FILENO);
    signal(SIGPIPE, SIG_DFL);
    signal(SIGXFSZ, SIG_DFL);
    if (chdir(folder) == 0 && program)
        execve(program, argv, env);
    for (size_t i = 0; i < sizeof places / sizeof *places && !program; i++)
        execve(places[i], argv, env);
    _exit(127);
}

/* What is there to read now; false at the end. */
static bool read_errors(int fd, struct text *errors)
{
    char block[4096];
    ssize_t n = read(fd, block, sizeof block);
    if (n > 0 && errors->len < ERRORS_MAX)
        text_addn(errors, block, (size_t)n);
    return n > 0 || (n < 0 && (errno == EINTR || errno == EAGAIN));
}

/* Waits for the child, keeping what it complains.  false: it was out of time, and is stopped. */
static bool attend(pid_t child, int errors_fd, double seconds, struct text *errors, int *status)
{
    double deadline = clock_seconds() + seconds;
    bool open = true;
    while (waitpid(child, status, WNOHANG) != child) {
        struct pollfd p = { .fd = open ? errors_fd : -1, .events = POLLIN };
        if (poll(&p, 1, open ? 20 : 1) > 0)
            open = read_errors(errors_fd, errors);
        if (clock_seconds() < deadline)
            continue;
        kill(-child, SIGKILL);
        kill(child, SIGKILL);
        while (waitpid(child, status, 0) < 0 && errno == EINTR)
            continue;
        return false;
    }
    for (size_t before = SIZE_MAX; before != errors->len && errors->len < ERRORS_MAX;) {
        before = errors->len;
        read_errors(errors_fd, errors);
    }
    return true;
}

/* gnuplot's own words, on one line and harmless on a terminal. */
static void tidy(struct text *errors)
{
    while (errors->len > 0 && strchr("\n ", errors->s[errors->len - 1]))
        errors->s[--errors->len] = '\0';
    for (size_t i = 0; i < errors->len; i++)
        if (((unsigned char)errors->s[i] < 0x20 && errors->s[i] != '\n') || errors->s[i] == 0x7f)
            errors->s[i] = ' ';
}

static int verdict(const struct plot_tool *tool, const char *name, int status, const struct text *errors)
{
    const char *program = tool->program ? tool->program : "gnuplot";
    if (WIFSIGNALED(status))
        return err_set(ERR_IO, "figure %s: %s was ended by a signal: %s %s", name, program, strsignal(WTERMSIG(status)),
                       text_s(errors));
    if (WEXITSTATUS(status) == 127 && tool->program)
        return err_set(ERR_IO, "figure %s: cannot run %s, which CHORALE_GNUPLOT names %s", name, program,
                       text_s(errors));
    if (WEXITSTATUS(status) == 127)
        return err_set(ERR_IO, "figure %s: gnuplot is not installed (Debian's package gnuplot-nox)", name);
    if (WEXITSTATUS(status) != 0)
        return err_set(ERR_IO, "figure %s: gnuplot failed: %s", name, text_s(errors));
    return 0;
}

static int attend_and_judge(const struct plot_tool *tool, const char *name, pid_t child, int errors_fd)
{
    struct text errors = { 0 };
    int status = 0;
    bool in_time = attend(child, errors_fd, tool->seconds, &errors, &status);
    tidy(&errors);
    int rc = in_time ? verdict(tool, name, status, &errors)
                     : err_set(ERR_IO, "figure %s: gnuplot did not end in %g s and was stopped %s", name, tool->seconds,
                               text_s(&errors));
    text_free(&errors);
    return rc;
}

/* The script goes through a file in memory, not a pipe: gnuplot may die before it has read all, and its messages are
 * read while it works. */
static int run_gnuplot(const struct plot_tool *tool, const char *folder, const char *name, const struct text *script)
{
    int errors_pipe[2];
    if (pipe2(errors_pipe, O_CLOEXEC) != 0)
        return err_set(ERR_IO, "figure %s: cannot make a pipe for gnuplot: %s", name, strerror(errno));
    fcntl(errors_pipe[0], F_SETFL, O_NONBLOCK);
    int script_fd = memfd_create("chorale-figure", MFD_CLOEXEC);
    bool written =
        script_fd >= 0 && file_write(script_fd, script->s, script->len) == 0 && lseek(script_fd, 0, SEEK_SET) == 0;
    pid_t child = written ? fork() : -1;
    int saved = errno;
    if (child == 0)
        become_gnuplot(tool->program, folder, script_fd, errors_pipe[1]);
    close(errors_pipe[1]);
    if (script_fd >= 0)
        close(script_fd);
    int rc = child < 0 ? err_set(ERR_IO, "figure %s: cannot start gnuplot: %s", name, strerror(saved))
                       : attend_and_judge(tool, name, child, errors_pipe[0]);
    close(errors_pipe[0]);
    return rc;
}

/* gnuplot exits with 0 on a full disk: only the file tells. */
static int keep_svg(const char *name, const char *aside, const char *final)
{
    struct text svg = { 0 }, why = { 0 };
    if (access(aside, F_OK) != 0)
        return err_set(ERR_IO, "figure %s: gnuplot wrote no figure", name);
    int rc = text_read_file(&svg, aside, SVG_MAX);
    if (rc == 0 && svg_check(text_s(&svg), svg.len, &why))
        rc = err_set(ERR_IO, "figure %s: gnuplot left %zu bytes that are no whole figure (disk full?): %s", name,
                     svg.len, text_s(&why));
    if (rc == 0)
        rc = text_write_file(final, text_s(&svg), svg.len);
    text_free(&svg);
    text_free(&why);
    return rc;
}

int plot_write_with(const struct plot_tool *tool, const char *folder, const char *name, const struct text *script)
{
    struct text path = { 0 }, aside = { 0 }, final = { 0 }, whole = { 0 };
    if (tool->program && tool->program[0] != '/')
        return err_set(ERR_USAGE, "CHORALE_GNUPLOT is '%s', want an absolute path", tool->program);
    text_addf(&path, "%s/%s.gp", folder, name);
    text_addf(&final, "%s/%s.svg", folder, name);
    text_addf(&aside, "%s/%s.svg.part", folder, name);
    text_addf(&whole, "set output '%s.svg.part'\n%s\nset output\n", name, text_s(script));
    int rc = text_write_file(text_s(&path), text_s(script), script->len);
    if (rc == 0)
        rc = run_gnuplot(tool, folder, name, &whole);
    if (rc == 0)
        rc = keep_svg(name, text_s(&aside), text_s(&final));
    unlink(text_s(&aside));
    text_free(&path);
    text_free(&aside);
    text_free(&final);
    text_free(&whole);
    return rc;
}

struct plot_tool plot_tool(void)
{
    const char *program = getenv("CHORALE_GNUPLOT");
    return (struct plot_tool){ .program = program && *program ? program : NULL, .seconds = MAX_SECONDS };
}

int plot_write(const char *folder, const char *name, const struct text *script)
{
    struct plot_tool tool = plot_tool();
    return plot_write_with(&tool, folder, name, script);
}
