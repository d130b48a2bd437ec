/* Every write, replayed: the run folder as it was after each operation of a run, and with the last one cut in its middle;
 * and as a power cut may leave it, with operations missing that no sync had made durable.  Whenever that is: every frame
 * acknowledged by a sync is there, plan.json and results.h5 are absent or whole, and the same command ends with the same
 * datasets.  Random choices come from the seed below. */
#include "tests/lib/acked.h"
#include "tests/lib/check.h"
#include "tests/lib/disk.h"
#include "tests/lib/h5same.h"
#include "tests/lib/oplog.h"
#include "tests/lib/store.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SEED 20261126u

static uint64_t state = SEED;

static size_t draw(size_t below)
{
    state ^= state << 13, state ^= state >> 7, state ^= state << 17;
    return (size_t)((state >> 11) % below);
}

static bool same_plan(void)
{
    struct text x = disk_read(store_path("whole"), "plan.json"), y = disk_read(store_path("trial"), "plan.json");
    bool same = x.len == y.len && memcmp(text_s(&x), text_s(&y), x.len) == 0;
    text_free(&x);
    text_free(&y);
    return same;
}

static size_t all_lost, all_differ;

/* What a disturbed folder must satisfy, and that it heals. */
static void judge(const char *what, const struct acked *acked, size_t n_acked)
{
    const char *trial = store_path("trial");
    struct acked now;
    acked_read(&now, trial);
    size_t lost = acked_lost(acked, n_acked, &now);
    all_lost += lost;
    check(lost == 0, "%s: %zu of %zu acknowledged frames are lost", what, lost, n_acked);
    check(!disk_exists(trial, "plan.json") || same_plan(), "%s: half a plan.json", what);
    check(!disk_exists(trial, "results.h5") || store_same("trial"), "%s: half a results.h5", what);
    struct store_end end = store_run("trial", STORE_PLAIN);
    check(end.status == 0, "%s: the same command again: status %d: %s", what, end.status, end.message);
    bool same = end.status == 0 && store_same("trial");
    all_differ += !same;
    check(same, "%s: other datasets: %s", what, end.status == 0 ? h5same_difference() : "none");
}

/* Two sessions: one killed in the midst of its units, one to the end; a sync after nearly every round. */
static void record(struct oplog *l)
{
    char log[600];
    snprintf(log, sizeof log, "SHIM_LOG=%s", store_aside("log"));
    struct store_end end = store_run("trial", STORE_SETTINGS(log, "SHIM_CLOCK_SCALE=1000000", "SHIM_FAULT=kill",
                                                             "SHIM_MATCH=.seg", "SHIM_AT=9", "--batch=3"));
    check(end.signalled, "the first session is killed at its ninth write to the journal: %d %s", end.status,
          end.message);
    end = store_run("trial", STORE_SETTINGS(log, "SHIM_CLOCK_SCALE=1000000", "--batch=3"));
    check(end.status == 0, "the second ends: %s", end.message);
    check(store_same("trial"), "with the datasets of an undisturbed run");
    oplog_read(l, store_aside("log"), store_folder());
    store_remove("trial");
}

static bool is_segment(const char *path)
{
    size_t n = strlen(path);
    return n > 4 && strcmp(path + n - 4, ".seg") == 0;
}

/* The first n_acked[i] of acked are acknowledged before operation i, by syncs of their segments. */
static void acknowledge(const struct oplog *l, struct acked *acked, size_t n_acked[])
{
    store_remove("trial");
    for (size_t i = 0; i < l->n; i++) {
        n_acked[i] = acked->n;
        oplog_apply(&l->ops[i], l->ops[i].n, store_folder());
        if (l->ops[i].kind == OPLOG_SYNC && is_segment(l->ops[i].path))
            acked_read(acked, store_path("trial"));
    }
    n_acked[l->n] = acked->n;
    check(acked->n > 20, "the run acknowledges %zu frames", acked->n);
}

/* The folder after the first n operations, the last cut. */
static void rebuild(const struct oplog *l, size_t n, bool cut)
{
    store_remove("trial");
    for (size_t i = 0; i < n; i++)
        oplog_apply(&l->ops[i], cut && i + 1 == n ? l->ops[i].n / 2 : l->ops[i].n, store_folder());
}

static void replay_prefixes(const struct oplog *l, const struct acked *acked, const size_t n_acked[])
{
    size_t all = 2 * l->n, trials = store_trials(40, all), n = 0;
    char what[64];
    all_lost = all_differ = 0;
    for (size_t t = 0; t < trials && t < all; t++) {
        size_t place = trials >= all ? t : t * all / trials + draw(all / trials), i = place / 2;
        bool cut = place % 2;
        if (cut && (l->ops[i].kind != OPLOG_WRITE || l->ops[i].n < 2))
            continue;
        snprintf(what, sizeof what, "%zu operations%s", i + 1, cut ? ", the last cut" : "");
        rebuild(l, i + 1, cut);
        judge(what, acked, cut ? n_acked[i] : n_acked[i + 1]);
        n++;
    }
    printf("write prefixes: %zu replayed of %zu operations, %zu frames lost, %zu differ\n", n, l->n, all_lost,
           all_differ);
}

/* Loses one to four of the last forty operations before the cut that no sync covers; how many. */
static size_t lose(struct oplog *l, size_t n, bool durable[])
{
    size_t open[40], n_open = 0, wanted = 1 + draw(4), lost = 0;
    oplog_durable(l, n, durable);
    for (size_t i = n; i-- > 0 && n_open < 40;)
        if (!durable[i])
            open[n_open++] = i;
    for (; n_open > 0 && lost < wanted; lost++) {
        size_t k = draw(n_open);
        l->ops[open[k]].lost = true;
        open[k] = open[--n_open];
    }
    return lost;
}

static void cut_power(struct oplog *l, const struct acked *acked, const size_t n_acked[])
{
    size_t trials = store_trials(30, 300), n_dropped = 0;
    bool *durable = calloc(l->n, sizeof *durable);
    char what[64];
    all_lost = all_differ = 0;
    for (size_t t = 0; t < trials; t++) {
        size_t n = 1 + draw(l->n), lost = lose(l, n, durable);
        snprintf(what, sizeof what, "power lost after %zu operations, %zu dropped", n, lost);
        n_dropped += lost;
        rebuild(l, n, false);
        for (size_t i = 0; i < n; i++)
            l->ops[i].lost = false;
        judge(what, acked, n_acked[n]);
    }
    free(durable);
    printf("power loss: %zu trials, %zu operations dropped, %zu frames lost, %zu differ\n", trials, n_dropped, all_lost,
           all_differ);
}

int main(void)
{
    static struct acked acked;
    struct oplog log;
    store_open("store_replay");
    record(&log);
    size_t *n_acked = calloc(log.n + 1, sizeof *n_acked);
    acknowledge(&log, &acked, n_acked);
    replay_prefixes(&log, &acked, n_acked);
    cut_power(&log, &acked, n_acked);
    free(n_acked);
    oplog_free(&log);
    store_close();
    return check_done("store_replay");
}
