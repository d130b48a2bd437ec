#include "base/interrupt.h"
#include "base/err.h"

int interrupt_check(interrupt_t *signal, const char *what)
{
    if (!signal || *signal == 0)
        return 0;
    return err_set(*signal == SIGINT ? ERR_SIGINT : ERR_SIGTERM, "interrupted while %s", what);
}

void interrupt_install(void (*handler)(int number))
{
    struct sigaction action = { .sa_handler = handler }, before;
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGHUP, NULL, &before);
    if (before.sa_handler != SIG_IGN)
        sigaction(SIGHUP, &action, NULL);
}
