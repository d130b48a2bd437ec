/* libshim_memory.so, for LD_PRELOAD: an allocation of the process fails.
 *
 *   SHIM_MALLOC_AT     the allocation that fails, counted from 1 over malloc, calloc, realloc and the aligned ones
 *   SHIM_MALLOC_TIMES  how many from there on; default 1, 0: all
 *   SHIM_MALLOC_COUNT  file that gets the number of allocations when the process ends well
 *   SHIM_MALLOC_TRACE  file that gets the call stack of the failed allocation, and of a crash
 *
 * The counter is shared with forked children.  glibc only: the real functions are its __libc_*. */
#include <errno.h>
#include <execinfo.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

extern void *__libc_malloc(size_t n);
extern void *__libc_calloc(size_t n, size_t size);
extern void *__libc_realloc(void *p, size_t n);
extern void *__libc_memalign(size_t alignment, size_t n);

static atomic_ulong *count; /* NULL until the constructor: what the loader takes does not count */
static unsigned long first, last;
static int trace = -1;
static pid_t leader;

static void write_trace(const char *what)
{
    void *frames[64];
    if (trace < 0)
        return;
    ssize_t ignored = write(trace, what, strlen(what));
    (void)ignored;
    backtrace_symbols_fd(frames, backtrace(frames, 64), trace);
}

static void on_crash(int number)
{
    write_trace("crash\n");
    signal(number, SIG_DFL);
    raise(number);
}

static void watch_crashes(void)
{
    static char stack[1 << 16];
    static const int signals[] = { SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT };
    stack_t other = { .ss_sp = stack, .ss_size = sizeof stack };
    struct sigaction action = { .sa_handler = on_crash, .sa_flags = SA_ONSTACK | SA_NODEFER };
    void *frame;
    backtrace(&frame, 1); /* loads what it needs now */
    sigaltstack(&other, NULL);
    for (size_t i = 0; i < sizeof signals / sizeof *signals; i++)
        sigaction(signals[i], &action, NULL);
}

static unsigned long number(const char *name, unsigned long otherwise)
{
    const char *s = getenv(name);
    return s ? strtoul(s, NULL, 10) : otherwise;
}

__attribute__((constructor)) static void start(void)
{
    const char *path = getenv("SHIM_MALLOC_TRACE");
    if (path)
        trace = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
    if (trace >= 0)
        watch_crashes();
    first = number("SHIM_MALLOC_AT", 0);
    unsigned long times = number("SHIM_MALLOC_TIMES", 1);
    last = times == 0 ? (unsigned long)-1 : first + times - 1;
    leader = getpid();
    void *page = mmap(NULL, sizeof *count, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (page != MAP_FAILED)
        count = page;
}

__attribute__((destructor)) static void stop(void)
{
    const char *path = getenv("SHIM_MALLOC_COUNT");
    char line[32];
    if (!path || !count || getpid() != leader)
        return;
    int n = snprintf(line, sizeof line, "%lu\n", atomic_load(count));
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    ssize_t ignored = fd < 0 ? 0 : write(fd, line, (size_t)n);
    (void)ignored;
    close(fd);
}

static bool fails(void)
{
    if (!count)
        return false;
    unsigned long n = atomic_fetch_add(count, 1) + 1;
    if (first == 0 || n < first || n > last)
        return false;
    write_trace("failed\n");
    errno = ENOMEM;
    return true;
}

void *malloc(size_t n)
{
    return fails() ? NULL : __libc_malloc(n);
}

void *calloc(size_t n, size_t size)
{
    return fails() ? NULL : __libc_calloc(n, size);
}

void *realloc(void *p, size_t n)
{
    return fails() ? NULL : __libc_realloc(p, n);
}

void *memalign(size_t alignment, size_t n)
{
    return fails() ? NULL : __libc_memalign(alignment, n);
}

void *aligned_alloc(size_t alignment, size_t n)
{
    return memalign(alignment, n);
}

int posix_memalign(void **out, size_t alignment, size_t n)
{
    void *p = memalign(alignment, n);
    if (!p)
        return ENOMEM;
    *out = p;
    return 0;
}
