/* How members of a mixture differ, over rows in host memory; row_pool_apart() is what callers use. */
#ifndef BASE_ROW_APART_H
#define BASE_ROW_APART_H

#include "base/row_ops.h"

void row_apart_host(const struct row rows[], const double weight[], size_t n, const struct row *m,
                    struct row_apart *out);

#endif
