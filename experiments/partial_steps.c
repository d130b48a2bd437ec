#include "experiments/partial_steps.h"
#include "base/num.h"
#include <float.h>
#include <math.h>
#include <string.h>

#define UNSURE 4e-6 /* more than the share by which sums of float rows differ from the real ones */
#define ROUND  0x1p-22
#define NEAR   200.0 /* nats below the bound, from where on a tail's mass is nothing */

/* Who applies a step, and to what. */
struct step {
    const struct chain *c;
    size_t i;
    void *state;
    struct transform_at *at;
};

static double value(const struct step *s, size_t k)
{
    return chain_step(s->c, s->i)->value[k].number;
}

void partial_bare(struct partial *p)
{
    p->bound = p->low = p->high = -INFINITY;
    p->n_hidden = 0;
}

/* Hidden symbols may be masked by what was just done. */
static void thin(struct partial *p)
{
    p->low = -INFINITY;
    p->whole_z = false;
}

/* The known symbols in rank order, in p->order; *certain: how many of the first have that rank in the whole row too. */
static uint32_t rank(struct partial *p, struct row_work *work, uint32_t *certain)
{
    uint32_t n = row_top(&p->row, p->row.n, work, p->order, p->logp), k = 0;
    for (; k < n; k++) {
        sym_t v = p->order[k];
        double score = (double)p->row.score[v];
        if (p->maybe[v] || score < p->bound || (score == p->bound && (!p->behind || v == p->extra)))
            break;
    }
    *certain = k;
    return n;
}

static void doubt(struct partial *p, uint32_t from, uint32_t n)
{
    for (uint32_t k = from; k < n; k++)
        p->maybe[p->order[k]] = true;
}

/* Only the first `keep` of the order are left, all of them known; those from `sure` on maybe. */
static void cut(struct partial *p, uint32_t sure, uint32_t keep, struct row_work *work)
{
    if (sure < keep)
        doubt(p, sure, keep);
    row_keep_rank(&p->row, keep, work);
    partial_bare(p);
    p->whole_z = false;
}

/* Sums of exp(score - ref): symbols that are certain, that are maybe, all; hidden ones within bounds. */
struct sums {
    double ref, certain, maybe, low, high;
};

static struct sums sums_of(const struct partial *p)
{
    struct sums s = { .ref = -INFINITY };
    for (size_t k = 0; k < p->n_known; k++)
        s.ref = fmax(s.ref, (double)p->row.score[p->known[k]]);
    s.ref = s.ref > -INFINITY ? s.ref : fmax(p->bound, -DBL_MAX);
    for (size_t k = 0; k < p->n_known; k++) {
        sym_t v = p->known[k];
        *(p->maybe[v] ? &s.maybe : &s.certain) += exp((double)p->row.score[v] - s.ref);
    }
    s.low = s.certain + (p->low > -INFINITY ? exp(p->low - s.ref) : 0);
    s.high = s.certain + s.maybe + (p->high > -INFINITY ? exp(p->high - s.ref) : 0);
    if (p->whole_z) {
        s.low = fmax(s.low, exp(p->row.log_z - s.ref) * (1 - UNSURE));
        s.high = fmin(s.high, exp(p->row.log_z - s.ref) * (1 + UNSURE));
    }
    return s;
}

void partial_bounds(const struct partial *p, sym_t v, double *low, double *high)
{
    double score = (double)p->row.score[v];
    *low = *high = -INFINITY;
    if (!(score > -INFINITY))
        return;
    if (partial_exact(p)) {
        *low = *high = row_logp(&p->row, v);
        return;
    }
    struct sums s = sums_of(p);
    double own = p->maybe[v] ? exp(score - s.ref) : 0;
    *high = fmin(score - s.ref - log(s.low + own), 0);
    *low = p->maybe[v] ? -INFINITY : score - s.ref - log(s.high);
}

static int keep_rank(struct partial *p, uint32_t k, struct row_work *work)
{
    uint32_t certain, n = rank(p, work, &certain);
    if (certain >= k) {
        cut(p, k, k, work);
        return 1;
    }
    if ((double)n + p->n_hidden <= k)
        return 1;
    doubt(p, certain, n);
    p->n_hidden = fmin(p->n_hidden, (double)(k - certain));
    thin(p);
    return 1;
}

static uint32_t larger(double a, double b)
{
    return (uint32_t)fmax(a, b);
}

static int step_top_k(struct partial *p, const struct step *s)
{
    if (value(s, 0) == 0 || value(s, 0) >= p->row.n)
        return 1;
    return keep_rank(p, larger(value(s, 0), value(s, 1)), s->at->work);
}

static int step_top_p(struct partial *p, const struct step *s)
{
    double limit = value(s, 0), sum = 0;
    uint32_t certain, n = rank(p, s->at->work, &certain), below = 0, reached = 0;
    if (limit >= 1)
        return 1;
    struct sums all = sums_of(p);
    for (uint32_t k = 0; k < certain && reached == 0; k++) {
        sum += exp((double)p->row.score[p->order[k]] - all.ref);
        if (sum < limit * all.low * (1 - UNSURE) && below == k)
            below = k + 1;
        if (sum >= limit * all.high * (1 + UNSURE))
            reached = k + 1;
    }
    uint32_t min_keep = larger(value(s, 1), 1), sure = larger(below + 1, min_keep), keep = larger(reached, min_keep);
    sure = sure < certain ? sure : certain;
    if (reached > 0 && keep <= certain) {
        cut(p, sure, keep, s->at->work);
        return 1;
    }
    doubt(p, sure, n);
    thin(p);
    return 1;
}

