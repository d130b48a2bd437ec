#include "base/child.h"
#include "base/err.h"
#include "base/file.h"
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

int child_start(struct child *c, const char *what, void (*work)(int fd, void *ctx), void *ctx)
{
    int ends[2];
    pid_t parent = getpid();
    if (pipe2(ends, O_CLOEXEC) < 0)
        return err_set(ERR_IO, "%s: cannot make a pipe: %s", what, strerror(errno));
    fflush(NULL); /* or what waits in buffers would be printed twice */
    c->pid = fork();
    if (c->pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (getppid() == parent) { /* else it died before it could be asked for */
            close(ends[0]);
            work(ends[1], ctx);
        }
        _exit(0);
    }
    int saved = errno;
    close(ends[1]);
    c->fd = ends[0];
    if (c->pid > 0)
        return 0;
    close(ends[0]);
    return err_set(ERR_MEMORY, "%s: cannot start a process: %s", what, strerror(saved));
}

void child_answer(int fd, int code)
{
    int32_t word = code;
    if (file_write(fd, &word, sizeof word) == 0)
        file_write(fd, err_text(), strlen(err_text()));
}

void child_end(struct child *c, int *status)
{
    close(c->fd);
    while (waitpid(c->pid, status, 0) < 0 && errno == EINTR)
        continue;
    *c = (struct child){ .pid = -1, .fd = -1 };
}

bool child_answered(const char *s, size_t n, int *code)
{
    int32_t word;
    if (n < sizeof word)
        return false;
    memcpy(&word, s, sizeof word);
    *code = word < 0 ? err_set((enum err)word, "%s", s + sizeof word) : 0;
    return true;
}
