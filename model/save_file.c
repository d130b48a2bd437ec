#include "model/save_file.h"
#include "base/err.h"
#include "base/folder.h"
#include "base/mem.h"
#include "base/text.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BUFFER ((size_t)1 << 18)

struct save_file {
    char *path, *aside;
    FILE *file;
    uint64_t size;
    int error; /* errno of the first failure; 0: none */
    interrupt_t *signal;
};

struct save_file *save_file_open(const char *path, interrupt_t *signal)
{
    struct save_file *f = mem_alloc(1, sizeof *f);
    struct text aside = { 0 };
    text_addf(&aside, "%s.%ld.part", path, (long)getpid());
    f->signal = signal;
    f->path = mem_string(path);
    f->aside = mem_string(text_s(&aside));
    text_free(&aside);
    int fd = open(f->aside, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0666);
    f->file = fd >= 0 ? fdopen(fd, "wb") : NULL;
    if (f->file) {
        setvbuf(f->file, NULL, _IOFBF, BUFFER);
        return f;
    }
    err_set(ERR_IO, "%s: cannot write: %s", path, strerror(errno));
    if (fd >= 0)
        close(fd);
    free(f->path);
    free(f->aside);
    free(f);
    return NULL;
}

static int failed(const struct save_file *f)
{
    return err_set(ERR_IO, "%s: cannot write behind byte %llu: %s", f->path, (unsigned long long)f->size,
                   strerror(f->error));
}

int save_file_write(struct save_file *f, const void *bytes, size_t n)
{
    TRY(interrupt_check(f->signal, "writing it"));
    if (f->error == 0 && n > 0 && fwrite(bytes, 1, n, f->file) != n)
        f->error = errno;
    if (f->error != 0)
        return failed(f);
    f->size += n;
    return 0;
}

int save_file_zeros(struct save_file *f, size_t n)
{
    static const char zeros[256];
    for (; n > sizeof zeros; n -= sizeof zeros)
        TRY(save_file_write(f, zeros, sizeof zeros));
    return save_file_write(f, zeros, n);
}

uint64_t save_file_size(const struct save_file *f)
{
    return f->size;
}

int save_file_rename(const char *from, const char *to)
{
    if (rename(from, to) != 0)
        return err_set(ERR_IO, "%s: cannot get its name: %s", to, strerror(errno));
    return folder_sync_of(to);
}

static int finish(struct save_file *f)
{
    if (f->error == 0 && (fflush(f->file) != 0 || fsync(fileno(f->file)) != 0))
        f->error = errno;
    if (fclose(f->file) != 0 && f->error == 0)
        f->error = errno;
    f->file = NULL;
    if (f->error == 0 && rename(f->aside, f->path) != 0)
        f->error = errno;
    return f->error == 0 ? folder_sync_of(f->path) : failed(f);
}

int save_file_close(struct save_file *f, int rc)
{
    if (rc >= 0)
        rc = finish(f);
    if (f->file)
        fclose(f->file);
    if (rc < 0)
        unlink(f->aside);
    free(f->path);
    free(f->aside);
    free(f);
    return rc;
}
