/* The C library's functions that change files, each asking and telling. */
#include "tests/shim/files.h"
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

/* Held from question to answer, so that the log's order is the order of the operations; and over fork(), so that a child
 * finds it free. */
static pthread_mutex_t turn = PTHREAD_MUTEX_INITIALIZER;

static void take_turn(void)
{
    pthread_mutex_lock(&turn);
}

static void give_turn(void)
{
    pthread_mutex_unlock(&turn);
}

__attribute__((constructor)) static void watch_forks(void)
{
    pthread_atfork(take_turn, give_turn, give_turn);
}

/* A call without bytes: refused, or made by syscall(number, a...) and logged. */
static int change(const struct call *c, long number, const long a[5])
{
    take_turn();
    long refused = fault_before(c);
    long rc = refused < 0 ? -1 : syscall(number, a[0], a[1], a[2], a[3], a[4]);
    if (refused < 0)
        errno = (int)-refused;
    int saved = errno;
    if (rc >= 0)
        log_after(c);
    give_turn();
    errno = saved;
    return (int)rc;
}

static long pointer(const void *p)
{
    long value;
    memcpy(&value, &p, sizeof value);
    return value;
}

static int open_at(int folder, const char *path, int flags, mode_t mode)
{
    char place[PLACE_MAX];
    const long a[5] = { folder, pointer(path), flags, (long)mode, 0 };
    struct call c = { .kind = OPLOG_CREATE, .path = place, .to = "" };
    bool changes = (flags & (O_CREAT | O_TRUNC)) != 0 && path && place_of(folder, path, place);
    bool absent = changes && faccessat(folder, path, F_OK, AT_SYMLINK_NOFOLLOW) != 0;
    if (changes && !absent && (flags & O_TRUNC))
        c.kind = OPLOG_TRUNCATE;
    else if (!absent)
        changes = false;
    return changes ? change(&c, SYS_openat, a) : (int)syscall(SYS_openat, a[0], a[1], a[2], a[3]);
}

#define WITH_MODE(call)                                                                                                \
    va_list args;                                                                                                      \
    va_start(args, flags);                                                                                             \
    mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(args, mode_t) : 0;                                            \
    va_end(args);                                                                                                      \
    return call

int open(const char *path, int flags, ...)
{
    WITH_MODE(open_at(AT_FDCWD, path, flags, mode));
}

int open64(const char *path, int flags, ...)
{
    WITH_MODE(open_at(AT_FDCWD, path, flags | O_LARGEFILE, mode));
}

int openat(int folder, const char *path, int flags, ...)
{
    WITH_MODE(open_at(folder, path, flags, mode));
}

int openat64(int folder, const char *path, int flags, ...)
{
    WITH_MODE(open_at(folder, path, flags | O_LARGEFILE, mode));
}

int creat(const char *path, mode_t mode)
{
    return open_at(AT_FDCWD, path, O_WRONLY | O_CREAT | O_TRUNC, mode);
}

int creat64(const char *path, mode_t mode)
{
    return open_at(AT_FDCWD, path, O_WRONLY | O_CREAT | O_TRUNC | O_LARGEFILE, mode);
}

#define HERE (-1) /* at the descriptor's own place */

/* Of bytes at a place (HERE: write()); place is that of fd. */
static ssize_t write_placed(const char *place, int fd, const void *s, size_t n, off_t at)
{
    struct call c = { .kind = OPLOG_WRITE, .path = place, .to = "", .data = s, .n = n };
    take_turn();
    long allowed = fault_before(&c), rc = -1;
    if (allowed >= 0)
        rc = at == HERE ? syscall(SYS_write, fd, s, allowed) : syscall(SYS_pwrite64, fd, s, allowed, at);
    else
        errno = (int)-allowed;
    int saved = errno;
    if (rc > 0) {
        c.n = (size_t)rc;
        c.at = at == HERE ? (uint64_t)(lseek(fd, 0, SEEK_CUR) - rc) : (uint64_t)at;
        log_after(&c);
    }
    give_turn();
    errno = saved;
    return rc;
}

