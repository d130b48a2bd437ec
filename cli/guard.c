#include "cli/guard.h"
#include "base/child.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/file.h"
#include "base/folder.h"
#include "base/interrupt.h"
#include "base/text.h"
#include "cli/console.h"
#include <dirent.h>
#include <errno.h>
#include <math.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define BASE_SECONDS 20.0
#define MEGABYTE     1048576.0
#define COMPACT_COST 4.0 /* a journal is first compacted: slower than reading by about this */
#define BASE_MEMORY  ((rlim_t)4 << 30)
#define MESSAGE_MAX  65536
#define SLICE_NS     20000000

/* What the child sends: READING (a path's index follows), IDLE, or DONE (code and message follow, to the end). */
enum { READING = 'r', IDLE = 'q', DONE = 'd' };

struct guard {
    int fd;
    unsigned char path;
    struct results_watch watch;
};

static volatile sig_atomic_t caught;

static void on_signal(int number)
{
    caught = number;
}

static void reading_begins(void *guard)
{
    const struct guard *g = guard;
    file_write(g->fd, (unsigned char[]){ READING, g->path }, 2);
}

static void reading_ends(void *guard)
{
    const struct guard *g = guard;
    file_write(g->fd, (unsigned char[]){ IDLE }, 1);
}

void guard_open(struct guard *g, size_t i)
{
    g->path = (unsigned char)i;
    reading_begins(g);
}

void guard_read(struct guard *g)
{
    reading_ends(g);
}

struct results *guard_results(struct guard *g, size_t i, const char *path)
{
    guard_open(g, i);
    struct results *r = results_open(path);
    guard_read(g);
    if (r)
        results_watch(r, &g->watch);
    return r;
}

/* Bytes of a file, or of a run folder's results.h5 or journal. */
static double size_of(const char *path)
{
    struct stat st;
    struct text t = { 0 };
    double size = 0;
    text_addf(&t, "%s/results.h5", path);
    if (stat(path, &st) == 0 && !S_ISDIR(st.st_mode)) {
        size = (double)st.st_size;
    } else if (stat(text_s(&t), &st) == 0) {
        size = (double)st.st_size;
    } else {
        text_clear(&t);
        text_addf(&t, "%s/journal", path);
        DIR *d = opendir(text_s(&t));
        for (struct dirent *e; d && (e = readdir(d));)
            size += fstatat(dirfd(d), e->d_name, &st, 0) == 0 ? COMPACT_COST * (double)st.st_size : 0;
        if (d)
            closedir(d);
    }
    text_free(&t);
    return size;
}

/* Bytes of the present address space (the sanitizers' shadow is terabytes of it: no bound is set there). */
static void bound_memory(double size)
{
#ifndef CHORALE_SANITIZED
    struct rlimit now, want = { BASE_MEMORY + 64 * (rlim_t)size, RLIM_INFINITY };
    if (getrlimit(RLIMIT_AS, &now) == 0 && (now.rlim_cur == RLIM_INFINITY || now.rlim_cur > want.rlim_cur)) {
        want.rlim_max = now.rlim_max;
        setrlimit(RLIMIT_AS, &want);
    }
#else
    (void)size;
#endif
}

/* What the child is told. */
struct order {
    const struct guard_work *work;
    double size;
    const char *temporary; /* "": none */
};

static void work_guarded(int fd, void *ctx)
{
    const struct order *o = ctx;
    struct guard g = { .fd = fd, .watch = { reading_begins, reading_ends, &g } };
    interrupt_install(SIG_DFL);
    setrlimit(RLIMIT_CORE, &(struct rlimit){ 0, 0 });
    bound_memory(o->size);
    if (*o->temporary)
        setenv("TMPDIR", o->temporary, 1);
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    int code = o->work->work(&g, o->work->ctx);
    int written = console_check();
    file_write(fd, (char[]){ DONE }, 1);
    child_answer(fd, code == 0 ? written : code);
}

struct watch {
    struct child child;
    double limit, left; /* seconds of reading; left, of the present stretch */
    size_t path;
    bool reading, timed_out, done;
    struct text message; /* code and text, once done */
};

static void take(struct watch *w, const unsigned char bytes[], size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (w->done) {
            if (w->message.len < MESSAGE_MAX)
                text_addn(&w->message, bytes + i, 1);
        } else if (w->reading && w->path == SIZE_MAX) {
            w->path = bytes[i];
        } else {
            w->done = bytes[i] == DONE;
            w->reading = bytes[i] == READING;
            w->path = w->reading ? SIZE_MAX : w->path;
            w->left = w->limit;
        }
    }
}

