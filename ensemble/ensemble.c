/* The verbs of an ensemble's slots, each the same verb on the voices' slots. */
#include "ensemble/ensemble.h"
#include "base/err.h"
#include "base/mem.h"
#include "ensemble/ensemble_slot.h"
#include <assert.h>
#include <stdlib.h>
#include <string.h>

static struct lm *voice_lm(const struct ensemble *e, size_t k)
{
    return e->voice[k].lm;
}

static int take_slot(struct ensemble *e)
{
    size_t i = 0;
    while (i < e->n_slots && e->slot[i].used)
        i++;
    if (i == e->n_slots) {
        mem_grow(&e->slot, &e->cap_slots, e->n_slots + 1, sizeof *e->slot);
        e->n_slots++;
    }
    struct ensemble_slot *s = &e->slot[i];
    s->used = true;
    s->prompt = s->made.n = 0;
    s->prompt_read = false;
    s->epoch = 0; /* need() counts from 1 */
    s->draws = false;
    for (size_t k = 0; k < e->n_voices; k++)
        s->seen[k].n = 0;
    ensemble_begin_past(e, s);
    return (int)i;
}

static size_t ensemble_length(void *self, int slot)
{
    struct ensemble *e = self;
    return lm_length(voice_lm(e, 0), e->slot[slot].voice[0]);
}

static size_t ensemble_room(void *self, int slot)
{
    struct ensemble *e = self;
    size_t least = SIZE_MAX;
    for (size_t k = 0; k < e->n_voices; k++) {
        size_t room = lm_room(voice_lm(e, k), e->slot[slot].voice[k]);
        least = room < least ? room : least;
    }
    return least;
}

/* fork */

/* len[k]: how much of voice k's prefix belongs to the first len of the ensemble's. */
static int voice_lengths(struct ensemble *e, int src, size_t len, size_t out[])
{
    const struct ensemble_slot *s = &e->slot[src];
    size_t total = ensemble_length(e, src);
    assert(len <= total);
    for (size_t k = 0; k < e->n_voices; k++) {
        size_t length = lm_length(voice_lm(e, k), s->voice[k]);
        if (len > 0 && len < s->prompt && length != total)
            return err_set(ERR_USAGE,
                           "%s: a fork at %zu lies inside the prompt, which is %zu symbols for '%s' and %zu for '%s'",
                           e->lm.name, len, s->prompt, e->voice[0].name, length - s->made.n, e->voice[k].name);
        out[k] = len == 0 ? 0 : length - (total - len);
    }
    return 0;
}

static int fork_voices(struct ensemble *e, const int src[], const size_t len[], int out[])
{
    for (size_t k = 0; k < e->n_voices; k++) {
        out[k] = lm_fork(voice_lm(e, k), src ? src[k] : LM_EMPTY, src ? len[k] : 0);
        if (out[k] < 0) {
            int rc = out[k];
            while (k-- > 0)
                lm_drop(voice_lm(e, k), out[k]);
            return rc;
        }
    }
    return 0;
}

/* Symbols, prompts and masses of the first len symbols; the rows of this round too when that is all. */
static void copy_prefix(struct ensemble *e, struct ensemble_slot *to, const struct ensemble_slot *from, size_t len)
{
    size_t n = e->n_voices;
    to->address = from->address;
    to->draws = from->draws;
    to->prompt = len < from->prompt ? len : from->prompt;
    symbols_add(&to->made, from->made.s, len - to->prompt);
    for (size_t k = 0; k < n; k++)
        symbols_add(&to->seen[k], from->seen[k].s, len < from->prompt && from->seen[k].n > len ? len : from->seen[k].n);
    to->prompt_read = from->prompt_read && len >= from->prompt;
    if (e->n_past > 0 && (len >= from->prompt || !e->weighting.type->reads)) {
        to->n_known = from->n_known < to->made.n + 1 ? from->n_known : to->made.n + 1;
        mem_grow(&to->past, &to->cap_past, to->n_known * e->n_past, sizeof *to->past);
        memcpy(to->past, from->past, to->n_known * e->n_past * sizeof *to->past);
    }
    if (len == from->prompt + from->made.n) {
        memcpy(to->last, from->last, sizeof to->last);
        to->last_pool = from->last_pool;
        to->epoch = from->epoch;
        to->first_part = from->first_part;
        to->n_part = from->n_part;
        to->uncertainty = from->uncertainty;
    }
}

static int ensemble_fork(void *self, int src, size_t len)
{
    struct ensemble *e = self;
    int voice[LM_MAX_VOICES];
    size_t lens[LM_MAX_VOICES];
    if (src != LM_EMPTY)
        TRY(voice_lengths(e, src, len, lens));
    TRY(fork_voices(e, src == LM_EMPTY ? NULL : e->slot[src].voice, lens, voice));
    int slot = take_slot(e);
    memcpy(e->slot[slot].voice, voice, sizeof voice);
    if (src != LM_EMPTY)
        copy_prefix(e, &e->slot[slot], &e->slot[src], len);
    return slot;
}

static void ensemble_drop(void *self, int slot)
{
    struct ensemble *e = self;
    struct ensemble_slot *s = &e->slot[slot];
    assert(s->used);
    for (size_t k = 0; k < e->n_voices; k++)
        lm_drop(voice_lm(e, k), s->voice[k]);
    s->used = false;
    e->dropped_long |= s->cap_out > e->lm.space->n; /* its rows stay readable until the next need() */
}

/* prompt */

static bool drops(const struct voice *v, const char *field)
{
    for (size_t i = 0; i < v->n_drop; i++)
        if (strcmp(v->drop[i], field) == 0)
            return true;
    return false;
}

