/* The creativity-versus-control frontier: one curve an lm, a point a chain, intervals by item. */
#include "plots/curves.h"

static int draw(const struct figure_data *d, struct text *script)
{
    const struct summary_metric *creativity = figure_creativity(d), *control = figure_control(d);
    if (!creativity || !control)
        return 1;
    return curves_draw(d, control, creativity, 560, script);
}

const struct figure_type figure_frontier = {
    .name = "frontier",
    .title = "Creativity against control",
    .about =
        "One colour an lm, one point a setting: a chain and its search (the number is that of the table of settings, "
        "several where points coincide); a line joins settings of one strategy, which differ in numbers alone; bars "
        "are 95 % bootstrap intervals over items (drawn for at most 60 points). Better is to the right and up: an lm "
        "whose curve lies above and to the right of another's gives more creativity at the same control.",
    .draw = draw,
};
