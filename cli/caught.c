#include "cli/caught.h"
#include <unistd.h>

static volatile sig_atomic_t caught;

/* A terminal that closes may send SIGHUP twice, its shell and the kernel: the second asks for nothing new. */
static void on_signal(int number)
{
    if (!caught)
        caught = number;
    else if (number != SIGHUP)
        _exit(128 + number);
}

interrupt_t *caught_install(void)
{
    interrupt_install(on_signal);
    return &caught;
}
