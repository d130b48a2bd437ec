/* Passes that come again: a decode step is recorded as a graph and launched as one thing from then on. */
#ifndef CUDA_CAPTURE_H
#define CUDA_CAPTURE_H

#include "cuda/steps.h"

struct capture;

struct capture *capture_alloc(void); /* NULL: no memory */
void capture_free(struct capture *k);

/* Runs the batch that has been sent, up to the scores of all its rows in the scores block.  *done 0: the batch is none
 * that is recorded, or there is no memory for its graph: nothing was done.  A shape is recorded once capture_seen() has
 * had it. */
int capture_run(struct capture *k, struct steps *s, int *done);

/* The batch has been run without a fault as it is, and has made the room that it wants. */
void capture_seen(struct capture *k, const struct steps *s);

#endif
