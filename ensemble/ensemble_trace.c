/* What the voices gave a symbol: their probabilities, weights and shares, and how far they differed. */
#include "base/err.h"
#include "ensemble/ensemble_slot.h"
#include <math.h>

/* Of the symbol after made[0 .. said). */
static void fill(const struct ensemble *e, const struct ensemble_slot *s, size_t said, sym_t symbol,
                 const struct ensemble_part *part, struct lm_trace *t)
{
    double logp[LM_MAX_VOICES], weight[LM_MAX_VOICES];
    const double *mass = e->pool.global ? s->past + said * e->n_past : NULL;
    ensemble_weights(e, s, said, weight);
    t->n_voices = e->n_voices;
    for (size_t k = 0; k < e->n_voices; k++) {
        bool in = k >= part->first && k < part->first + part->n;
        logp[k] = in ? row_logp(&part->rows[k - part->first], symbol) : NAN;
        t->logp[k] = (float)logp[k];
        logp[k] += mass ? mass[k] : 0;
        t->weight[k] = (float)weight[k];
    }
    pool_share(weight, logp, e->n_voices, t->share);
}

void ensemble_trace_last(const struct ensemble *e, const struct ensemble_slot *s, sym_t symbol, struct lm_trace *t)
{
    struct ensemble_part part = { .first = s->first_part, .n = s->n_part };
    for (size_t k = 0; k < part.n; k++)
        part.rows[k] = s->last[k];
    t->disagreement = (float)s->disagreement;
    fill(e, s, s->made.n, symbol, &part, t);
}

/* The pool of the position lies where rows() left it. */
int ensemble_trace(void *self, int slot, uint32_t back, sym_t symbol, struct lm_trace *t)
{
    struct ensemble *e = self;
    struct ensemble_slot *s = &e->slot[slot];
    struct ensemble_part part;
    double weight[LM_MAX_VOICES];
    if (back == 0 && ensemble_has_rows(e, s)) {
        ensemble_trace_last(e, s, symbol, t);
        return 0;
    }
    if (e->transforms)
        s->epoch = 0; /* changed rows of this position come to stand where those of the last stood */
    TRY(ensemble_rows_at(e, s, back, &part));
    part.pool = row_over(s->out + (size_t)back * e->lm.space->n, e->lm.space->n);
    part.pool.log_z = s->out_log_z[back];
    ensemble_weights(e, s, ensemble_said(s, back), weight);
    t->disagreement = (float)ensemble_disagreement(e, s, weight, &part);
    fill(e, s, ensemble_said(s, back), symbol, &part, t);
    return 0;
}
