/* libshim_clock.so, for LD_PRELOAD: clocks that lie.
 *
 *   SHIM_CLOCK_JUMP   at every reading the time of day is off by another number of seconds, at most this, either way
 *   SHIM_CLOCK_SCALE  the monotonic clock runs so many times faster (a whole number) */
#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static long setting(const char *name)
{
    const char *s = getenv(name);
    return s ? strtol(s, NULL, 10) : 0;
}

static long jump(void)
{
    static atomic_ulong state = 88172645463325252u;
    long most = setting("SHIM_CLOCK_JUMP");
    unsigned long x = state;
    x ^= x << 13, x ^= x >> 7, x ^= x << 17;
    state = x;
    return most > 0 ? (long)((x >> 11) % (2 * (unsigned long)most + 1)) - most : 0;
}

int clock_gettime(clockid_t clock, struct timespec *t)
{
    static atomic_long start;
    int rc = (int)syscall(SYS_clock_gettime, clock, t);
    long scale = setting("SHIM_CLOCK_SCALE");
    if (rc != 0)
        return rc;
    if (clock == CLOCK_REALTIME)
        t->tv_sec += jump();
    if (clock == CLOCK_MONOTONIC && scale > 1) {
        long zero = 0, now = t->tv_sec * 1000000000 + t->tv_nsec;
        atomic_compare_exchange_strong(&start, &zero, now);
        now = atomic_load(&start) + (now - atomic_load(&start)) * scale;
        *t = (struct timespec){ now / 1000000000, now % 1000000000 };
    }
    return 0;
}

time_t time(time_t *out)
{
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    if (out)
        *out = t.tv_sec;
    return t.tv_sec;
}

int gettimeofday(struct timeval *restrict out, void *restrict zone)
{
    struct timespec t;
    (void)zone;
    clock_gettime(CLOCK_REALTIME, &t);
    *out = (struct timeval){ t.tv_sec, t.tv_nsec / 1000 };
    return 0;
}