static uint32_t count_certain(const struct partial *p, float least)
{
    uint32_t n = 0;
    for (size_t k = 0; k < p->n_known; k++)
        n += !p->maybe[p->known[k]] && p->row.score[p->known[k]] >= least;
    return n;
}

static int step_min_p(struct partial *p, const struct step *s)
{
    double share = value(s, 0), min_keep = value(s, 1);
    uint32_t certain;
    if (share == 0)
        return 1;
    if (share > 1)
        return keep_rank(p, larger(min_keep, 1), s->at->work);
    rank(p, s->at->work, &certain);
    if (certain == 0)
        return 0;
    float least = (float)((double)row_max(&p->row) + num_log(share)); /* as min_p itself */
    if (count_certain(p, least) < min_keep)
        return 0;
    row_mask_below(&p->row, least);
    thin(p);
    if (p->bound < (double)least)
        partial_bare(p);
    return 1;
}

/* Scores become (score - max) factor + offset: those of hidden symbols too. */
static void scale_hidden(struct partial *p, double max, double factor, double offset)
{
    double move = offset - max * factor, spread = (1 - factor) * log(p->n_hidden), bound = p->bound;
    double even = factor * p->low + spread, even_high = factor * p->high + spread;
    double sharp = p->low + (factor - 1) * bound, sharp_high = p->high + (factor - 1) * bound;
    if (!(p->bound > -INFINITY))
        return;
    p->bound = (bound - max) * factor + offset;
    double slack = ROUND * (fabs(p->bound) + NEAR);
    p->bound += ROUND * (1 + fabs(p->bound));
    p->low = p->low > -INFINITY ? fmin(even, sharp) + move - slack : -INFINITY;
    p->high = fmax(even_high, sharp_high) + move + slack;
    p->high = fmin(p->high, p->bound + log(p->n_hidden));
}

static int step_temperature(struct partial *p, const struct step *s)
{
    double temperature = value(s, 0), factor = fmin(1 / temperature, DBL_MAX);
    uint32_t certain;
    if (temperature == 1)
        return 1;
    rank(p, s->at->work, &certain);
    if (certain == 0)
        return 0;
    if (temperature == 0) {
        cut(p, 1, 1, s->at->work);
        return 1;
    }
    sym_t first = p->order[0];
    double max = (double)p->row.score[first];
    row_scale(&p->row, factor);
    scale_hidden(p, max, factor, (double)p->row.score[first]);
    p->factor *= factor;
    p->behind = p->whole_z = false;
    return 1;
}

static int step_normalise(struct partial *p, const struct step *s)
{
    double log_z = p->row.log_z;
    (void)s;
    if (!p->whole_z || fabs(log_z) > ROW_SCORE_MOST)
        return 0;
    row_normalise(&p->row);
    p->bound -= log_z;
    p->bound += ROUND * (1 + fabs(p->bound));
    double slack = ROUND * (fabs(p->bound) + NEAR);
    p->low -= log_z + slack;
    p->high += slack - log_z;
    p->behind = false;
    return 1;
}

/* Steps that only lower or mask the scores of single symbols, whatever the others are. */
static int lowered(struct partial *p, const struct step *s)
{
    int rc = chain_apply_step(s->c, s->i, s->state, &p->row, s->at);
    p->behind = false;
    thin(p);
    return rc < 0 ? rc : 1;
}

static int step_repetition(struct partial *p, const struct step *s)
{
    return value(s, 0) >= 1 ? lowered(p, s) : 0;
}

static int step_occurrence(struct partial *p, const struct step *s)
{
    return value(s, 0) >= 0 ? lowered(p, s) : 0;
}

/* The parameters that a rule knows are the first of the type; it holds where all others are at their defaults. */
static const struct {
    const char *name;
    size_t n_params;
    int (*apply)(struct partial *p, const struct step *s);
} rules[] = {
    { "temperature", 1, step_temperature },
    { "normalise", 0, step_normalise },
    { "top_k", 2, step_top_k },
    { "top_p", 2, step_top_p },
    { "min_p", 2, step_min_p },
    { "repetition_penalty", 2, step_repetition },
    { "frequency_penalty", 2, step_occurrence },
    { "presence_penalty", 2, step_occurrence },
    { "no_repeat_ngram", SPEC_MAX_PARAMS, lowered },
    { "dry", SPEC_MAX_PARAMS, lowered },
    { "suppress", SPEC_MAX_PARAMS, lowered },
    { "allow", SPEC_MAX_PARAMS, lowered },
    { "ban", SPEC_MAX_PARAMS, lowered },
    { "min_tokens", SPEC_MAX_PARAMS, lowered },
};

bool partial_plain(const struct transform *t, size_t n_params)
{
    for (size_t k = n_params; k < t->type->n_params; k++)
        if (t->value[k].number != t->type->params[k].value || t->value[k].text || t->value[k].n_list > 0)
            return false;
    return true;
}

bool partial_looks_back(const struct transform *t)
{
    return strcmp(t->type->name, "top_p") == 0 && !partial_plain(t, 2);
}

int partial_step(struct partial *p, const struct chain *c, size_t i, void *state, struct transform_at *at)
{
    const struct step s = { c, i, state, at };
    const struct transform *t = chain_step(c, i);
    for (size_t k = 0; k < sizeof rules / sizeof *rules; k++)
        if (strcmp(rules[k].name, t->type->name) == 0)
            return row_dead(&p->row) || !partial_plain(t, rules[k].n_params) ? 0 : rules[k].apply(p, &s);
    return 0;
}
