#include "model/map_file.h"
#include "base/err.h"
#include "base/mem.h"
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define WATCHED 4096 /* files; further ones end by the signal */

/* What the signal handler may read: a place is taken while size is not 0.  bytes and path are written before size. */
static struct {
    const uint8_t *_Atomic bytes;
    const char *_Atomic path;
    _Atomic uint64_t size;
    atomic_bool taken;
} watched[WATCHED];

static void (*on_loss)(const char *path);

static int watch(const char *path, const uint8_t *bytes, uint64_t size)
{
    for (int i = 0; i < WATCHED; i++) {
        bool expected = false;
        if (!atomic_compare_exchange_strong(&watched[i].taken, &expected, true))
            continue;
        atomic_store(&watched[i].bytes, bytes);
        atomic_store(&watched[i].path, path);
        atomic_store(&watched[i].size, size);
        return i;
    }
    return -1;
}

static void unwatch(int i)
{
    if (i < 0)
        return;
    atomic_store(&watched[i].size, 0);
    atomic_store(&watched[i].taken, false);
}

/* Calls only what may be called in a signal handler. */
static void on_bus_error(int number, siginfo_t *info, void *context)
{
    uintptr_t at = (uintptr_t)info->si_addr;
    (void)context;
    for (int i = 0; i < WATCHED && info->si_code == BUS_ADRERR; i++) {
        uintptr_t bytes = (uintptr_t)atomic_load(&watched[i].bytes);
        uint64_t size = atomic_load(&watched[i].size);
        if (size == 0 || at < bytes || at - bytes >= size)
            continue;
        on_loss(atomic_load(&watched[i].path));
        break;
    }
    signal(number, SIG_DFL);
    raise(number);
}

void map_file_guard(void (*lost)(const char *path))
{
    on_loss = lost;
    struct sigaction action = { .sa_sigaction = on_bus_error, .sa_flags = SA_SIGINFO | SA_NODEFER };
    sigemptyset(&action.sa_mask);
    sigaction(SIGBUS, &action, NULL);
}

static const char *kind_of(mode_t mode)
{
    return S_ISDIR(mode)    ? "a folder"
           : S_ISFIFO(mode) ? "a pipe"
           : S_ISSOCK(mode) ? "a socket"
           : S_ISCHR(mode)  ? "a device"
           : S_ISBLK(mode)  ? "a device"
                            : "something else";
}

static int check_kind(const struct stat *st, const char *path)
{
    if (!S_ISREG(st->st_mode))
        return err_set(ERR_DATA, "%s: %s, not a regular file", path, kind_of(st->st_mode));
    return st->st_size > 0 ? 0 : err_set(ERR_DATA, "%s: the file is empty", path);
}

static int map_descriptor(struct map_file *m, int fd, const char *path)
{
    struct stat st;
    if (fstat(fd, &st) != 0)
        return err_set(ERR_IO, "%s: cannot stat: %s", path, strerror(errno));
    TRY(check_kind(&st, path)); /* again: it may be another file by now */
    void *bytes = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
    if (bytes == MAP_FAILED)
        return err_set(ERR_IO, "%s: cannot map %lld bytes: %s", path, (long long)st.st_size, strerror(errno));
    *m = (struct map_file){ .path = mem_string(path), .bytes = bytes, .size = (uint64_t)st.st_size };
    m->watched = watch(m->path, m->bytes, m->size);
    return 0;
}

/* What a clone without git-lfs leaves in the place of a large file. */
static bool is_pointer(const struct map_file *m)
{
    static const char pointer[] = "version https://git-lfs.github.com/spec/";
    return m->size >= sizeof pointer && memcmp(m->bytes, pointer, sizeof pointer - 1) == 0;
}

int map_file_open(struct map_file *m, const char *path)
{
    struct stat st;
    if (stat(path, &st) != 0)
        return err_set(ERR_IO, "%s: cannot open: %s", path, strerror(errno));
    TRY(check_kind(&st, path)); /* before opening: that alone waits for the writer of a pipe, or starts a device */
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0)
        return err_set(ERR_IO, "%s: cannot open: %s", path, strerror(errno));
    int rc = map_descriptor(m, fd, path);
    close(fd);
    if (rc == 0 && is_pointer(m)) {
        map_file_close(m);
        rc =
            err_set(ERR_DATA, "%s: a pointer of Git LFS, not the file; want what git lfs pull puts in its place", path);
    }
    return rc;
}

void map_file_close(struct map_file *m)
{
    if (m->size > 0) {
        unwatch(m->watched);
        munmap((void *)(uintptr_t)m->bytes, (size_t)m->size);
    }
    free(m->path);
    *m = (struct map_file){ 0 };
}
