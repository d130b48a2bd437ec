#include "experiments/partial.h"
#include "base/mem.h"
#include "experiments/partial_steps.h"
#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define TAIL_ERROR 2e-6 /* more than the share by which a tail's probability is known */
#define LEAST      -700 /* ln of a probability that is not told from 0 */

struct partial *partial_alloc(uint32_t n)
{
    struct partial *p = mem_alloc(1, sizeof *p);
    p->row = row_over(mem_aligned(n, sizeof(float)), n);
    p->maybe = mem_alloc(n, sizeof *p->maybe);
    p->known = mem_alloc((size_t)n + 1, sizeof *p->known);
    p->order = mem_alloc(n, sizeof *p->order);
    p->logp = mem_alloc(n, sizeof *p->logp);
    p->scratch = mem_aligned(n, sizeof(float));
    return p;
}

void partial_free(struct partial *p)
{
    if (!p)
        return;
    free(p->row.score);
    free(p->maybe);
    free(p->known);
    free(p->order);
    free(p->logp);
    free(p->scratch);
    free(p);
}

static void know(struct partial *p, sym_t v, float score)
{
    p->known[p->n_known++] = v;
    p->row.score[v] = score;
    p->maybe[v] = false;
}

/* What is hidden: the tail without the extra symbol. */
static void hide(struct partial *p, double tail, float last)
{
    double extra = p->extra == PARTIAL_NONE ? 0 : exp((double)p->row.score[p->extra] - p->row.log_z);
    double error = TAIL_ERROR * (tail + extra), least = tail - extra - error, most = tail - extra + error;
    p->n_hidden = (double)p->row.n - (double)p->n_known;
    if (p->n_hidden == 0) {
        partial_bare(p);
        return;
    }
    p->low = least > 0 ? p->row.log_z + log(least) : -INFINITY;
    p->high = p->row.log_z + fmax(log(most), LEAST);
    p->bound = fmin((double)last, p->high); /* one symbol has at most the mass of all */
}

void partial_set(struct partial *p, const struct unit_trace *x, size_t i, sym_t chosen, double heat)
{
    const sym_t *id = x->id + i * x->width;
    const float *score = x->score + i * x->width;
    bool listed = chosen == PARTIAL_NONE, all = x->width == p->row.n;
    for (uint32_t v = 0; v < p->row.n; v++)
        p->row.score[v] = -INFINITY;
    p->n_known = 0;
    for (uint32_t k = 0; k < x->width; k++) {
        all |= id[k] == PARTIAL_NONE;
        listed |= id[k] == chosen;
        if (id[k] != PARTIAL_NONE)
            know(p, id[k], score[k]);
    }
    p->extra = listed ? PARTIAL_NONE : chosen;
    if (!listed)
        know(p, chosen, x->chosen[i]);
    p->row = row_over(p->row.score, p->row.n); /* what was known of the step before is not so of this one */
    p->row.log_z = x->log_z[i];
    p->behind = p->whole_z = true;
    p->heat = chosen == PARTIAL_NONE ? 0 : heat;
    p->chosen = (double)x->chosen[i];
    p->factor = 1;
    p->bounded = false;
    if (all)
        partial_bare(p);
    else
        hide(p, x->tail[i], score[x->width - 1]);
    p->first = p->bound;
}

bool partial_exact(const struct partial *p)
{
    bool any = p->bound > -INFINITY;
    for (size_t k = 0; k < p->n_known && !any; k++)
        any = p->maybe[p->known[k]] && p->row.score[p->known[k]] > -INFINITY;
    return !any;
}

int partial_apply(struct partial *p, const struct chain *c, size_t i, void *state, struct transform_at *at)
{
    at->place = (uint32_t)i;
    if (partial_exact(p)) {
        if (p->bounded && partial_looks_back(chain_step(c, i)))
            return 0;
        int rc = chain_apply_step(c, i, state, &p->row, at);
        return rc < 0 ? rc : 1;
    }
    p->bounded = true;
    return partial_step(p, c, i, state, at);
}

