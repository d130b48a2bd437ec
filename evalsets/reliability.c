#include "evalsets/reliability.h"
#include <math.h>

size_t reliability_bin(double p, size_t n_bins)
{
    size_t b = p > 0 ? (size_t)(p * (double)n_bins) : 0;
    if (b >= n_bins)
        b = n_bins - 1;
    /* p * n_bins is rounded: the edges decide */
    while (b > 0 && p <= (double)b / (double)n_bins)
        b--;
    while (b + 1 < n_bins && p > (double)(b + 1) / (double)n_bins)
        b++;
    return b;
}

void reliability_add(struct reliability bins[], size_t n_bins, double confidence, bool right)
{
    struct reliability *bin = &bins[reliability_bin(confidence, n_bins)];
    bin->n++;
    bin->confidence += confidence;
    bin->accuracy += right;
}

void reliability_close(struct reliability bins[], size_t n_bins)
{
    for (size_t b = 0; b < n_bins; b++)
        if (bins[b].n > 0) {
            bins[b].confidence /= (double)bins[b].n;
            bins[b].accuracy /= (double)bins[b].n;
        }
}

void reliability_fill(struct reliability bins[], size_t n_bins, const double confidence[], const bool right[], size_t n)
{
    for (size_t b = 0; b < n_bins; b++)
        bins[b] = (struct reliability){ 0 };
    for (size_t i = 0; i < n; i++)
        reliability_add(bins, n_bins, confidence[i], right[i]);
    reliability_close(bins, n_bins);
}

/* Mean of |gap|^power over predictions. */
static double mean_gap(const struct reliability bins[], size_t n_bins, double power)
{
    double sum = 0, n = 0;
    for (size_t b = 0; b < n_bins; b++) {
        sum += (double)bins[b].n * pow(fabs(bins[b].accuracy - bins[b].confidence), power);
        n += (double)bins[b].n;
    }
    return n > 0 ? sum / n : NAN;
}

double reliability_ece(const struct reliability bins[], size_t n_bins)
{
    return mean_gap(bins, n_bins, 1);
}

double reliability_rmsce(const struct reliability bins[], size_t n_bins)
{
    return sqrt(mean_gap(bins, n_bins, 2));
}

double reliability_mce(const struct reliability bins[], size_t n_bins)
{
    double most = NAN;
    for (size_t b = 0; b < n_bins; b++)
        if (bins[b].n > 0)
            most = fmax(most, fabs(bins[b].accuracy - bins[b].confidence));
    return most;
}
