/* Reading results files where a crash or a hang of the HDF5 library cannot hurt: in a child process.
 *
 * The library crashes, loops and takes memory without bound on some damaged files, and files come from strangers.  The
 * parent touches none of it: it waits.  The child's stdout and stderr are the parent's; its code and message come back
 * through a pipe, so that to a caller it is as if the work had been done here.
 *   - A child that dies by a signal: ERR_DAMAGED and one message that names the file.
 *   - A child that says it is reading, and reads for longer than the limit: stopped; the same.
 *   - Its memory is bounded (4 GB and 64 times what it reads); a library that wants more fails to get it.
 *   - SIGINT, SIGTERM and SIGHUP (unless it is ignored) end both, ERR_SIGINT or ERR_SIGTERM; a parent that is killed takes
 *     the child with it.
 *   - Temporary files of the child lie in a folder of its own ($TMPDIR is set to it) that goes with it, unless the parent is
 *     killed too.
 * What the child had half written elsewhere is the caller's to clear away (report_abandon()). */
#ifndef CLI_GUARD_H
#define CLI_GUARD_H

#include "experiments/results.h"
#include <stddef.h>

struct guard; /* in the child */

struct guard_work {
    const char *const *paths; /* (n_paths,) what is read: results.h5 files or run folders; at most 255 */
    size_t n_paths;
    double seconds; /* limit of one stretch of reading; 0: 20 and one more for each MB to read */
    int (*work)(struct guard *g, void *ctx);
    void *ctx;
};

/* Code and message of work(), or as above. */
int guard_run(const struct guard_work *w);

/* For work(): the next stretch of reading is of path i, and begins now. */
void guard_open(struct guard *g, size_t i);
void guard_read(struct guard *g); /* that stretch is over */

/* results_open() of path i, as a stretch of reading, and so is every later look into it.  NULL as there. */
struct results *guard_results(struct guard *g, size_t i, const char *path);

#endif
