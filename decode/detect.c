#include "decode/detect.h"
#include "base/err.h"
#include "base/mem.h"
#include <gsl/gsl_cdf.h>
#include <math.h>
#include <stdlib.h>

static size_t window_length(const struct green *g)
{
    return g->width + (g->scheme == GREEN_LEFT ? (size_t)1 : 0);
}

struct window {
    const sym_t *s;
    uint64_t pair; /* seed and last symbol */
    bool again;    /* as an earlier one */
};

static int compare(const sym_t x[], const sym_t y[], size_t length)
{
    for (size_t i = 0; i < length; i++)
        if (x[i] != y[i])
            return x[i] < y[i] ? -1 : 1;
    return 0;
}

static int by_symbols(const void *a, const void *b, void *length)
{
    const struct window *x = a, *y = b;
    return compare(x->s, y->s, *(const size_t *)length);
}

static int by_pair(const void *a, const void *b)
{
    const struct window *x = a, *y = b;
    return x->pair < y->pair ? -1 : x->pair > y->pair;
}

static void sum_up(struct detect_result *r, double gamma, double share)
{
    double t = (double)r->scored, g = (double)r->green;
    r->z = (g - gamma * t) / sqrt(t * gamma * (1 - gamma));
    r->p = .5 * erfc(r->z / M_SQRT2);
    r->p_exact =
        r->distinct_green == 0 ? 1 : gsl_cdf_binomial_Q((unsigned)r->distinct_green - 1, share, (unsigned)r->distinct);
}

static int check_ids(const struct detect_args *a, const sym_t ids[], size_t n)
{
    size_t length = window_length(a->green);
    if (n < length || n > UINT32_MAX)
        return err_set(ERR_DATA, "%zu symbols, want at least %zu, a window of width %u", n, length, a->green->width);
    for (size_t i = 0; i < n; i++)
        if (ids[i] >= a->n_symbols)
            return err_set(ERR_DATA, "ids[%zu] is %u, want a symbol in 0 .. %u", i, ids[i], a->n_symbols - 1);
    return 0;
}

/* In the order of pairs. */
static void count(const struct detect_args *a, const struct window window[], size_t n, struct detect_result *out)
{
    bool green = false;
    for (size_t i = 0; i < n; i++) {
        if (i == 0 || window[i].pair != window[i - 1].pair) {
            green = green_has(a->green, (uint32_t)(window[i].pair >> 32), a->n_symbols, (sym_t)window[i].pair);
            out->distinct++;
            out->distinct_green += green;
        }
        if (window[i].again && a->windows == DETECT_ONCE)
            continue;
        out->scored++;
        out->green += green;
    }
}

int detect_ids(const struct detect_args *a, const sym_t ids[], size_t n, struct detect_result *out)
{
    size_t length = window_length(a->green);
    *out = (struct detect_result){ 0 };
    TRY(check_ids(a, ids, n));
    size_t n_windows = n - length + 1;
    struct window *window = mem_alloc(n_windows, sizeof *window);
    for (size_t i = 0; i < n_windows; i++)
        window[i] = (struct window){ .s = ids + i,
                                     .pair = (uint64_t)green_seed(a->green, ids + i) << 32 | ids[i + length - 1] };
    qsort_r(window, n_windows, sizeof *window, by_symbols, &length);
    for (size_t i = 1; i < n_windows; i++)
        window[i].again = compare(window[i - 1].s, window[i].s, length) == 0;
    qsort(window, n_windows, sizeof *window, by_pair);
    count(a, window, n_windows, out);
    free(window);
    sum_up(out, a->green->gamma, (double)green_count(a->green, a->n_symbols) / a->n_symbols);
    return 0;
}
