#include "base/mem.h"
#include "base/rng.h"
#include "experiments/stats.h"
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>

#define MONTE_CARLO_REPLICATES 9999u

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

static double flipped_sum(const double d[], size_t n, const struct rng_key *k)
{
    double sum = 0;
    uint32_t words[4] = { 0 };
    for (size_t i = 0; i < n; i++) {
        if (i % 128 == 0)
            rng_words(k, (uint32_t)(i / 128), words);
        sum += words[i / 32 % 4] >> i % 32 & 1 ? d[i] : -d[i];
    }
    return sum;
}

static double sampled_p(const double d[], size_t n, double limit, const struct stats_options *o)
{
    uint32_t replicates = o->replicates ? o->replicates : MONTE_CARLO_REPLICATES, count = 0;
    struct rng_address at = { .seed = o->seed, .item = o->stream, .purpose = RNG_BOOTSTRAP, .lane = 1 };
    for (uint32_t r = 0; r < replicates; r++) {
        at.draw = r;
        struct rng_key k = rng_key(&at);
        count += fabs(flipped_sum(d, n, &k)) >= limit;
    }
    return (count + 1.0) / (replicates + 1.0);
}

double stats_signflip(const double d[], size_t n, const struct stats_options *o)
{
    double *v = mem_alloc(n, sizeof *v);
    double sum = 0, size = 0;
    size_t k = 0, differ = 0;
    for (size_t i = 0; i < n; i++) {
        if (isnan(d[i]))
            continue;
        k++;
        if (d[i] == 0)
            continue; /* either sign gives the same sum */
        v[differ++] = d[i];
        sum += d[i];
        size += fabs(d[i]);
    }
    /* sums that are equal in real numbers must count as equal: they differ by rounding only */
    double limit = fabs(sum) - 1e-12 * size;
    double p = k == 0 ? NAN : 1;
    if (differ > 0 && limit > 0)
        p = differ <= STATS_EXACT ? exact_p(v, differ, limit) : sampled_p(v, differ, limit, o);
    free(v);
    return p;
}
