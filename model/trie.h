/* A set of byte strings with a number each, for finding those that a text begins with.
 *
 * Edges lie in one flat table, hashed by (node, byte) from a secret, so that the makers of a file cannot choose
 * colliding ones.  A node is a number; 0 is the root, and as a child it says that there is none. */
#ifndef MODEL_TRIE_H
#define MODEL_TRIE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TRIE_NODES_MAX (1u << 24) /* a hundred times what the largest known vocabulary needs */

struct trie;

struct trie *trie_alloc(void);
void trie_free(struct trie *t); /* NULL is fine */

/* false: the key is empty or there already, or there would be more than TRIE_NODES_MAX nodes. */
bool trie_put(struct trie *t, const char *key, size_t n, uint32_t value);

uint32_t trie_child(const struct trie *t, uint32_t node, unsigned char byte); /* 0: none */
int64_t trie_value(const struct trie *t, uint32_t node);                      /* of the key that ends here; -1: none */

/* The length of the longest key that the n bytes at s begin with, and its value; 0: none. */
size_t trie_longest(const struct trie *t, const char *s, size_t n, uint32_t *value);

#endif
