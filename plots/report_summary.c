/* The lines that a run ends with. */
#include "plots/figure.h"
#include "plots/report.h"
#include <math.h>

enum { NAME_BYTES = 120, SHOWN_FITS = 4 };

/* A name out of a file goes to a terminal: on one line, not without end, and nothing in it may steer the terminal. */
static void add_name(struct text *out, const char *name)
{
    struct text t = { 0 };
    figure_short(&t, name, NAME_BYTES);
    text_add_shown(out, text_s(&t), t.len);
    text_free(&t);
}

/* An axis that was asked for, and of which nothing has a value. */
static void no_axis(const char *const names[], size_t n, const char *name, struct text *out)
{
    for (size_t i = 0; i < n; i++) {
        if (i == 0)
            text_addf(out, "  most %-11s -; no text has ", name);
        text_add(out, i > 0 ? ", " : "");
        add_name(out, names[i]);
    }
    text_add(out, n > 0 ? "\n" : "");
}

static void axis(const struct figure_data *d, const struct summary_metric *m, const struct summary_metric *other,
                 const char *name, struct text *out)
{
    size_t n;
    const struct results_arm *arms = results_arms(d->results, &n);
    size_t i = figure_best(m, other, n);
    if (i == n)
        return;
    text_addf(out, "  most %-11s ", name);
    add_name(out, arms[i].name);
    text_add(out, "; ");
    add_name(out, m->metric->name);
    text_addf(out, " = %.4g", m->arms[i].mean);
    if (isfinite(m->arms[i].low))
        text_addf(out, " [%.4g, %.4g]", m->arms[i].low, m->arms[i].high);
    figure_items(out, d, m, i, " over ");
    text_add(out, "\n");
    if (m->n_pairs == 0)
        return;
    text_add(out, "  ");
    add_name(out, m->metric->name);
    text_addf(out, " tells apart %zu of %zu pairs of arms (Holm, 5 %%)\n", m->n_separated, m->n_pairs);
}

static void frontier(const struct figure_data *d, struct text *out)
{
    size_t lms[FIGURE_LMS], n = figure_choose_lms(d, lms);
    text_add(out, "  on the creativity-control frontier:");
    for (size_t i = 0; i < n; i++) {
        size_t all, on = figure_count_frontier(d, lms[i], &all);
        text_add(out, i == 0 ? " " : ", ");
        add_name(out, d->lms[lms[i]]);
        text_addf(out, " %zu of %zu", on, all);
    }
    if (n < d->n_lms)
        text_addf(out, "; %zu more lms", d->n_lms - n);
    text_add(out, "\n");
}

static void fitted(const struct results_fit *f, struct text *out)
{
    if (f->n_voices == 0 && isnan(f->value) && isnan(f->nll_before)) /* a table */
        return;
    text_add(out, "  fitted ");
    add_name(out, f->id);
    text_add(out, ": ");
    if (f->n_voices == 0)
        isnan(f->value) ? text_add(out, "a map") : text_addf(out, "%.3f", f->value);
    for (size_t k = 0; k < f->n_voices; k++)
        text_addf(out, "%s%.3f", k > 0 ? " " : "", f->weights[k]);
    if (!isnan(f->nll_before))
        text_addf(out, " (nats %.4f to %.4f", f->nll_before, f->nll_after);
    if (!isnan(f->nll_before) && !isnan(f->ece_before))
        text_addf(out, ", ECE %.4f to %.4f", f->ece_before, f->ece_after);
    text_add(out, isnan(f->nll_before) ? "\n" : ")\n");
}

/* The arm whose draft saved most. */
static void drafted(const struct results *r, const struct summary *s, struct text *out)
{
    size_t n;
    const struct results_arm *arms = results_arms(r, &n);
    const struct summary_metric *passes = summary_find(s, "passes_per_symbol"),
                                *held = summary_find(s, "accepted_length");
    size_t i = figure_best(passes, NULL, n);
    if (i == n || !held)
        return;
    text_add(out, "  fewest passes    ");
    add_name(out, arms[i].name);
    text_addf(out, "; %.3g for each symbol, %.3g proposed symbols held in each\n", passes->arms[i].mean,
              held->arms[i].mean);
}

void report_summary(const struct results *r, const struct summary *s, struct text *out)
{
    struct figure_data d;
    size_t n_items, n_records, n_fits;
    results_items(r, &n_items);
    results_records(r, &n_records);
    const struct results_fit *fits = results_fits(r, &n_fits);
    const struct results_cost *cost = results_cost(r);
    struct text missing = { 0 };
    figure_data_init(&d, r, s);
    const struct summary_metric *creativity = figure_creativity(&d), *control = figure_control(&d);
    text_addf(out, "  %zu lm%s x %zu setting%s, %zu items, %u draw%s: %zu records in %.0f s\n", d.n_lms,
              d.n_lms == 1 ? "" : "s", d.n_settings, d.n_settings == 1 ? "" : "s", n_items, results_draws(r),
              results_draws(r) == 1 ? "" : "s", n_records, cost->seconds);
    figure_missing(&missing, r);
    if (missing.len > 0)
        text_addf(out, "  %s: means are over what is there\n", missing.s);
    text_free(&missing);
    for (size_t i = 0; i < n_fits && i < SHOWN_FITS; i++)
        fitted(&fits[i], out);
    if (n_fits > SHOWN_FITS)
        text_addf(out, "  %zu more fits: the report has them\n", n_fits - SHOWN_FITS);
    size_t n;
    const char *const *names = results_creativity(r, &n);
    no_axis(names, creativity ? 0 : n, "creative", out);
    axis(&d, creativity, control, "creative", out);
    names = results_control(r, &n);
    no_axis(names, control ? 0 : n, "controlled", out);
    axis(&d, control, creativity, "controlled", out);
    if (creativity && control)
        frontier(&d, out);
    drafted(r, s, out);
    text_addf(out, "  %llu rows asked for, %llu positions computed: shared prefixes are computed once\n",
              (unsigned long long)cost->asked, (unsigned long long)cost->positions);
    figure_data_fini(&d);
}
