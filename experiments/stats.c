#include "experiments/stats.h"
#include "base/mem.h"
#include "base/rng.h"
#include <gsl/gsl_cdf.h>
#include <gsl/gsl_statistics_double.h>
#include <math.h>
#include <stdlib.h>

#define BOOTSTRAP_REPLICATES 2000u
#define LEVEL                0.95

static size_t keep_numbers(const double x[], size_t n, double out[])
{
    size_t k = 0;
    for (size_t i = 0; i < n; i++)
        if (!isnan(x[i]))
            out[k++] = x[i];
    return k;
}

static double mean_of(const double x[], size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += x[i];
    return n > 0 ? sum / (double)n : NAN;
}

static int real_order(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* One replicate: the mean of n items drawn with replacement.  Each Philox block gives four of them. */
static double resampled_mean(const double x[], size_t n, const struct rng_key *k)
{
    double sum = 0;
    uint32_t words[4] = { 0 };
    for (size_t i = 0; i < n; i++) {
        if (i % 4 == 0)
            rng_words(k, (uint32_t)(i / 4), words);
        sum += x[((uint64_t)words[i % 4] * n) >> 32];
    }
    return sum / (double)n;
}

static struct interval bootstrap_of(const double x[], size_t n, const struct stats_options *o)
{
    struct interval out = { mean_of(x, n), NAN, NAN, n };
    if (n < 2)
        return out;
    uint32_t replicates = o->replicates ? o->replicates : BOOTSTRAP_REPLICATES;
    double level = o->level > 0 ? o->level : LEVEL;
    double *means = mem_alloc(replicates, sizeof *means);
    struct rng_address at = { .seed = o->seed, .item = o->stream, .purpose = RNG_BOOTSTRAP };
    for (uint32_t b = 0; b < replicates; b++) {
        at.draw = b;
        struct rng_key k = rng_key(&at);
        means[b] = resampled_mean(x, n, &k);
    }
    qsort(means, replicates, sizeof *means, real_order);
    out.low = gsl_stats_quantile_from_sorted_data(means, 1, replicates, (1 - level) / 2);
    out.high = gsl_stats_quantile_from_sorted_data(means, 1, replicates, (1 + level) / 2);
    free(means);
    return out;
}

struct interval stats_bootstrap(const double x[], size_t n, const struct stats_options *o)
{
    double *v = mem_alloc(n, sizeof *v);
    struct interval out = bootstrap_of(v, keep_numbers(x, n, v), o);
    free(v);
    return out;
}

struct interval stats_bootstrap_paired(const double a[], const double b[], size_t n, const struct stats_options *o)
{
    double *d = mem_alloc(n, sizeof *d);
    for (size_t i = 0; i < n; i++)
        d[i] = a[i] - b[i];
    struct interval out = stats_bootstrap(d, n, o);
    free(d);
    return out;
}

struct interval stats_wilson(size_t k, size_t n, double level)
{
    struct interval out = { NAN, NAN, NAN, n };
    if (n == 0)
        return out;
    double z = gsl_cdf_ugaussian_Pinv((1 + (level > 0 ? level : LEVEL)) / 2);
    double m = (double)n, p = (double)k / m, z2 = z * z;
    double centre = (p + z2 / (2 * m)) / (1 + z2 / m);
    double half = z / (1 + z2 / m) * sqrt(p * (1 - p) / m + z2 / (4 * m * m));
    out.mean = p;
    out.low = k == 0 ? 0 : centre - half;
    out.high = k == n ? 1 : centre + half;
    return out;
}

bool stats_tells(const double d[], size_t n)
{
    size_t differing = 0;
    for (size_t i = 0; i < n; i++) {
        if (isinf(d[i]))
            return false;
        differing += !isnan(d[i]) && d[i] != 0;
    }
    return differing >= 2;
}

double stats_mcnemar(size_t b, size_t c)
{
    size_t n = b + c, least = b < c ? b : c;
    if (n == 0)
        return 1;
    double p = 2 * gsl_cdf_binomial_P((unsigned)least, 0.5, (unsigned)n);
    return p < 1 ? p : 1;
}

/* Both corrections walk the p-values in order of size; order[i] is the place of the i-th smallest. */
struct ranked {
    double p;
    size_t place;
};

static int ranked_order(const void *a, const void *b)
{
    const struct ranked *x = a, *y = b;
    if (x->p != y->p)
        return x->p < y->p ? -1 : 1;
    return (x->place > y->place) - (x->place < y->place);
}

static size_t rank(const double p[], size_t n, struct ranked r[])
{
    size_t k = 0;
    for (size_t i = 0; i < n; i++)
        if (!isnan(p[i]))
            r[k++] = (struct ranked){ p[i], i };
    if (k > 1)
        qsort(r, k, sizeof *r, ranked_order);
    return k;
}

void stats_holm(const double p[], size_t n, double out[])
{
    struct ranked *r = mem_alloc(n, sizeof *r);
    size_t k = rank(p, n, r);
    for (size_t i = 0; i < n; i++)
        out[i] = NAN;
    double most = 0;
    for (size_t i = 0; i < k; i++) {
        double q = (double)(k - i) * r[i].p;
        most = q > most ? q : most;
        out[r[i].place] = most < 1 ? most : 1;
    }
    free(r);
}

void stats_benjamini_hochberg(const double p[], size_t n, double out[])
{
    struct ranked *r = mem_alloc(n, sizeof *r);
    size_t k = rank(p, n, r);
    for (size_t i = 0; i < n; i++)
        out[i] = NAN;
    double least = 1;
    for (size_t i = k; i-- > 0;) {
        double q = (double)k / (double)(i + 1) * r[i].p;
        least = q < least ? q : least;
        out[r[i].place] = least;
    }
    free(r);
}
