/* One figure of a report: drawn into the folder of figures and put on the page. */
#ifndef PLOTS_REPORT_FIGURE_H
#define PLOTS_REPORT_FIGURE_H

#include "plots/figure.h"

/* 0; 1: there is nothing to draw, and it is left out; ERR_IO, ERR_USAGE ($CHORALE_GNUPLOT). */
int report_figure(struct text *page, const struct figure_type *f, const struct figure_data *d, const char *folder);

#endif
