/* The tokens of words seen before: a bounded table that forgets, so that results never depend on it.
 *
 * Words of 1 to 24 bytes that give up to 8 tokens are kept; a new word takes the place of an old one.  Places depend
 * on a secret, so that a text cannot be made that has all its words in one.  The memory is taken when the first word is
 * kept: a vocabulary that is only asked for its tokens has none. */
#ifndef MODEL_WORDCACHE_H
#define MODEL_WORDCACHE_H

#include "base/space.h"

#define WORDCACHE_IDS 8 /* tokens of a word */

struct wordcache;

struct wordcache *wordcache_alloc(size_t n_tokens); /* of the vocabulary: a small one has a small cache */
void wordcache_free(struct wordcache *c);           /* NULL is fine */

/* A word as it is looked for. */
struct wordcache_key {
    uint64_t bytes[3]; /* what it is made of; with n, of one word alone */
    uint64_t hash;
    size_t n; /* bytes of the word; 0: it may not be kept */
};

/* The key and, if the word is kept, its tokens (WORDCACHE_IDS,), *n_ids of which count: valid until the next put.  NULL:
 * it is not kept. */
const sym_t *wordcache_get(const struct wordcache *c, const char *s, size_t n, struct wordcache_key *key,
                           size_t *n_ids);

/* Keeps the word that a get of this key has not found, if it may be kept. */
void wordcache_put(struct wordcache *c, const struct wordcache_key *key, const sym_t ids[], size_t n_ids);

#endif
