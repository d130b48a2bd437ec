/* Reading: the voices' rows of one slot, their masses, and the pool at each position.  Writes into its slot alone. */
#include "base/err.h"
#include "ensemble/ensemble_slot.h"
#include <assert.h>
#include <string.h>

int ensemble_read(struct ensemble *e, struct ensemble_slot *s, size_t k)
{
    struct want w = { .lm = e->voice[k].lm, .slot = s->voice[k], .n_rows = s->n_given[k], .tap = e->voice[k].tap };
    int rc = lm_rows(&w, s->given + k * s->stride);
    return rc < 0 ? err_add(rc, "voice '%s'", e->voice[k].name) : 0;
}

/* Transforms see the voice's own prompt and what has been said up to the position.  None is random, so the address has
 * no more to say than the step. */
static int transform(struct ensemble *e, struct ensemble_slot *s, size_t k, uint32_t back, struct row *r)
{
    const struct voice *v = &e->voice[k];
    size_t n_made = back < s->made.n ? s->made.n - back : 0;
    size_t inside = back > s->made.n ? back - s->made.n : 0;
    struct rng_address address = { .space = e->lm.space->hash, .step = (uint32_t)n_made, .purpose = RNG_CHAIN };
    struct transform_at at = {
        .space = e->lm.space,
        .prompt = s->seen[k].s,
        .n_prompt = s->seen[k].n > inside ? s->seen[k].n - inside : 0,
        .made = s->made.s,
        .n_made = n_made,
        .address = &address,
        .work = s->work,
    };
    for (size_t i = 0; i < v->n_transforms; i++) {
        int rc = transform_step(v->transforms[i], NULL, r, &at);
        if (rc < 0)
            return err_add(rc, "voice '%s'", v->name);
    }
    return 0;
}

int ensemble_voice_row(struct ensemble *e, struct ensemble_slot *s, size_t k, uint32_t back, struct row *out)
{
    assert(back < s->n_given[k]);
    const struct row *r = &s->given[k * s->stride + (s->n_given[k] - 1 - back)];
    if (e->voice[k].n_transforms == 0) {
        *out = *r;
        return 0;
    }
    *out = row_over(s->changed + k * e->lm.space->n, e->lm.space->n);
    row_copy(out, r);
    return transform(e, s, k, back, out);
}

size_t ensemble_member(const struct ensemble *e, const struct ensemble_slot *s, uint32_t back)
{
    struct rng_address a = s->address;
    a.space = e->lm.space->hash;
    a.step = back < s->made.n ? (uint32_t)(s->made.n - back) : 0;
    a.lane = e->lane;
    a.purpose = RNG_MEMBER;
    struct rng_key key = rng_key(&a);
    /* positions inside the prompt, for scoring: indices of their own */
    return pool_member(e->weight, e->n_voices, rng_uniform(&key, back > s->made.n ? back - (uint32_t)s->made.n : 0));
}

int ensemble_part_at(struct ensemble *e, struct ensemble_slot *s, uint32_t back, struct ensemble_part *out)
{
    const struct pool *p = &e->pool;
    struct row *rows = out->rows;
    out->has_apart = false;
    out->first = s->draws ? ensemble_member(e, s, back) : 0;
    if (s->draws) {
        out->n = 1;
        return ensemble_voice_row(e, s, out->first, back, &rows[0]);
    }
    TRY(ensemble_voice_row(e, s, 0, back, &rows[0]));
    out->n = !p->type->others || p->type->others(p, &rows[0]) ? e->n_voices : 1;
    for (size_t k = 1; k < out->n; k++)
        TRY(ensemble_voice_row(e, s, k, back, &rows[k]));
    return 0;
}

/* Pools what part->rows hold into part->pool, whose score is memory for it. */
static void pool_part(struct ensemble *e, struct ensemble_slot *s, uint32_t back, const double weight[],
                      struct ensemble_part *part)
{
    static const double alone[1] = { 1 };
    if (e->pool.global)
        part->pool.log_weight = pool_apply_prefix(&e->pool, &part->pool, part->rows, weight, part->n,
                                                  s->past + ensemble_said(s, back) * e->n_past);
    else
        part->pool.log_weight = pool_apply(&e->pool, &part->pool, part->rows, s->draws ? alone : weight, part->n);
}

/* Likewise, and how they differ: for the last position, where that is told of every step. */
static void pool_last(struct ensemble *e, struct ensemble_slot *s, const double weight[], struct ensemble_part *part)
{
    part->has_apart = part->n > 1 && !e->pool.global;
    if (!part->has_apart) {
        pool_part(e, s, 0, weight, part);
        return;
    }
    struct pool_members m = { part->rows, weight, part->n };
    part->pool.log_weight = pool_apply_apart(&e->pool, &part->pool, &m, &part->apart);
}

