#include "experiments/run.h"
#include "base/err.h"
#include "base/folder.h"
#include "base/mem.h"
#include "experiments/runner.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static char *path_in(const char *folder, const char *name)
{
    struct text t = { 0 };
    text_addf(&t, "%s/%s", folder, name);
    return t.s;
}

/* The plan of a declaration, with what the folder's plan has decided. */
static struct plan *prepare_in(const char *folder, json_t *declared, const struct text *source,
                               const struct plan_options *o)
{
    struct plan_options pinned = { 0 };
    if (o)
        pinned = *o;
    char *path = path_in(folder, "plan.json");
    struct plan *old = access(path, F_OK) == 0 ? plan_read(path) : NULL;
    const char *mode = old ? json_string_value(json_object_get(old->what, "mode")) : NULL;
    const char *kernels = old ? json_string_value(json_object_get(old->what, "kernels")) : NULL;
    const char *device = old ? json_string_value(json_object_get(old->what, "device")) : NULL;
    if (!pinned.device && device) {
        pinned.device = device;
        pinned.deterministic |= json_is_true(json_object_get(old->what, "deterministic"));
    }
    const char *kv = old ? json_string_value(json_object_get(old->what, "kv")) : NULL;
    if (!pinned.mode)
        pinned.mode = mode;
    if (!pinned.kernels && kernels && *kernels)
        pinned.kernels = kernels;
    if (!pinned.kv)
        pinned.kv = kv;
    pinned.prompts = true;
    struct plan *p = plan_resolve(declared, source, &pinned);
    plan_free(old);
    free(path);
    return p;
}

struct plan *run_prepare(const char *script, struct text *folder, const struct plan_options *o)
{
    struct text source = { 0 };
    struct plan *p = NULL;
    json_t *declared = plan_declared(script, &source, o);
    if (declared && folder->len == 0)
        text_addf(folder, "runs/%s", json_string_value(json_object_get(declared, "name")));
    if (declared)
        p = prepare_in(text_s(folder), declared, &source, o);
    json_decref(declared);
    text_free(&source);
    return p;
}

static int refuse(const char *folder, const struct plan *old, const struct plan *now, bool extend)
{
    struct text diff = { 0 };
    bool only_adds;
    plan_diff(old, now, &diff, &only_adds);
    int rc = 0;
    if (!only_adds)
        rc =
            err_set(ERR_USAGE, "%s holds another plan; give another folder.  What differs:\n%s", folder, text_s(&diff));
    else if (!extend)
        rc = err_set(ERR_USAGE, "%s holds a smaller plan; --extend continues it.  What differs:\n%s", folder,
                     text_s(&diff));
    text_free(&diff);
    return rc;
}

static int forget_results(const char *folder)
{
    char *path = path_in(folder, "results.h5");
    int rc = unlink(path) == 0 || errno == ENOENT ? 0 : err_set(ERR_IO, "%s: cannot remove: %s", path, strerror(errno));
    free(path);
    return rc;
}

/* A plan is there before its results are: those of a folder without one are somebody else's, and a run would end with its own
 * in their place. */
static int refuse_results(const char *folder)
{
    char *path = path_in(folder, "results.h5");
    struct stat st;
    int rc = lstat(path, &st) < 0 ? 0
                                  : err_set(ERR_USAGE,
                                            "%s is there, and no plan.json: results of another origin; give another "
                                            "folder, or move them away",
                                            path);
    free(path);
    return rc;
}

/* The folder's plan becomes p: written when there is none, kept when equal, replaced when it only grows. */
static int settle_plan(const struct plan *p, const char *folder, const struct run_options *o)
{
    char *path = path_in(folder, "plan.json");
    int rc = 0;
    if (access(path, F_OK) < 0) {
        rc = refuse_results(folder);
        rc = rc < 0 ? rc : plan_write(p, path);
    } else {
        struct plan *old = plan_read(path);
        if (!old)
            rc = ERR_DATA;
        else if (strcmp(old->hash, p->hash) != 0) {
            rc = refuse(folder, old, p, o->extend);
            /* the results of the smaller plan would be taken for the larger one's until that is done */
            rc = rc < 0 ? rc : forget_results(folder);
            rc = rc < 0 ? rc : plan_write(p, path);
        }
        plan_free(old);
    }
    free(path);
    return rc;
}

static bool sharded(const struct run_options *o)
{
    return o->n_shards > 1;
}

struct locks {
    int whole, own; /* -1: not held */
};

