/* Two metrics against each other, one curve an lm, a point a chain, with intervals: the shape of several figures. */
#ifndef PLOTS_CURVES_H
#define PLOTS_CURVES_H

#include "plots/figure.h"

/* Appends the head of a figure whose plot has the given height in pixels, data blocks and the plot command.  Axes of
 * metrics where less is better run backwards, so that better is always to the right and up.  0; 1: no arm has both
 * values, there is nothing to draw. */
int curves_draw(const struct figure_data *d, const struct summary_metric *x, const struct summary_metric *y, int height,
                struct text *script);

#endif
