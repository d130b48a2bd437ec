/* Faults of files, at will.
 *
 *   SHIM_FAULT  enospc  the call's second half and all after it fail with ENOSPC
 *               full    the same once SHIM_BYTES bytes were written
 *               eio, eacces, erofs, emfile   the call fails so
 *               short   half of the writes write less than asked, by chance
 *               eintr   half of the calls fail with EINTR, by chance
 *               int, term, kill, stop    the signal goes to the process that loaded the shim first, before the call
 *               int2, term2              twice
 *               pause                    the call begins a second later
 *               crash, killed            SIGSEGV, SIGKILL, to the process that makes the call
 *   SHIM_ON     the calls it is about, e.g. "write,sync"; default: write.  "any": all
 *   SHIM_AT     the first such call that it happens to, from 1 (the default)
 *   SHIM_TIMES  to how many; default 1, 0: to all from then on
 *   SHIM_MATCH  only paths that contain this, or one of "this|that"
 *   SHIM_SEED   of chance
 *
 * Counters are shared with forked children. */
#include "tests/shim/files.h"
#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

struct shared {
    atomic_ulong calls, bytes, chance;
    atomic_bool full;
    pid_t leader;
};

static struct shared *shared;

static unsigned long number(const char *name, unsigned long otherwise)
{
    const char *s = getenv(name);
    return s ? strtoul(s, NULL, 10) : otherwise;
}

__attribute__((constructor)) static void shared_open(void)
{
    void *page = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (page == MAP_FAILED)
        abort();
    shared = page;
    shared->leader = getpid();
    shared->chance = number("SHIM_SEED", 1) * 0x9e3779b97f4a7c15u | 1;
}

static unsigned long chance(unsigned long below)
{
    unsigned long x = shared->chance;
    x ^= x << 13, x ^= x >> 7, x ^= x << 17;
    shared->chance = x;
    return (x >> 11) % below;
}

static bool matches(const char *path, const char *match)
{
    for (const char *end;; match = end + 1) {
        char one[128];
        end = strchrnul(match, '|');
        snprintf(one, sizeof one, "%.*s", (int)(end - match), match);
        if (strstr(path, one))
            return true;
        if (!*end)
            return false;
    }
}

static bool concerns(const struct call *c)
{
    static const char *const names[] = {
        [OPLOG_CREATE] = "create", [OPLOG_WRITE] = "write", [OPLOG_SYNC] = "sync",        [OPLOG_RENAME] = "rename",
        [OPLOG_UNLINK] = "unlink", [OPLOG_MKDIR] = "mkdir", [OPLOG_TRUNCATE] = "truncate"
    };
    const char *on = getenv("SHIM_ON"), *match = getenv("SHIM_MATCH");
    on = on ? on : "write";
    return (strcmp(on, "any") == 0 || strstr(on, names[c->kind])) &&
           (!match || matches(c->path, match) || matches(c->to, match));
}

static long fail(const char *fault, const struct call *c)
{
    static const struct {
        const char *name;
        int code;
    } codes[] = { { "eio", EIO }, { "eacces", EACCES }, { "erofs", EROFS }, { "emfile", EMFILE } };
    static const struct {
        const char *name;
        int signal, times;
    } signals[] = { { "int", SIGINT, 1 },  { "term", SIGTERM, 1 },  { "kill", SIGKILL, 1 }, { "stop", SIGSTOP, 1 },
                    { "int2", SIGINT, 2 }, { "term2", SIGTERM, 2 }, { "hup", SIGHUP, 1 },   { "hup2", SIGHUP, 2 } };
    if (strcmp(fault, "pause") == 0)
        sleep(1);
    if (strcmp(fault, "crash") == 0 || strcmp(fault, "killed") == 0)
        kill(getpid(), strcmp(fault, "crash") == 0 ? SIGSEGV : SIGKILL);
    for (size_t i = 0; i < sizeof codes / sizeof *codes; i++)
        if (strcmp(fault, codes[i].name) == 0)
            return -codes[i].code;
    for (size_t i = 0; i < sizeof signals / sizeof *signals; i++)
        for (int k = 0; k < signals[i].times && strcmp(fault, signals[i].name) == 0; k++)
            kill(shared->leader, signals[i].signal);
    return (long)c->n;
}

/* What the disk still takes of the call: SHIM_BYTES in all, or half of the call that SHIM_AT names. */
static long fill(const struct call *c, unsigned long room)
{
    if (shared->full && c->kind != OPLOG_UNLINK && c->kind != OPLOG_RENAME && c->kind != OPLOG_SYNC)
        return -ENOSPC;
    if (c->kind != OPLOG_WRITE || c->n <= room)
        return (long)c->n;
    shared->full = true;
    return room > 0 ? (long)room : -ENOSPC;
}

long fault_before(const struct call *c)
{
    const char *fault = getenv("SHIM_FAULT");
    if (!fault || !shared)
        return (long)c->n;
    if (strcmp(fault, "full") == 0) {
        unsigned long limit = number("SHIM_BYTES", 0), used = atomic_fetch_add(&shared->bytes, c->n);
        return fill(c, used < limit ? limit - used : 0);
    }
    if (!concerns(c))
        return (long)c->n;
    unsigned long n = atomic_fetch_add(&shared->calls, 1) + 1, at = number("SHIM_AT", 1);
    unsigned long times = number("SHIM_TIMES", 1);
    if (n < at)
        return (long)c->n;
    if (strcmp(fault, "enospc") == 0)
        return c->kind != OPLOG_WRITE ? -ENOSPC : fill(c, n == at ? c->n / 2 : 0);
    if (strcmp(fault, "short") == 0)
        return c->kind == OPLOG_WRITE && c->n > 1 && chance(2) ? 1 + (long)chance(c->n - 1) : (long)c->n;
    if (strcmp(fault, "eintr") == 0)
        return chance(2) ? -EINTR : (long)c->n;
    return times == 0 || n < at + times ? fail(fault, c) : (long)c->n;
}
