/* The inside of the lms of a plan, for experiments/lms*.c. */
#ifndef EXPERIMENTS_LMS_INSIDE_H
#define EXPERIMENTS_LMS_INSIDE_H

#include "experiments/lms.h"
#include "model/device_open.h"

struct lms_node {
    const char *id;
    const json_t *doc;
    struct lm *lm; /* NULL: not built yet */
    struct checkpoint *checkpoint;
    struct chain **chains; /* (n_chains,) of the voices */
    size_t n_chains;
};

struct lms {
    const json_t *what;
    struct threads *threads;
    struct device *device;  /* opened with the first checkpoint; NULL: the processor, or none yet */
    struct lms_node *nodes; /* (n_nodes,) in the order of the plan: each before those that use it */
    size_t n_nodes;
    json_t **fits;          /* (n_fits,) NULL: not known */
    struct fit_maps **maps; /* (n_fits,) of fits that leave some */
    size_t n_fits;
    json_t *node_places, *fit_places; /* by their ids (base/doc.h) */
    const char *kernels;
    const struct lua_transforms *transforms; /* NULL: none */
};

/* The checkpoint of a node whose lm was found; NULL: it is none. */
const struct checkpoint *lms_checkpoint(const struct lms *s, const char *id);

/* lms_voices.c: builds the ensemble of a node; what it makes on the way is the node's, also on failure.  0 or ERR_*. */
int lms_build_ensemble(struct lms *s, struct lms_node *n);

#endif
