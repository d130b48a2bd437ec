/* Bars: the two headline metrics of every arm with their intervals. */
#include "plots/figure.h"
#include "plots/plot.h"
#include <math.h>

static void block(const struct figure_data *d, const struct summary_metric *m, size_t id, struct text *t)
{
    size_t n_arms = d->summary->n_arms, n;
    const struct results_arm *arms = results_arms(d->results, &n);
    text_addf(t, "$bars%zu << EOD\n", id);
    for (size_t arm = 0; arm < n_arms; arm++) {
        const struct interval *i = &m->arms[arm];
        if (!isfinite(i->mean))
            continue;
        text_addf(t, "%zu ", n_arms - arm);
        plot_number(t, i->mean);
        text_add(t, " ");
        plot_number(t, isfinite(i->low) ? i->low : i->mean);
        text_add(t, " ");
        plot_number(t, isfinite(i->high) ? i->high : i->mean);
        text_addf(t, " %zu\n", figure_lm(d, arm) % 8 + 1);
    }
    text_add(t, "EOD\nset ytics (");
    for (size_t arm = 0; arm < n_arms; arm++) {
        struct text label = { 0 };
        figure_short(&label, arms[arm].lm, 40);
        text_add(&label, ": ");
        figure_short(&label, *arms[arm].chain ? arms[arm].chain : "(no chain)", 60);
        text_add(t, arm == 0 ? "" : ", ");
        plot_string(t, text_s(&label));
        text_addf(t, " %zu", n_arms - arm);
        text_free(&label);
    }
    text_add(t, ") font ',10' noenhanced\n");
}

static void panel(const struct figure_data *d, const struct summary_metric *m, size_t id, struct text *t)
{
    struct text title = { 0 };
    block(d, m, id, t);
    figure_label(&title, m->metric);
    text_add(t, "set title ");
    plot_string(t, text_s(&title));
    text_addf(
        t,
        " noenhanced\nplot $bars%zu using 2:1:(0):2:($1-0.38):($1+0.38):5 with boxxyerror lc variable fs solid 0.45 "
        "noborder notitle, \\\n"
        "  $bars%zu using 2:1:3:4 with xerrorbars lc rgb '#222222' lw 1 pt 0 notitle\n",
        id, id);
    text_free(&title);
}

static int draw(const struct figure_data *d, struct text *script)
{
    const struct summary_metric *metrics[2] = { figure_creativity(d), figure_control(d) };
    size_t n = 0;
    for (size_t i = 0; i < 2; i++)
        if (metrics[i])
            metrics[n++] = metrics[i];
    if (n == 0)
        return 1;
    plot_head(script, 1000, (int)(n * (90 + 17 * d->summary->n_arms)));
    text_addf(script, "unset key\nset lmargin 48\nset yrange [0.3:%zu.7]\nset multiplot layout %zu,1\n",
              d->summary->n_arms, n);
    for (size_t i = 0; i < n; i++)
        panel(d, metrics[i], i, script);
    text_add(script, "unset multiplot\n");
    return 0;
}

const struct figure_type figure_bars = {
    .name = "bars",
    .title = "Every arm",
    .about = "The headline metrics of each arm with 95 % bootstrap intervals over items; one colour an lm.",
    .draw = draw,
};
