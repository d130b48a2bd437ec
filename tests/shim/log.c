/* SHIM_LOG: every operation under the folder, appended to one file by all processes and threads. */
#include "tests/shim/files.h"
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

/* Opened anew for each record: a descriptor that stayed open might be closed under us by a child that tidies up. */
void log_after(const struct call *c)
{
    const char *log = getenv("SHIM_LOG");
    if (!log)
        return;
    struct oplog_record r = { .kind = c->kind,
                              .pid = (uint32_t)getpid(),
                              .n_path = (uint32_t)strlen(c->path),
                              .n_to = (uint32_t)strlen(c->to),
                              .at = c->at,
                              .n = c->kind == OPLOG_WRITE ? c->n : 0 };
    struct iovec parts[] = {
        { &r, sizeof r }, { (void *)c->path, r.n_path }, { (void *)c->to, r.n_to }, { (void *)c->data, r.n }
    };
    long fd = syscall(SYS_openat, AT_FDCWD, log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
    if (fd < 0 || syscall(SYS_writev, fd, parts, 4) != (long)(sizeof r + r.n_path + r.n_to + r.n))
        abort();
    syscall(SYS_close, fd);
}