ssize_t write(int fd, const void *s, size_t n)
{
    char place[PLACE_MAX];
    return place_of(fd, NULL, place) ? write_placed(place, fd, s, n, HERE) : syscall(SYS_write, fd, s, n);
}

ssize_t pwrite(int fd, const void *s, size_t n, off_t at)
{
    char place[PLACE_MAX];
    return place_of(fd, NULL, place) ? write_placed(place, fd, s, n, at) : syscall(SYS_pwrite64, fd, s, n, at);
}

ssize_t pwrite64(int fd, const void *s, size_t n, off64_t at)
{
    return pwrite(fd, s, n, at);
}

/* Part after part, as the kernel may do it. */
ssize_t writev(int fd, const struct iovec *parts, int n)
{
    char place[PLACE_MAX];
    ssize_t sum = 0;
    if (!place_of(fd, NULL, place))
        return syscall(SYS_writev, fd, parts, n);
    for (int i = 0; i < n; i++) {
        ssize_t k = write_placed(place, fd, parts[i].iov_base, parts[i].iov_len, HERE);
        if (k < 0)
            return sum > 0 ? sum : -1;
        sum += k;
        if ((size_t)k < parts[i].iov_len)
            break;
    }
    return sum;
}

static int on_descriptor(enum oplog_kind kind, long number, int fd, off_t size)
{
    char place[PLACE_MAX];
    const long a[5] = { fd, size };
    struct call c = { .kind = kind, .path = place, .to = "", .at = (uint64_t)size };
    return place_of(fd, NULL, place) ? change(&c, number, a) : (int)syscall(number, fd, size);
}

int fsync(int fd)
{
    return on_descriptor(OPLOG_SYNC, SYS_fsync, fd, 0);
}

int fdatasync(int fd)
{
    return on_descriptor(OPLOG_SYNC, SYS_fdatasync, fd, 0);
}

int ftruncate(int fd, off_t size)
{
    return on_descriptor(OPLOG_TRUNCATE, SYS_ftruncate, fd, size);
}

int ftruncate64(int fd, off64_t size)
{
    return on_descriptor(OPLOG_TRUNCATE, SYS_ftruncate, fd, size);
}

int renameat2(int from, const char *path, int to, const char *new, unsigned flags)
{
    char place[PLACE_MAX], new_place[PLACE_MAX];
    const long a[5] = { from, pointer(path), to, pointer(new), (long)flags };
    struct call c = { .kind = OPLOG_RENAME, .path = place, .to = new_place };
    if (!place_of(from, path, place) || !place_of(to, new, new_place))
        return (int)syscall(SYS_renameat2, a[0], a[1], a[2], a[3], a[4]);
    return change(&c, SYS_renameat2, a);
}

int renameat(int from, const char *path, int to, const char *new)
{
    return renameat2(from, path, to, new, 0);
}

int rename(const char *path, const char *new)
{
    return renameat2(AT_FDCWD, path, AT_FDCWD, new, 0);
}

int unlinkat(int folder, const char *path, int flags)
{
    char place[PLACE_MAX];
    const long a[5] = { folder, pointer(path), flags };
    struct call c = { .kind = OPLOG_UNLINK, .path = place, .to = "" };
    return place_of(folder, path, place) ? change(&c, SYS_unlinkat, a) : (int)syscall(SYS_unlinkat, a[0], a[1], a[2]);
}

int unlink(const char *path)
{
    return unlinkat(AT_FDCWD, path, 0);
}

int rmdir(const char *path)
{
    return unlinkat(AT_FDCWD, path, AT_REMOVEDIR);
}

int mkdirat(int folder, const char *path, mode_t mode)
{
    char place[PLACE_MAX];
    const long a[5] = { folder, pointer(path), (long)mode };
    struct call c = { .kind = OPLOG_MKDIR, .path = place, .to = "" };
    return place_of(folder, path, place) ? change(&c, SYS_mkdirat, a) : (int)syscall(SYS_mkdirat, a[0], a[1], a[2]);
}

int mkdir(const char *path, mode_t mode)
{
    return mkdirat(AT_FDCWD, path, mode);
}
