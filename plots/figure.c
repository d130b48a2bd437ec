#include "plots/figure.h"
#include "base/mem.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

extern const struct figure_type figure_frontier, figure_quality, figure_bars, figure_reliability;

const struct figure_type *const *figure_types(size_t *n)
{
    static const struct figure_type *const types[] = { &figure_frontier, &figure_quality, &figure_bars,
                                                       &figure_reliability };
    *n = sizeof types / sizeof *types;
    return types;
}

static size_t index_of(const char *const list[], size_t n, const char *s)
{
    size_t i = 0;
    while (i < n && strcmp(list[i], s) != 0)
        i++;
    return i;
}

void figure_data_init(struct figure_data *d, const struct results *r, const struct summary *s)
{
    size_t n_arms;
    const struct results_arm *arms = results_arms(r, &n_arms);
    const char **lms = mem_alloc(n_arms, sizeof *lms), **chains = mem_alloc(n_arms, sizeof *chains);
    *d = (struct figure_data){ .results = r, .summary = s, .lms = lms, .chains = chains };
    for (size_t i = 0; i < n_arms; i++) {
        if (index_of(lms, d->n_lms, arms[i].lm) == d->n_lms)
            lms[d->n_lms++] = arms[i].lm;
        if (index_of(chains, d->n_chains, arms[i].chain) == d->n_chains)
            chains[d->n_chains++] = arms[i].chain;
    }
}

void figure_data_fini(struct figure_data *d)
{
    free((void *)(uintptr_t)d->lms);
    free((void *)(uintptr_t)d->chains);
}

size_t figure_lm(const struct figure_data *d, size_t arm)
{
    size_t n;
    return index_of(d->lms, d->n_lms, results_arms(d->results, &n)[arm].lm);
}

size_t figure_chain(const struct figure_data *d, size_t arm)
{
    size_t n;
    return index_of(d->chains, d->n_chains, results_arms(d->results, &n)[arm].chain);
}

size_t figure_best(const struct summary_metric *m, size_t n_arms)
{
    size_t best = n_arms;
    double sign = m && m->metric->direction < 0 ? -1 : 1;
    for (size_t i = 0; m && i < n_arms; i++)
        if (isfinite(m->arms[i].mean) && (best == n_arms || sign * m->arms[i].mean > sign * m->arms[best].mean))
            best = i;
    return best;
}

void figure_short(struct text *t, const char *s, size_t max)
{
    size_t n = strlen(s);
    text_addn(t, s, n <= max ? n : text_utf8_ready(s, max));
}

void figure_label(struct text *t, const struct results_metric *m)
{
    text_add(t, m->name);
    if (m->unit && *m->unit)
        text_addf(t, " [%s]", m->unit);
    if (m->direction != 0)
        text_add(t, m->direction > 0 ? ", more is better" : ", less is better");
}

static bool has_values(const struct summary_metric *m, size_t n_arms)
{
    for (size_t i = 0; m && i < n_arms; i++)
        if (isfinite(m->arms[i].mean))
            return true;
    return false;
}

static const struct summary_metric *first(const struct figure_data *d, const char *const names[], size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const struct summary_metric *m = summary_find(d->summary, names[i]);
        if (has_values(m, d->summary->n_arms))
            return m;
    }
    return NULL;
}

const struct summary_metric *figure_creativity(const struct figure_data *d)
{
    size_t n;
    const char *const *names = results_creativity(d->results, &n);
    return first(d, names, n);
}

const struct summary_metric *figure_control(const struct figure_data *d)
{
    size_t n;
    const char *const *names = results_control(d->results, &n);
    return first(d, names, n);
}

static size_t take(const struct figure_data *d, const char *const names[], size_t n, size_t at,
                   const struct summary_metric *out[])
{
    for (size_t i = 0; i < n; i++) {
        const struct summary_metric *m = summary_find(d->summary, names[i]);
        for (size_t k = 0; k < at && m; k++)
            m = out[k] == m ? NULL : m;
        if (m)
            out[at++] = m;
    }
    return at;
}

void figure_order(const struct figure_data *d, const struct summary_metric *out[])
{
    size_t n, at;
    const char *const *names = results_creativity(d->results, &n);
    at = take(d, names, n, 0, out);
    names = results_control(d->results, &n);
    at = take(d, names, n, at, out);
    for (size_t i = 0; i < d->summary->n_metrics; i++) {
        const char *name = d->summary->metrics[i].metric->name;
        at = take(d, &name, 1, at, out);
    }
}
