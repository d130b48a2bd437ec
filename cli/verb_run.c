/* run: script -> plan -> run folder -> results.h5 -> report.  The same command resumes. */
#include "base/err.h"
#include "base/folder.h"
#include "base/mem.h"
#include "cli/caught.h"
#include "cli/console.h"
#include "cli/opened.h"
#include "cli/report_job.h"
#include "cli/verbs.h"
#include "experiments/run.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void show_progress(void *ctx, const struct run_progress *p)
{
    console_progress(ctx, p->done, p->total, p->failed, p->found, p->eta, p->seconds);
}

static int read_options(const struct args *a, struct plan_options *plan, struct run_options *run)
{
    int64_t threads = 0, batch = 0, limit = 0, segment = 0;
    TRY(options_int(a, "threads", 1, 1024, &threads));
    TRY(options_int(a, "batch", 1, 1000000, &batch));
    TRY(options_int(a, "limit", 1, INT32_MAX, &limit));
    TRY(options_int(a, "segment", 4096, INT32_MAX, &segment));
    run->threads = (size_t)threads;
    run->batch = (size_t)batch;
    run->segment = (uint64_t)segment;
    run->extend = options_flag(a, "extend");
    plan->limit = (uint32_t)limit;
    opened_plan(a, plan);
    plan->trace = options_text(a, "trace");
    const char *shard = options_text(a, "shard"), *slash = shard ? strchr(shard, '/') : NULL;
    if (shard) {
        char first[32] = "";
        uint64_t i = 0, n = 0;
        if (slash && (size_t)(slash - shard) < sizeof first)
            memcpy(first, shard, (size_t)(slash - shard));
        if (!text_u64(first, &i) || !text_u64(slash + 1, &n) || i < 1 || i > n || n > 1000000)
            return err_set(ERR_USAGE, "--shard is '%s', want I/N with 1 <= I <= N", shard);
        run->shard = (uint32_t)i;
        run->n_shards = (uint32_t)n;
    }
    return 0;
}

static int dry_run(const struct args *a, const struct plan *p, size_t threads)
{
    struct text t = { 0 };
    int rc = 0;
    if (a->json)
        doc_canonical(&t, p->doc);
    else
        rc = plan_describe(p, threads, &t);
    printf(a->json ? "%s\n" : "%s", text_s(&t));
    text_free(&t);
    return rc;
}

/* The report, and the lines that a run ends with. */
static int report(const struct args *a, const char *folder)
{
    struct text path = { 0 };
    text_addf(&path, "%s/report", folder);
    bool page = !options_flag(a, "no-report");
    int rc = page ? folder_refuse_link(text_s(&path)) : 0;
    if (rc == 0)
        rc = report_job_run(&(struct report_job){ .args = a, .run = folder, .folder = page ? text_s(&path) : NULL });
    text_free(&path);
    return rc;
}

static struct plan *prepare(const struct args *a, const struct plan_options *o, struct text *folder)
{
    const char *out = options_text(a, "out");
    if (out && !*out) {
        err_set(ERR_USAGE, "--out is '', want a folder");
        return NULL;
    }
    text_add(folder, out ? out : "");
    return run_prepare(a->operand[0], folder, o);
}

static void print_folder(const char *folder, const char *hash)
{
    struct text t = { 0 };
    text_add(&t, "{\"run\":");
    text_add_json(&t, folder, strlen(folder));
    printf("%s,\"plan\":\"%s\"}\n", text_s(&t), hash);
    text_free(&t);
}

/* What the journal had lost, and what became of it. */
static void tell_damage(const char *folder, const struct run_outcome *o)
{
    const struct run_compacted *c = &o->results;
    uint64_t gone = c->missing + c->unjudged + c->unfitted, missing = gone > c->failed ? gone - c->failed : 0;
    if (c->damaged == 0)
        return;
    console_say(false, "chorale: %s/journal: %llu damaged %s set aside, the first: %s", folder,
                (unsigned long long)c->damaged, c->damaged == 1 ? "place" : "places", c->damage);
    if (o->recomputed > 0)
        fprintf(stderr, "chorale: %llu units that it held were computed again\n", (unsigned long long)o->recomputed);
    if (missing > 0)
        fprintf(stderr, "chorale: %llu results are missing%s\n", (unsigned long long)missing,
                o->compacted ? "" : "; results.h5 stays as it was; the same command without --shard heals it");
}

