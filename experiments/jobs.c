#include "experiments/jobs.h"
#include "base/err.h"
#include "base/mem.h"
#include <math.h>
#include <stdlib.h>

static void add_unit(struct jobs *j, uint32_t arm, uint32_t item, uint32_t draw)
{
    const struct plan *p = j->plan;
    struct unit_key key = unit_key(p, &p->arms[arm], &p->items[item], draw);
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
    j->fits = mem_alloc(n_fits, sizeof *j->fits);
    for (size_t i = 0; i < n_fits; i++)
        j->fits[i] = NAN;
}

void jobs_fini(struct jobs *j)
{
    for (size_t i = 0; i < j->n_judge; i++)
        free(j->judge[i].text);
    free(j->judge);
    free(j->units);
    free(j->fits);
    keymap_free(&j->by_key);
    keymap_free(&j->judged);
    *j = (struct jobs){ 0 };
}

int jobs_finished(struct jobs *j, const struct job *unit, const void *payload, size_t n)
{
    const struct plan_item *item = &j->plan->items[unit->item];
    struct unit_result r;
    if (!j->plan->judge || item->item->kind != ITEM_GENERATE)
        return 0;
    TRY(unit_decode(payload, n, &r));
    for (size_t i = 0; i < r.n_records; i++) {
        const struct unit_record *h = &r.records[i];
        struct unit_key key = unit_judge_key(j->plan, item, h->text, h->n_text);
        if (h->n_text == 0 || keymap_get(&j->judged, key) != KEYMAP_NONE)
            continue;
        keymap_set(&j->judged, key, 0);
        mem_grow(&j->judge, &j->cap_judge, j->n_judge + 1, sizeof *j->judge);
        j->judge[j->n_judge++] = (struct judge_job){
            .key = key, .item = unit->item, .text = mem_copy(h->text, h->n_text), .n_text = h->n_text
        };
    }
    unit_fini(&r);
    return 0;
}

static void load_fit(struct jobs *j, const struct unit_head *h)
{
    const json_t *fits = json_object_get(j->plan->what, "fits");
    for (size_t i = 0; i < json_array_size(fits); i++) {
        double value;
        if (!unit_key_equal(unit_fit_key(j->plan, json_array_get(fits, i)), h->key))
            continue;
        json_t *doc = doc_read("a fit in the journal", h->message, h->n_message);
        if (doc && doc_real(doc, "a fit in the journal", "value", &value) == 0)
            j->fits[i] = value;
        json_decref(doc);
    }
}

static int load_frame(struct jobs *j, const void *payload, size_t n)
{
    struct unit_head h;
    size_t i;
    if (!unit_head(payload, n, &h))
        return 0;
    switch (h.frame) {
    case UNIT_RESULT:
        i = keymap_get(&j->by_key, h.key);
        if (i == KEYMAP_NONE || j->units[i].done)
            return 0;
        j->units[i].done = true;
        j->n_done++;
        return jobs_finished(j, &j->units[i], payload, n);
    case UNIT_JUDGED: keymap_set(&j->judged, h.key, 1); return 0;
    case UNIT_FIT: load_fit(j, &h); return 0;
    case UNIT_FAILED:
    case UNIT_SESSION: return 0;
    }
    return 0;
}

/* Verdicts may stand before or after the texts they are about: those that have one go out of the list. */
static void drop_judged(struct jobs *j)
{
    size_t kept = 0;
    for (size_t i = 0; i < j->n_judge; i++) {
        if (keymap_get(&j->judged, j->judge[i].key) == 1) {
            free(j->judge[i].text);
            j->n_judged++;
        } else {
            j->judge[kept++] = j->judge[i];
        }
    }
    j->n_judge = kept;
}

int jobs_load(struct jobs *j, const char *journal)
{
    struct journal_reader *r = journal_read(journal);
    const void *payload;
    size_t n;
    int more = ERR_IO;
    if (!r)
        return ERR_IO;
    while ((more = journal_next(r, &payload, &n)) > 0)
        if ((more = load_frame(j, payload, n)) < 0)
            break;
    drop_judged(j);
    journal_read_close(r);
    return more;
}
