#include "experiments/results_tables.h"
#include "base/err.h"
#include "base/mem.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int take_result(struct tables *t, const struct unit_head *h, const void *payload, size_t n)
{
    size_t i = keymap_get(&t->jobs.by_key, h->key);
    if (i == KEYMAP_NONE || t->units[i].n_records > 0)
        return 0; /* of a plan that has shrunk since, or told twice */
    t->payloads[i] = mem_copy(payload, n);
    return unit_decode(t->payloads[i], n, &t->units[i]);
}

static void take_verdict(struct tables *t, const struct unit_head *h)
{
    if (keymap_get(&t->verdict, h->key) != KEYMAP_NONE)
        return;
    mem_grow(&t->verdicts, &t->cap_verdicts, t->n_verdicts + 1, sizeof *t->verdicts);
    t->verdicts[t->n_verdicts] = h->nll;
    keymap_set(&t->verdict, h->key, t->n_verdicts++);
}

static void take_fit(struct tables *t, const struct unit_head *h)
{
    const json_t *fits = json_object_get(t->plan->what, "fits");
    for (size_t i = 0; i < json_array_size(fits); i++) {
        if (!unit_key_equal(unit_fit_key(t->plan, json_array_get(fits, i)), h->key))
            continue;
        json_t *doc = doc_read("a fit in the journal", h->message, h->n_message);
        if (doc)
            json_array_set_new(t->fits, i, doc);
    }
}

static int take_frame(struct tables *t, const void *payload, size_t n)
{
    struct unit_head h;
    json_t *session;
    if (!unit_head(payload, n, &h))
        return 0;
    switch (h.frame) {
    case UNIT_RESULT: return take_result(t, &h, payload, n);
    case UNIT_JUDGED: take_verdict(t, &h); return 0;
    case UNIT_FIT: take_fit(t, &h); return 0;
    case UNIT_FAILED: keymap_set(&t->failed, h.key, 0); return 0;
    case UNIT_SESSION:
        session = doc_read("a session in the journal", h.message, h.n_message);
        if (session)
            json_array_append_new(t->sessions, session);
        return 0;
    }
    return 0;
}

static void note_damage(struct tables *t, const struct journal_reader *r)
{
    size_t n;
    const struct journal_damage *d = journal_damage(r, &n);
    t->state.damaged = n;
    if (n > 0)
        snprintf(t->state.damage, sizeof t->state.damage, "%s at byte %llu: %s", d[0].segment,
                 (unsigned long long)d[0].offset, d[0].reason);
}

static int read_journal(struct tables *t, const char *journal)
{
    struct journal_reader *r = journal_read(journal);
    const void *payload;
    size_t n;
    int more;
    if (!r)
        return ERR_IO;
    while ((more = journal_next(r, &payload, &n)) > 0)
        if ((more = take_frame(t, payload, n)) < 0)
            break;
    note_damage(t, r);
    journal_read_close(r);
    return more;
}

/* Work without a result that failed when it was last tried: once, however often that was. */
static void count_failed(struct tables *t, struct unit_key key)
{
    if (keymap_get(&t->failed, key) != 0)
        return;
    keymap_set(&t->failed, key, 1);
    t->state.failed++;
}

static double nll_of(const struct unit_record *r)
{
    double sum = 0;
    for (size_t i = 0; i < r->n_steps; i++)
        sum -= (double)r->logp_final[i];
    return r->n_steps > 0 ? sum : NAN;
}

static void add_record(struct tables *t, const struct job *j, const struct unit_result *u, size_t k)
{
    const struct plan_item *item = &t->plan->items[j->item];
    const struct unit_record *h = &u->records[k];
    struct tables_record r = { .arm = j->arm, .item = j->item, .draw = j->draw, .unit = u, .record = h };
    r.judge_nll = NAN;
    r.nll = nll_of(h);
    if (t->plan->judge && u->kind == ITEM_GENERATE && h->n_text > 0) {
        struct unit_key key = unit_judge_key(t->plan, item, h->text, h->n_text);
        size_t v = keymap_get(&t->verdict, key);
        if (v == KEYMAP_NONE)
            count_failed(t, key);
        else
            r.judge_nll = t->verdicts[v];
    }
    r.sample = (struct sample){ .item = item->item,
                                .text = u->kind == ITEM_TEXT ? item->item->text : h->text,
                                .n_text = u->kind == ITEM_TEXT ? strlen(item->item->text) : h->n_text,
                                .n_symbols = h->n_steps,
                                .nll = r.nll,
                                .judge_nll = r.judge_nll,
                                .choice_logp = u->choice_logp,
                                .log_weight = h->log_weight };
    mem_grow(&t->records, &t->cap_records, t->n_records + 1, sizeof *t->records);
    t->records[t->n_records++] = r;
}

