/* SentencePiece's precompiled_charsmap: rules "these bytes become those", as a double-array trie and the texts.
 *
 * The blob is u32 LE, the trie's bytes; then the trie, u32 LE units of darts-clone (a unit's bits: 0-7 label, 8 has a
 * leaf, 9 the offset is shifted by 8, 10-31 offset; of a leaf: 0-30 value, 31 set); then texts, each ended by a NUL.
 * Every step within the trie is checked, so that any blob may be read. */
#ifndef MODEL_CHARSMAP_H
#define MODEL_CHARSMAP_H

#include <stddef.h>
#include <stdint.h>

#define CHARSMAP_MAX (1u << 24) /* bytes; the largest known has 240,000 */

struct charsmap;

/* Copies the blob.  NULL + ERR_DATA. */
struct charsmap *charsmap_read(const char *where, const void *blob, size_t n);
void charsmap_free(struct charsmap *c); /* NULL is fine */

/* The text (*n_to bytes) that the rule for the longest beginning of the n bytes at s (UTF-8) gives, and that beginning's
 * length; 0: there is no rule.  Valid while c lives; empty where the rule points beyond the texts.  Valid UTF-8 gives valid
 * UTF-8: a rule that ends inside a character is none, and one that points inside a character gives nothing. */
size_t charsmap_longest(const struct charsmap *c, const char *s, size_t n, const char **to, size_t *n_to);

/* The same of the shortest beginning. */
size_t charsmap_shortest(const struct charsmap *c, const char *s, size_t n, const char **to, size_t *n_to);

#endif
