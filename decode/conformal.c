#include "decode/conformal.h"
#include "base/err.h"
#include <math.h>
#include <stdlib.h>

double conformal_mass(const struct conformal_table *t, double entropy)
{
    size_t bin = 0;
    while (bin + 1 < t->n && entropy > t->entropy[bin])
        bin++;
    return t->mass[bin];
}

static int by_entropy(const void *a, const void *b)
{
    const struct conformal_pair *x = a, *y = b;
    if (x->entropy != y->entropy)
        return x->entropy < y->entropy ? -1 : 1;
    return (x->mass > y->mass) - (x->mass < y->mass);
}

static int by_mass(const void *a, const void *b)
{
    const struct conformal_pair *x = a, *y = b;
    return (x->mass > y->mass) - (x->mass < y->mass);
}

/* The conformal quantile of m pairs. */
static double quantile(struct conformal_pair pairs[], size_t m, double alpha)
{
    double rank = ceil((double)(m + 1) * (1 - alpha));
    qsort(pairs, m, sizeof *pairs, by_mass);
    return rank > (double)m ? 1 : fmin(pairs[(size_t)rank - 1].mass, 1);
}

static int check(const struct conformal_pair pairs[], size_t n, double alpha, size_t n_bins)
{
    if (!(alpha > 0 && alpha < 1))
        return err_set(ERR_USAGE, "conformal: alpha is %g, want a number in (0, 1)", alpha);
    if (n_bins < 1 || n_bins > CONFORMAL_MAX_BINS)
        return err_set(ERR_USAGE, "conformal: %zu bins, want 1 .. %d", n_bins, CONFORMAL_MAX_BINS);
    if (n < n_bins)
        return err_set(ERR_DATA, "conformal: %zu held-out positions for %zu bins, want one for each at least", n,
                       n_bins);
    for (size_t i = 0; i < n; i++)
        if (!isfinite(pairs[i].entropy) || !(pairs[i].mass >= 0))
            return err_set(ERR_DATA, "conformal: position %zu has entropy %g and mass %g, want numbers", i,
                           pairs[i].entropy, pairs[i].mass);
    return 0;
}

int conformal_fit(struct conformal_pair pairs[], size_t n, double alpha, size_t n_bins, struct conformal_table *t)
{
    size_t begin = 0;
    TRY(check(pairs, n, alpha, n_bins));
    qsort(pairs, n, sizeof *pairs, by_entropy);
    t->n = 0;
    for (size_t bin = 1; bin <= n_bins; bin++) {
        size_t end = n * bin / n_bins;
        while (end < n && end > 0 && pairs[end].entropy == pairs[end - 1].entropy)
            end++; /* equals share a bin */
        if (end <= begin)
            continue;
        t->entropy[t->n] = pairs[end - 1].entropy; /* the last bin's is no edge */
        t->mass[t->n++] = quantile(pairs + begin, end - begin, alpha);
        begin = end;
    }
    return 0;
}
