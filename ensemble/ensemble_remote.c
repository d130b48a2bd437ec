/* The rows of an ensemble where its voices' rows stay on a device: the pool is made there. */
#include "base/err.h"
#include "ensemble/ensemble_slot.h"
#include "model/remote.h"
#include <math.h>
#include <string.h>

/* Rules that are weighted means, of rows that nothing changes before, with weights that do not learn. */
static bool pools_there(const struct ensemble *e)
{
    const struct pool_type *type = e->pool.type;
    return type->mean && !type->samples && !type->others && !e->pool.global && e->n_past == 0 && !e->transforms &&
           !e->weighting.type->reads;
}

/* One voice that counts alone is that voice, raw scores included: not a pool of several. */
static bool several(const struct ensemble *e)
{
    size_t n = 0;
    for (size_t k = 0; k < e->n_voices; k++)
        n += !e->pool.type->weighted || e->weight[k] > 0;
    return n > 1;
}

struct remote *ensemble_place(const struct ensemble *e)
{
    struct remote *there = e->voice[0].lm->remote;
    for (size_t k = 0; k < e->n_voices; k++) {
        const struct voice *v = &e->voice[k];
        if (!remote_together(there, v->lm->remote) || v->tap != LM_TAP_FINAL || v->lm->n_voices > 0)
            return NULL;
    }
    return pools_there(e) && several(e) ? there : NULL;
}

static void tell(const struct remote_row *row, const double logp[], const struct device_apart *apart,
                 struct lm_trace *t)
{
    const struct ensemble *e = row->self;
    bool living[LM_MAX_VOICES];
    sym_t best[LM_MAX_VOICES];
    t->n_voices = e->n_voices;
    for (size_t k = 0; k < e->n_voices; k++) {
        t->logp[k] = (float)logp[k];
        t->weight[k] = (float)e->weight[k];
        living[k] = row->measured[k]->log_z > -INFINITY;
        best[k] = row->measured[k]->argmax;
    }
    pool_share(e->weight, logp, e->n_voices, t->share);
    struct uncertainty u = { .data = apart->within,
                             .mutual = apart->forward,
                             .rmi = apart->reverse,
                             .epkl = apart->forward + apart->reverse,
                             .agreement = uncertainty_agreement(best, living, e->weight, e->n_voices) };
    ensemble_unsure(&u, t);
}

int ensemble_remote(void *self, const struct want *w, struct remote_row *out)
{
    const struct ensemble *e = self;
    const struct ensemble_slot *s = &e->slot[w->slot];
    *out = (struct remote_row){ .remote = e->lm.remote, .n = e->n_voices, .pooled = true, .tell = tell, .self = e };
    double r = e->pool.r;
    out->rule = r == 1 ? DEVICE_LINEAR : r == 0 ? DEVICE_LOG : DEVICE_POWER;
    out->power = r;
    for (size_t k = 0; k < e->n_voices; k++) {
        struct remote_row one;
        struct want voice = *w;
        voice.lm = e->voice[k].lm;
        voice.slot = s->voice[k];
        TRY(lm_remote(&voice, &one));
        out->block[k] = one.block[0];
        out->measured[k] = one.measured[0];
        out->weight[k] = e->pool.type->weighted ? e->weight[k] : 1;
    }
    return 1;
}
