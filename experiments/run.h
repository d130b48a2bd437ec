/* Runs: a script becomes a plan, a plan becomes a run folder, a run folder becomes results.h5.
 *
 *   RUN/plan.json      everything resolved (experiments/plan.h)
 *   RUN/journal/       the truth while running (experiments/journal.h)
 *   RUN/results.h5     compacted from the journal (experiments/results.h)
 *   RUN/lock
 *
 * The same command resumes: units whose key is in the journal are never computed again. */
#ifndef EXPERIMENTS_RUN_H
#define EXPERIMENTS_RUN_H

#include "base/interrupt.h"
#include "experiments/plan.h"

struct run_progress {
    uint64_t done, total; /* units of this process's shard, those found in the journal included */
    uint64_t found;       /* of done: already in the journal */
    uint64_t failed;
    uint64_t judged, to_judge; /* texts scored by the judge; known so far */
    double seconds;            /* of this session */
    double rate;               /* units a second of this session; 0 before the first */
    double eta;                /* seconds left; NAN before the rate is known */
    const char *phase;         /* "fit", "run", "compact" */
};

struct run_options {
    size_t threads;           /* 0: all cores */
    size_t batch;             /* live units; 0: RUN_BATCH */
    uint32_t shard, n_shards; /* 1 of 1; 0 of 0 is the same */
    uint64_t segment;         /* bytes of a journal segment; 0: JOURNAL_SEGMENT */
    bool extend;              /* a plan that adds arms, items or draws may continue the run */
    void (*progress)(
        void *ctx,
        const struct run_progress *p); /* may be NULL; called at most every 0.1 s, from the caller's thread */
    void *progress_ctx;
    interrupt_t *signal; /* once it is set the run closes cleanly */
};

#define RUN_BATCH 64

/* What a results file was made of. */
struct run_compacted {
    uint64_t units, missing; /* of the plan */
    uint64_t unjudged;       /* distinct texts without a verdict */
    uint64_t unfitted;       /* fits without a result */
    uint64_t failed;         /* of missing and unjudged: tried, and failed */
    uint64_t damaged;        /* places in the journal that are no frames; they stay where they are, unused */
    uint64_t torn;           /* ends of segments that were being written when their process died */
    char damage[160];        /* the first of damaged: segment, offset, reason */
};

/* What became of a run besides its code. */
struct run_outcome {
    bool compacted; /* results.h5 is written */
    struct run_compacted results;
    uint64_t recomputed; /* units that the journal had held and that damage had taken */
};

/* plan_prepare(), but for a folder that holds a run already with that run's compute mode, kernel path and type of keys
 * and values, where o does not say otherwise: another machine uses them or refuses.  An empty folder becomes runs/NAME of the
 * experiment; the script, which may be a pipe, is read once. */
struct plan *run_prepare(const char *script, struct text *folder, const struct plan_options *o);

/* Runs what the folder does not hold yet, then compacts (a shard that is not the last to finish only closes its journal).
 * Sealed segments are believed until compaction has read them; what is damaged there is computed again then.
 * 0; ERR_SOME (units failed: err_text() has the count and the first); ERR_USAGE (another plan: the difference);
 * ERR_LOCKED, ERR_IO, ERR_DATA, ERR_SIGINT, ERR_SIGTERM. */
int run_execute(const struct plan *p, const char *folder, const struct run_options *o, struct run_outcome *out);

/* Writes to (NULL: folder/results.h5) from the journal, also of a running or interrupted run; only as many units as there
 * are.  The work is done in a process of its own: a crash of the HDF5 library cannot hurt the journal or the caller.
 * signal: once it is set the work is given up (ERR_SIGINT, ERR_SIGTERM).
 * 0, ERR_IO, ERR_DATA, ERR_MEMORY, ERR_DAMAGED (what was written does not read back). */
int run_compact(const char *folder, const char *to, interrupt_t *signal, struct run_compacted *out);

/* The same into folder/results.h5, but for a run that should be whole: when more than `most` units, texts and fits have no
 * result, damage has taken some, and what stands there is left as it is.  Then 1. */
int run_compact_whole(const char *folder, interrupt_t *signal, uint64_t most, struct run_compacted *out);

#endif
