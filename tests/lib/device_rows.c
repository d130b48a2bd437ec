#include "tests/lib/device_rows.h"
#include "cuda/rows_launch.h"
#include "tests/emulate/device.h"
#include <math.h>
#include <string.h>

/* A row's block on the device. */
float *device_rows_put(const float x[], uint32_t n)
{
    float *on = device_new(rows_bytes(n));
    memcpy(on, x, n * sizeof *on);
    rows_launch_measure(&(struct rows_measure_args){ (void *[]){ on }, NULL, n }, 1, NULL);
    return on;
}

struct device_measured *device_rows_measured(void *row, uint32_t n)
{
    return (struct device_measured *)(void *)((char *)row + rows_measured_at(n));
}

/* The host's numbers in place of the kernel's, so that what follows may be compared without them. */
void device_rows_known(float *on, struct row *r)
{
    struct device_measured *m = device_rows_measured(on, r->n);
    m->log_z = r->log_z;
    m->entropy = row_entropy(r);
}

double device_rows_relative(double got, double want)
{
    return got == want ? 0 : fabs(got - want) / (1 + fabs(want));
}
