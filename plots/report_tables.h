/* The tables of a report as CSV and Markdown, of every arm and metric. */
#ifndef PLOTS_REPORT_TABLES_H
#define PLOTS_REPORT_TABLES_H

#include "plots/figure.h"

void report_csv(struct text *out, const struct figure_data *d);
void report_markdown(struct text *out, const struct figure_data *d);
void report_csv_head(struct text *out);
void report_csv_rows(struct text *out, const struct figure_data *d,
                     const char *first); /* first: a column before; NULL */

/* Cells. */
void report_csv_cell(struct text *out, const char *s);
void report_markdown_cell(struct text *out, const char *s); /* plain where it is harmless, else a code span */

#endif
