/* The prefix tree: a node is one prefix, whoever names it, so that equal prefixes are one computation.
 *
 * A slot is a list of nodes, one for each symbol of its prefix.  A node is held by the slots that end there, by its
 * children, and by what is cached for it: a place in a page of keys and values (model/kv.h) and computed rows
 * (model/row_store.h).  One that nothing holds is freed.  Node ids are stable while the node is held; 0 is the empty
 * prefix, which always exists.
 *
 * One owner thread; functions that take const may be called from several at once while nobody changes the tree. */
#ifndef MODEL_TREE_H
#define MODEL_TREE_H

#include "base/space.h"

#define TREE_ROOT 0u

struct kept_row;

struct node {
    uint32_t parent;
    sym_t symbol;
    uint32_t held;         /* children + slots that end here */
    uint32_t next;         /* in its bucket, or in the list of free nodes */
    int32_t page;          /* where its own keys and values lie, at its position modulo the page; -1: nowhere */
    struct kept_row *rows; /* list, or NULL */
    uint64_t pass;         /* of a batch: the last pass that computed it, ... */
    uint32_t token;        /* ... and its number there */
};

struct tree;

struct tree *tree_alloc(void);
struct tree *tree_alloc_apart(void); /* what is pushed is never an older node: only forks share */
void tree_free(struct tree *t);

/* A new slot naming the first len symbols of src; src < 0: the empty prefix. */
int tree_fork(struct tree *t, int src, size_t len);
void tree_push(struct tree *t, int slot, const sym_t s[], size_t n);
void tree_drop(struct tree *t, int slot);

size_t tree_length(const struct tree *t, int slot);
const uint32_t *tree_path(const struct tree *t, int slot); /* (length,) node ids; valid until the next push or fork */

struct node *tree_node(struct tree *t, uint32_t id); /* valid until the next push */
/* Frees the node, and then its ancestors, if nothing holds them any more. */
void tree_release(struct tree *t, uint32_t id);
size_t tree_count(const struct tree *t); /* nodes alive, the root included */

#endif
