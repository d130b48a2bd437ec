#include "base/row_apart.h"
#include "base/row_math.h"
#include <float.h>
#include <math.h>

#define ROUNDING 1e-12 /* of a sum of weights that is one */

double row_apart_parts(struct row_part part[], const struct row rows[], const double weight[], size_t n)
{
    double total = 0, rest = 0;
    for (size_t k = 0; k < n; k++)
        total += weight[k];
    total = fabs(total - 1) <= ROUNDING ? 1 : total;
    for (size_t k = 0; k < n; k++) {
        double w = weight[k] / total, log_z = rows[k].log_z;
        struct row_part *p = &part[k];
        p->center = (float)log_z;
        p->share = (float)fmax(w * math_exp64((double)p->center - log_z), (double)FLT_MIN);
        p->weight = (float)fmax(w, (double)FLT_MIN); /* a float of it is not 0 */
        rest += w * (log_z - (double)p->center);
    }
    return rest;
}

struct row_apart row_apart_of(const double sum[3], double rest)
{
    return (struct row_apart){ fmax(sum[0] + rest, 0), fmax(sum[1] - rest, 0), fmax(sum[2] + rest, 0) };
}

void row_apart_host(const struct row rows[], const double weight[], size_t n, struct row_apart *out)
{
    struct row_part part[ROW_PARTS];
    double sum[3];
    for (size_t k = 0; k < n; k++)
        part[k] = (struct row_part){ .score = rows[k].score };
    double rest = row_apart_parts(part, rows, weight, n);
    rows->ops->kernel()->apart(part, n, rows->n, sum);
    *out = row_apart_of(sum, rest);
}
