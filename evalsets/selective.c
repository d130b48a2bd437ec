#include "evalsets/selective.h"
#include "base/mem.h"
#include <math.h>
#include <stdlib.h>

struct prediction {
    double confidence;
    size_t index;
};

static int best_first(const void *a, const void *b)
{
    const struct prediction *x = a, *y = b;
    if (x->confidence != y->confidence)
        return x->confidence > y->confidence ? -1 : 1;
    return x->index < y->index ? -1 : x->index > y->index;
}

double selective_aurc(const double confidence[], const bool right[], size_t n)
{
    struct prediction *sorted = mem_alloc(n, sizeof *sorted);
    double sum = 0;
    size_t wrong = 0;
    for (size_t i = 0; i < n; i++)
        sorted[i] = (struct prediction){ confidence[i], i };
    qsort(sorted, n, sizeof *sorted, best_first);
    for (size_t k = 0; k < n; k++) {
        wrong += !right[sorted[k].index];
        sum += (double)wrong / (double)(k + 1);
    }
    free(sorted);
    return n > 0 ? sum / (double)n : NAN;
}

double selective_excess_aurc(const double confidence[], const bool right[], size_t n)
{
    size_t n_right = 0;
    double oracle = 0;
    for (size_t i = 0; i < n; i++)
        n_right += right[i];
    for (size_t k = n_right; k < n; k++)
        oracle += (double)(k + 1 - n_right) / (double)(k + 1);
    return selective_aurc(confidence, right, n) - (n > 0 ? oracle / (double)n : 0);
}
