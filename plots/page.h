/* Pieces of the report's page; each appends HTML to out. */
#ifndef PLOTS_PAGE_H
#define PLOTS_PAGE_H

#include "plots/figure.h"

void page_open(struct text *out, const char *title); /* doctype, head, style */
void page_close(struct text *out);                   /* script, end */

void page_text(struct text *out, const char *s); /* escaped */
void page_headline(struct text *out, const struct figure_data *d);
void page_figure(struct text *out, const struct figure_type *f, const char *svg); /* svg: the file's text */
void page_chains(struct text *out, const struct figure_data *d);                  /* the numbers of the chains */
void page_arms(struct text *out, const struct figure_data *d);
void page_metrics(struct text *out, const struct figure_data *d);
int page_generations(struct text *out, struct results *r); /* 0 or ERR_DAMAGED */
void page_fits(struct text *out, const struct results *r);
void page_provenance(struct text *out, const struct results *r);
void page_cost(struct text *out, const struct figure_data *d);

/* Whether no other arm is at least as good on both headline axes and better on one. */
bool page_on_frontier(const struct figure_data *d, size_t arm);
/* How many of an lm's arms do; *all: how many it has. */
size_t page_count_frontier(const struct figure_data *d, size_t lm, size_t *all);

extern const char page_style[];  /* CSS */
extern const char page_script[]; /* JavaScript: sorting, choosing an item */

#endif
