/* logistic(eta, contexts): online logistic mixing (Mahoney's paq), for the rule that is a product of free powers.
 *
 * -ln q(y) of the pool q = prod p_k^{w_k} / Z is convex in w, with gradient E_q[ln p_k] - ln p_k(y).  Each step goes eta
 * against it.  Logs are floored at FLOOR, so that one impossible symbol does not end all learning; weights stay in [LEAST,
 * MOST], so that no voice is dropped for good.
 *
 * contexts=bytes: a set of weights for each kind of the last byte said (letter, space, digit, mark, beyond ASCII, nothing
 * yet), learnt in that context alone.  The state is (sets, n_voices) weights, then the present context. */
#include "base/err.h"
#include "base/row_math.h"
#include "ensemble/weighting_types.h"
#include "model/lm.h"
#include <assert.h>
#include <math.h>
#include <string.h>

#define FLOOR (-20.0)
#define LEAST 1e-3
#define MOST  20.0

enum { ETA, CONTEXTS };
enum { NOTHING, LETTER, SPACE, DIGIT, MARK, BEYOND, KINDS };

static int logistic_check(const struct weighting *w, const struct pool *p)
{
    static const char *const kinds[] = { "none", "bytes" };
    const char *contexts = w->value[CONTEXTS].text;
    if (contexts && strcmp(contexts, "none") != 0 && strcmp(contexts, "bytes") != 0)
        return err_add(err_unknown(ERR_USAGE, "contexts", contexts, kinds, 2), "logistic");
    if (strcmp(p->type->name, "product") != 0)
        return err_set(ERR_USAGE, "weighting logistic: the rule is %s, want product, whose exponents are free",
                       p->type->name);
    return 0;
}

static size_t sets(const struct weighting *w)
{
    const char *contexts = w->value[CONTEXTS].text;
    return contexts && strcmp(contexts, "bytes") == 0 ? KINDS : 1;
}

static size_t logistic_size(const struct weighting *w, size_t n_voices)
{
    return sets(w) * n_voices + 1;
}

static void logistic_start(const struct weighting *w, const double prior[], size_t n_voices, double state[])
{
    for (size_t i = 0; i < sets(w); i++)
        memcpy(state + i * n_voices, prior, n_voices * sizeof *state);
    state[sets(w) * n_voices] = NOTHING;
}

static size_t context(const struct weighting *w, const double state[], size_t n_voices)
{
    return (size_t)state[sets(w) * n_voices];
}

static void logistic_weigh(const struct weighting *w, const double state[], size_t n_voices, double weight[])
{
    memcpy(weight, state + context(w, state, n_voices) * n_voices, n_voices * sizeof *weight);
}

static double floored(double logp)
{
    return logp > FLOOR ? logp : FLOOR;
}

/* E_q[ln p]; both rows are alive. */
static double expected(const struct row *q, const struct row *r)
{
    double sum = 0;
    for (uint32_t v = 0; v < q->n; v++)
        if (q->score[v] > -INFINITY)
            sum += math_exp64(q->score[v] - q->log_z) * floored(row_logp(r, v));
    return sum;
}

static double kind(const struct weighting_step *s, double before)
{
    size_t n;
    const uint8_t *text = space_text(s->space, s->symbol, &n);
    if (n == 0)
        return before;
    uint8_t c = text[n - 1];
    if (c >= 0x80)
        return BEYOND;
    if (c <= ' ')
        return SPACE;
    if (c >= '0' && c <= '9')
        return DIGIT;
    return (c | 0x20) >= 'a' && (c | 0x20) <= 'z' ? LETTER : MARK;
}

static void logistic_update(const struct weighting *w, const struct weighting_step *s, const double prior[],
                            double state[])
{
    double eta = w->value[ETA].number, *set = state + context(w, state, s->n_voices) * s->n_voices;
    (void)prior;
    assert(s->first == 0 && s->n == s->n_voices);
    for (size_t k = 0; k < s->n_voices && !row_dead(s->pool); k++) {
        double gradient = expected(s->pool, &s->rows[k]) - floored(row_logp(&s->rows[k], s->symbol));
        set[k] = fmin(MOST, fmax(LEAST, set[k] - eta * gradient));
    }
    if (sets(w) > 1)
        state[sets(w) * s->n_voices] = kind(s, state[sets(w) * s->n_voices]);
}

static const struct param logistic_params[] = {
    { .name = "eta", .kind = PARAM_REAL, .min = 0, .max = 10, .value = 0.02, .meaning = "step size" },
    { .name = "contexts", .kind = PARAM_TEXT, .meaning = "none, or bytes: weights for each kind of the last byte" },
};

const struct weighting_type weighting_logistic = {
    .name = "logistic",
    .params = logistic_params,
    .n_params = 2,
    .meaning = "exponents learnt step by step against the loss of the pool",
    .source = "Mahoney 2005 (paq); Mattern 2012",
    .by_symbol = true,
    .check = logistic_check,
    .size = logistic_size,
    .start = logistic_start,
    .weigh = logistic_weigh,
    .update = logistic_update,
};
