/* Host memory: zeroed, checked for overflow, never NULL.
 *
 * A host that has no memory left cannot go on: mem_alloc() writes one line to stderr and ends the process with
 * status 5.  What a run had acknowledged is in its journal, so nothing is lost.  Sizes that come from files are checked
 * against the file before they come here (base/num.h). */
#ifndef BASE_MEM_H
#define BASE_MEM_H

#include <stddef.h>

/* The end described above, for libraries of others that say that they have no memory. */
_Noreturn void mem_exhausted(void);

/* n zeroed objects of size bytes, for free().  n * size == 0 gives a unique pointer. */
void *mem_alloc(size_t n, size_t size);

/* Grows *p (of *cap objects of size bytes) so that it holds at least need; new objects are zero.  Doubles. */
void mem_grow(void *p, size_t *cap, size_t need, size_t size);

/* Copies for free(). */
void *mem_copy(const void *p, size_t bytes);
char *mem_string(const char *s);

/* Zeroed and aligned to 64 bytes, for free(). */
void *mem_aligned(size_t n, size_t size);

#endif
