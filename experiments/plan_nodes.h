/* From declared lms to the nodes of a plan.  Shared by plan_*.c alone. */
#ifndef EXPERIMENTS_PLAN_NODES_H
#define EXPERIMENTS_PLAN_NODES_H

#include "base/doc.h"
#include "experiments/lua_transforms.h"
#include <stdbool.h>

struct plan_nodes {
    json_t *lms;    /* array of nodes; "key" is the SHA-256 of all that a node's rows depend on, names left out */
    json_t *fits;   /* array */
    json_t *leaves; /* object: leaves by their names, so that each checkpoint is opened and hashed once */
    const struct lua_transforms *transforms; /* the script's own; NULL: none */
    json_t *code;                            /* object: those of them that chains use, and their hashes */
};

/* Adds what a declaration of a model or ensemble (script.h) needs; equal lms become one node.  The id of its node,
 * borrowed from it, or NULL + an error that begins with the declaration's file:line. */
const char *plan_nodes_add(struct plan_nodes *n, const json_t *declared);

/* The node with an id, in an array of nodes or fits; NULL. */
json_t *plan_nodes_find(const json_t *list, const char *id);

/* Whether the node, or one below it, draws a voice at every step: then its texts depend on the draw whatever the search. */
bool plan_nodes_samples(const json_t *lms, const char *id);
/* Puts a node into n->lms or n->fits with its key and the id wanted, or one made of `made`; of equal nodes one stays.  node
 * is consumed.  Its id, or NULL + ERR_USAGE: the name is taken. */
const char *plan_nodes_put(json_t *list, json_t *node, const char *wanted, const char *made);

/* The keys of the leaves below a node into an array of strings. */
void plan_nodes_leaves(const json_t *lms, const char *id, json_t *keys);

#endif
