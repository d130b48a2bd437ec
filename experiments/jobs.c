#include "experiments/jobs.h"
#include "base/err.h"
#include "base/mem.h"
#include "experiments/fit_result.h"
#include <stdlib.h>

static void add_unit(struct jobs *j, uint32_t arm, uint32_t item, uint32_t draw)
{
    const struct plan *p = j->plan;
    struct unit_key key = unit_key(p, plan_choice(p, arm, item), &p->items[item], draw);
    j->n_records++;
    if (keymap_get(&j->by_key, key) != KEYMAP_NONE)
        return;
    keymap_set(&j->by_key, key, j->n_units);
    mem_grow(&j->units, &j->cap_units, j->n_units + 1, sizeof *j->units);
    j->units[j->n_units++] = (struct job){ .key = key, .arm = arm, .item = item, .draw = draw };
}

void jobs_plan(struct jobs *j, const struct plan *p, uint32_t shard, uint32_t n_shards)
{
    *j = (struct jobs){ .plan = p };
    for (uint32_t item = 0; item < p->n_items; item++) {
        if (n_shards > 1 && item % n_shards != shard - 1)
            continue;
        for (uint32_t draw = 0; draw < p->draws; draw++)
            for (uint32_t arm = 0; arm < p->n_arms; arm++)
                add_unit(j, arm, item, draw);
    }
    size_t n_fits = json_array_size(json_object_get(p->what, "fits"));
    j->fits = mem_alloc(n_fits, sizeof(json_t *));
}

void jobs_fini(struct jobs *j)
{
    for (size_t i = 0; i < j->n_judge; i++)
        free(j->judge[i].text);
    free(j->judge);
    free(j->units);
    for (size_t i = 0; j->fits && i < json_array_size(json_object_get(j->plan->what, "fits")); i++)
        json_decref(j->fits[i]);
    free(j->fits);
    keymap_free(&j->by_key);
    keymap_free(&j->judged);
    keymap_free(&j->failed);
    journal_read_close(j->reader);
    *j = (struct jobs){ 0 };
}

bool jobs_ended(const struct jobs *j, uint64_t *failed)
{
    *failed = 0;
    for (size_t i = 0; i < j->n_units; i++) {
        if (j->units[i].done)
            continue;
        if (keymap_get(&j->failed, j->units[i].key) == KEYMAP_NONE)
            return false;
        ++*failed;
    }
    for (size_t i = 0; i < j->n_judge; i++)
        if (keymap_get(&j->failed, j->judge[i].key) == KEYMAP_NONE)
            return false;
    *failed += j->n_judge;
    return true;
}

bool jobs_fits_missing(const struct jobs *j)
{
    size_t n = json_array_size(json_object_get(j->plan->what, "fits"));
    for (size_t i = 0; i < n; i++)
        if (!j->fits[i])
            return true;
    return false;
}

/* A new judge job for a text that was not seen yet, NULL for one that was. */
static struct judge_job *judge_add(struct jobs *j, uint32_t item, struct unit_key text)
{
    struct unit_key key = unit_judge_key(j->plan, &j->plan->items[item], text);
    if (keymap_get(&j->judged, key) != KEYMAP_NONE)
        return NULL;
    keymap_set(&j->judged, key, 0);
    mem_grow(&j->judge, &j->cap_judge, j->n_judge + 1, sizeof *j->judge);
    struct judge_job *job = &j->judge[j->n_judge++];
    *job = (struct judge_job){ .key = key, .text_key = text, .item = item };
    return job;
}

int jobs_finished(struct jobs *j, const struct job *unit, const void *payload, size_t n)
{
    struct unit_result r;
    if (!j->plan->judge)
        return 0;
    TRY(unit_decode(payload, n, &r));
    for (size_t i = 0; i < r.n_records && r.kind == ITEM_GENERATE; i++) {
        const struct unit_record *h = &r.records[i];
        struct judge_job *job = h->n_text > 0 ? judge_add(j, unit->item, unit_text_key(h->text, h->n_text)) : NULL;
        if (job) {
            job->text = mem_copy(h->text, h->n_text);
            job->n_text = h->n_text;
        }
    }
    unit_fini(&r);
    return 0;
}

