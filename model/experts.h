/* Experts: a feed-forward part of which each token uses a few, chosen by a router.
 *
 * A token's experts are those of the largest scores (of equal ones the first); their weights are the softmax of the scores
 * over all experts, divided by their sum where the configuration says so (Mixtral's softmax over the chosen).  Tokens that
 * chose an expert go through it as one block; a token adds up its experts in their order, whatever the batch. */
#ifndef MODEL_EXPERTS_H
#define MODEL_EXPERTS_H

#include "model/multiply.h"
#include "model/weights.h"

struct experts;

/* For blocks of at most max_tokens.  NULL when the configuration has no experts.  Everything is borrowed. */
struct experts *experts_alloc(const struct config *c, const struct kernels *k, struct multiplier *mul,
                              size_t max_tokens);
void experts_free(struct experts *e);
size_t experts_token_bytes(const struct config *c); /* what it takes for each token, about */

/* out[i] = the feed-forward part of x[i], i < m.  False when a score is not finite: nothing can be chosen then. */
bool experts_run(struct experts *e, const struct layer_weights *w, const struct block *x, float *const out[], size_t m);

#endif
