#include "experiments/runner.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/mem.h"
#include "decode/chain.h"
#include "decode/round.h"
#include "experiments/fit.h"
#include "experiments/runner_inside.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

int runner_init(struct runner *r, const struct plan *p, struct jobs *jobs, struct journal *journal,
                const struct run_options *o)
{
    *r = (struct runner){ .plan = p, .options = o, .jobs = jobs, .journal = journal };
    r->batch = o->batch ? o->batch : RUN_BATCH;
    r->threads = threads_alloc(o->threads ? o->threads : threads_cores());
    r->lms = lms_alloc(p->what, r->threads);
    r->core = core_alloc();
    r->round = round_alloc();
    r->live = mem_alloc(r->batch, sizeof(struct task *));
    r->status = mem_alloc(r->batch, sizeof *r->status);
    r->messages = mem_alloc(r->batch, sizeof(char *));
    r->first = mem_alloc(r->batch + 1, sizeof *r->first);
    r->arm_seconds = mem_alloc(p->n_arms, sizeof *r->arm_seconds);
    r->started_at = time(NULL);
    r->started = r->committed_at = clock_seconds();
    r->progress.found = r->progress.done = jobs->n_done;
    r->progress.total = jobs->n_units;
    r->progress.eta = NAN;
    return runner_chains_open(r);
}

void runner_fini(struct runner *r)
{
    for (size_t i = 0; i < r->n_live; i++)
        task_close(r->live[i]);
    for (size_t i = 0; r->works && i < threads_count(r->threads); i++)
        row_work_free(r->works[i]);
    for (size_t i = 0; r->chains && i < r->plan->n_choices; i++)
        chain_free(r->chains[i]);
    round_free(r->round); /* gives rows back to the lms' devices */
    lms_close(r->lms);
    lua_transforms_close(r->transforms);
    core_free(r->core);
    threads_free(r->threads);
    free(r->works);
    free(r->chains);
    free(r->live);
    for (size_t i = 0; i < r->batch; i++)
        free(r->messages[i]);
    free(r->messages);
    free(r->status);
    free(r->first);
    free(r->wants);
    free(r->arm_seconds);
    free(r->first_failure);
    text_free(&r->payload);
}

/* Scratch for the widest space among the arms' lms; they can be built once the fits are known. */
static int open_works(struct runner *r)
{
    uint32_t n = 1;
    for (size_t i = 0; i < r->plan->n_choices; i++) {
        const struct lm *lm = lms_find(r->lms, r->plan->arms[i].lm);
        if (!lm)
            return ERR_DATA;
        TRY(chain_bind(r->chains[i], lm->space));
        n = lm->space->n > n ? lm->space->n : n;
    }
    r->works = mem_alloc(threads_count(r->threads), sizeof(struct row_work *));
    for (size_t i = 0; i < threads_count(r->threads); i++)
        r->works[i] = row_work_alloc(n);
    return 0;
}

static int journal_payload(struct runner *r, size_t n_head)
{
    int rc = journal_add(r->journal, text_s(&r->payload), r->payload.len, n_head);
    text_clear(&r->payload);
    r->n_uncommitted++;
    return rc;
}

/* *result: what the journal holds, NULL; what was computed when it comes back. */
static int fit_one(struct runner *r, const json_t *doc, json_t **result)
{
    if (!*result) {
        struct text t = { 0 };
        *result = fit_compute(doc, r->lms, r->core, r->options->signal);
        if (!*result)
            return err_code();
        doc_canonical(&t, *result);
        size_t n_head = unit_write_message(&r->payload, UNIT_FIT, unit_fit_key(r->plan, doc), text_s(&t));
        text_free(&t);
        TRY(journal_payload(r, n_head));
        TRY(journal_commit(r->journal));
    }
    return lms_set_fit(r->lms, json_string_value(json_object_get(doc, "id")), *result);
}

