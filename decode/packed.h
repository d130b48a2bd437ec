/* Rows of which a truncation has left little: the blocks of ROW_BLOCK symbols in which something is left, packed one behind
 * the other, are a row of the same numbers at a fraction of the cost.
 *
 * Symbols keep their order and their place within a block, which is what sums and ties depend on: every sum, cut and
 * choice of a packed row is that of the whole row, bit for bit.  Its symbols' ids are not, nor its n: only transforms
 * that ask for neither (transform_type.blind) may change it. */
#ifndef DECODE_PACKED_H
#define DECODE_PACKED_H

#include "base/row.h"

#define PACKED_WORTH 2  /* a list of one block in so many, or shorter, is worth packing */
#define PACKED_DRAW  16 /* worth drawing from block by block */

/* Whether r's list of blocks (row_list) is in w, and holds at most one in `share` of all blocks. */
bool packed_short(const struct row *r, const struct row_work *w, uint32_t share);

/* The blocks in w's list of a row of as many symbols, packed into score[n]: r's scores of what another row has kept, say.
 * log_z and what is known of it are r's. */
struct row packed_row(const struct row *r, const struct row_work *w, float score[]);

/* The blocks in that list, packed into w->spare[SCRATCH_MODEL], the list in w->place; and back, with what was found. */
struct row packed_begin(const struct row *r, struct row_work *w);
void packed_end(const struct row *packed, struct row *r, struct row_work *w);

#endif
