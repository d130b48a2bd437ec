#include "experiments/apart.h"
#include "base/err.h"
#include "base/file.h"
#include "base/text.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#define LOOK_MS 50 /* how often *signal is looked at */

/* The child's answer is its code, the answer, the message.  It dies with its parent, and leaves signals to it. */
static _Noreturn void child(const struct apart *a, int fd, pid_t parent)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent)
        _exit(0);
    /* locks of the parent must not live on here when it is killed */
    if (fd > 3)
        close_range(3, (unsigned)fd - 1, 0);
    close_range((unsigned)fd + 1, ~0u, 0);
    /* a limit of memory that was set for reading strangers' files (cli/guard.h) is not for our own journal, which maps
     * checkpoints to spell their symbols */
    struct rlimit memory;
    if (getrlimit(RLIMIT_AS, &memory) == 0)
        setrlimit(RLIMIT_AS, &(struct rlimit){ memory.rlim_max, memory.rlim_max });
    signal(SIGINT, SIG_IGN);
    signal(SIGTERM, SIG_IGN);
    int32_t code = (int32_t)a->work(a->ctx);
    file_write(fd, &code, sizeof code);
    file_write(fd, a->answer, a->n_answer);
    file_write(fd, err_text(), strlen(err_text()));
    _exit(0);
}

/* Reads to the end of the pipe; kills the child when a signal is seen. */
static void collect(const struct apart *a, int fd, pid_t pid, struct text *answer)
{
    struct pollfd p = { .fd = fd, .events = POLLIN };
    char block[4096];
    for (;;) {
        if (a->signal && *a->signal)
            kill(pid, SIGKILL);
        int ready = poll(&p, 1, LOOK_MS);
        if (ready == 0 || (ready < 0 && errno == EINTR))
            continue;
        ssize_t n = read(fd, block, sizeof block);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return;
        text_addn(answer, block, (size_t)n);
    }
}

static int code_of(const struct apart *a, int status, const struct text *answer)
{
    int32_t code = 0;
    TRY(interrupt_check(a->signal, a->what));
    bool no_memory = (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL) ||
                     (WIFEXITED(status) && WEXITSTATUS(status) == -ERR_MEMORY);
    if (no_memory)
        return err_set(ERR_MEMORY,
                       "%s ran out of memory, or was killed; the journal is whole, and the same command "
                       "tries again",
                       a->what);
    if (WIFSIGNALED(status))
        return err_set(ERR_IO, "%s crashed (%s); the journal is whole, and the same command tries again", a->what,
                       strsignal(WTERMSIG(status)));
    if (WEXITSTATUS(status) != 0 || answer->len < sizeof code + a->n_answer)
        return err_set(ERR_IO,
                       "%s ended without an answer (status %d); the journal is whole, and the same command "
                       "tries again",
                       a->what, WEXITSTATUS(status));
    memcpy(&code, answer->s, sizeof code);
    if (a->n_answer > 0)
        memcpy(a->answer, answer->s + sizeof code, a->n_answer);
    return code < 0 ? err_set((enum err)code, "%s", answer->s + sizeof code + a->n_answer) : 0;
}

int apart_run(const struct apart *a)
{
    int ends[2], status = 0;
    struct text answer = { 0 };
    pid_t parent = getpid();
    if (pipe2(ends, O_CLOEXEC) < 0)
        return err_set(ERR_IO, "%s: cannot make a pipe: %s", a->what, strerror(errno));
    pid_t pid = fork();
    if (pid == 0)
        child(a, ends[1], parent);
    close(ends[1]);
    if (pid < 0) {
        close(ends[0]);
        return err_set(ERR_MEMORY, "%s: cannot start a process: %s", a->what, strerror(errno));
    }
    collect(a, ends[0], pid, &answer);
    close(ends[0]);
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        continue;
    int rc = code_of(a, status, &answer);
    text_free(&answer);
    return rc;
}
