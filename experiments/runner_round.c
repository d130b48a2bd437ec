/* One round: the core over all wants, decisions where rows stay, feeds in parallel, moves one after the other. */
#include "base/err.h"
#include "base/mem.h"
#include "decode/round.h"
#include "experiments/runner_inside.h"
#include <stdlib.h>

/* What stops the run rather than a unit; damage of the journal, so that all of it is verified before work goes on. */
static bool fatal(int rc)
{
    return rc == ERR_MEMORY || rc == ERR_IO || rc == ERR_DAMAGED;
}

/* Tasks whose status is a failure leave; the others close ranks. */
static void drop_failed(struct runner *r)
{
    size_t kept = 0;
    for (size_t i = 0; i < r->n_live; i++) {
        if (r->status[i] < 0)
            task_close(r->live[i]);
        else
            r->live[kept++] = r->live[i];
    }
    r->n_live = kept;
}

/* The core failed for the sake of some task: each is tried alone, the guilty leave, the others are run again. */
static int core_isolate(struct runner *r)
{
    for (size_t i = 0; i < r->n_live; i++) {
        r->status[i] = core_run(r->core, r->wants + r->first[i], r->first[i + 1] - r->first[i]);
        if (fatal(r->status[i]))
            return r->status[i];
        if (r->status[i] < 0)
            TRY(runner_unit_failed(r, task_key(r->live[i])));
    }
    drop_failed(r);
    TRY(runner_gather(r));
    return core_run(r->core, r->wants, r->n_wants);
}

static void feed_part(void *ctx, size_t i, size_t worker)
{
    struct runner *r = ctx;
    if (r->status[i] < 0)
        return; /* its offer failed */
    r->status[i] = task_feed(r->live[i], r->works[worker]);
    if (r->status[i] < 0)
        r->messages[i] = mem_string(err_text()); /* messages are per thread: the owner takes it from here */
}

/* Decisions over rows that stay on a device, all in one call. */
static int decide_there(struct runner *r)
{
    round_begin(r->round);
    for (size_t i = 0; i < r->n_live; i++) {
        r->status[i] = task_offer(r->live[i], r->round, r->works[0]);
        if (fatal(r->status[i]))
            return r->status[i];
        if (r->status[i] < 0)
            r->messages[i] = mem_string(err_text());
    }
    return round_run(r->round);
}

static int feed_and_move(struct runner *r)
{
    threads_run(r->threads, r->n_live, feed_part, r);
    for (size_t i = 0; i < r->n_live; i++) {
        int rc = r->status[i];
        if (rc == 0)
            rc = task_move(r->live[i]);
        else
            rc = err_set((enum err)rc, "%s", r->messages[i]);
        free(r->messages[i]);
        r->messages[i] = NULL;
        r->status[i] = rc;
        if (fatal(rc))
            return rc;
        if (rc < 0)
            TRY(runner_unit_failed(r, task_key(r->live[i])));
    }
    drop_failed(r);
    return 0;
}

/* What was under way when a device could not go on. */
static int name_units(const struct runner *r, int rc)
{
    return rc == ERR_MEMORY && r->n_live > 0 ? task_under_way(r->live[0], rc, r->n_live - 1) : rc;
}

int runner_round(struct runner *r)
{
    int rc = core_run(r->core, r->wants, r->n_wants);
    if (rc < 0 && !fatal(rc))
        rc = core_isolate(r);
    if (rc == 0)
        rc = decide_there(r);
    rc = name_units(r, rc);
    return rc < 0 ? rc : feed_and_move(r);
}
