/* The tokens of words seen before: a bounded table that forgets, so that results never depend on it.
 *
 * Words of up to 24 bytes that give up to 8 tokens are kept; a new word takes the place of an old one.  Places depend
 * on a secret, so that a text cannot be made that has all its words in one. */
#ifndef MODEL_WORDCACHE_H
#define MODEL_WORDCACHE_H

#include "base/space.h"

struct wordcache;

struct wordcache *wordcache_alloc(void);
void wordcache_free(struct wordcache *c); /* NULL is fine */

/* Where a word may be: an argument for the other two. */
uint64_t wordcache_hash(const struct wordcache *c, const char *s, size_t n);

/* The tokens (*n_ids,) of the word, valid until the next put; NULL: it is not kept. */
const sym_t *wordcache_get(const struct wordcache *c, uint64_t hash, const char *s, size_t n, size_t *n_ids);
/* Keeps the word, if it may be kept. */
struct wordcache_word {
    const char *s;
    size_t n;
};
void wordcache_put(struct wordcache *c, uint64_t hash, struct wordcache_word w, const sym_t ids[], size_t n_ids);

#endif