/* In the order of the plan: a fit of an ensemble stands after the fits of its voices. */
int runner_fits(struct runner *r)
{
    const json_t *fits = json_object_get(r->plan->what, "fits");
    r->progress.phase = "fit";
    if (r->options->progress && json_array_size(fits) > 0)
        r->options->progress(r->options->progress_ctx, &r->progress);
    for (size_t i = 0; i < json_array_size(fits); i++)
        TRY(fit_one(r, json_array_get(fits, i), &r->jobs->fits[i]));
    TRY(runner_chains_fitted(r));
    return open_works(r);
}

int runner_unit_failed(struct runner *r, struct unit_key key)
{
    r->progress.failed++;
    if (!r->first_failure)
        r->first_failure = mem_string(err_text());
    return journal_payload(r, unit_write_message(&r->payload, UNIT_FAILED, key, err_text()));
}

static void skip_done(struct runner *r)
{
    while (r->next_unit < r->jobs->n_units && r->jobs->units[r->next_unit].done)
        r->next_unit++;
}

static bool work_left(const struct runner *r)
{
    return r->next_judge < r->jobs->n_judge || r->next_unit < r->jobs->n_units;
}

/* The next text before the judge; *t NULL + why: it cannot be judged.  ERR_IO, ERR_DAMAGED: its unit cannot be read. */
static int next_judge(struct runner *r, const struct task_world *w, struct task **t)
{
    size_t i = r->next_judge++, n;
    char *text = jobs_take_text(r->jobs, i, &n);
    if (!text)
        return err_code();
    *t = task_open_judge(w, &r->jobs->judge[i], text, n);
    return 0;
}

/* The next piece of work: texts before the judge first, so that they do not pile up.  *t NULL + why: it cannot begin.  < 0: the
 * journal cannot be read. */
static int next_task(struct runner *r, struct task **t, struct unit_key *key)
{
    const struct task_world w = { r->plan, r->lms, r->chains };
    struct jobs *j = r->jobs;
    if (r->next_judge < j->n_judge) {
        *key = j->judge[r->next_judge].key;
        return next_judge(r, &w, t);
    }
    const struct job *job = &j->units[r->next_unit++];
    skip_done(r);
    *key = job->key;
    *t = task_open_unit(&w, job);
    return 0;
}

/* A batch is tried at most: between two of them the journal is written, and signals are looked at. */
static int admit(struct runner *r)
{
    for (size_t tries = 0; tries < r->batch && r->n_live < r->batch && work_left(r); tries++) {
        struct unit_key key;
        struct task *t = NULL;
        TRY(next_task(r, &t, &key));
        if (t)
            r->live[r->n_live++] = t;
        else
            TRY(runner_unit_failed(r, key));
    }
    return 0;
}

static int finish(struct runner *r, struct task *t)
{
    const struct job *job = task_job(t);
    size_t n_head = task_write(t, &r->payload);
    int rc = 0;
    if (r->payload.len > JOURNAL_MAX_FRAME) { /* many hypotheses, each with its trace */
        err_set(ERR_DATA, "a unit of %zu MiB, want at most %u: ask for a lower trace level", r->payload.len >> 20,
                JOURNAL_MAX_FRAME >> 20);
        text_clear(&r->payload);
        return runner_unit_failed(r, task_key(t));
    }
    if (job)
        rc = jobs_finished(r->jobs, job, r->payload.s, r->payload.len);
    if (job)
        r->progress.done++;
    else
        r->progress.judged++;
    return rc < 0 ? rc : journal_payload(r, n_head);
}