/* What was pushed unread before the position `back` before the last; memory was made by need(). */
static int catch_up(struct ensemble *e, struct ensemble_slot *s, uint32_t back)
{
    double weight[LM_MAX_VOICES];
    struct ensemble_part part;
    while (s->n_known <= ensemble_said(s, back)) {
        size_t i = s->n_known - 1;
        TRY(ensemble_part_at(e, s, (uint32_t)(s->made.n - i), &part));
        if (!e->pool.global) {
            part.pool = row_over(s->mean, e->lm.space->n);
            ensemble_weights(e, s, i, weight);
            pool_part(e, s, (uint32_t)(s->made.n - i), weight, &part);
        }
        ensemble_learn(e, s, &part, s->made.s[i]);
    }
    return 0;
}

/* The last position: what push() will ask. */
static void keep_last(struct ensemble *e, struct ensemble_slot *s, const double weight[],
                      const struct ensemble_part *part)
{
    memcpy(s->last, part->rows, part->n * sizeof *s->last);
    s->first_part = part->first;
    s->n_part = part->n;
    s->last_pool = part->pool;
    s->uncertainty = ensemble_uncertainty(e, weight, part);
    s->epoch = e->epoch;
}

static int pool_at(struct ensemble *e, struct ensemble_slot *s, uint32_t back, struct row *out)
{
    double weight[LM_MAX_VOICES];
    struct ensemble_part part;
    uint32_t n = e->lm.space->n;
    if (e->n_past > 0)
        TRY(catch_up(e, s, back));
    TRY(ensemble_part_at(e, s, back, &part));
    part.pool = row_over(s->out + (size_t)back * n, n);
    ensemble_weights(e, s, ensemble_said(s, back), weight);
    if (back == 0)
        pool_last(e, s, weight, &part);
    else
        pool_part(e, s, back, weight, &part);
    s->out_log_z[back] = part.pool.log_z;
    if (back == 0)
        keep_last(e, s, weight, &part);
    else if (e->n_past > 0 && back <= s->made.n && s->n_known == ensemble_said(s, back) + 1)
        ensemble_learn(e, s, &part, s->made.s[ensemble_said(s, back)]);
    *out = part.pool;
    return 0;
}

/* What each voice gave its prompt becomes the weights after it. */
static int read_prompt(struct ensemble *e, struct ensemble_slot *s)
{
    struct weighting_prompt prompt[LM_MAX_VOICES] = { { 0 } };
    for (size_t k = 0; k < e->n_voices; k++) {
        size_t n = s->seen[k].n, total = n + s->made.n, n_rows = ensemble_prompt_rows(e, s, k);
        for (size_t i = n_rows > 0 ? total + 1 - n_rows : n; i < n; i++) {
            struct row r;
            size_t bytes;
            TRY(ensemble_voice_row(e, s, k, (uint32_t)(total - i), &r));
            space_text(e->lm.space, s->seen[k].s[i], &bytes);
            prompt[k].nll -= row_logp(&r, s->seen[k].s[i]);
            prompt[k].bytes += bytes;
            prompt[k].n_symbols++;
        }
    }
    e->weighting.type->read(&e->weighting, prompt, e->weight, e->n_voices, s->past);
    s->prompt_read = true;
    return 0;
}

int ensemble_rows(void *self, const struct want *w, struct row out[])
{
    struct ensemble *e = self;
    struct ensemble_slot *s = &e->slot[w->slot];
    for (size_t k = 0; k < e->n_voices; k++)
        if (s->n_given[k] > 0)
            TRY(ensemble_read(e, s, k));
    if (e->weighting.type->reads && !s->prompt_read)
        TRY(read_prompt(e, s));
    for (uint32_t i = 0; i < w->n_rows; i++)
        TRY(pool_at(e, s, w->n_rows - 1 - i, &out[i]));
    return 0;
}

bool ensemble_asks_all(const struct lm *lm)
{
    const struct ensemble *e = lm->type == &ensemble_type ? lm->self : NULL;
    return e && !e->pool.type->samples && !e->pool.type->others && e->n_past == 0;
}

int ensemble_voices(const struct lm *lm, int slot, uint32_t back, struct row out[])
{
    struct ensemble *e = lm->self;
    struct ensemble_slot *s = &e->slot[slot];
    assert(ensemble_asks_all(lm));
    s->epoch = 0; /* rows of another position may now stand where those of the last stood */
    for (size_t k = 0; k < e->n_voices; k++)
        TRY(ensemble_voice_row(e, s, k, back, &out[k]));
    return 0;
}
