#include "tests/lib/store.h"
#include "base/text.h"
#include "tests/lib/check.h"
#include "tests/lib/h5same.h"
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define TOY      CHORALE_HOME "/tests/fixtures/store"
#define HANG_S   60
#define MAX_ARGS 32

static char root[64];

static const char *path_in(const char *folder, const char *name)
{
    static char paths[8][512];
    static int next;
    char *p = paths[next++ % 8];
    snprintf(p, sizeof paths[0], "%s/%s/%s", root, folder, name);
    return p;
}

const char *store_path(const char *name)
{
    return path_in("runs", name);
}

const char *store_folder(void)
{
    static char folder[128];
    snprintf(folder, sizeof folder, "%s/runs", root);
    return folder;
}

const char *store_aside(const char *name)
{
    return path_in("aside", name);
}

bool store_sanitized(void)
{
#ifdef CHORALE_SANITIZED
    return true;
#else
    return false;
#endif
}

size_t store_trials(size_t quick, size_t full)
{
    const char *wanted = getenv("CHORALE_LONG");
    size_t n = wanted && *wanted ? full : quick;
    return !store_sanitized() ? n : n >= 4 ? n / 4 : 1;
}

bool store_in_part(size_t trial)
{
    const char *part = getenv("CHORALE_PART");
    size_t i = 1, n = 1;
    if (part && (sscanf(part, "%zu/%zu", &i, &n) != 2 || i < 1 || i > n))
        check_skip("store", "CHORALE_PART is not i/n");
    return trial % n == i - 1;
}

void store_open(const char *name)
{
    snprintf(root, sizeof root, "%s/chorale-store-XXXXXX", access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
    if (!mkdtemp(root) || mkdir(store_path(""), 0777) < 0 || mkdir(store_aside(""), 0777) < 0)
        check_skip(name, "no temporary folder");
    struct store_end end = store_run("whole", STORE_PLAIN);
    check(end.status == 0, "the undisturbed run: status %d: %s", end.status, end.message);
}

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *at)
{
    (void)st;
    (void)kind;
    (void)at;
    return remove(path);
}

