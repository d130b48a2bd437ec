/* How members of a mixture differ, over rows in host memory; row_pool_apart() is what callers use. */
#ifndef BASE_ROW_APART_H
#define BASE_ROW_APART_H

#include "base/row_kernel.h"
#include "base/row_ops.h"

/* What the kernels' `apart` wants of members, besides score; weights are made to sum to one.  Returns what their ln p lack:
 * sum w (log Z - center), since sum w p over symbols is w. */
double row_apart_parts(struct row_part part[], const struct row rows[], const double weight[], size_t n);
struct row_apart row_apart_of(const double sum[3], double rest); /* what they return, and that */
void row_apart_host(const struct row rows[], const double weight[], size_t n, struct row_apart *out);

#endif