/* A whole run holds the folder alone; shards share it, each holding its own. */
static int take_locks(struct locks *l, const char *folder, const struct run_options *o)
{
    *l = (struct locks){ -1, -1 };
    if (!sharded(o)) {
        l->whole = journal_lock(folder, "lock");
        return l->whole < 0 ? l->whole : 0;
    }
    l->whole = journal_lock_shared(folder, "lock");
    TRY(l->whole);
    struct text name = { 0 };
    text_addf(&name, "lock.%u-of-%u", o->shard, o->n_shards);
    l->own = journal_lock(folder, text_s(&name));
    text_free(&name);
    return l->own < 0 ? l->own : 0;
}

#define TURN_TRIES 1000
#define TURN_WAIT  10000000 /* ns between two of them */

/* Shards settle the plan in turn: of two that both found none, the second would write its own over the first's, whose units
 * would be nobody's.  A descriptor, or the code of a failure. */
static int take_turn(const char *folder, interrupt_t *signal)
{
    int fd = journal_lock(folder, "lock.plan");
    for (int i = 0; fd == ERR_LOCKED && i < TURN_TRIES; i++) {
        TRY(interrupt_check(signal, "waiting for another shard"));
        nanosleep(&(struct timespec){ .tv_nsec = TURN_WAIT }, NULL);
        fd = journal_lock(folder, "lock.plan");
    }
    return fd;
}

static int settle_in_turn(const struct plan *p, const char *folder, const struct run_options *o)
{
    int turn = take_turn(folder, o->signal);
    TRY(turn);
    int rc = settle_plan(p, folder, o);
    close(turn);
    return rc;
}

static void drop_locks(struct locks *l)
{
    if (l->own >= 0)
        close(l->own);
    if (l->whole >= 0)
        close(l->whole);
}

static struct journal *open_journal(const char *journal, const struct run_options *o)
{
    struct text prefix = { 0 };
    if (sharded(o))
        text_addf(&prefix, "shard%03u", o->shard);
    else
        text_add(&prefix, "run");
    struct journal *j = journal_open(journal, text_s(&prefix));
    text_free(&prefix);
    if (j)
        journal_set_segment(j, o->segment);
    return j;
}

/* How a session ended. */
struct session_end {
    uint64_t found;  /* units that the journal held at its start */
    uint64_t done;   /* and at its end */
    uint64_t failed; /* units and texts that have no result */
};

/* Of two failures the first is told, with its message; but one of the journal itself before units that failed and signals,
 * which would both claim that what they leave is whole. */
static int keep_first(int first, int then, const char *why)
{
    if (first >= 0 || (then == ERR_IO && first != ERR_IO))
        return then;
    return err_set((enum err)first, "%s", why);
}

/* The fits and the units; then the session is told, whatever became of them, unless the journal itself is what failed. */
static int work_through(struct runner *r)
{
    int rc = runner_fits(r);
    rc = rc < 0 ? rc : runner_work(r);
    if (rc == ERR_IO)
        return rc;
    char *why = mem_string(err_text());
    rc = keep_first(rc, runner_session(r), why);
    free(why);
    return rc;
}

/* Runs what is left and says how it went; what was finished is in the journal whatever comes back. */
static int work(const struct plan *p, struct jobs *jobs, const char *journal, const struct run_options *o,
                struct session_end *end)
{
    struct runner r;
    struct journal *j = open_journal(journal, o);
    if (!j)
        return err_code();
    int rc = runner_init(&r, p, jobs, j, o);
    if (rc == 0 && (jobs->n_done < jobs->n_units || jobs->n_judge > 0 || jobs_fits_missing(jobs)))
        rc = work_through(&r);
    end->done = r.progress.done;
    end->failed = r.progress.failed;
    if (rc == 0 && end->failed > 0)
        rc = err_set(ERR_SOME, "%llu of %zu units failed; the first: %s", (unsigned long long)end->failed,
                     jobs->n_units, r.first_failure);
    runner_fini(&r);
    char *why = mem_string(err_text());
    rc = keep_first(rc, journal_close(j), why);
    free(why);
    return rc;
}

typedef int (*load_function)(struct jobs *j, const char *journal);

/* One session: what the journal holds by `load`, then what is left. */
static int session(const struct plan *p, const char *journal, const struct run_options *o, load_function load,
                   struct session_end *end)
{
    struct jobs jobs;
    jobs_plan(&jobs, p, o->shard, o->n_shards);
    int rc = journal_settle(journal);
    rc = rc < 0 ? rc : load(&jobs, journal);
    end->found = end->done = jobs.n_done;
    rc = rc < 0 ? rc : work(p, &jobs, journal, o, end);
    jobs_fini(&jobs);
    return rc;
}

/* Where a run works; lock: what it holds of the folder, shared among shards. */
struct place {
    const char *folder, *journal;
    int lock;
};

