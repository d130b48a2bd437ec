/* cli/guard: whatever the work does, the caller gets a code and a message; cli/console: what the terminal is told meanwhile. */
/* cli/ is no library: its files are part of this test */
#include "base/err.h"
#include "base/folder.h"
#include "base/mem.h"
#include "cli/console.c"
#include "cli/guard.c"
#include "experiments/results.h"
#include "tests/lib/check.h"
#include <dirent.h>
#include <time.h>

static char home[] = "/tmp/chorale-test-guard-unit-XXXXXX";

static int fine(struct guard *g, void *ctx)
{
    (void)ctx;
    guard_open(g, 0);
    guard_read(g);
    return 0;
}

static int fails(struct guard *g, void *ctx)
{
    guard_open(g, 1);
    guard_read(g);
    return err_set(ERR_GATE, "%s", (const char *)ctx);
}

static int crashes_reading(struct guard *g, void *ctx)
{
    guard_open(g, 1);
    raise(*(int *)ctx);
    return 0;
}

static int crashes_later(struct guard *g, void *ctx)
{
    guard_open(g, 0);
    guard_read(g);
    raise(*(int *)ctx);
    return 0;
}

static int exits_reading(struct guard *g, void *ctx)
{
    guard_open(g, 0);
    _exit(*(int *)ctx);
}

static int hangs(struct guard *g, void *ctx)
{
    (void)ctx;
    guard_open(g, 1);
    for (int i = 0; i < 600; i++)
        nanosleep(&(struct timespec){ .tv_nsec = 100000000 }, NULL);
    return 0;
}

static int reads_again_and_hangs(struct guard *g, void *ctx)
{
    guard_open(g, 0);
    guard_read(g);
    nanosleep(&(struct timespec){ .tv_nsec = 300000000 }, NULL); /* longer than the limit: it does not read */
    guard_open(g, 0);
    return hangs(g, ctx);
}

static int slow_but_not_reading(struct guard *g, void *ctx)
{
    (void)ctx;
    guard_open(g, 0);
    guard_read(g);
    nanosleep(&(struct timespec){ .tv_nsec = 300000000 }, NULL);
    return 0;
}

#ifndef CHORALE_SANITIZED
static int wants_memory(struct guard *g, void *ctx)
{
    (void)ctx;
    guard_open(g, 0);
    free(mem_alloc((size_t)64 << 30, 1));
    return 0;
}
#endif

static int leaves_files(struct guard *g, void *ctx)
{
    struct text path = { 0 };
    (void)g;
    (void)ctx;
    text_addf(&path, "%s/sub", getenv("TMPDIR"));
    int rc = mkdir(text_s(&path), 0777) == 0 ? 0 : err_set(ERR_IO, "no folder");
    text_add(&path, "/file");
    rc = rc < 0 ? rc : text_write_file(text_s(&path), "x", 1);
    text_free(&path);
    if (rc == 0)
        abort();
    return rc;
}

static int run(int (*work)(struct guard *g, void *ctx), void *ctx)
{
    static const char *const paths[] = { "first.h5", "second.h5" };
    struct guard_work w = { .paths = paths, .n_paths = 2, .seconds = 0.2, .work = work, .ctx = ctx };
    err_set(ERR_DATA, "of before");
    return guard_run(&w);
}

static void expect(int code, const char *want, int (*work)(struct guard *g, void *ctx), void *ctx)
{
    double before = clock_seconds();
    int got = run(work, ctx);
    check(got == code && (code == 0 || strstr(err_text(), want)), "%d, %s; want %d, %s", got, err_text(), code, want);
    check(clock_seconds() - before < 20, "%s: %.1f s", want, clock_seconds() - before);
}

static size_t count(const char *folder)
{
    size_t n = 0;
    DIR *d = opendir(folder);
    while (d && readdir(d))
        n++;
    if (d)
        closedir(d);
    return n;
}

