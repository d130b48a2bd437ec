/* Reliability diagrams of the fits: confidence of the top symbol against how often it is right, before and after. */
#include "experiments/stats.h"
#include "plots/figure.h"
#include "plots/plot.h"
#include <math.h>

static void block(const char *name, size_t id, const struct results_bin bins[], struct text *t)
{
    text_addf(t, "$%s%zu << EOD\n", name, id);
    for (size_t i = 0; i < RESULTS_BINS; i++)
        if (bins[i].n > 0) {
            plot_number(t, bins[i].confidence);
            text_add(t, " ");
            plot_number(t, bins[i].accuracy);
            double share = fmin(1, fmax(0, bins[i].accuracy)); /* the file says what it will */
            struct interval w = stats_wilson((size_t)llround(share * (double)bins[i].n), (size_t)bins[i].n, 0.95);
            text_addf(t, " %llu ", (unsigned long long)bins[i].n);
            plot_number(t, w.low);
            text_add(t, " ");
            plot_number(t, w.high);
            text_add(t, "\n");
        }
    text_add(t, "EOD\n");
}

/* Those that have a reliability. */
static size_t fits_shown(const struct results *r, const struct results_fit *out[FIGURE_FITS])
{
    size_t n, k = 0;
    const struct results_fit *fits = results_fits(r, &n);
    for (size_t i = 0; i < n && k < FIGURE_FITS; i++)
        if (!isnan(fits[i].ece_before))
            out[k++] = &fits[i];
    return k;
}

static int draw(const struct figure_data *d, struct text *script)
{
    const struct results_fit *fits[FIGURE_FITS];
    size_t n = fits_shown(d->results, fits);
    if (n == 0)
        return 1;
    plot_head(script, 900, (int)(n + 1) / 2 * 400);
    text_addf(script,
              "set multiplot layout %zu,%d\nset xrange [0:1]\nset yrange [0:1]\nset size ratio 1\nset key outside "
              "bottom center horizontal height 1\n"
              "set xlabel 'confidence in the top symbol or choice'\nset ylabel 'share of times it is right'\n",
              (n + 1) / 2, n > 1 ? 2 : 1);
    for (size_t i = 0; i < n; i++) {
        struct text title = { 0 };
        block("before", i, fits[i]->before, script);
        block("after", i, fits[i]->after, script);
        figure_short(&title, fits[i]->id, 60);
        if (!isnan(fits[i]->value))
            text_addf(&title, ": %.3f", fits[i]->value);
        text_add(script, "set title ");
        plot_string(script, text_s(&title));
        text_addf(script,
                  " noenhanced\nplot x with lines lc rgb '#999999' dt 2 notitle, \\\n"
                  "  $before%zu using 1:2 with linespoints lt 2 title 'before, ECE %.4f', \\\n"
                  "  $after%zu using 1:2:4:5 with yerrorbars lt 1 lw 1 notitle, \\\n"
                  "  $after%zu using 1:2 with linespoints lt 1 title 'after, ECE %.4f'\n",
                  i, fits[i]->ece_before, i, i, fits[i]->ece_after);
        text_free(&title);
    }
    text_add(script, "unset multiplot\n");
    return 0;
}

const struct figure_type figure_reliability = {
    .name = "reliability",
    .title = "Calibration, fitted",
    .about = "On the split a temperature or a map was fitted on, at most 2,048 positions of texts or 2^23 numbers, or "
             "the questions: when the lm gives its top symbol, or choice, the probability x, how often is it right? "
             "After: a map with folds is held out by them, a temperature of texts and a map without folds are not. The "
             "diagonal is perfect calibration; the bars are 95 % Wilson intervals. The first 12 fits are drawn.",
    .draw = draw,
};
