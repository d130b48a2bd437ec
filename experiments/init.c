#include "experiments/init.h"
#include <gsl/gsl_errno.h>
#include <hdf5.h>

void init_libraries(void)
{
    gsl_set_error_handler_off();
    H5Eset_auto2(H5E_DEFAULT, NULL, NULL);
}
