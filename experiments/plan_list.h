/* A list of a plan's nodes while it grows: found by name and by what they compute, whatever their number. */
#ifndef EXPERIMENTS_PLAN_LIST_H
#define EXPERIMENTS_PLAN_LIST_H

#include "base/doc.h"

struct plan_list {
    json_t *nodes;          /* array, borrowed: the plan's */
    json_t *by_id, *by_key; /* objects: the node of an id, of a key */
    json_t *numbers;        /* object: the last number that stands behind a name which was made more than once */
};

/* Over nodes with "id" and "key", or none yet. */
struct plan_list plan_list_of(json_t *nodes);
void plan_list_fini(struct plan_list *l);

json_t *plan_list_find(const struct plan_list *l, const char *id);   /* NULL: none */
json_t *plan_list_equal(const struct plan_list *l, const char *key); /* likewise, the first that computes this */

/* Puts a node into the list with its key, the SHA-256 of all but its name, and the id wanted, or one made of `made`; of equal
 * nodes one stays.  node is consumed.  Its id, borrowed from it, or NULL + ERR_USAGE: the name is taken. */
const char *plan_list_put(struct plan_list *l, json_t *node, const char *wanted, const char *made);

#endif
