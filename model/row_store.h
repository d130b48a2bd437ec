/* Computed rows, kept so that a row is never computed again while it is here.
 *
 * A row belongs to a node of the prefix tree and a tap; the node's list of rows holds the node.  Rows go, least
 * recently used first, when their bytes exceed the budget, but never one that the present run (queue_run()) uses. */
#ifndef MODEL_ROW_STORE_H
#define MODEL_ROW_STORE_H

#include "base/row.h"
#include "model/remote.h"
#include "model/tree.h"

struct kept_row {
    struct row row;
    uint32_t node, tap;
    bool ready;                      /* computed; false from row_store_add() until the pass is over */
    void *block;                     /* of LM_TAP_THERE: where it lies on the device; row has no scores then */
    struct device_measured measured; /* of the block */
    uint64_t run;                    /* the last that used it */
    struct kept_row *next;           /* of the same node */
    struct kept_row *newer, *older;
};

struct row_store;

/* Rows have n_scores floats, those of LM_TAP_HIDDEN n_hidden. */
struct row_store *row_store_alloc(struct tree *tree, uint32_t n_scores, uint32_t n_hidden, size_t bytes);
void row_store_free(struct row_store *s);
void row_store_place(struct row_store *s, struct remote *remote); /* where blocks are taken from; borrowed */

struct kept_row *row_store_find(struct tree *tree, uint32_t node, uint32_t tap); /* NULL: not here */
void row_store_use(struct row_store *s, struct kept_row *r, uint64_t run);
/* NULL + ERR_MEMORY: of LM_TAP_THERE, where the device has no block though all old rows have gone. */
struct kept_row *row_store_add(struct row_store *s, uint32_t node, uint32_t tap, uint64_t run); /* not ready */
/* Forgets the rows that are not ready: after a pass that failed. */
void row_store_forget(struct row_store *s);

#endif
