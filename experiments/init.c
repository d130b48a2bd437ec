#include "experiments/init.h"
#include "base/mem.h"
#include <gsl/gsl_errno.h>
#include <jansson.h>
#include <stdlib.h>

static void *json_alloc(size_t n)
{
    return mem_alloc(n, 1);
}

void init_libraries(void)
{
    gsl_set_error_handler_off();
    /* a document of which a part is missing must not be taken for a whole one: no memory ends the process, as elsewhere */
    json_set_alloc_funcs(json_alloc, free);
}
