/* Pieces of the report's page; each appends HTML to out.
 *
 * What comes from outside is text on the page, never markup: it is escaped, a figure is checked (plots/svg.h), and the
 * page forbids every script but its own by its hash.  The page has a bounded size however large the results are: it says
 * what it leaves out, and arms.csv has every arm. */
#ifndef PLOTS_PAGE_H
#define PLOTS_PAGE_H

#include "plots/figure.h"

void page_open(struct text *out, const char *title); /* doctype, head, style */
void page_close(struct text *out);                   /* script, end */

#define PAGE_ARMS          200 /* rows of a table of arms */
#define PAGE_PAPER_METRICS 4   /* columns of a table of arms on paper (page_assets.c) */
#define PAGE_TEXTS         48  /* arms whose texts are on the page */
#define PAGE_FRONTIER      24  /* rows of the table of the frontier */
#define PAGE_SETTINGS      40  /* settings in the legend of a figure that is open at first */

#define PAGE_NAME 240 /* bytes of a name; arms.csv has names whole */

void page_text(struct text *out, const char *s); /* escaped */
void page_name(struct text *out, const char *s); /* escaped, and cut where it is longer than any reader wants */
/* What is said where only n of all arms are shown; nothing when they are all. */
void page_left_out(struct text *out, size_t n, size_t all);
void page_headline(struct text *out, const struct figure_data *d);
void page_figure(struct text *out, const struct figure_type *f, const char *svg); /* svg: the file's text */
void page_settings(struct text *out, const struct figure_data *d);                /* the numbers of the settings */
void page_frontier(struct text *out, const struct figure_data *d); /* what both headline metrics have values of */
void page_arms(struct text *out, const struct figure_data *d);
void page_arms_table(struct text *out, const struct figure_data *d); /* without its heading */
void page_metrics(struct text *out, const struct figure_data *d);
/* Some items side by side; r is that of d.  0 or ERR_DAMAGED. */
int page_generations(struct text *out, const struct figure_data *d, struct results *r);
void page_fits(struct text *out, const struct results *r);
void page_provenance(struct text *out, const struct results *r);
void page_cost(struct text *out, const struct figure_data *d);

extern const char page_style[];  /* CSS */
extern const char page_script[]; /* JavaScript: sorting, choosing an item */

#endif
