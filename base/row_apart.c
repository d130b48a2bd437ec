#include "base/row_apart.h"
#include "base/row_kernel.h"
#include <float.h>
#include <math.h>

static struct row_part part_of(const struct row *r, double weight)
{
    float near = (float)-r->log_z;
    return (struct row_part){ .score = r->score,
                              .factor = weight,
                              .offset = -r->log_z,
                              .near = near,
                              .rest = (float)(-r->log_z - (double)near) };
}

void row_apart_host(const struct row rows[], const double weight[], size_t n, const struct row *m,
                    struct row_apart *out)
{
    struct row_part part[ROW_PARTS + 1];
    double sum[3];
    for (size_t k = 0; k < n; k++)
        part[k] = part_of(&rows[k], fmax(weight[k], (double)FLT_MIN)); /* a float of it is not 0 */
    part[n] = part_of(m, 1);
    m->ops->kernel()->apart(part, n, m->n, sum);
    *out = (struct row_apart){ fmax(sum[0], 0), fmax(sum[1], 0), fmax(sum[2], 0) };
}