/* Until the child closes the pipe, is out of time, or a signal comes. */
static void listen_to(struct watch *w, const sigset_t *open_mask)
{
    unsigned char bytes[512];
    while (!caught) {
        struct timespec wait = { .tv_nsec = SLICE_NS };
        struct pollfd p = { .fd = w->child.fd, .events = POLLIN };
        if (w->reading && w->left <= 0) {
            w->timed_out = true;
            return;
        }
        double from = clock_seconds();
        int ready = ppoll(&p, 1, w->reading ? &wait : NULL, open_mask);
        /* a machine that slept in between has not read: a slice counts as no longer than it was meant to be */
        if (w->reading)
            w->left -= fmin(clock_seconds() - from, SLICE_NS * 1e-9);
        if (ready < 0 && errno != EINTR)
            return;
        if (ready <= 0)
            continue;
        ssize_t n = read(w->child.fd, bytes, sizeof bytes);
        if (n == 0 || (n < 0 && errno != EINTR))
            return;
        take(w, bytes, n > 0 ? (size_t)n : 0);
    }
}

static int code_of_signal(const struct watch *w, int number, const char *path)
{
    if (number == SIGKILL)
        return err_set(ERR_MEMORY, "%s: reading it was killed from outside (memory?)", path);
    if (w->reading)
        return err_set(ERR_DAMAGED, "results damaged: reading %s crashed in the HDF5 library (%s)", path,
                       strsignal(number));
    return err_set(ERR_DAMAGED, "%s: the program crashed after reading it (%s): damaged results, or a fault of ours",
                   path, strsignal(number));
}

static int verdict(struct watch *w, const struct guard_work *work, int status)
{
    int code = 0;
    const char *path = work->paths[w->path < work->n_paths ? w->path : 0];
    if (w->done && child_answered(text_s(&w->message), w->message.len, &code))
        return code;
    if (caught)
        return err_set(caught == SIGINT ? ERR_SIGINT : ERR_SIGTERM, "interrupted");
    if (w->timed_out)
        return err_set(ERR_DAMAGED, "results damaged: reading %s did not end in %g s (--open-limit gives it more)",
                       path, w->limit);
    if (WIFSIGNALED(status) && (WTERMSIG(status) == SIGINT || WTERMSIG(status) == SIGTERM))
        return err_set(WTERMSIG(status) == SIGINT ? ERR_SIGINT : ERR_SIGTERM, "interrupted");
    if (WIFSIGNALED(status))
        return code_of_signal(w, WTERMSIG(status), path);
    if (WIFEXITED(status) && WEXITSTATUS(status) == -ERR_MEMORY)
        return err_set(ERR_MEMORY, "%s: it needs more memory than there is", path);
    return err_set(ERR_DAMAGED, "results damaged: reading %s crashed in the HDF5 library", path);
}

/* SIGINT, SIGTERM and SIGHUP come only while we wait in ppoll(). */
static void hold_signals(sigset_t *before)
{
    static const int numbers[] = { SIGINT, SIGTERM, SIGHUP };
    sigset_t held;
    sigemptyset(&held);
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        sigaddset(&held, numbers[i]);
    interrupt_install(on_signal);
    sigprocmask(SIG_BLOCK, &held, before);
}

int guard_run(const struct guard_work *work)
{
    struct watch w = { .reading = false };
    sigset_t before;
    const char *base = getenv("TMPDIR");
    struct text temporary = { 0 };
    double size = 0;
    int status = 0;
    for (size_t i = 0; i < work->n_paths; i++)
        size += size_of(work->paths[i]);
    w.limit = work->seconds > 0 ? work->seconds : BASE_SECONDS + size / MEGABYTE;
    text_addf(&temporary, "%s/chorale-XXXXXX", base && *base ? base : "/tmp");
    if (!mkdtemp(temporary.s))
        text_clear(&temporary); /* only a run without results.h5 needs one */
    signal(SIGXFSZ, SIG_IGN);   /* a file too large is an error of that write, here and in the child */
    hold_signals(&before);
    struct order order = { work, size, text_s(&temporary) };
    int rc = child_start(&w.child, "reading results", work_guarded, &order);
    if (rc == 0) {
        listen_to(&w, &before);
        if (w.timed_out || caught)
            kill(w.child.pid, SIGKILL);
        child_end(&w.child, &status);
        rc = verdict(&w, work, status);
    }
    if (temporary.len > 0)
        folder_remove(text_s(&temporary), 1);
    sigprocmask(SIG_SETMASK, &before, NULL);
    text_free(&temporary);
    text_free(&w.message);
    return rc;
}
