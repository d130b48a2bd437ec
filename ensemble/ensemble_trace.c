/* What the voices gave a symbol, and how unsure they were: for push(), and for texts that are scored. */
#include "base/err.h"
#include "ensemble/ensemble_slot.h"
#include <assert.h>
#include <math.h>

size_t ensemble_said(const struct ensemble_slot *s, uint32_t back)
{
    return back < s->made.n ? s->made.n - back : 0;
}

struct uncertainty ensemble_uncertainty(const struct ensemble *e, const double weight[],
                                        const struct ensemble_part *part)
{
    if (part->n == 1 && e->n_voices > 1) /* the others were not asked: nobody knows whether they agree */
        return (struct uncertainty){ row_entropy(&part->rows[0]), NAN, NAN, NAN, NAN };
    if (part->n == 1)
        return (struct uncertainty){ .data = row_entropy(&part->rows[0]), .agreement = 1 };
    return part->has_apart ? uncertainty_from(&part->apart, part->rows, weight, part->n)
                           : uncertainty_of(part->rows, weight, part->n);
}

void ensemble_shares(const struct ensemble *e, const struct ensemble_slot *s, const struct ensemble_part *part,
                     size_t n_said, sym_t symbol, struct lm_trace *t)
{
    double logp[LM_MAX_VOICES], weight[LM_MAX_VOICES];
    const double *mass = e->pool.global ? s->past + n_said * e->n_past : NULL;
    ensemble_weights(e, s, n_said, weight);
    t->n_voices = e->n_voices;
    for (size_t k = 0; k < e->n_voices; k++) {
        bool spoke = k >= part->first && k < part->first + part->n;
        logp[k] = spoke ? row_logp(&part->rows[k - part->first], symbol) : NAN;
        t->logp[k] = (float)logp[k];
        logp[k] += mass ? mass[k] : 0;
        t->weight[k] = (float)weight[k];
    }
    pool_share(weight, logp, e->n_voices, t->share);
}

void ensemble_unsure(const struct uncertainty *u, struct lm_trace *t)
{
    t->data_entropy = (float)u->data;
    t->disagreement = (float)u->mutual;
    t->epkl = (float)u->epkl;
    t->rmi = (float)u->rmi;
    t->agreement = (float)u->agreement;
}

/* What push() would have told of the symbol there, had it come alone: for texts that are scored. */
int ensemble_trace(void *self, int slot, uint32_t back, sym_t symbol, struct lm_trace *t)
{
    struct ensemble *e = self;
    struct ensemble_slot *s = &e->slot[slot];
    struct ensemble_part part;
    double weight[LM_MAX_VOICES];
    size_t n_said = ensemble_said(s, back);
    assert(e->n_past == 0 || n_said < s->n_known);
    TRY(ensemble_part_at(e, s, back, &part));
    ensemble_weights(e, s, n_said, weight);
    struct uncertainty u = ensemble_uncertainty(e, weight, &part);
    ensemble_shares(e, s, &part, n_said, symbol, t);
    ensemble_unsure(&u, t);
    if (e->transforms) /* rows after transforms have one place a voice: those of the last position are there again or not */
        s->epoch = back == 0 ? e->epoch : 0;
    return 0;
}