/* The text of a unit in the journal that has this key. */
static char *text_of(struct jobs *j, const struct judge_job *job, size_t *n)
{
    struct unit_result r;
    const void *payload;
    size_t size;
    char *text = NULL;
    if (journal_fetch(j->reader, job->place, &payload, &size) < 0 || unit_decode(payload, size, &r) < 0)
        return NULL;
    for (size_t i = 0; i < r.n_records && !text; i++) {
        const struct unit_record *h = &r.records[i];
        if (unit_key_equal(unit_text_key(h->text, h->n_text), job->text_key)) {
            text = mem_copy(h->text, h->n_text);
            *n = h->n_text;
        }
    }
    unit_fini(&r);
    if (!text)
        err_set(ERR_DAMAGED, "a unit in the journal has not the text that its head names");
    return text;
}

char *jobs_take_text(struct jobs *j, size_t i, size_t *n)
{
    struct judge_job *job = &j->judge[i];
    if (!job->text)
        return text_of(j, job, n);
    char *text = job->text;
    job->text = NULL;
    *n = job->n_text;
    return text;
}

static int load_fit(struct jobs *j, struct unit_key key)
{
    const json_t *fits = json_object_get(j->plan->what, "fits");
    const void *payload;
    const char *message;
    size_t n, n_message;
    for (size_t i = 0; i < json_array_size(fits); i++) {
        if (!unit_key_equal(unit_fit_key(j->plan, json_array_get(fits, i)), key))
            continue;
        TRY(journal_fetch(j->reader, journal_place(j->reader), &payload, &n));
        json_t *doc = unit_message(payload, n, &message, &n_message)
                          ? doc_read("a fit in the journal", message, n_message)
                          : NULL;
        /* what is no result of this fit is computed again */
        if (doc && !j->fits[i] && fit_result_check(json_array_get(fits, i), doc) == 0)
            j->fits[i] = json_incref(doc);
        json_decref(doc);
    }
    return 0;
}

static void load_result(struct jobs *j, const struct unit_head *h)
{
    size_t i = keymap_get(&j->by_key, h->key);
    if (i == KEYMAP_NONE || j->units[i].done)
        return;
    j->units[i].done = true;
    j->n_done++;
    for (size_t k = 0; k < h->n_texts && j->plan->judge; k++) {
        struct judge_job *job = judge_add(j, j->units[i].item, unit_head_text(h, k));
        if (job)
            job->place = journal_place(j->reader);
    }
}

static int load_head(struct jobs *j, const void *head, size_t n)
{
    struct unit_head h;
    if (!unit_head(head, n, &h))
        return 0;
    switch (h.frame) {
    case UNIT_RESULT: load_result(j, &h); return 0;
    case UNIT_JUDGED: keymap_set(&j->judged, h.key, 1); return 0;
    case UNIT_FIT: return load_fit(j, h.key);
    case UNIT_FAILED: keymap_set(&j->failed, h.key, 1); return 0;
    case UNIT_SESSION: return 0;
    }
    return 0;
}

/* Verdicts may stand before or after the texts they are about: those that have one go out of the list. */
static void drop_judged(struct jobs *j)
{
    size_t kept = 0;
    for (size_t i = 0; i < j->n_judge; i++) {
        if (keymap_get(&j->judged, j->judge[i].key) == 1)
            j->n_judged++;
        else
            j->judge[kept++] = j->judge[i];
    }
    j->n_judge = kept;
}

int jobs_load_sealed(struct jobs *j, const char *journal)
{
    const void *head;
    size_t n;
    int more;
    j->reader = journal_read(journal);
    if (!j->reader)
        return ERR_IO;
    while ((more = journal_next_head(j->reader, &head, &n)) > 0)
        TRY(load_head(j, head, n));
    drop_judged(j);
    return more;
}

/* A frame that passed its checksum and holds no result all the same does not count. */
static bool is_whole(const void *payload, size_t n)
{
    struct unit_head h;
    struct unit_result r;
    if (!unit_head(payload, n, &h) || h.frame != UNIT_RESULT)
        return true;
    if (unit_decode(payload, n, &r) < 0)
        return false;
    unit_fini(&r);
    return true;
}

int jobs_load_verified(struct jobs *j, const char *journal)
{
    const void *payload;
    size_t n;
    int more;
    j->reader = journal_read(journal);
    if (!j->reader)
        return ERR_IO;
    while ((more = journal_next(j->reader, &payload, &n)) > 0)
        if (is_whole(payload, n))
            TRY(load_head(j, payload, n));
    drop_judged(j);
    return more;
}
