/* Regret of ensembles along a text, and the uncertainty of their voices (experiments/regret.h). */
#include "plots/figure.h"
#include "plots/plot.h"
#include <math.h>

enum { NAME = 22 }; /* bytes of an lm and of a setting, or of an lm twice that, in a key as wide as its panel */

static void block(const char *name, size_t id, const struct regret *x, const double y[], struct text *t)
{
    text_addf(t, "$%s%zu << EOD\n", name, id);
    for (size_t i = 0; i < x->n_points; i++)
        if (!isnan(y[i])) {
            text_addf(t, "%zu ", x->at[i]);
            plot_number(t, y[i]);
            text_add(t, "\n");
        }
    text_add(t, "EOD\n");
}

/* "duet, 12 scored", "duet: top_p=0.9, 12 generated": a chain has no part in the score of a text. */
static void title(const struct figure_data *d, const struct regret *x, struct text *t)
{
    size_t n;
    struct text s = { 0 };
    figure_short(&s, results_arms(d->results, &n)[x->arm].lm, x->scored ? 2 * NAME : NAME);
    if (!x->scored) {
        text_add(&s, ": ");
        figure_short(&s, figure_setting(d, x->arm), NAME);
    }
    text_addf(&s, ", %zu %s", x->n_texts, x->scored ? "scored" : "generated");
    plot_string(t, text_s(&s));
    text_free(&s);
}

/* Colours as in the other figures, where all lms of this have one there. */
static size_t line(const struct figure_data *d, size_t i)
{
    for (size_t k = 0; k < d->n_regrets; k++)
        if (figure_line(d, d->arm_lm[d->regrets[k].arm]) > PLOT_LINES)
            return i + 1;
    return figure_line(d, d->arm_lm[d->regrets[i].arm]);
}

/* One curve an lm; name: of the blocks, dashed where weights do not learn. */
static void curves(const struct figure_data *d, const char *name, struct text *t)
{
    text_add(t, "plot 0 with lines lc rgb '#999999' lw 0.7 notitle");
    for (size_t i = 0; i < d->n_regrets; i++) {
        text_addf(t, ", \\\n  $%s%zu using 1:2 with lines lt %zu lw 2%s title ", name, i, line(d, i),
                  d->regrets[i].learns ? "" : " dt 2");
        title(d, &d->regrets[i], t);
        text_add(t, " noenhanced");
    }
}

/* Last, over a curve that lies on it. */
static void bound_line(double bound, struct text *t)
{
    text_add(t, ", \\\n  ");
    plot_number(t, bound);
    text_addf(t, " with lines lc rgb '#000000' dt 3 lw 1.5 title 'bound of Bayes: %.3f'", bound);
}

/* As many lines in the key as in the panel beside it. */
static void empty_line(struct text *t)
{
    text_add(t, ", \\\n  NaN with lines lc rgb '#ffffff' title ' '");
}

static void head(struct text *t)
{
    plot_head(t, 900, 480);
    text_add(
        t,
        "set multiplot layout 1,2\nset xlabel 'symbols' offset 0,0.6\nset key outside bottom center maxcols 1 height 1 "
        "noenhanced\n");
}

/* The larger of the bounds, where several lms learn by Bayes from weights of their own; 0: none. */
static double bound_of(const struct figure_data *d)
{
    double most = 0;
    for (size_t i = 0; i < d->n_regrets; i++)
        if (d->regrets[i].bounded)
            most = fmax(most, d->regrets[i].most);
    return isfinite(most) ? most : 0;
}

static int draw_regret(const struct figure_data *d, struct text *t)
{
    double bound = bound_of(d);
    bool learns = false;
    for (size_t i = 0; i < d->n_regrets; i++)
        learns |= d->regrets[i].learns;
    if (!learns)
        return 1;
    head(t);
    for (size_t i = 0; i < d->n_regrets; i++) {
        block("voice", i, &d->regrets[i], d->regrets[i].over_voice, t);
        block("weights", i, &d->regrets[i], d->regrets[i].over_weights, t);
    }
    text_add(t, "set ylabel 'nats a text'\nset title 'over the best single voice'\n");
    curves(d, "voice", t);
    if (bound > 0)
        bound_line(bound, t);
    text_add(t, "\nset title 'over the best fixed weights of a linear pool'\n");
    curves(d, "weights", t);
    if (bound > 0)
        empty_line(t);
    text_add(t, "\nunset multiplot\n");
    return 0;
}

static bool tells(const struct regret *x)
{
    for (size_t i = 0; i < x->n_points; i++)
        if (!isnan(x->data[i]) || !isnan(x->mutual[i]))
            return true;
    return false;
}

static int draw_uncertainty(const struct figure_data *d, struct text *t)
{
    bool any = false;
    for (size_t i = 0; i < d->n_regrets; i++)
        any |= tells(&d->regrets[i]);
    if (!any)
        return 1;
    head(t);
    for (size_t i = 0; i < d->n_regrets; i++) {
        block("data", i, &d->regrets[i], d->regrets[i].data, t);
        block("mutual", i, &d->regrets[i], d->regrets[i].mutual, t);
    }
    text_add(t, "set yrange [0:*]\nset ylabel 'nats a symbol'\nset title 'data entropy: the voices, one by one'\n");
    curves(d, "data", t);
    text_add(t, "\nset title 'mutual information: how far they differ'\n");
    curves(d, "mutual", t);
    text_add(t, "\nunset multiplot\n");
    return 0;
}

const struct figure_type figure_regret = {
    .name = "regret",
    .title = "Regret of weights that learn",
    .about =
        "What an ensemble lost on a text (nats under its own row, before any chain) beyond the best single voice and "
        "beyond the best fixed weights of the linear pool, both chosen in hindsight after that many symbols; means "
        "over the longer half of at most 64 texts that an lm scored, or of those that its first arm generated where it "
        "scored none. Below 0: better than any. Dashed: "
        "weights that do not learn. Bayes' weights with the linear rule never pass the dotted bound, ln K from equal "
        "weights.",
    .draw = draw_regret,
};

const struct figure_type figure_uncertainty = {
    .name = "uncertainty",
    .title = "Uncertainty along the text",
    .about =
        "The entropy of the voices' mixture has two parts: what each voice leaves open by itself (data entropy, their "
        "weighted mean), and what they do not agree on (mutual information). Means over the longer half of at most 64 "
        "texts that an lm "
        "scored, or of those that its first arm generated where it scored none; dashed: weights that do not learn. "
        "results.h5 has both, EPKL, reverse mutual information and the agreement of arg max for every symbol.",
    .draw = draw_uncertainty,
};
