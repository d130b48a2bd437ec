#include "experiments/ledger.h"
#include "base/err.h"
#include "base/mem.h"
#include "experiments/fit_result.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void take_result(struct ledger *l, const struct unit_head *h, const void *payload, size_t n)
{
    struct unit_result r;
    size_t i = keymap_get(&l->jobs.by_key, h->key);
    if (i == KEYMAP_NONE || l->place[i].n > 0)
        return; /* of a plan that has shrunk since, or told twice */
    if (unit_decode(payload, n, &r) < 0) {
        l->state.damaged++;
        snprintf(l->state.damage, sizeof l->state.damage, "%s", err_text());
        return;
    }
    unit_fini(&r);
    l->place[i] = journal_place(l->reader);
}

static void take_verdict(struct ledger *l, const struct unit_head *h, const void *payload, size_t n)
{
    double nll;
    uint32_t n_symbols;
    if (!unit_judged(payload, n, &nll, &n_symbols) || keymap_get(&l->verdict, h->key) != KEYMAP_NONE)
        return;
    mem_grow(&l->verdicts, &l->cap_verdicts, l->n_verdicts + 1, sizeof *l->verdicts);
    l->verdicts[l->n_verdicts] = nll;
    keymap_set(&l->verdict, h->key, l->n_verdicts++);
}

/* The document of a FIT or SESSION; NULL: not one of ours. */
static json_t *document(const char *where, const void *payload, size_t n)
{
    const char *message;
    size_t n_message;
    return unit_message(payload, n, &message, &n_message) ? doc_read(where, message, n_message) : NULL;
}

static void take_fit(struct ledger *l, const struct unit_head *h, const void *payload, size_t n)
{
    const json_t *fits = json_object_get(l->plan->what, "fits");
    for (size_t i = 0; i < json_array_size(fits); i++) {
        if (!unit_key_equal(unit_fit_key(l->plan, json_array_get(fits, i)), h->key))
            continue;
        json_t *doc = document("a fit in the journal", payload, n);
        if (doc && fit_result_check(json_array_get(fits, i), doc) < 0) {
            json_decref(doc);
            doc = NULL;
        }
        if (doc)
            json_array_set_new(l->fits, i, doc);
    }
}

static void take_frame(struct ledger *l, const void *payload, size_t n)
{
    struct unit_head h;
    json_t *session;
    if (!unit_head(payload, n, &h))
        return;
    switch (h.frame) {
    case UNIT_RESULT: take_result(l, &h, payload, n); return;
    case UNIT_JUDGED: take_verdict(l, &h, payload, n); return;
    case UNIT_FIT: take_fit(l, &h, payload, n); return;
    case UNIT_FAILED: keymap_set(&l->failed, h.key, 0); return;
    case UNIT_SESSION:
        session = document("a session in the journal", payload, n);
        if (session)
            json_array_append_new(l->sessions, session);
        return;
    }
}

/* A torn end is what a killed process was writing, not damage. */
static void note_damage(struct ledger *l)
{
    size_t n;
    const struct journal_damage *d = journal_damage(l->reader, &n);
    for (size_t i = 0; i < n; i++) {
        if (d[i].torn) {
            l->state.torn++;
            continue;
        }
        if (l->state.damaged++ == 0)
            snprintf(l->state.damage, sizeof l->state.damage, "%s at byte %llu: %s (%llu bytes)", d[i].segment,
                     (unsigned long long)d[i].offset, d[i].reason, (unsigned long long)d[i].bytes);
    }
}

static int read_journal(struct ledger *l, const char *journal)
{
    const void *payload;
    size_t n;
    int more;
    l->reader = journal_read(journal);
    if (!l->reader)
        return ERR_IO;
    while ((more = journal_next(l->reader, &payload, &n)) > 0)
        take_frame(l, payload, n);
    note_damage(l);
    return more;
}

/* Work without a result that failed when it was last tried: once, however often that was. */
static void count_failed(struct ledger *l, struct unit_key key)
{
    if (keymap_get(&l->failed, key) != 0)
        return;
    keymap_set(&l->failed, key, 1);
    l->state.failed++;
}

static void count_missing(struct ledger *l)
{
    for (size_t i = 0; i < l->jobs.n_units; i++) {
        if (l->place[i].n > 0)
            continue;
        l->state.missing++;
        count_failed(l, l->jobs.units[i].key);
    }
    for (size_t i = 0; i < json_array_size(l->fits); i++)
        l->state.unfitted += json_is_null(json_array_get(l->fits, i));
}

static int session_order(const void *a, const void *b)
{
    const json_t *x = *(json_t *const *)a, *y = *(json_t *const *)b;
    const char *s = json_string_value(json_object_get(x, "started")),
               *u = json_string_value(json_object_get(y, "started"));
    return strcmp(s ? s : "", u ? u : "");
}

static void sort_sessions(struct ledger *l)
{
    size_t n = json_array_size(l->sessions);
    json_t **list = mem_alloc(n, sizeof *list);
    for (size_t i = 0; i < n; i++)
        list[i] = json_incref(json_array_get(l->sessions, i));
    if (n > 1)
        qsort(list, n, sizeof *list, session_order);
    json_array_clear(l->sessions);
    for (size_t i = 0; i < n; i++)
        json_array_append_new(l->sessions, list[i]);
    free(list);
}

int ledger_build(struct ledger *l, const struct plan *p, const char *journal)
{
    *l = (struct ledger){ .plan = p, .fits = json_array(), .sessions = json_array() };
    jobs_plan(&l->jobs, p, 0, 0);
    l->state.units = l->jobs.n_units;
    l->place = mem_alloc(l->jobs.n_units, sizeof *l->place);
    for (size_t i = 0; i < json_array_size(json_object_get(p->what, "fits")); i++)
        json_array_append_new(l->fits, json_null());
    TRY(read_journal(l, journal));
    sort_sessions(l);
    count_missing(l);
    return 0;
}

void ledger_fini(struct ledger *l)
{
    free(l->place);
    free(l->verdicts);
    keymap_free(&l->verdict);
    keymap_free(&l->failed);
    json_decref(l->fits);
    json_decref(l->sessions);
    journal_read_close(l->reader);
    jobs_fini(&l->jobs);
}

size_t ledger_index(const struct ledger *l, uint32_t arm, uint32_t item, uint32_t draw)
{
    return keymap_get(&l->jobs.by_key, unit_key(l->plan, plan_choice(l->plan, arm, item), &l->plan->items[item], draw));
}

void *ledger_fetch(struct ledger *l, size_t i, size_t *n, int *rc)
{
    const void *payload;
    *rc = 0;
    if (l->place[i].n == 0)
        return NULL;
    *rc = journal_fetch(l->reader, l->place[i], &payload, n);
    return *rc == 0 ? mem_copy(payload, *n) : NULL;
}

double ledger_verdict(struct ledger *l, uint32_t item, struct unit_key text)
{
    struct unit_key key = unit_judge_key(l->plan, &l->plan->items[item], text);
    size_t v = keymap_get(&l->verdict, key);
    if (v != KEYMAP_NONE)
        return l->verdicts[v];
    size_t seen = keymap_get(&l->failed, key);
    l->state.unjudged += seen != 1;
    l->state.failed += seen == 0;
    keymap_set(&l->failed, key, 1);
    return NAN;
}
