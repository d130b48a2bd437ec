/* From declared lms to the nodes of a plan.  Shared by plan_*.c alone. */
#ifndef EXPERIMENTS_PLAN_NODES_H
#define EXPERIMENTS_PLAN_NODES_H

#include "experiments/lua_transforms.h"
#include "experiments/plan_list.h"
#include <stdbool.h>

struct plan_nodes {
    struct plan_list lms; /* "key" is the SHA-256 of all that a node's rows depend on, names left out */
    struct plan_list fits;
    json_t *leaves; /* object: leaves by their names, so that each checkpoint is opened and hashed once */
    const struct lua_transforms *transforms; /* the script's own; NULL: none */
    json_t *code;                            /* object: those of them that chains use, and their hashes */
};

/* Adds what a declaration of a model or ensemble (script.h) needs; equal lms become one node.  The id of its node,
 * borrowed from it, or NULL + an error that begins with the declaration's file:line. */
const char *plan_nodes_add(struct plan_nodes *n, const json_t *declared);

/* Adds a declaration's file:line to the message of what failed, unless that of one inside it stands there.  Its code. */
int plan_nodes_place(const json_t *declared);

/* Whether the node, or one below it, draws a voice at every step: then its texts depend on the draw whatever the search. */
bool plan_nodes_samples(const struct plan_list *lms, const char *id);
/* Whether the node's lm will be layered (model/lm.h): a leaf is, a model or a table; what is made of voices is not. */
bool plan_nodes_layered(const struct plan_list *lms, const char *id);
/* The keys of the leaves below a node into an array of strings. */
void plan_nodes_leaves(const struct plan_list *lms, const char *id, json_t *keys);

#endif
