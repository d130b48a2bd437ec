#include "evalsets/reliability_mass.h"
#include "base/mem.h"
#include "base/rng.h"
#include <math.h>
#include <stdlib.h>

enum { REPETITIONS = 999 };

struct prediction {
    double confidence;
    size_t index;
};

static int by_confidence(const void *a, const void *b)
{
    const struct prediction *x = a, *y = b;
    if (x->confidence != y->confidence)
        return x->confidence < y->confidence ? -1 : 1;
    return x->index < y->index ? -1 : x->index > y->index;
}

void reliability_fill_mass(struct reliability bins[], size_t n_bins, const double confidence[], const bool right[],
                           size_t n)
{
    struct prediction *sorted = mem_alloc(n, sizeof *sorted);
    for (size_t i = 0; i < n; i++)
        sorted[i] = (struct prediction){ confidence[i], i };
    qsort(sorted, n, sizeof *sorted, by_confidence);
    size_t at = 0;
    for (size_t b = 0; b < n_bins; b++) {
        struct reliability bin = { .n = n / n_bins + (b < n % n_bins) };
        for (size_t i = 0; i < bin.n; i++, at++) {
            bin.confidence += sorted[at].confidence / (double)bin.n;
            bin.accuracy += right[sorted[at].index] / (double)bin.n;
        }
        bins[b] = bin;
    }
    free(sorted);
}

double reliability_l2_debiased(const struct reliability bins[], size_t n_bins)
{
    double sum = 0, n = 0;
    for (size_t b = 0; b < n_bins; b++) {
        double gap = bins[b].accuracy - bins[b].confidence, size = (double)bins[b].n;
        double noise = bins[b].n > 1 ? bins[b].accuracy * (1 - bins[b].accuracy) / (size - 1) : 0;
        sum += size * (gap * gap - noise);
        n += size;
    }
    return n > 0 ? sqrt(fmax(0, sum / n)) : NAN;
}

/* The ECE of one repetition: each prediction is right where its uniform falls below its confidence. */
static double repeat(const double confidence[], size_t n, struct reliability bins[], size_t n_bins,
                     const struct rng_key *key)
{
    bool *right = mem_alloc(n, sizeof *right);
    for (size_t i = 0; i < n; i++)
        right[i] = rng_uniform(key, (uint32_t)i) < confidence[i];
    reliability_fill(bins, n_bins, confidence, right, n);
    free(right);
    return reliability_ece(bins, n_bins);
}

void reliability_test(const double confidence[], const bool right[], size_t n, size_t n_bins, uint64_t seed,
                      struct reliability_test *out)
{
    struct reliability *bins = mem_alloc(n_bins, sizeof *bins);
    size_t beyond = 0;
    reliability_fill(bins, n_bins, confidence, right, n);
    *out = (struct reliability_test){ .ece = reliability_ece(bins, n_bins) };
    for (uint32_t i = 0; i < REPETITIONS; i++) {
        const struct rng_address address = { .seed = seed, .draw = i, .purpose = RNG_BOOTSTRAP };
        struct rng_key key = rng_key(&address);
        double ece = repeat(confidence, n, bins, n_bins, &key);
        out->mean += ece / REPETITIONS;
        beyond += ece >= out->ece;
    }
    out->p = (1 + (double)beyond) / (1 + REPETITIONS);
    free(bins);
}
