/* Newton's method for a convex loss of a few weights >= 0, free or summing to one: a primal active set, with steps halved
 * until the loss falls by a share of what the slope promises (Nocedal & Wright 2006, chapters 3 and 16). */
#ifndef ENSEMBLE_WEIGHTS_NEWTON_H
#define ENSEMBLE_WEIGHTS_NEWTON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct newton_problem {
    uint32_t n; /* weights, at most LM_MAX_VOICES */
    double (*loss)(void *ctx, const double weight[]);
    void (*slope)(void *ctx, const double weight[], double gradient[], double curvature[]); /* (n,), (n, n) */
    void *ctx;
    bool simplex; /* weights sum to one */
};

/* weight: where to start (feasible, all positive), then the minimum.  0; ERR_DATA: it did not come to rest. */
int newton_minimise(const struct newton_problem *p, double weight[], size_t *iterations);

#endif
