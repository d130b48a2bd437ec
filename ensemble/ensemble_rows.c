/* Reading: the voices' rows of one slot, their masses, and the pool at each position.  Writes into its slot alone. */
#include "base/err.h"
#include "base/mem.h"
#include "ensemble/ensemble_slot.h"
#include <assert.h>

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
        int rc = v->transforms[i]->type->apply(v->transforms[i], NULL, r, &at);
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

/* The voices that take part at a position, from `first` on, and their rows. */
struct taking_part {
    struct row rows[LM_MAX_VOICES];
    size_t first, n;
};

static int rows_at(struct ensemble *e, struct ensemble_slot *s, uint32_t back, struct taking_part *out)
{
    const struct pool *p = &e->pool;
    struct row *rows = out->rows;
    out->first = p->type->samples ? ensemble_member(e, s, back) : 0;
    if (p->type->samples) {
        out->n = 1;
        return ensemble_voice_row(e, s, out->first, back, &rows[0]);
    }
    TRY(ensemble_voice_row(e, s, 0, back, &rows[0]));
    out->n = !p->type->others || p->type->others(p, &rows[0]) ? e->n_voices : 1;
    for (size_t k = 1; k < out->n; k++)
        TRY(ensemble_voice_row(e, s, k, back, &rows[k]));
    return 0;
}

void ensemble_weigh(struct ensemble *e, struct ensemble_slot *s, const struct row rows[], sym_t symbol)
{
    size_t n = e->n_voices;
    mem_grow(&s->mass, &s->cap_mass, (s->n_known + 1) * n, sizeof *s->mass);
    double *now = s->mass + (s->n_known - 1) * n;
    for (size_t k = 0; k < n; k++)
        now[n + k] = now[k] + row_logp(&rows[k], symbol) + rows[k].log_weight;
    s->n_known++;
}

/* Masses of symbols that were pushed unread; memory was made by need(). */
static int catch_up(struct ensemble *e, struct ensemble_slot *s)
{
    struct taking_part part;
    while (s->n_known <= s->made.n) {
        size_t i = s->n_known - 1;
        TRY(rows_at(e, s, (uint32_t)(s->made.n - i), &part));
        ensemble_weigh(e, s, part.rows, s->made.s[i]);
    }
    return 0;
}

static int pool_at(struct ensemble *e, struct ensemble_slot *s, uint32_t back, struct row *out)
{
    static const double alone[1] = { 1 };
    struct taking_part part;
    uint32_t n_symbols = e->lm.space->n;
    TRY(rows_at(e, s, back, &part));
    const struct row *rows = part.rows;
    size_t n = part.n;
    *out = row_over(s->out + (size_t)back * n_symbols, n_symbols);
    if (e->pool.global) {
        size_t i = back < s->made.n ? s->made.n - back : 0;
        out->log_weight = pool_apply_prefix(&e->pool, out, rows, e->weight, n, s->mass + i * e->n_voices);
    } else {
        out->log_weight = pool_apply(&e->pool, out, rows, e->pool.type->samples ? alone : e->weight, n);
    }
    if (back > 0)
        return 0;
    struct row mixture = *out;
    if (n > 1 && !pool_mixes(&e->pool)) {
        mixture = row_over(s->mean, n_symbols);
        row_pool_linear(&mixture, rows, e->weight, n);
    }
    for (size_t k = 0; k < n; k++)
        s->last[k] = rows[k];
    s->first_part = part.first;
    s->n_part = n;
    s->disagreement = n > 1 ? pool_disagreement(rows, e->weight, n, &mixture) : 0;
    s->epoch = e->epoch;
    return 0;
}

int ensemble_rows(void *self, const struct want *w, struct row out[])
{
    struct ensemble *e = self;
    struct ensemble_slot *s = &e->slot[w->slot];
    for (size_t k = 0; k < e->n_voices; k++)
        if (s->n_given[k] > 0)
            TRY(ensemble_read(e, s, k));
    if (e->pool.global)
        TRY(catch_up(e, s));
    for (uint32_t i = 0; i < w->n_rows; i++)
        TRY(pool_at(e, s, w->n_rows - 1 - i, &out[i]));
    return 0;
}
