/* Passes: what a transformer computes in one round, cut into batches.
 *
 * A want names rows at the end of one prefix.  What of its path has no keys and values yet, and the positions whose rows
 * are missing, become the tokens of a batch, each position once, whoever wants it; a batch runs when it is full, or when
 * one more prefix would not fit the memory for pages. */
#ifndef MODEL_PASS_H
#define MODEL_PASS_H

#include "model/core.h"
#include "model/forward.h"
#include "model/row_store.h"

struct pass_parts {
    struct tree *tree;
    struct kv *kv;
    struct row_store *store;
    struct forward *forward;
    struct threads *threads;
    size_t max_tokens;
    struct remote *remote; /* where rows of LM_TAP_THERE stay; NULL: there are none */
};

struct pass;

struct pass *pass_alloc(const struct pass_parts *parts); /* borrows them */
void pass_free(struct pass *p);

/* Computes the missing rows of w[n].  *computed: token positions passed.  0, ERR_DATA (not finite) or ERR_MEMORY (of a
 * device); after a failure nothing half-done is kept.  Where a device has no memory for a batch (FORWARD_LESS), batches are
 * cut to the pages that there are, for a while, or, where something else is short, half as large from there on, and the
 * wants go on. */
int pass_run(struct pass *p, const struct leaf_want w[], size_t n, uint64_t run, uint64_t *computed);

#endif
