#include "plots/plot.h"
#include "base/err.h"
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define SVG_MAX ((size_t)64 << 20)

void plot_string(struct text *script, const char *s)
{
    text_add(script, "'");
    for (; *s; s++) {
        unsigned char c = (unsigned char)*s;
        if (c < 0x20 || c == 0x7f)
            text_add(script, " ");
        else if (c == '\'')
            text_add(script, "\xe2\x80\x99"); /* doubled quotes at a string's start confuse gnuplot 5.4 */
        else
            text_addn(script, s, 1);
    }
    /* a backslash before the closing quote would be a line continuation to some versions */
    if (script->s[script->len - 1] == '\\')
        text_add(script, " ");
    text_add(script, "'");
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
    text_addf(script,
              "set terminal svg size %d,%d dynamic noenhanced font 'sans-serif,13' background rgb 'white'\n"
              "set encoding utf8\nset decimalsign '.'\nset border 3 lc rgb '#888888'\nset tics nomirror out\n"
              "set grid lc rgb '#e4e4e4' lt 1 lw 1\nset key outside right top Left reverse samplen 2\n",
              width, height);
    for (int i = 0; i < 8; i++)
        text_addf(script, "set linetype %d lc rgb '%s' lw 1.6 pt %d ps 0.8\n", i + 1, colours[i], i % 4 * 2 + 5);
}

/* The child: gnuplot reading the pipe, its complaints into errors. */
static void become_gnuplot(int script_fd, int errors_fd)
{
    static char *const argv[] = { "gnuplot", "-d", NULL };
    static char *const env[] = { "PATH=/usr/local/bin:/usr/bin:/bin", "LC_ALL=C.UTF-8", "GNUTERM=svg", NULL };
    dup2(script_fd, STDIN_FILENO);
    dup2(errors_fd, STDOUT_FILENO);
    dup2(errors_fd, STDERR_FILENO);
    signal(SIGPIPE, SIG_DFL);
    execvpe("gnuplot", argv, env);
    _exit(127);
}

static int write_script(int fd, const struct text *script)
{
    for (size_t at = 0; at < script->len;) {
        ssize_t n = write(fd, script->s + at, script->len - at);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -1;
        at += (size_t)n;
    }
    return 0;
}

static void read_errors(int fd, struct text *errors)
{
    char block[4096];
    ssize_t n;
    while ((n = read(fd, block, sizeof block)) > 0 || (n < 0 && errno == EINTR))
        if (n > 0 && errors->len < 4096)
            text_addn(errors, block, (size_t)n);
    while (errors->len > 0 && errors->s[errors->len - 1] == '\n')
        errors->s[--errors->len] = '\0';
}

/* The script goes through a file in memory, not a pipe: gnuplot may die before it has read all, and its messages are
 * read while it works. */
static int run_gnuplot(const char *name, const struct text *script)
{
    int errors_pipe[2], status = 0;
    if (pipe2(errors_pipe, O_CLOEXEC) != 0)
        return err_set(ERR_IO, "figure %s: cannot make a pipe for gnuplot: %s", name, strerror(errno));
    int script_fd = memfd_create("chorale-figure", MFD_CLOEXEC);
    bool written = script_fd >= 0 && write_script(script_fd, script) == 0 && lseek(script_fd, 0, SEEK_SET) == 0;
    pid_t child = written ? fork() : -1;
    int saved = errno;
    if (child == 0)
        become_gnuplot(script_fd, errors_pipe[1]);
    close(errors_pipe[1]);
    if (script_fd >= 0)
        close(script_fd);
    struct text errors = { 0 };
    if (child > 0)
        read_errors(errors_pipe[0], &errors);
    close(errors_pipe[0]);
    while (child > 0 && waitpid(child, &status, 0) < 0 && errno == EINTR)
        continue;
    int rc = 0;
    if (child < 0)
        rc = err_set(ERR_IO, "figure %s: cannot start gnuplot: %s", name, strerror(saved));
    else if (WIFEXITED(status) && WEXITSTATUS(status) == 127)
        rc = err_set(ERR_IO, "figure %s: gnuplot is not installed (Debian's package gnuplot-nox)", name);
    else if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
        rc = err_set(ERR_IO, "figure %s: gnuplot failed: %s", name, text_s(&errors));
    text_free(&errors);
    return rc;
}

/* gnuplot exits with 0 on a full disk: only the end of the file tells. */
static int check_svg(const char *name, const char *path)
{
    struct text svg = { 0 };
    int rc = text_read_file(&svg, path, SVG_MAX);
    if (rc == 0 && (svg.len < 8 || !strstr(svg.s + (svg.len > 64 ? svg.len - 64 : 0), "</svg>")))
        rc = err_set(ERR_IO, "figure %s: gnuplot left %zu bytes without an end (disk full?)", name, svg.len);
    text_free(&svg);
    return rc;
}

int plot_write(const char *folder, const char *name, const struct text *script)
{
    struct text path = { 0 }, aside = { 0 }, final = { 0 }, whole = { 0 };
    text_addf(&path, "%s/%s.gp", folder, name);
    text_addf(&final, "%s/%s.svg", folder, name);
    text_addf(&aside, "%s/%s.svg.part", folder, name);
    int rc = text_write_file(text_s(&path), text_s(script), script->len);
    text_add(&whole, "set output ");
    plot_string(&whole, text_s(&aside));
    text_addf(&whole, "\n%s\nset output\n", text_s(script));
    if (rc == 0)
        rc = run_gnuplot(name, &whole);
    if (rc == 0)
        rc = check_svg(name, text_s(&aside));
    if (rc == 0 && rename(text_s(&aside), text_s(&final)) != 0)
        rc = err_set(ERR_IO, "%s: cannot write: %s", text_s(&final), strerror(errno));
    if (rc < 0)
        unlink(text_s(&aside));
    text_free(&path);
    text_free(&aside);
    text_free(&final);
    text_free(&whole);
    return rc;
}