/* The results are there. */
static bool is_whole(int rc)
{
    return rc == 0 || rc == ERR_SOME;
}

static int unless_signalled(int rc, interrupt_t *signal)
{
    int stopped = interrupt_check(signal, "running");
    return stopped < 0 ? stopped : rc;
}

static int execute(const struct args *a, const struct plan *p, const char *folder, struct run_options *run)
{
    struct console_progress progress = { .what = "units", .quiet = a->quiet || a->json };
    run->progress = show_progress;
    run->progress_ctx = &progress;
    run->signal = caught_install(); /* the journal is valid at any moment: the second may stop it at once */
    struct run_outcome outcome;
    int rc = run_execute(p, folder, run, &outcome);
    console_progress_end(&progress);
    tell_damage(folder, &outcome);
    if (is_whole(rc)) /* a signal that came when everything was done: only the report is not written */
        rc = unless_signalled(rc, run->signal);
    bool whole = is_whole(rc);
    if (whole && !outcome.compacted)
        console_say(a->quiet, "this shard is done; results.h5 is written when nothing of the others is missing");
    struct text failed = { 0 }; /* the report would write over it */
    text_add(&failed, err_text());
    if (whole && run->n_shards <= 1) {
        int reported = report(a, folder);
        rc = reported < 0 ? reported : rc < 0 ? err_set((enum err)rc, "%s", text_s(&failed)) : rc;
        rc = unless_signalled(rc, run->signal); /* one that came before the report began to look out for signals */
    }
    if (rc == ERR_SIGINT || rc == ERR_SIGTERM)
        err_set((enum err)rc, "interrupted; everything finished is in the journal, and the same command resumes");
    if (a->json && whole)
        print_folder(folder, p->hash);
    text_free(&failed);
    return rc;
}

static int run_run(const struct args *a)
{
    struct plan_options plan = { 0 };
    struct run_options run = { 0 };
    const char **sets = mem_alloc(a->n_repeated, sizeof *sets), **items = mem_alloc(a->n_repeated, sizeof *items);
    int rc = read_options(a, &plan, &run);
    struct plan *p = NULL;
    struct text folder = { 0 };
    if (rc == 0) {
        plan.n_sets = options_all(a, "set", sets);
        plan.sets = sets;
        plan.n_items = options_all(a, "item", items);
        plan.items = items;
        p = prepare(a, &plan, &folder);
        rc = p ? 0 : err_code();
    }
    if (rc == 0)
        rc = options_flag(a, "dry-run") ? dry_run(a, p, run.threads) : execute(a, p, text_s(&folder), &run);
    plan_free(p);
    text_free(&folder);
    free(sets);
    free(items);
    return rc;
}

static const struct option_row options[] = {
    { "out", "FOLDER", NULL, "run folder; default: runs/NAME of the experiment" },
    { "dry-run", NULL, NULL, "print the plan, its memory, disk and time; compute nothing (--json: the whole plan)" },
    { "limit", "N", NULL, "at most N items of each evalset, chosen by their names: fewer are among more" },
    { "item", "EVALSET/ID", NULL, "of the plan's items only this; may be given several times" },
    { "set", "NAME=VALUE", NULL, "arg.NAME of the script; may be given several times" },
    { "shard", "I/N", NULL, "only the I-th of N parts of the units; the last to end writes results.h5 (no report)" },
    { "extend", NULL, NULL, "the plan may add arms, items or draws to the run that the folder holds" },
    { "no-report", NULL, NULL, "results.h5 only" },
    { "threads", "N", NULL, "threads; default: physical cores" },
    { "batch", "N", NULL, "units alive at once; the results do not depend on it" },
    { "segment", "BYTES", NULL, "size at which a segment of the journal is sealed; default: 67108864" },
    { "trace", "LEVEL", NULL,
      "what is kept of every step: token, steps (of the chain), topk=K (best symbols), full; default: the script's" },
    OPENED_PLAN_OPTIONS,
};

const struct verb verb_run = {
    .name = "run",
    .operands = "SCRIPT",
    .min_operands = 1,
    .max_operands = 1,
    .summary = "runs an experiment script into a run folder; the same command resumes",
    .details = "The run folder holds plan.json, journal/, results.h5 and report/. A run that was killed loses nothing "
               "that was\n"
               "acknowledged; a plan that differs from the folder's is refused with the difference.",
    .options = options,
    .n_options = sizeof options / sizeof *options,
    .run = run_run,
};