/* The records of one (arm, item, draw): its own, or those of the first unit with the same key. */
static void place_unit(struct tables *t, uint32_t arm, uint32_t item, uint32_t draw)
{
    const struct plan *p = t->plan;
    size_t at = ((size_t)arm * p->n_items + item) * p->draws + draw;
    size_t i = keymap_get(&t->jobs.by_key, unit_key(p, &p->arms[arm], &p->items[item], draw));
    const struct unit_result *u = &t->units[i];
    t->first[at] = -1;
    if (u->n_records == 0)
        return;
    if (t->unit_first[i] == SIZE_MAX) {
        struct job first = { .key = u->key, .arm = arm, .item = item, .draw = draw };
        t->unit_first[i] = t->n_records;
        for (size_t k = 0; k < u->n_records; k++)
            add_record(t, &first, u, k);
    }
    t->first[at] = (int64_t)t->unit_first[i];
    t->count[at] = (uint32_t)u->n_records;
}

static void place_units(struct tables *t)
{
    const struct plan *p = t->plan;
    size_t n = p->n_arms * p->n_items * p->draws;
    t->first = mem_alloc(n, sizeof *t->first);
    t->count = mem_alloc(n, sizeof *t->count);
    t->unit_first = mem_alloc(t->jobs.n_units, sizeof *t->unit_first);
    for (size_t i = 0; i < t->jobs.n_units; i++) {
        t->unit_first[i] = SIZE_MAX;
        if (t->units[i].n_records > 0)
            continue;
        t->state.missing++;
        count_failed(t, t->jobs.units[i].key);
    }
    for (uint32_t arm = 0; arm < p->n_arms; arm++)
        for (uint32_t item = 0; item < p->n_items; item++)
            for (uint32_t draw = 0; draw < p->draws; draw++)
                place_unit(t, arm, item, draw);
}

static int session_order(const void *a, const void *b)
{
    const json_t *x = *(json_t *const *)a, *y = *(json_t *const *)b;
    const char *s = json_string_value(json_object_get(x, "started")),
               *u = json_string_value(json_object_get(y, "started"));
    return strcmp(s ? s : "", u ? u : "");
}

static void sort_sessions(struct tables *t)
{
    size_t n = json_array_size(t->sessions);
    json_t **list = mem_alloc(n, sizeof *list);
    for (size_t i = 0; i < n; i++)
        list[i] = json_incref(json_array_get(t->sessions, i));
    if (n > 1)
        qsort(list, n, sizeof *list, session_order);
    json_array_clear(t->sessions);
    for (size_t i = 0; i < n; i++)
        json_array_append_new(t->sessions, list[i]);
    free(list);
}

int tables_build(struct tables *t, const struct plan *p, const char *journal)
{
    *t = (struct tables){ .plan = p, .fits = json_array(), .sessions = json_array() };
    jobs_plan(&t->jobs, p, 0, 0);
    t->state.units = t->jobs.n_units;
    t->units = mem_alloc(t->jobs.n_units, sizeof *t->units);
    t->payloads = mem_alloc(t->jobs.n_units, sizeof(char *));
    for (size_t i = 0; i < json_array_size(json_object_get(p->what, "fits")); i++)
        json_array_append_new(t->fits, json_null());
    TRY(read_journal(t, journal));
    sort_sessions(t);
    place_units(t);
    return 0;
}

void tables_fini(struct tables *t)
{
    for (size_t i = 0; i < t->jobs.n_units; i++) {
        unit_fini(&t->units[i]);
        free(t->payloads[i]);
    }
    free(t->units);
    free(t->payloads);
    free(t->verdicts);
    keymap_free(&t->verdict);
    keymap_free(&t->failed);
    free(t->records);
    free(t->first);
    free(t->count);
    free(t->unit_first);
    json_decref(t->fits);
    json_decref(t->sessions);
    jobs_fini(&t->jobs);
}
