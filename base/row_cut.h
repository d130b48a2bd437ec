/* Exact cuts of rows in host memory, by threshold search instead of sorting (base/row.h: row_keep_*, row_top). */
#ifndef BASE_ROW_CUT_H
#define BASE_ROW_CUT_H

#include "base/row.h"

/* As the functions of base/row.h; the row need not be measured afterwards. */
void row_cut_rank(struct row *r, uint32_t k, struct row_work *w);
void row_cut_mass(struct row *r, double p, uint32_t min_keep, struct row_work *w);
void row_cut_mass_by(struct row *r, const float key[], double p, uint32_t min_keep, struct row_work *w);
sym_t row_cut_mass_near(const struct row *r, double center, const float key[], double p, struct row_work *w);
/* Masks what stands after symbol `last` of that score in rank order, and measures. */
void row_cut_after(struct row *r, float least, sym_t last);
/* The largest score is top, and exp(score - top) sum to that. */
void row_cut_measured(struct row *r, float top, double sum);
/* The least of the largest elements that together reach `sum`, as row.h says "reach"; 0 where all do not.  Those of
 * 0 and less count for nothing; w->n >= n. */
float row_cut_heaviest(const float x[], uint32_t n, double sum, struct row_work *w);
uint32_t row_cut_top(const struct row *r, uint32_t k, struct row_work *w, sym_t id[], double logp[]);

#endif