/* The folder of this name is still the one that is held: what stands in its place is another's, of the same plan maybe. */
static int still_here(const struct place *at)
{
    char *path = path_in(at->folder, "lock");
    struct stat held, there;
    bool same = fstat(at->lock, &held) == 0 && stat(path, &there) == 0 && held.st_dev == there.st_dev &&
                held.st_ino == there.st_ino;
    free(path);
    return same ? 0
                : err_set(ERR_IO,
                          "%s was moved or replaced while it was at work: what was computed may lie in either "
                          "journal",
                          at->folder);
}

/* Whether every unit of the folder's plan (which another shard may have extended) has a result or has failed, and every text
 * its verdict: a shard compacts only then.  *failed: how many have failed. */
static bool complete(const struct place *at, load_function load, uint64_t *failed)
{
    struct jobs jobs;
    char *path = path_in(at->folder, "plan.json");
    struct plan *p = plan_read(path);
    bool whole = false;
    if (p) {
        jobs_plan(&jobs, p, 0, 0);
        whole = load(&jobs, at->journal) == 0 && jobs_ended(&jobs, failed);
        jobs_fini(&jobs);
    }
    plan_free(p);
    free(path);
    return whole;
}

static bool worked(int rc)
{
    return rc == 0 || rc == ERR_SOME;
}

/* results.h5 after a session that ended with rc; what some units failed with is still worth telling.  1: damage has taken
 * more than `most`. */
static int compact_after(int rc, const char *folder, const struct run_options *o, uint64_t most,
                         struct run_outcome *out)
{
    char *why = mem_string(err_text());
    int compacted = run_compact_whole(folder, o->signal, most, &out->results);
    out->compacted = compacted == 0;
    rc = compacted != 0 ? compacted : keep_first(rc, 0, why);
    free(why);
    return rc;
}

/* Sealed segments were believed; compaction, which has read them, or a unit that could not be read says that they cannot be:
 * all is verified, and what is gone computed again. */
static int heal(const struct plan *p, const struct place *at, const struct run_options *o, struct run_outcome *out)
{
    struct session_end end = { 0 };
    int rc = session(p, at->journal, o, jobs_load_verified, &end);
    out->recomputed = end.done - end.found;
    TRY(still_here(at));
    if (!worked(rc) || (sharded(o) && !complete(at, jobs_load_verified, &end.failed)))
        return rc;
    return compact_after(rc, at->folder, o, UINT64_MAX, out);
}

static int run_sessions(const struct plan *p, const struct place *at, const struct run_options *o,
                        struct run_outcome *out)
{
    struct session_end end = { 0 };
    int rc = session(p, at->journal, o, jobs_load_sealed, &end);
    TRY(still_here(at));
    if (rc == ERR_DAMAGED)
        return heal(p, at, o, out);
    if (!worked(rc) || (sharded(o) && !complete(at, jobs_load_sealed, &end.failed)))
        return rc;
    rc = compact_after(rc, at->folder, o, end.failed, out);
    return rc == 1 ? heal(p, at, o, out) : rc;
}

/* What a process that was killed left standing aside. */
static void sweep(const char *folder, const char *journal)
{
    folder_sweep(folder, "plan.json.", ".part");
    folder_sweep(folder, "results.h5.", ".tmp");
    journal_sweep(journal);
}

/* The folder is ours alone, or our shard is. */
static int execute_in(const struct plan *p, const struct place *at, const struct run_options *o,
                      struct run_outcome *out)
{
    TRY(folder_refuse_link(at->journal)); /* it may have come from anywhere */
    TRY(sharded(o) ? settle_in_turn(p, at->folder, o) : settle_plan(p, at->folder, o));
    if (!sharded(o)) /* what lies in a folder that holds another plan is not ours to remove */
        sweep(at->folder, at->journal);
    return run_sessions(p, at, o, out);
}

static int execute_locked(const struct plan *p, const char *folder, int lock, const struct run_options *o,
                          struct run_outcome *out)
{
    char *journal = path_in(folder, "journal");
    int rc = execute_in(p, &(struct place){ folder, journal, lock }, o, out);
    free(journal);
    return rc;
}

int run_execute(const struct plan *p, const char *folder, const struct run_options *o, struct run_outcome *out)
{
    *out = (struct run_outcome){ 0 };
    struct locks locks;
    if (sharded(o) && (o->shard < 1 || o->shard > o->n_shards))
        return err_set(ERR_USAGE, "shard %u of %u, want 1 .. %u", o->shard, o->n_shards, o->n_shards);
    TRY(folder_make(folder));
    int rc = take_locks(&locks, folder, o);
    if (rc == 0)
        rc = execute_locked(p, folder, locks.whole, o, out);
    drop_locks(&locks);
    return rc;
}
