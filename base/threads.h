/* A pool of threads for loops whose parts are independent.
 *
 * The caller takes part; a pool of 1 runs the loop inline.  Parts must write disjoint memory, so that results never
 * depend on the number of threads.  Workers spin briefly, then sleep; more threads
 * than cores sleep at once.  One owner thread calls threads_run() at a time;
 * the loop body must not call threads_run() on the same pool. */
#ifndef BASE_THREADS_H
#define BASE_THREADS_H

#include <stddef.h>

struct threads;

struct threads *threads_alloc(size_t n); /* n >= 1; never NULL */
void threads_free(struct threads *t);
size_t threads_count(const struct threads *t);
size_t threads_cores(void); /* physical cores this process may use, at least 1 */

/* Calls part(ctx, i, worker) for every i in [0, n), n < 2^32, worker in [0, threads_count) being who runs it.  A worker goes
 * through neighbouring parts in their order, and when it has none left takes over another's, from the last one on. */
void threads_run(struct threads *t, size_t n, void (*part)(void *ctx, size_t i, size_t worker), void *ctx);

#endif
