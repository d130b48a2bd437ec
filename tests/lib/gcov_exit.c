/* How the processes of coverage builds end, linked into them: _exit() leaves gcov's counters behind as exit() does (the
 * children that compaction and reading run in end with it), and neither does where files may not grow, as in tests of a
 * full disk: counters cut short spoil those of every process after it. */
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

void __gcov_dump(void);
_Noreturn void __real__exit(int status);
_Noreturn void __wrap__exit(int status);

static bool files_may_grow(void)
{
    struct rlimit limit;
    return getrlimit(RLIMIT_FSIZE, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY;
}

void __wrap__exit(int status)
{
    if (files_may_grow())
        __gcov_dump();
    __real__exit(status);
}

static void without_counters(int status, void *unused)
{
    (void)unused;
    if (files_may_grow())
        return;
    fflush(NULL);
    __real__exit(status);
}

__attribute__((constructor)) static void watch_exit(void)
{
    on_exit(without_counters, NULL);
}