static void remove_all(const char *path)
{
    nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

void store_close(void)
{
    remove_all(root);
}

void store_remove(const char *out)
{
    remove_all(store_path(out));
}

static const char *copy_from, *copy_to;

static int copy_one(const char *path, const struct stat *st, int kind, struct FTW *at)
{
    char to[1024];
    struct text t = { 0 };
    (void)at;
    snprintf(to, sizeof to, "%s%s", copy_to, path + strlen(copy_from));
    if (kind == FTW_D)
        return mkdir(to, 0777);
    int fd = open(to, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    bool ok = fd >= 0 && text_read_file(&t, path, (size_t)st->st_size + 1) == 0 &&
              write(fd, text_s(&t), t.len) == (ssize_t)t.len;
    if (fd >= 0)
        close(fd);
    text_free(&t);
    return ok ? 0 : -1;
}

void store_copy(const char *from, const char *to)
{
    store_remove(to);
    copy_from = store_path(from);
    copy_to = store_path(to);
    check(nftw(copy_from, copy_one, 16, FTW_PHYS) == 0, "copy %s to %s: %s", from, to, strerror(errno));
}

/* LD_PRELOAD and what the settings say.  The order matters: our own definitions must stand before the sanitizer's. */
static void set_environment(const char *const settings[])
{
    bool shims = false, memory = false;
    setenv("ASAN_OPTIONS", "verify_asan_link_order=0", 1);
    for (size_t i = 0; settings[i] && strcmp(settings[i], "-") != 0; i++) {
        if (settings[i][0] == '-')
            continue;
        shims = shims || strncmp(settings[i], "SHIM_", 5) == 0;
        memory = memory || strncmp(settings[i], "SHIM_MALLOC_", 12) == 0;
        char *pair = strdup(settings[i]);
        char *value = strchr(pair, '=');
        *value = 0;
        setenv(pair, value + 1, 1);
        free(pair);
    }
    if (!shims)
        return;
    setenv("SHIM_FOLDER", store_folder(), 1);
    setenv("LD_PRELOAD",
           memory ? STORE_SHIMS "/libshim_memory.so" : STORE_SHIMS "/libshim_files.so:" STORE_SHIMS "/libshim_clock.so",
           1);
}

static void fill_arguments(char *args[MAX_ARGS], const char *out, const char *const settings[])
{
    static const char *const toy[] = { "run", TOY "/toy.lua", "--set=dir=" TOY, "--threads=1", "--out" };
    size_t n = 0;
    bool own = false, report = false;
    for (size_t i = 0; settings[i]; i++) {
        own = own || strcmp(settings[i], "-") == 0;
        report = report || strcmp(settings[i], "STORE_REPORT=1") == 0;
    }
    args[n++] = strdup(STORE_PROGRAM);
    for (size_t i = 0; i < sizeof toy / sizeof *toy && !own; i++)
        args[n++] = strdup(toy[i]);
    if (!own)
        args[n++] = strdup(store_path(out));
    if (!own && !report)
        args[n++] = strdup("--no-report");
    bool after = false; /* the "-" */
    for (size_t i = 0; settings[i] && n < MAX_ARGS - 1; i++) {
        if (after || (settings[i][0] == '-' && settings[i][1]))
            args[n++] = strdup(settings[i]);
        after = after || strcmp(settings[i], "-") == 0;
    }
    args[n] = NULL;
}

static void become(const char *out, const char *const settings[])
{
    char *args[MAX_ARGS], name[64];
    snprintf(name, sizeof name, "%s.err", out);
    int err = open(store_aside(name), O_WRONLY | O_CREAT | O_TRUNC, 0666), null = open("/dev/null", O_RDWR);
    const struct rlimit no_core = { 0, 0 };
    setrlimit(RLIMIT_CORE, &no_core);
    set_environment(settings);
    fill_arguments(args, out, settings);
    dup2(null, STDIN_FILENO);
    dup2(null, STDOUT_FILENO);
    dup2(err, STDERR_FILENO);
    close(err);
    close(null);
    execv(STORE_PROGRAM, args);
    _exit(126);
}

pid_t store_start(const char *out, const char *const settings[])
{
    fflush(stdout);
    pid_t pid = fork();
    if (pid == 0)
        become(out, settings);
    check(pid > 0, "fork: %s", strerror(errno));
    return pid;
}

/* waitpid() that does not wait for ever: true when it ended.  Naps are counted, not the clock: who was stopped together
 * with the child for a minute must not find it hung. */
static bool wait_for(pid_t pid, int *status)
{
    const struct timespec nap = { 0, 2000000 };
    for (int naps = 0; naps < HANG_S * 500; naps++) {
        if (waitpid(pid, status, WNOHANG) == pid)
            return true;
        nanosleep(&nap, NULL);
    }
    return false;
}

bool store_stopped(pid_t pid)
{
    int status;
    siginfo_t info = { 0 };
    if (waitid(P_PID, (id_t)pid, &info, WEXITED | WSTOPPED | WNOWAIT) != 0 || info.si_code != CLD_STOPPED)
        return false;
    return waitpid(pid, &status, WUNTRACED) == pid;
}

/* The lines of stderr but for the progress bar's, as far as there is room. */
static void keep_messages(const char *s, char out[STORE_MESSAGE])
{
    size_t n = 0;
    while (*s) {
        size_t line = strcspn(s, "\n");
        line += s[line] == '\n';
        if (*s != '[' && n + line < STORE_MESSAGE) {
            memcpy(out + n, s, line);
            n += line;
        }
        s += line;
    }
    while (n > 0 && out[n - 1] == '\n')
        n--;
    out[n] = 0;
}

struct store_end store_wait(pid_t pid, const char *out)
{
    struct store_end end = { .status = -1 };
    char name[64];
    int status;
    if (wait_for(pid, &status)) {
        end.signalled = WIFSIGNALED(status);
        end.status = end.signalled ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
    } else {
        kill(pid, SIGKILL);
        waitpid(pid, &status, 0);
    }
    snprintf(name, sizeof name, "%s.err", out);
    struct text t = { 0 };
    if (text_read_file(&t, store_aside(name), 1 << 24) == 0)
        keep_messages(text_s(&t), end.message);
    text_free(&t);
    return end;
}

struct store_end store_run(const char *out, const char *const settings[])
{
    return store_wait(store_start(out, settings), out);
}

bool store_same(const char *out)
{
    char a[512], b[512];
    snprintf(a, sizeof a, "%s/results.h5", store_path("whole"));
    snprintf(b, sizeof b, "%s/results.h5", store_path(out));
    return h5same(a, b);
}

static size_t n_aside;

static int count_aside(const char *path, const struct stat *st, int kind, struct FTW *at)
{
    size_t n = strlen(path);
    (void)st;
    (void)kind;
    (void)at;
    n_aside += n > 5 && (strcmp(path + n - 4, ".tmp") == 0 || strcmp(path + n - 5, ".part") == 0);
    return 0;
}

size_t store_n_aside(const char *out)
{
    n_aside = 0;
    nftw(store_path(out), count_aside, 16, FTW_PHYS);
    return n_aside;
}

void store_heals(const char *out, const char *what)
{
    struct store_end end = store_run(out, STORE_PLAIN);
    check(end.status == 0, "%s: the same command again: status %d: %s", what, end.status, end.message);
    if (end.status == 0)
        check(store_same(out), "%s: the datasets differ from the undisturbed run's: %s", what, h5same_difference());
}
