#include "plots/curves.h"
#include "plots/plot.h"
#include <math.h>

static void axis(struct text *t, char name, const struct summary_metric *m)
{
    struct text label = { 0 };
    figure_label(&label, m->metric);
    text_addf(t, "set %clabel ", name);
    plot_string(t, text_s(&label));
    text_add(t, " noenhanced\n");
    if (m->metric->direction < 0)
        text_addf(t, "set %crange [*:*] reverse\n", name);
    text_free(&label);
}

static void number(struct text *t, double x)
{
    plot_number(t, x);
    text_add(t, " ");
}

static void point(struct text *t, const struct interval *x, const struct interval *y, size_t chain)
{
    double low_x = isfinite(x->low) ? x->low : x->mean, high_x = isfinite(x->high) ? x->high : x->mean;
    double low_y = isfinite(y->low) ? y->low : y->mean, high_y = isfinite(y->high) ? y->high : y->mean;
    number(t, x->mean);
    number(t, y->mean);
    number(t, low_x);
    number(t, high_x);
    number(t, low_y);
    number(t, high_y);
    text_addf(t, "%zu\n", chain + 1);
}

static bool has_point(const struct summary_metric *x, const struct summary_metric *y, size_t arm)
{
    return isfinite(x->arms[arm].mean) && isfinite(y->arms[arm].mean);
}

int curves_draw(const struct figure_data *d, const struct summary_metric *x, const struct summary_metric *y,
                struct text *script)
{
    size_t n_points = 0;
    axis(script, 'x', x);
    axis(script, 'y', y);
    for (size_t lm = 0; lm < d->n_lms; lm++) {
        text_addf(script, "$lm%zu << EOD\n", lm);
        for (size_t arm = 0; arm < d->summary->n_arms; arm++)
            if (figure_lm(d, arm) == lm && has_point(x, y, arm)) {
                point(script, &x->arms[arm], &y->arms[arm], figure_chain(d, arm));
                n_points++;
            }
        text_add(script, "EOD\n");
    }
    text_add(script, "plot ");
    for (size_t lm = 0; lm < d->n_lms; lm++) {
        size_t style = lm % 8 + 1;
        text_addf(script,
                  "%s$lm%zu using 1:2:3:4:5:6 with xyerrorbars lt %zu lw 0.7 pt 0 notitle, \\\n"
                  "  $lm%zu using 1:2 with linespoints lt %zu title ",
                  lm == 0 ? "" : ", \\\n  ", lm, style, lm, style);
        plot_string(script, d->lms[lm]);
        text_addf(script,
                  " noenhanced, \\\n  $lm%zu using 1:2:7 with labels offset 0.9,0.6 font ',9' tc lt %zu notitle", lm,
                  style);
    }
    text_add(script, "\n");
    return n_points > 0 ? 0 : 1; /* gnuplot fails on a figure without points */
}
