/* The past of a slot: the voices' masses (mode=global), or what a weighting has learnt.  A function of the prefix alone. */
#include "base/mem.h"
#include "ensemble/ensemble_slot.h"
#include <math.h>
#include <string.h>

void ensemble_begin_past(const struct ensemble *e, struct ensemble_slot *s)
{
    if (e->n_past == 0)
        return;
    mem_grow(&s->past, &s->cap_past, e->n_past, sizeof *s->past);
    memset(s->past, 0, e->n_past * sizeof *s->past);
    if (!e->pool.global)
        e->weighting.type->start(&e->weighting, e->weight, e->n_voices, s->past);
    s->n_known = 1;
}

uint32_t ensemble_prompt_rows(const struct ensemble *e, const struct ensemble_slot *s, size_t k)
{
    size_t n = s->seen[k].n;
    if (!e->weighting.type->reads || s->prompt_read || n < 2)
        return 0;
    uint32_t most = e->weighting.type->reads(&e->weighting);
    return (uint32_t)(n - 1 < most ? n - 1 : most) + (uint32_t)s->made.n + 1;
}

void ensemble_weights(const struct ensemble *e, const struct ensemble_slot *s, size_t i, double weight[])
{
    if (weighting_learns(&e->weighting))
        e->weighting.type->weigh(&e->weighting, s->past + i * e->n_past, e->n_voices, weight);
    else
        memcpy(weight, e->weight, e->n_voices * sizeof *weight);
}

static void add_masses(const struct ensemble *e, const struct ensemble_part *part, sym_t symbol, double next[])
{
    for (size_t k = 0; k < e->n_voices; k++)
        next[k] += row_logp(&part->rows[k], symbol) + part->rows[k].log_weight;
}

static void update(const struct ensemble *e, const struct ensemble_part *part, sym_t symbol, double next[])
{
    const struct weighting_step step = { .space = e->lm.space,
                                         .symbol = symbol,
                                         .rows = part->rows,
                                         .first = part->first,
                                         .n = part->n,
                                         .pool = &part->pool,
                                         .n_voices = e->n_voices };
    e->weighting.type->update(&e->weighting, &step, e->weight, next);
}

void ensemble_learn(const struct ensemble *e, struct ensemble_slot *s, const struct ensemble_part *part, sym_t symbol)
{
    size_t n = e->n_past;
    mem_grow(&s->past, &s->cap_past, (s->n_known + 1) * n, sizeof *s->past);
    double *now = s->past + (s->n_known - 1) * n;
    memcpy(now + n, now, n * sizeof *now);
    if (e->pool.global)
        add_masses(e, part, symbol, now + n);
    else
        update(e, part, symbol, now + n);
    s->n_known++;
}
