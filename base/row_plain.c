/* Row kernels in plain C: what every other instruction set must equal, bit for bit. */
#define LANES            1
#define KERNEL           row_kernel_plain
#define KERNEL_NAME      "plain"
#define KERNEL_SUPPORTED plain_supported

#include <stdbool.h>

static bool plain_supported(void)
{
    return true;
}

#include "base/row_kernel_body.h"
