/* Bars: the two headline metrics of every arm with their intervals. */
#include "plots/figure.h"
#include "plots/plot.h"
#include <math.h>
#include <string.h>

enum {
    LABEL = 72,   /* bytes beside a bar, which its margin holds */
    SETTING = 40, /* of these, at least, of a setting that needs them */
    ROW = 17,     /* pixels */
    AROUND = 120  /* of a panel: title, axis */
};

/* The arms of the figure, from the top down. */
struct bars {
    const struct figure_data *d;
    size_t arms[FIGURE_BARS], n;
};

static void values(const struct bars *b, const struct summary_metric *m, size_t id, struct text *t)
{
    text_addf(t, "$bars%zu << EOD\n", id);
    for (size_t k = 0; k < b->n; k++) {
        const struct interval *i = &m->arms[b->arms[k]];
        if (!isfinite(i->mean))
            continue;
        text_addf(t, "%zu ", b->n - k);
        plot_number(t, i->mean);
        text_add(t, " ");
        plot_number(t, isfinite(i->low) ? i->low : i->mean);
        text_add(t, " ");
        plot_number(t, isfinite(i->high) ? i->high : i->mean);
        text_addf(t, " %zu\n", figure_line(b->d, b->d->arm_lm[b->arms[k]]));
    }
    text_add(t, "EOD\n");
}

static void names(const struct bars *b, struct text *t)
{
    size_t n;
    const struct results_arm *arms = results_arms(b->d->results, &n);
    text_add(t, "set ytics (");
    for (size_t k = 0; k < b->n; k++) {
        const struct results_arm *arm = &arms[b->arms[k]];
        struct text label = { 0 };
        const char *setting = figure_setting(b->d, b->arms[k]);
        size_t n_setting = strlen(setting);
        figure_short(&label, arm->lm, LABEL - (n_setting < SETTING ? n_setting : SETTING));
        text_add(&label, ": ");
        figure_short(&label, setting, label.len < LABEL - SETTING ? LABEL - label.len : SETTING);
        text_add(t, k == 0 ? "" : ", ");
        plot_tic(t, text_s(&label));
        text_addf(t, " %zu", b->n - k);
        text_free(&label);
    }
    text_add(t, ") font ',10' noenhanced\n");
}

static void panel(const struct bars *b, const struct summary_metric *m, size_t id, struct text *t)
{
    struct text title = { 0 };
    values(b, m, id, t);
    names(b, t);
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
    struct bars b = { .d = d };
    b.n = figure_choose(d, FIGURE_BARS, b.arms);
    plot_head(script, 1000, (int)(n * (AROUND + ROW * b.n)));
    text_addf(script, "unset key\nset lmargin 48\nset yrange [0.3:%zu.7]\nset multiplot layout %zu,1\n", b.n, n);
    for (size_t i = 0; i < n; i++)
        panel(&b, metrics[i], i, script);
    text_add(script, "unset multiplot\n");
    return 0;
}

const struct figure_type figure_bars = {
    .name = "bars",
    .title = "Arm by arm",
    .about = "The headline metrics of each arm with 95 % bootstrap intervals over items; one colour an lm, grey those "
             "that are no curve above. Of more than 40 arms: those on the frontier, the best and the worst.",
    .draw = draw,
};
