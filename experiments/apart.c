#include "experiments/apart.h"
#include "base/child.h"
#include "base/err.h"
#include "base/file.h"
#include "base/text.h"
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#define LOOK_MS 50 /* how often *signal is looked at */

/* In the child: what the work leaves, then its code and message.  Signals are left to the parent. */
static void work(int fd, void *ctx)
{
    const struct apart *a = ctx;
    /* locks of the parent must not live on here when it is killed */
    if (fd > 3)
        close_range(3, (unsigned)fd - 1, 0);
    close_range((unsigned)fd + 1, ~0u, 0);
    /* a limit of memory that was set for reading strangers' files (cli/guard.h) is not for our own journal, which maps
     * checkpoints to spell their symbols */
    struct rlimit memory;
    if (getrlimit(RLIMIT_AS, &memory) == 0)
        setrlimit(RLIMIT_AS, &(struct rlimit){ memory.rlim_max, memory.rlim_max });
    interrupt_install(SIG_IGN);
    int code = a->work(a->ctx);
    if (file_write(fd, a->answer, a->n_answer) == 0)
        child_answer(fd, code);
}

/* Reads to the end of the pipe; kills the child when a signal is seen. */
static void collect(const struct apart *a, const struct child *c, struct text *answer)
{
    struct pollfd p = { .fd = c->fd, .events = POLLIN };
    char block[4096];
    for (;;) {
        if (a->signal && *a->signal)
            kill(c->pid, SIGKILL);
        int ready = poll(&p, 1, LOOK_MS);
        if (ready == 0 || (ready < 0 && errno == EINTR))
            continue;
        ssize_t n = read(c->fd, block, sizeof block);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return;
        text_addn(answer, block, (size_t)n);
    }
}

static int code_of(const struct apart *a, int status, const struct text *answer)
{
    int code = 0;
    size_t n = a->n_answer;
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
    if (WEXITSTATUS(status) != 0 || answer->len < n || !child_answered(answer->s + n, answer->len - n, &code))
        return err_set(ERR_IO,
                       "%s ended without an answer (status %d); the journal is whole, and the same command "
                       "tries again",
                       a->what, WEXITSTATUS(status));
    if (n > 0)
        memcpy(a->answer, answer->s, n);
    return code;
}

int apart_run(const struct apart *a)
{
    struct child c;
    struct apart own = *a;
    struct text answer = { 0 };
    int status = 0;
    TRY(child_start(&c, a->what, work, &own));
    collect(a, &c, &answer);
    child_end(&c, &status);
    int rc = code_of(a, status, &answer);
    text_free(&answer);
    return rc;
}