/* The voice's copy of the prompt: its template, without what it does not see.  *seen gets its symbols. */
static int prompt_voice(struct ensemble *e, size_t k, int slot, const struct prompt *p, struct symbols *seen)
{
    const struct voice *v = &e->voice[k];
    struct prompt own = *p;
    struct prompt_field *fields = mem_alloc(p->n_fields, sizeof *fields);
    own.fields = fields;
    own.n_fields = 0;
    for (size_t i = 0; i < p->n_fields; i++)
        if (!drops(v, p->fields[i].name))
            fields[own.n_fields++] = p->fields[i];
    if (v->template_name)
        own.template_name = v->template_name;
    int rc = lm_prompt(v->lm, slot, &own, seen);
    free(fields);
    return rc < 0 ? err_add(rc, "voice '%s'", v->name) : 0;
}

static int ensemble_prompt(void *self, int slot, const struct prompt *p, struct symbols *seen)
{
    struct ensemble *e = self;
    struct ensemble_slot *s = &e->slot[slot];
    struct symbols rendered = { 0 };
    int rc = 0;
    s->draws = e->pool.type->samples && p->address;
    if (s->draws)
        s->address = *p->address;
    for (size_t k = 0; k < e->n_voices && rc == 0; k++) {
        rendered.n = 0;
        rc = prompt_voice(e, k, s->voice[k], p, &rendered);
        if (rc == 0 && k == 0)
            symbols_add(seen, rendered.s, rendered.n);
        if (rc == 0 && (e->voice[k].n_transforms > 0 || e->weighting.type->reads))
            symbols_add(&s->seen[k], rendered.s, rendered.n);
    }
    free(rendered.s);
    s->prompt = rc == 0 ? ensemble_length(e, slot) : 0;
    return rc;
}

/* push */

static bool has_rows(const struct ensemble *e, const struct ensemble_slot *s)
{
    return s->epoch != 0 && s->epoch == e->epoch;
}

/* What stood at the last position. */
static struct ensemble_part last_part(const struct ensemble_slot *s)
{
    struct ensemble_part part = { .first = s->first_part, .n = s->n_part, .pool = s->last_pool };
    memcpy(part.rows, s->last, s->n_part * sizeof *part.rows);
    return part;
}

/* From the rows of the last round. */
static void read_last(const struct ensemble *e, struct ensemble_slot *s, sym_t symbol, struct lm_trace *t)
{
    struct ensemble_part part = last_part(s);
    if (t) {
        ensemble_shares(e, s, &part, s->made.n, symbol, t);
        ensemble_unsure(&s->uncertainty, t);
    }
    if (e->n_past > 0)
        ensemble_learn(e, s, &part, symbol);
}

static int check_room(const struct ensemble *e, const struct ensemble_slot *s, size_t n)
{
    for (size_t k = 0; k < e->n_voices; k++) {
        size_t length = lm_length(voice_lm(e, k), s->voice[k]);
        if (n > lm_room(voice_lm(e, k), s->voice[k]))
            return err_set(ERR_DATA, "%s: voice '%s' holds %u symbols, want %zu + %zu", e->lm.name, e->voice[k].name,
                           (unsigned)voice_lm(e, k)->max_length, length, n);
    }
    return 0;
}

static int ensemble_push(void *self, int slot, const sym_t symbols[], size_t n, struct lm_trace *t)
{
    struct ensemble *e = self;
    struct ensemble_slot *s = &e->slot[slot];
    TRY(check_room(e, s, n));
    if (t)
        t->n_voices = 0;
    if (n > 0 && has_rows(e, s))
        read_last(e, s, symbols[0], n == 1 ? t : NULL);
    for (size_t k = 0; k < e->n_voices; k++)
        TRY(lm_push(voice_lm(e, k), s->voice[k], symbols, n, NULL));
    symbols_add(&s->made, symbols, n);
    s->epoch = n > 0 ? 0 : s->epoch;
    return 0;
}

static void ensemble_free(void *self)
{
    struct ensemble *e = self;
    for (size_t i = 0; i < e->n_slots; i++) {
        struct ensemble_slot *s = &e->slot[i];
        if (s->used)
            ensemble_drop(e, (int)i);
        for (size_t k = 0; k < e->n_voices; k++)
            free(s->seen[k].s);
        free(s->made.s);
        free(s->past);
        free(s->given);
        free(s->out);
        free(s->out_log_z);
        free(s->changed);
        free(s->mean);
        row_work_free(s->work);
    }
    for (size_t k = 0; k < e->n_voices; k++) {
        struct voice *v = &e->voice[k];
        free((void *)(uintptr_t)v->name);
        free((void *)(uintptr_t)v->template_name);
        for (size_t i = 0; i < v->n_drop; i++)
            free((void *)(uintptr_t)v->drop[i]);
        free((void *)(uintptr_t)v->drop);
        free((void *)(uintptr_t)v->transforms);
    }
    weighting_fini(&e->weighting);
    pool_fini(&e->pool);
    free(e->slot);
    free(e->want);
    free(e->name);
    free(e);
}

const struct lm_type ensemble_type = {
    .name = "ensemble",
    .prompt = ensemble_prompt,
    .push = ensemble_push,
    .trace = ensemble_trace,
    .fork = ensemble_fork,
    .drop = ensemble_drop,
    .length = ensemble_length,
    .room = ensemble_room,
    .need = ensemble_need,
    .rows = ensemble_rows,
    .remote = ensemble_remote,
    .free = ensemble_free,
};
