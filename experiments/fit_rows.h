/* Rows kept for fits that apply chains to them: each with what had been said, so that steps that look back work too. */
#ifndef EXPERIMENTS_FIT_ROWS_H
#define EXPERIMENTS_FIT_ROWS_H

#include "decode/chain.h"
#include "experiments/fit_types.h"

#define FIT_ROWS_BYTES ((size_t)1 << 30) /* of rows: fewer positions where the vocabulary is large */

struct fit_rows;

/* most: lowered to what there is room for. */
struct fit_rows *fit_rows_alloc(const struct fit *f, size_t *most);
void fit_rows_free(struct fit_rows *k); /* NULL is fine */
int fit_rows_add(struct fit_rows *k, const struct fit *f, const struct row *r, const struct score_place *place);
size_t fit_rows_count(const struct fit_rows *k);
sym_t fit_rows_label(const struct fit_rows *k, size_t i);

/* A chain bound to the fit's symbols, without state and chance.  The caller's, or NULL + ERR_USAGE. */
struct chain *fit_rows_chain(const struct fit *f, const char *text);
/* What the chain leaves of row i; valid until the next call.  0 or what a step says. */
int fit_rows_apply(struct fit_rows *k, const struct fit *f, const struct chain *c, size_t i, struct row *out);

#endif
