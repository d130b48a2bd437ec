#include "base/mem.h"
#include "base/rng.h"
#include "experiments/stats.h"
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>

#define MOST         999u    /* draws of one test */
#define FEWEST       199u    /* of tests of many items */
#define DRAWN_SIGNS  4000000 /* draws times items: what one test may take */
#define EARLY        99u     /* draws after which a large p is precise enough */
#define LARGE_P      0.3
#define NEWTON_STEPS 40
#define MET          1e-3 /* of the smallest value: how near the limit the tilted mean is good enough */
#define MOST_TILT    1e10 /* in units of the largest value: beyond, the rounding of tilt * sum shows in p */

/* All 2^n signed sums of d, ascending: those of the first i values, once less and once more the next, are two ascending
 * lists, which are merged.  No sort: a report tests thousands of pairs. */
static double *signed_sums(const double d[], size_t n)
{
    size_t total = (size_t)1 << n;
    double *sum = mem_alloc(total, sizeof *sum), *next = mem_alloc(total, sizeof *next);
    sum[0] = 0;
    for (size_t i = 0, count = 1; i < n; i++, count *= 2) {
        double x = fabs(d[i]);
        for (size_t low = 0, high = 0; low < count || high < count;) {
            bool take_low = low < count && sum[low] - x <= sum[high] + x;
            next[low + high] = take_low ? sum[low] - x : sum[high] + x;
            low += take_low;
            high += !take_low;
        }
        double *swap = sum;
        sum = next;
        next = swap;
    }
    free(next);
    return sum;
}

/* Meet in the middle: how many of the 2^n signed sums reach `limit`, from the sorted sums of the two halves.  The sums
 * of all signs are symmetric, so those that reach -limit from above are as many. */
static double exact_p(const double d[], size_t n, double limit)
{
    size_t half = n / 2, rest = n - half;
    double *a = signed_sums(d, half), *b = signed_sums(d + half, rest);
    size_t na = (size_t)1 << half, nb = (size_t)1 << rest, j = nb;
    double count = 0;
    for (size_t i = 0; i < na; i++) {
        while (j > 0 && a[i] + b[j - 1] >= limit)
            j--;
        count += (double)(nb - j);
    }
    free(a);
    free(b);
    return 2 * count / ldexp(1, (int)n);
}

/* Where fair signs would reach the limit too rarely to be counted, signs are drawn from a tilted law (importance
 * sampling): value i gets the sign of the sum with odds exp(2 tilt |d_i|), with the tilt under which the sum's mean is the
 * limit, and each draw that reaches it counts with the ratio of the two laws, exp(log_cosh - tilt * sum), where log_cosh is
 * the sum of log cosh(tilt |d_i|).  A thousand draws give any p to a few per cent, however small: corrections for thousands
 * of pairs need p far below the 1 / 10000 of as many fair draws. */
struct tilted {
    const double *size;  /* (n,) |d_i| */
    uint32_t *threshold; /* (n,) the sign is that of the sum when a random word is below */
    size_t n;
    double tilt, log_cosh, least; /* least: minus the sum of all sizes */
};

/* log cosh x without overflow */
static double log_cosh(double x)
{
    return x + log1p(exp(-2 * x)) - log(2);
}

/* Newton on sum of size tanh(tilt size) = limit, which is concave: from a tilt that is too small every step is safe.  It
 * need not be met: any tilt is right, a good one is precise. */
static double find_tilt(const double size[], size_t n, double limit)
{
    double tilt = 0, most = 0, least = INFINITY;
    for (size_t i = 0; i < n; i++) {
        most = fmax(most, size[i]);
        least = fmin(least, size[i]);
    }
    for (int step = 0; step < NEWTON_STEPS && tilt * most < MOST_TILT; step++) {
        double value = -limit, slope = 0;
        for (size_t i = 0; i < n; i++) {
            double t = tanh(tilt * size[i]);
            value += size[i] * t;
            slope += size[i] * size[i] * (1 - t * t);
        }
        if (value >= -MET * least || slope <= 0)
            break;
        tilt -= value / slope;
    }
    return fmin(tilt, MOST_TILT / most);
}

static void prepare(struct tilted *x, double limit)
{
    x->tilt = find_tilt(x->size, x->n, limit);
    x->log_cosh = x->least = 0;
    for (size_t i = 0; i < x->n; i++) {
        x->log_cosh += log_cosh(x->tilt * x->size[i]);
        x->least -= x->size[i];
        double p = 1 / (1 + exp(-2 * x->tilt * x->size[i]));
        x->threshold[i] = p < 1 ? (uint32_t)(p * 0x1p32) : UINT32_MAX;
    }
}

static double tilted_sum(const struct tilted *x, const struct rng_key *k)
{
    double sum = x->least;
    uint32_t words[4] = { 0 };
    for (size_t i = 0; i < x->n; i++) {
        if (i % 4 == 0)
            rng_words(k, (uint32_t)(i / 4), words);
        sum += words[i % 4] < x->threshold[i] ? 2 * x->size[i] : 0;
    }
    return sum;
}

/* What was seen counts as one more draw (Harrison 2012: p is then never too small).  Draws end early where p is large. */
static double sampled_p(const double size[], size_t n, double limit, const struct stats_options *o)
{
    uint32_t by_size = (uint32_t)(DRAWN_SIGNS / n), b = 0;
    uint32_t replicates = by_size < FEWEST ? FEWEST : by_size > MOST ? MOST : by_size;
    struct rng_address at = { .seed = o->seed, .item = o->stream, .purpose = RNG_BOOTSTRAP, .lane = 1 };
    struct tilted x = { .size = size, .n = n };
    x.threshold = mem_alloc(n, sizeof *x.threshold);
    prepare(&x, limit);
    replicates = o->replicates ? o->replicates : replicates;
    double scale = exp(x.log_cosh - x.tilt * limit), count = 1;
    for (; b < replicates && !(b == EARLY && 2 * scale * count / EARLY > LARGE_P); b++) {
        at.draw = b;
        struct rng_key k = rng_key(&at);
        double sum = tilted_sum(&x, &k);
        count += sum >= limit ? exp(-x.tilt * (sum - limit)) : 0;
    }
    free(x.threshold);
    double p = 2 * scale * count / (b + 1.0), all_alike = ldexp(1, 1 - (int)(n < 1000 ? n : 1000));
    return p > 1 ? 1 : p < all_alike ? all_alike : p;
}

double stats_signflip(const double d[], size_t n, const struct stats_options *o)
{
    double *v = mem_alloc(n, sizeof *v);
    double sum = 0, size = 0;
    size_t k = 0, differ = 0, exact = o->exact ? o->exact : STATS_EXACT;
    for (size_t i = 0; i < n; i++) {
        if (isnan(d[i]))
            continue;
        k++;
        if (d[i] == 0)
            continue; /* either sign gives the same sum */
        v[differ++] = fabs(d[i]);
        sum += d[i];
        size += fabs(d[i]);
    }
    /* sums that are equal in real numbers must count as equal: they differ by rounding only */
    double limit = fabs(sum) - 1e-12 * size;
    double p = k == 0 ? NAN : 1;
    if (differ > 0 && limit > 0 && isfinite(size))
        p = differ <= exact ? exact_p(v, differ, limit) : sampled_p(v, differ, limit, o);
    free(v);
    return p;
}
