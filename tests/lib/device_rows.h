/* Rows on the emulated card, for tests of the kernels over them. */
#ifndef TESTS_DEVICE_ROWS_H
#define TESTS_DEVICE_ROWS_H

#include "base/row.h"
#include "model/device_rows.h"

float *device_rows_put(const float x[], uint32_t n); /* a block with these scores, measured; for device_free() */
struct device_measured *device_rows_measured(void *row, uint32_t n);
/* The host's log Z and entropy in place of the kernel's, so that what follows may be compared without their difference. */
void device_rows_known(float *on, struct row *r);
double device_rows_relative(double got, double want); /* |got - want| / (1 + |want|) */

#endif