int runner_gather(struct runner *r)
{
    size_t kept = 0;
    r->n_wants = 0;
    for (size_t i = 0; i < r->n_live; i++) {
        struct task *t = r->live[i];
        mem_grow(&r->wants, &r->cap_wants, r->n_wants + TASK_WANTS, sizeof *r->wants);
        size_t n = task_want(t, r->wants + r->n_wants, TASK_WANTS);
        if (n == 0) {
            int rc = finish(r, t);
            task_close(t);
            if (rc < 0) {
                memmove(r->live + kept, r->live + i + 1, (r->n_live - i - 1) * sizeof(struct task *));
                r->n_live -= i + 1 - kept;
                return rc;
            }
            continue;
        }
        r->first[kept] = r->n_wants;
        r->n_wants += n;
        r->live[kept++] = t;
    }
    r->first[kept] = r->n_wants;
    r->n_live = kept;
    return 0;
}

static void account(struct runner *r, double seconds)
{
    for (size_t i = 0; i < r->n_live; i++) {
        const struct job *job = task_job(r->live[i]);
        if (job)
            r->arm_seconds[job->arm] += seconds / (double)r->n_live;
    }
}

#define COMMIT_SECONDS 0.5
#define COMMIT_UNITS   256
#define REPORT_SECONDS 0.1

static int commit_when_due(struct runner *r, double now)
{
    bool due = r->n_uncommitted >= COMMIT_UNITS || journal_full(r->journal) ||
               (r->n_uncommitted > 0 && now - r->committed_at >= COMMIT_SECONDS);
    if (!due)
        return 0;
    r->n_uncommitted = 0;
    r->committed_at = now;
    return journal_commit(r->journal);
}

static void report_when_due(struct runner *r, double now)
{
    struct run_progress *p = &r->progress;
    if (!r->options->progress || (now - r->reported_at < REPORT_SECONDS && r->n_live > 0))
        return;
    r->reported_at = now;
    p->phase = "run";
    p->seconds = now - r->started;
    p->rate = p->seconds > 0 ? (double)(p->done - p->found) / p->seconds : 0;
    p->eta = p->rate > 0 ? (double)(p->total - p->done) / p->rate : NAN;
    p->to_judge = r->jobs->n_judge;
    r->options->progress(r->options->progress_ctx, p);
}

int runner_work(struct runner *r)
{
    skip_done(r);
    for (;;) {
        double start = clock_seconds();
        TRY(interrupt_check(r->options->signal, "computing units"));
        TRY(admit(r));
        TRY(runner_gather(r));
        TRY(commit_when_due(r, start));
        report_when_due(r, start);
        if (r->n_live == 0 && !work_left(r))
            return 0;
        if (r->n_live == 0)
            continue;
        TRY(runner_round(r));
        account(r, clock_seconds() - start);
    }
}

int runner_session(struct runner *r)
{
    struct core_counts c = core_counts(r->core);
    json_t *arms = json_object();
    char started[32];
    struct tm utc;
    gmtime_r(&r->started_at, &utc);
    strftime(started, sizeof started, "%Y-%m-%dT%H:%M:%SZ", &utc);
    for (size_t i = 0; i < r->plan->n_arms; i++)
        json_object_set_new(arms, r->plan->arms[i].name, json_real(r->arm_seconds[i]));
    json_t *doc = json_pack(
        "{s:s, s:s, s:f, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:o}", "version", CHORALE_VERSION, "started", started,
        "seconds", clock_seconds() - r->started, "units", (json_int_t)(r->progress.done - r->progress.found), "failed",
        (json_int_t)r->progress.failed, "rounds", (json_int_t)c.rounds, "wanted", (json_int_t)c.wanted, "asked",
        (json_int_t)c.asked, "computed", (json_int_t)c.computed, "threads", (json_int_t)threads_count(r->threads),
        "batch", (json_int_t)r->batch, "arms", arms);
    struct text t = { 0 };
    doc_canonical(&t, doc);
    json_decref(doc);
    size_t n_head = unit_write_message(&r->payload, UNIT_SESSION, (struct unit_key){ 0 }, text_s(&t));
    text_free(&t);
    TRY(journal_payload(r, n_head));
    return journal_commit(r->journal);
}