/* The best of a kind of symbols. */
struct best {
    double value;
    sym_t v;
};

static double value_of(const struct partial *p, const struct rng_key *k, sym_t v)
{
    return (double)p->row.score[v] + (k ? row_noise(k, v) : 0);
}

static struct best best_of(const struct partial *p, const struct rng_key *k, bool maybe)
{
    struct best best = { -INFINITY, PARTIAL_NONE };
    for (size_t i = 0; i < p->n_known; i++) {
        sym_t v = p->known[i];
        if (p->maybe[v] != maybe || !(p->row.score[v] > -INFINITY))
            continue;
        double value = value_of(p, k, v);
        if (value > best.value || (value == best.value && v < best.v))
            best = (struct best){ value, v };
    }
    return best;
}

/* The largest noise among hidden symbols. */
static double hidden_noise(const struct partial *p, const struct rng_key *k)
{
    memset(p->scratch, 0, p->row.n * sizeof *p->scratch);
    for (size_t i = 0; i < p->n_known; i++)
        p->scratch[p->known[i]] = -INFINITY;
    struct row hidden = row_over(p->scratch, p->row.n);
    int rc = row_measure(&hidden);
    assert(rc == 0 && !row_dead(&hidden));
    (void)rc;
    return row_noise(k, row_draw(&hidden, k));
}

/* No hidden symbol reaches more.  Its score is at most the bound; and where it lost against the chosen one, its score was at
 * most first + lead - heat noise, now bound + factor (lead - heat noise).  The smaller of the two with the noise added
 * rises with the noise up to lead / heat, and beyond it only where factor heat < 1. */
static double hidden_most(const struct partial *p, const struct rng_key *k, sym_t chosen)
{
    if (!(p->bound > -INFINITY) || !k)
        return p->bound;
    double noise = hidden_noise(p, k), plain = p->bound + noise;
    if (p->heat == 0)
        return plain;
    double lead = p->chosen + p->heat * row_noise(k, chosen) - p->first, turn = lead / p->heat;
    double lost = p->factor * p->heat < 1 ? plain + p->factor * (lead - p->heat * noise) : p->bound + turn;
    return noise > turn ? fmin(plain, lost + TAIL_ERROR * (1 + fabs(lost) + fabs(p->chosen))) : plain;
}

/* Whether a symbol wins against all that may be there besides what is certain. */
static bool wins(const struct partial *p, const struct rng_key *k, struct best best, sym_t chosen)
{
    struct best maybe = best_of(p, k, true);
    double hidden = hidden_most(p, k, chosen);
    bool tie_is_won = !k && p->behind && best.v != p->extra;
    return best.v != PARTIAL_NONE && best.value > maybe.value &&
           (best.value > hidden || (tie_is_won && best.value == hidden));
}

static enum partial_verdict verdict_of(const struct partial *p, const struct rng_key *k, sym_t chosen, struct best best,
                                       bool won)
{
    if (chosen == PARTIAL_NONE) /* nothing was left: it is not so where something certainly is */
        return best.v != PARTIAL_NONE ? PARTIAL_PARTED : partial_exact(p) ? PARTIAL_SAME : PARTIAL_OPEN;
    if (!(p->row.score[chosen] > -INFINITY))
        return PARTIAL_PARTED;
    if (best.v == chosen)
        return won ? PARTIAL_SAME : PARTIAL_OPEN;
    double own = value_of(p, k, chosen);
    bool beaten = best.value > own || (best.value == own && best.v < chosen);
    return beaten ? PARTIAL_PARTED : PARTIAL_OPEN;
}

struct partial_decision partial_decide(const struct partial *p, const struct rng_key *k, sym_t chosen)
{
    struct best best = best_of(p, k, false);
    bool won = wins(p, k, best, chosen);
    struct partial_decision d = { .verdict = verdict_of(p, k, chosen, best, won),
                                  .symbol = won ? best.v : PARTIAL_NONE };
    if (chosen == PARTIAL_NONE)
        return d;
    partial_bounds(p, chosen, &d.low, &d.high);
    return d;
}
