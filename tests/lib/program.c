#include "tests/lib/program.h"
#include "tests/lib/check.h"
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { MAX_ARGS = 32, SAID_MAX = 16 << 20 };

static size_t file_limit;
static bool stdout_closed;
static int said_fd = -1;

void program_limit_files(size_t bytes)
{
    file_limit = bytes;
}

void program_close_stdout(bool closed)
{
    stdout_closed = closed;
}

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static const char *chorale(void)
{
    static char path[4096];
    ssize_t n = readlink("/proc/self/exe", path, sizeof path - 64);
    char *slash = n > 0 ? memrchr(path, '/', (size_t)n) : NULL;
    strcpy(slash ? slash : path, "/../chorale");
    if (access(path, X_OK) != 0)
        check_skip("program", "there is no chorale beside the tests");
    return path;
}

static void become(const char *path, const char *const argv[], int fd)
{
    char *all[MAX_ARGS] = { (char *)(uintptr_t) "chorale" };
    int gone[2];
    for (size_t i = 0; argv[i] && i + 2 < MAX_ARGS; i++)
        all[i + 1] = (char *)(uintptr_t)argv[i];
    dup2(fd, STDOUT_FILENO);
    dup2(fd, STDERR_FILENO);
    if (stdout_closed && pipe(gone) == 0) {
        dup2(gone[1], STDOUT_FILENO);
        close(gone[0]);
        close(gone[1]);
    }
    if (file_limit > 0)
        setrlimit(RLIMIT_FSIZE, &(struct rlimit){ file_limit, file_limit });
    execv(path, all);
    _exit(126);
}

void program_start(struct program *p, const char *const argv[])
{
    const char *path = chorale();
    *p = (struct program){ .seconds = now() };
    said_fd = memfd_create("said", MFD_CLOEXEC);
    p->pid = fork();
    if (p->pid == 0)
        become(path, argv, said_fd);
}

void program_wait(struct program *p, double seconds)
{
    struct rusage used = { 0 };
    int status = 0;
    char block[4096];
    ssize_t n;
    while (wait4(p->pid, &status, WNOHANG, &used) == 0) {
        if (now() - p->seconds > seconds) {
            kill(p->pid, SIGKILL);
            wait4(p->pid, &status, 0, &used);
            p->code = -1;
            break;
        }
        nanosleep(&(struct timespec){ .tv_nsec = 2000000 }, NULL);
    }
    p->code = p->code < 0 ? -1 : WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    p->seconds = now() - p->seconds;
    p->most_kb = (size_t)used.ru_maxrss;
    lseek(said_fd, 0, SEEK_SET);
    while ((n = read(said_fd, block, sizeof block)) > 0 && p->said.len < SAID_MAX)
        text_addn(&p->said, block, (size_t)n);
    close(said_fd);
}

void program_run(struct program *p, const char *const argv[])
{
    program_start(p, argv);
    program_wait(p, 120);
}

void program_free(struct program *p)
{
    text_free(&p->said);
}
