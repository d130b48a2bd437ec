#include "ensemble/uncertainty.h"
#include "model/lm.h"
#include <assert.h>
#include <math.h>

double uncertainty_agreement(const sym_t best[], const bool living[], const double weight[], size_t n)
{
    double sum = 0, most = 0;
    for (size_t k = 0; k < n; k++) {
        double party = 0;
        for (size_t j = 0; j < n; j++)
            party += living[j] && best[j] == best[k] ? weight[j] : 0;
        sum += living[k] ? weight[k] : 0;
        most = fmax(most, living[k] && weight[k] > 0 ? party : 0);
    }
    return sum > 0 ? most / sum : 1;
}

/* One pass for the maximum and one to its place; the ids of the best are compared, never the rows. */
static double agreement(const struct row rows[], const double weight[], size_t n)
{
    sym_t best[LM_MAX_VOICES];
    bool living[LM_MAX_VOICES];
    for (size_t k = 0; k < n; k++) {
        living[k] = weight[k] > 0 && !row_dead(&rows[k]);
        best[k] = living[k] ? row_argmax(&rows[k]) : 0;
    }
    return uncertainty_agreement(best, living, weight, n);
}

struct uncertainty uncertainty_from(const struct row_apart *apart, const struct row rows[], const double weight[],
                                    size_t n)
{
    assert(n >= 1 && n <= LM_MAX_VOICES);
    return (struct uncertainty){ .data = apart->within,
                                 .mutual = apart->forward,
                                 .rmi = apart->reverse,
                                 .epkl = apart->forward + apart->reverse,
                                 .agreement = agreement(rows, weight, n) };
}

struct uncertainty uncertainty_of(const struct row rows[], const double weight[], size_t n)
{
    struct row_apart apart;
    row_pool_apart(rows, weight, n, &apart);
    return uncertainty_from(&apart, rows, weight, n);
}
