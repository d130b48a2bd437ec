/* The report of a run: a folder with one self-contained page, the figures, their scripts and the tables.
 *
 *   FOLDER/index.html        opens offline: figures inline, a sortable table of arms, generations side by side, provenance
 *   FOLDER/arms.csv .md      mean and interval of every metric for every arm
 *   FOLDER/figures/          each figure as SVG and the gnuplot script that made it
 *
 * The same results give the same bytes. */
#ifndef PLOTS_REPORT_H
#define PLOTS_REPORT_H

#include "experiments/results.h"
#include "experiments/summary.h"

/* Makes folder (and figures/) where they are missing.  0 or ERR_IO, ERR_DAMAGED. */
int report_write(struct results *r, const char *folder);

/* The result in ten lines of plain text, appended: what was run, the best arms on each axis, what was told apart. */
void report_summary(const struct results *r, const struct summary *s, struct text *out);

#endif
