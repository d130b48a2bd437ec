#include "evalsets/brier.h"
#include "base/mem.h"
#include "evalsets/reliability.h"
#include <math.h>
#include <stdlib.h>

double brier_classes(const double p[], size_t n_classes, size_t label)
{
    double sum = 0;
    for (size_t c = 0; c < n_classes; c++) {
        double gap = p[c] - (c == label);
        sum += gap * gap;
    }
    return sum;
}

void brier_decompose(const double p[], const bool y[], size_t n, size_t n_bins, struct brier *out)
{
    struct reliability *bins = mem_alloc(n_bins, sizeof *bins);
    double rate = 0, size = (double)n;
    reliability_fill(bins, n_bins, p, y, n);
    *out = (struct brier){ 0 };
    for (size_t i = 0; i < n; i++)
        rate += y[i] / size;
    for (size_t b = 0; b < n_bins; b++) {
        double gap = bins[b].confidence - bins[b].accuracy, away = bins[b].accuracy - rate;
        out->reliability += (double)bins[b].n / size * gap * gap;
        out->resolution += (double)bins[b].n / size * away * away;
    }
    for (size_t i = 0; i < n; i++) {
        const struct reliability *bin = &bins[reliability_bin(p[i], n_bins)];
        double off = p[i] - bin->confidence;
        out->score += (p[i] - y[i]) * (p[i] - y[i]) / size;
        out->within += off * (off - 2 * (y[i] - bin->accuracy)) / size;
    }
    out->uncertainty = rate * (1 - rate);
    if (n == 0)
        *out = (struct brier){ NAN, NAN, NAN, NAN, NAN };
    free(bins);
}
