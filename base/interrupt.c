#include "base/interrupt.h"
#include "base/err.h"

int interrupt_check(interrupt_t *signal, const char *what)
{
    if (!signal || *signal == 0)
        return 0;
    return err_set(*signal == SIGTERM ? ERR_SIGTERM : ERR_SIGINT, "interrupted while %s", what);
}
