/* The report of a run: a folder with one self-contained page, the figures, their scripts and the tables.
 *
 *   FOLDER/index.html        opens offline: figures inline, a sortable table of arms, generations side by side, provenance
 *   FOLDER/arms.csv .md      mean and interval of every metric for every arm
 *   FOLDER/tasks.csv .md     the same for each task, where the items are of several (plots/report_tasks.h)
 *   FOLDER/figures/          each figure as SVG and the gnuplot script that made it
 *
 * The same results give the same bytes.
 *
 * All or nothing, but for a kill or a failing disk while the finished files are renamed one after the other: a report is written into FOLDER/.part and, once it is whole, its files are renamed into place, the page
 * last.  If anything fails on the way (a figure, the disk, the results), the old report stays as it was and nothing of
 * the new one does; a report that was killed leaves FOLDER/.part, which report_abandon() or the next report removes.  Two
 * reports into one folder at once: the second is refused.  Other files in the folder are not touched.
 *
 * Names and texts are data: in the page never markup (plots/page.h), in figures never commands (plots/plot.h), in
 * arms.csv a cell that a spreadsheet would take for a formula (it begins with = + - @, a tab or a carriage return) gets an
 * apostrophe before it, in arms.md what is not plain stands in a code span. */
#ifndef PLOTS_REPORT_H
#define PLOTS_REPORT_H

#include "experiments/results.h"
#include "experiments/summary.h"

/* Makes folder (and figures/) where they are missing.  0 or ERR_IO, ERR_DAMAGED, ERR_LOCKED, ERR_USAGE
 * ($CHORALE_GNUPLOT). */
int report_write(struct results *r, const char *folder);
/* The same with s, the summary of r. */
int report_make(struct results *r, const struct summary *s, const char *folder);
/* Removes what a report left that was ended half-way, unless another is being written there. */
void report_abandon(const char *folder);

/* The result in ten lines of plain text, appended: what was run, the best arms on each axis, what was told apart. */
void report_summary(const struct results *r, const struct summary *s, struct text *out);

#endif
