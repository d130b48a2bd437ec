/* Wanting: which rows of which voices a round of wants comes to, and the memory that reading them will take. */
#include "base/err.h"
#include "base/mem.h"
#include "ensemble/ensemble_slot.h"
#include "model/core.h"
#include <stdlib.h>
#include <string.h>

static uint32_t larger(uint32_t a, uint32_t b)
{
    return a > b ? a : b;
}

/* Rows of a voice that a want of the ensemble comes to: with a past, back to the last position that is known. */
static uint32_t rows_wanted(const struct ensemble *e, const struct ensemble_slot *s, const struct want *w)
{
    uint32_t unread = e->n_past > 0 ? (uint32_t)(s->made.n + 1 - s->n_known) : 0;
    return larger(w->n_rows, unread + 1);
}

/* Memory grows here and nowhere else, and a slot that has scored a long text gives it back. */
static void reserve(struct ensemble *e, struct ensemble_slot *s)
{
    size_t n = e->lm.space->n, n_rows = s->n_wanted, floats = n_rows * n;
    if (s->cap_out < floats || s->cap_out > 8 * floats) {
        free(s->out);
        s->out = mem_alloc(floats, sizeof *s->out);
        s->cap_out = floats;
    }
    if (e->n_past > 0 && !s->mean)
        s->mean = mem_alloc(n, sizeof *s->mean);
    if (e->transforms && !s->changed) {
        s->changed = mem_alloc(e->n_voices * n, sizeof *s->changed);
        s->work = row_work_alloc((uint32_t)n);
    }
    mem_grow(&s->out_log_z, &s->cap_out_log_z, n_rows, sizeof *s->out_log_z);
    s->stride = n_rows;
    for (size_t k = 0; k < e->n_voices; k++)
        s->stride = larger((uint32_t)s->stride, ensemble_prompt_rows(e, s, k));
    mem_grow(&s->given, &s->cap_given, e->n_voices * s->stride, sizeof *s->given);
    if (e->n_past > 0)
        mem_grow(&s->past, &s->cap_past, (s->made.n + 2) * e->n_past, sizeof *s->past);
}

static void trim(struct ensemble *e)
{
    for (size_t i = 0; i < e->n_slots; i++) {
        struct ensemble_slot *s = &e->slot[i];
        if (!s->used && s->cap_out > e->lm.space->n) {
            free(s->out);
            s->out = NULL;
            s->cap_out = 0;
        }
    }
    e->dropped_long = false;
}

static int need_voice(struct ensemble *e, size_t k, const struct want w[], size_t n, struct queue *q)
{
    size_t n_wants = 0;
    mem_grow(&e->want, &e->cap_want, n, sizeof *e->want);
    for (size_t i = 0; i < n; i++) {
        const struct ensemble_slot *s = &e->slot[w[i].slot];
        if (s->n_given[k] > 0)
            e->want[n_wants++] = (struct want){
                .lm = e->voice[k].lm, .slot = s->voice[k], .n_rows = s->n_given[k], .tap = e->voice[k].tap
            };
        if (w[i].tap == LM_TAP_THERE && s->n_given[k] > 0)
            e->want[n_wants - 1].tap = LM_TAP_THERE;
    }
    if (n_wants == 0)
        return 0;
    int rc = e->voice[k].lm->type->need(e->voice[k].lm->self, e->want, n_wants, q);
    return rc < 0 ? err_add(rc, "voice '%s'", e->voice[k].name) : rc;
}

/* Opens the round for every slot of w[n]; a slot that is wanted twice gets the longer of its wants. */
static int start(struct ensemble *e, const struct want w[], size_t n)
{
    for (size_t i = 0; i < n; i++) {
        struct ensemble_slot *s = &e->slot[w[i].slot];
        if (w[i].tap != LM_TAP_FINAL && !(w[i].tap == LM_TAP_THERE && e->lm.remote))
            return err_set(ERR_USAGE, "%s: an ensemble has no layers to tap, tap %u was wanted", e->lm.name,
                           (unsigned)w[i].tap);
        for (size_t k = 0; k < e->n_voices; k++)
            s->n_given[k] = 0;
        s->n_wanted = 0;
    }
    for (size_t i = 0; i < n; i++) {
        struct ensemble_slot *s = &e->slot[w[i].slot];
        s->n_given[0] = s->n_wanted = larger(s->n_wanted, rows_wanted(e, s, &w[i]));
    }
    for (size_t i = 0; i < n; i++)
        reserve(e, &e->slot[w[i].slot]);
    return 0;
}

/* How many of the last positions the other voices are wanted at, as the leader's rows say. */
static int open_gate(struct ensemble *e, struct ensemble_slot *s)
{
    uint32_t n_rows = 0;
    struct row leader;
    TRY(ensemble_read(e, s, 0));
    for (uint32_t back = 0; back < s->n_given[0]; back++) {
        TRY(ensemble_voice_row(e, s, 0, back, &leader));
        if (e->pool.type->others(&e->pool, &leader))
            n_rows = back + 1;
    }
    for (size_t k = 1; k < e->n_voices; k++)
        s->n_given[k] = n_rows;
    return 0;
}

static int need_others(struct ensemble *e, const struct want w[], size_t n, struct queue *q)
{
    int more = 0;
    for (size_t k = 1; k < e->n_voices; k++) {
        int rc = need_voice(e, k, w, n, q);
        TRY(rc);
        more |= rc;
    }
    return more;
}

/* The leader's rows first.  They are there when its need() has nothing more to enqueue. */
static int need_led(struct ensemble *e, const struct want w[], size_t n, struct queue *q)
{
    size_t before = queue_count(q);
    int more = need_voice(e, 0, w, n, q);
    if (more != 0)
        return more;
    if (queue_count(q) != before)
        return 1;
    for (size_t i = 0; i < n; i++)
        TRY(open_gate(e, &e->slot[w[i].slot]));
    return need_others(e, w, n, q);
}

static void give_all(const struct ensemble *e, struct ensemble_slot *s)
{
    for (size_t k = 0; k < e->n_voices; k++)
        s->n_given[k] = larger(s->n_wanted, ensemble_prompt_rows(e, s, k));
}

/* Each voice back to the earliest position that falls to it. */
static void give_members(const struct ensemble *e, struct ensemble_slot *s)
{
    memset(s->n_given, 0, sizeof s->n_given);
    for (uint32_t back = 0; back < s->stride; back++)
        s->n_given[ensemble_member(e, s, back)] = back + 1;
}

static int need_given(struct ensemble *e, const struct want w[], size_t n, struct queue *q)
{
    for (size_t i = 0; i < n; i++) {
        struct ensemble_slot *s = &e->slot[w[i].slot];
        (s->draws ? give_members : give_all)(e, s);
    }
    int more = need_voice(e, 0, w, n, q);
    TRY(more);
    int others = need_others(e, w, n, q);
    return others < 0 ? others : more | others;
}

int ensemble_need(void *self, const struct want w[], size_t n, struct queue *q)
{
    struct ensemble *e = self;
    e->epoch++;
    if (e->dropped_long)
        trim(e);
    TRY(start(e, w, n));
    return e->pool.type->others ? need_led(e, w, n, q) : need_given(e, w, n, q);
}
