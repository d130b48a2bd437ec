/* libshim_memory.so, for LD_PRELOAD: an allocation of the process fails.
 *
 *   SHIM_MALLOC_AT     the allocation that fails, counted from 1 over malloc, calloc, realloc and the aligned ones
 *   SHIM_MALLOC_TIMES  how many from there on; default 1, 0: all
 *   SHIM_MALLOC_LEAST  allocations of fewer bytes neither fail nor count; default 0
 *   SHIM_MALLOC_CENSUS file that gets, when the process ends well, 8 bytes for each allocation: a hash of its call stack
 *   SHIM_MALLOC_TRACE  file that gets the call stack of the first that failed, and of a crash
 *
 * The counter is shared with forked children.  glibc only: the real functions are its __libc_*. */
#include <errno.h>
#include <execinfo.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

extern void *__libc_malloc(size_t n);
extern void *__libc_calloc(size_t n, size_t size);
extern void *__libc_realloc(void *p, size_t n);
extern void *__libc_memalign(size_t alignment, size_t n);

#define CENSUS_MAX 1000000
#define DEPTH      16 /* frames that tell call stacks apart */

struct shared {
    atomic_ulong count;
    uint64_t stack[CENSUS_MAX]; /* (count,) */
};

static struct shared *shared; /* NULL until the constructor: what the loader takes does not count */
static const char *census;
static unsigned long first, last, least;
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
    least = number("SHIM_MALLOC_LEAST", 0);
    unsigned long times = number("SHIM_MALLOC_TIMES", 1);
    last = times == 0 ? (unsigned long)-1 : first + times - 1;
    leader = getpid();
    census = getenv("SHIM_MALLOC_CENSUS");
    void *page = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    void *frame;
    backtrace(&frame, 1); /* loads what it needs now */
    if (page != MAP_FAILED)
        shared = page;
}

__attribute__((destructor)) static void stop(void)
{
    if (!census || !shared || getpid() != leader)
        return;
    size_t n = atomic_load(&shared->count) * sizeof *shared->stack;
    int fd = open(census, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    for (size_t done = 0; done < n;) {
        ssize_t k = write(fd, (const char *)shared->stack + done, n - done);
        if (k <= 0)
            break;
        done += (size_t)k;
    }
    close(fd);
}

static uint64_t stack_hash(void)
{
    void *frames[DEPTH];
    uint64_t hash = 0xcbf29ce484222325u;
    int n = backtrace(frames, DEPTH);
    for (int i = 0; i < n; i++)
        hash = (hash ^ (uint64_t)(uintptr_t)frames[i]) * 0x100000001b3u;
    return hash;
}

static bool fails(size_t bytes)
{
    if (!shared || bytes < least)
        return false;
    unsigned long n = atomic_fetch_add(&shared->count, 1) + 1;
    if (census && n <= CENSUS_MAX)
        shared->stack[n - 1] = stack_hash();
    if (first == 0 || n < first || n > last)
        return false;
    if (n == first)
        write_trace("failed\n");
    errno = ENOMEM;
    return true;
}

void *malloc(size_t n)
{
    return fails(n) ? NULL : __libc_malloc(n);
}

void *calloc(size_t n, size_t size)
{
    return fails(size > 0 && n > SIZE_MAX / size ? SIZE_MAX : n * size) ? NULL : __libc_calloc(n, size);
}

void *realloc(void *p, size_t n)
{
    return fails(n) ? NULL : __libc_realloc(p, n);
}

void *memalign(size_t alignment, size_t n)
{
    return fails(n) ? NULL : __libc_memalign(alignment, n);
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
