#include "experiments/summary.h"
#include "base/hash.h"
#include "base/mem.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define HOLM_LEVEL    0.05
#define MANY_ARMS     64
#define EXACT_OF_MANY 16
#define DRAWS_OF_MANY 199
/* A mean counts as within the range of its metric between these shares of it. */
#define RANGE_LOW  0.05
#define RANGE_HIGH 0.95

/* x[arm * n_items + item]: the values that intervals and tests work on. */
static double *item_values(const struct results *r, const struct results_metric *m, size_t n_arms, size_t n_items)
{
    double *x = mem_alloc(n_arms * n_items, sizeof *x);
    for (size_t arm = 0; arm < n_arms; arm++)
        results_by_item(r, m, (uint32_t)arm, x + arm * n_items);
    return x;
}

static struct stats_options options_of(const struct results_metric *m)
{
    return (struct stats_options){ .seed = 1, .stream = hash_string(m->name) };
}

static void fill_means(struct summary_metric *s, const double x[], size_t n_arms, size_t n_items)
{
    const struct results_metric *m = s->metric;
    struct stats_options o = options_of(m);
    s->arms = mem_alloc(n_arms, sizeof *s->arms);
    for (size_t arm = 0; arm < n_arms; arm++) {
        if (m->level == METRIC_ARM)
            s->arms[arm] = (struct interval){ m->value[arm], NAN, NAN, isnan(m->value[arm]) ? 0u : 1u };
        else
            s->arms[arm] = stats_bootstrap(x + arm * n_items, n_items, &o);
    }
}

static bool in_range(const struct summary_metric *s, size_t n_arms)
{
    const struct results_metric *m = s->metric;
    if (!isfinite(m->min) || !isfinite(m->max))
        return true;
    double low = m->min + RANGE_LOW * (m->max - m->min), high = m->min + RANGE_HIGH * (m->max - m->min);
    for (size_t arm = 0; arm < n_arms; arm++)
        if (s->arms[arm].mean >= low && s->arms[arm].mean <= high)
            return true;
    return false;
}

struct pair {
    size_t a, b;
    bool tells; /* enough items differ for a correction to count it */
};

/* All pairs of arms, p of each; items that both have. */
static size_t test_pairs(const double x[], size_t n_arms, size_t n_items, struct pair pairs[], double p[])
{
    double *d = mem_alloc(n_items, sizeof *d);
    size_t n = 0;
    struct stats_options o = { .seed = 1, .stream = 2 };
    if (n_arms >
        MANY_ARMS) { /* thousands of pairs: p to a tenth of itself decides as well, in a hundredth of the time */
        o.exact = EXACT_OF_MANY;
        o.replicates = DRAWS_OF_MANY;
    }
    for (size_t a = 0; a < n_arms; a++)
        for (size_t b = a + 1; b < n_arms; b++) {
            size_t common = 0;
            for (size_t i = 0; i < n_items; i++) {
                d[i] = x[a * n_items + i] - x[b * n_items + i];
                common += isnan(d[i]) ? 0 : 1;
            }
            if (common < 2)
                continue;
            pairs[n] = (struct pair){ a, b, stats_tells(d, n_items) };
            p[n++] = stats_signflip(d, n_items, &o);
        }
    free(d);
    return n;
}

static void fill_pairs(struct summary_metric *s, const double x[], size_t n_arms, size_t n_items)
{
    size_t most = n_arms * (n_arms - 1) / 2;
    struct pair *pairs = mem_alloc(most, sizeof *pairs);
    double *p = mem_alloc(most, sizeof *p), *counted = mem_alloc(most, sizeof *counted),
           *holm = mem_alloc(most, sizeof *holm);
    s->n_pairs = s->metric->level == METRIC_ARM ? 0 : test_pairs(x, n_arms, n_items, pairs, p);
    size_t least = 0;
    for (size_t i = 0; i < s->n_pairs; i++)
        counted[i] = pairs[i].tells ? p[i] : NAN;
    stats_holm(counted, s->n_pairs, holm);
    s->least_p = NAN;
    for (size_t i = 0; i < s->n_pairs; i++) {
        s->n_separated += holm[i] <= HOLM_LEVEL;
        least = p[i] < p[least] ? i : least; /* by its own p: corrected ones are often equal, most often 1 */
    }
    if (s->n_pairs > 0) {
        s->least_p = pairs[least].tells ? holm[least] : 1;
        s->best_a = pairs[least].a;
        s->best_b = pairs[least].b;
    }
    free(pairs);
    free(p);
    free(counted);
    free(holm);
}

void summary_of(const struct results *r, struct summary *out)
{
    size_t n_items;
    const struct results_metric *m = results_metrics(r, &out->n_metrics);
    results_arms(r, &out->n_arms);
    results_items(r, &n_items);
    out->metrics = mem_alloc(out->n_metrics, sizeof *out->metrics);
    for (size_t i = 0; i < out->n_metrics; i++) {
        struct summary_metric *s = &out->metrics[i];
        double *x = item_values(r, &m[i], out->n_arms, n_items);
        s->metric = &m[i];
        fill_means(s, x, out->n_arms, n_items);
        s->in_range = in_range(s, out->n_arms);
        fill_pairs(s, x, out->n_arms, n_items);
        free(x);
    }
}

/* NAN for what other items have. */
static void keep_task(const struct results *r, const char *task, size_t n_arms, double x[])
{
    size_t n;
    const struct results_item *items = results_items(r, &n);
    for (size_t i = 0; i < n; i++)
        for (size_t arm = 0; arm < n_arms && strcmp(items[i].task, task) != 0; arm++)
            x[arm * n + i] = NAN;
}

static bool any_number(const double x[], size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (!isnan(x[i]))
            return true;
    return false;
}

void summary_of_task(const struct results *r, const char *task, struct summary *out)
{
    size_t n_items, n;
    const struct results_metric *m = results_metrics(r, &n);
    *out = (struct summary){ .metrics = mem_alloc(n, sizeof *out->metrics) };
    results_arms(r, &out->n_arms);
    results_items(r, &n_items);
    for (size_t i = 0; i < n; i++) {
        double *x = item_values(r, &m[i], out->n_arms, n_items);
        keep_task(r, task, out->n_arms, x);
        if (m[i].level != METRIC_ARM && any_number(x, out->n_arms * n_items)) {
            struct summary_metric *s = &out->metrics[out->n_metrics++];
            *s = (struct summary_metric){ .metric = &m[i], .least_p = NAN };
            fill_means(s, x, out->n_arms, n_items);
            s->in_range = in_range(s, out->n_arms);
        }
        free(x);
    }
}

void summary_fini(struct summary *s)
{
    for (size_t i = 0; i < s->n_metrics; i++)
        free(s->metrics[i].arms);
    free(s->metrics);
    *s = (struct summary){ 0 };
}

const struct summary_metric *summary_find(const struct summary *s, const char *metric)
{
    for (size_t i = 0; i < s->n_metrics; i++)
        if (strcmp(s->metrics[i].metric->name, metric) == 0)
            return &s->metrics[i];
    return NULL;
}