static void outcomes(void)
{
    char long_message[4000];
    memset(long_message, 'x', sizeof long_message - 1);
    long_message[sizeof long_message - 1] = '\0';
    expect(0, "", fine, NULL);
    expect(ERR_GATE, "a message", fails, (char[]){ "a message" });
    expect(ERR_GATE, "xxxx", fails, long_message);
    expect(ERR_GATE, "a\x1b[31m", fails, (char[]){ "a\x1b[31m" }); /* console_error() makes it harmless */
    expect(0, "", slow_but_not_reading, NULL);
    expect(ERR_DAMAGED, "reading second.h5 did not end in 0.2 s", hangs, NULL);
    expect(ERR_DAMAGED, "did not end in 0.2 s", reads_again_and_hangs, NULL);
#ifndef CHORALE_SANITIZED /* which catches these signals itself */
    expect(ERR_DAMAGED, "results damaged: reading second.h5 crashed in the HDF5 library (Segmentation", crashes_reading,
           &(int){ SIGSEGV });
    expect(ERR_DAMAGED, "first.h5: the program crashed after reading it (Segmentation", crashes_later,
           &(int){ SIGSEGV });
    expect(ERR_MEMORY, "first.h5: it needs more memory than there is", wants_memory, NULL);
    expect(ERR_DAMAGED, "crashed in the HDF5 library (Bus error", crashes_reading, &(int){ SIGBUS });
#endif
    expect(ERR_DAMAGED, "crashed in the HDF5 library (Aborted", crashes_reading, &(int){ SIGABRT });
    expect(ERR_MEMORY, "killed from outside", crashes_reading, &(int){ SIGKILL });
    expect(ERR_SIGINT, "interrupted", crashes_reading, &(int){ SIGINT });
    expect(ERR_SIGTERM, "interrupted", crashes_later, &(int){ SIGTERM });
    expect(ERR_DAMAGED, "crashed in the HDF5 library", exits_reading, &(int){ 1 });
    expect(ERR_DAMAGED, "crashed in the HDF5 library", exits_reading, &(int){ 0 });
    expect(ERR_MEMORY, "more memory", exits_reading, &(int){ 5 });
}

/* bug: a line of progress longer than the terminal is wide was drawn again below itself, ten times a second */
static void progress_fits(void)
{
    struct text line = { 0 };
    for (size_t width = 2; width < 120; width++) {
        text_clear(&line);
        add_bar(3, 4, &line);
        text_add(&line, "123456/1392000 units, 1234.5/s, 2 h 05 min left, 120000 were there");
        size_t whole = line.len;
        fit(&line, width);
        check(line.len < width && strlen(line.s) == line.len, "%zu columns: %zu", width, line.len);
        check(width <= whole || line.len == whole, "what fits stays");
        check(width > whole || strncmp(line.s, "123456", line.len < 6 ? line.len : 6) == 0, "the bar goes first");
    }
    text_free(&line);
}

static void words(void)
{
    struct text t = { 0 };
    const char *s = "ab cd efghijkl mn";
    add_words(&t, s, strlen(s), 2, 2, 8);
    check(strcmp(text_s(&t), "ab cd\n  efghijkl\n  mn") == 0, "'%s'", text_s(&t));
    text_clear(&t);
    add_words(&t, s, strlen(s), 0, 0, SIZE_MAX);
    check(strcmp(text_s(&t), s) == 0, "'%s'", text_s(&t));
    text_clear(&t);
    add_words(&t, "  a  b c", 8, 0, 0, 6);
    check(strcmp(text_s(&t), "  a  b\n  c") == 0, "spaces of its own: '%s'", text_s(&t));
    text_free(&t);
}

int main(void)
{
    if (!mkdtemp(home))
        return 1;
    setenv("TMPDIR", home, 1);
    outcomes();
    progress_fits();
    words();
    expect(ERR_DAMAGED, "crashed", leaves_files, NULL);
    check(count(home) == 2, "no temporary file of a child stays: %zu", count(home));
    check(waitpid(-1, NULL, WNOHANG) == -1 && errno == ECHILD, "no child stays");
    setenv("TMPDIR", "/nonexistent", 1);
    expect(0, "", fine, NULL);
    folder_remove(home, 2);
    return check_done("guard");
}
