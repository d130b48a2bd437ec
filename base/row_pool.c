/* Pools: which members take part, and what is certain without arithmetic; the sums are those of the rows' table.
 *
 *   case                     linear, power r > 0, max     log, power r < 0, min
 *   weight 0                 left out                     left out
 *   a member is dead         left out                     the pool is dead
 *   one member, weight 1     that member, normalised      that member, normalised
 *   no member is left        dead                         dead */
#include "base/row.h"
#include "base/row_kernel.h"
#include "base/row_math.h"
#include "base/row_ops.h"
#include <assert.h>
#include <math.h>

#define NORMAL 0x1p-22 /* of log Z: half of what a float score of -4 is known to */

/* The members that take part. */
struct party {
    struct row rows[ROW_PARTS];
    double weight[ROW_PARTS];
    size_t n;
    bool dead; /* one of them is */
};

static void party_fill(struct party *p, const struct row rows[], const double weight[], size_t n_rows)
{
    p->n = 0;
    p->dead = false;
    for (size_t i = 0; i < n_rows; i++) {
        assert(weight[i] >= 0 && weight[i] < INFINITY);
        if (weight[i] == 0)
            continue;
        if (row_dead(&rows[i])) {
            p->dead = true;
            continue;
        }
        assert(p->n < ROW_PARTS);
        p->rows[p->n] = rows[i];
        p->weight[p->n++] = weight[i];
    }
}

static double pool_dead(struct row *out)
{
    out->ops->mask_but(out, out->n);
    out->log_z = -INFINITY;
    out->has_top = false;
    out->few = 0;
    return -INFINITY;
}

/* One member is left.  Its log Z need not be that of its scores: it may be less than whole, or stand for a prefix. */
static double pool_one(struct row *out, const struct row *member, double weight)
{
    double log_weight = out->log_weight;
    row_copy(out, member);
    out->log_weight = log_weight;
    int rc = row_measure(out);
    assert(rc == 0);
    (void)rc;
    double log_z = out->log_z - member->log_z + math_log64(weight);
    row_normalise(out);
    return log_z;
}

/* Of a measured pool.  What is closer to normalised than scores can be is left. */
static double pool_finish(struct row *out)
{
    double log_z = out->log_z;
    out->few = 0;
    if (fabs(log_z) <= NORMAL)
        out->log_z = out->top_z = 0;
    else
        row_normalise(out);
    return log_z;
}

double row_pool_linear(struct row *out, const struct row rows[], const double weight[], size_t n_rows)
{
    struct party p;
    party_fill(&p, rows, weight, n_rows);
    if (p.n == 0)
        return pool_dead(out);
    if (p.n == 1)
        return pool_one(out, &p.rows[0], p.weight[0]);
    out->ops->pool_linear(out, p.rows, p.weight, p.n);
    return pool_finish(out);
}

double row_pool_log(struct row *out, const struct row rows[], const double weight[], size_t n_rows)
{
    struct party p;
    party_fill(&p, rows, weight, n_rows);
    if (p.dead || p.n == 0)
        return pool_dead(out);
    if (p.n == 1 && p.weight[0] == 1)
        return pool_one(out, &p.rows[0], 1);
    out->ops->pool_log(out, p.rows, p.weight, p.n);
    return pool_finish(out);
}

/* Makes the weights sum to one and returns the log of what they did: divided by a small r it would drown the scores. */
static double party_share(struct party *p)
{
    double total = 0;
    for (size_t k = 0; k < p->n; k++)
        total += p->weight[k];
    for (size_t k = 0; k < p->n; k++)
        p->weight[k] /= total;
    return math_log64(total);
}

double row_pool_power(struct row *out, const struct row rows[], const double weight[], size_t n_rows, double r)
{
    struct party p;
    assert(r < 0 || r > 0);
    party_fill(&p, rows, weight, n_rows);
    if ((p.dead && r < 0) || p.n == 0)
        return pool_dead(out);
    if (p.n == 1 && p.weight[0] == 1)
        return pool_one(out, &p.rows[0], 1);
    double log_total = isinf(r) ? 0 : party_share(&p);
    out->ops->pool_power(out, p.rows, p.weight, p.n, r);
    int rc = row_measure(out);
    assert(rc == 0);
    (void)rc;
    return pool_finish(out) + log_total / r;
}

void row_pool_apart(const struct row rows[], const double weight[], size_t n_rows, struct row_apart *out)
{
    struct party p;
    party_fill(&p, rows, weight, n_rows);
    *out = (struct row_apart){ 0 };
    if (p.n == 1)
        out->within = row_entropy(&p.rows[0]);
    if (p.n >= 2)
        p.rows->ops->pool_apart(p.rows, p.weight, p.n, out);
}

double row_pool_linear_apart(struct row *out, const struct row rows[], const double weight[], size_t n_rows,
                             struct row_apart *apart)
{
    struct party p;
    double total = 0;
    party_fill(&p, rows, weight, n_rows);
    for (size_t k = 0; k < p.n; k++)
        total += p.weight[k];
    if (p.n < 2 || fabs(total - 1) > 1e-12 || !out->ops->pool_linear_apart) {
        row_pool_apart(rows, weight, n_rows, apart);
        return row_pool_linear(out, rows, weight, n_rows);
    }
    out->ops->pool_linear_apart(out, p.rows, p.weight, p.n, apart);
    return pool_finish(out);
}

double row_pool_log_apart(struct row *out, const struct row rows[], const double weight[], size_t n_rows,
                          struct row_apart *apart)
{
    struct party p;
    party_fill(&p, rows, weight, n_rows);
    if (p.n < 2 || p.dead || !out->ops->pool_log_apart) {
        row_pool_apart(rows, weight, n_rows, apart);
        return row_pool_log(out, rows, weight, n_rows);
    }
    out->ops->pool_log_apart(out, p.rows, p.weight, p.n, apart);
    return pool_finish(out);
}
