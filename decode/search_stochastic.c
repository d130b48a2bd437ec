/* stochastic_beam: n texts drawn without replacement, by Gumbel top-k over the tree of all texts.
 *
 * A branch carries ln p and a Gumbel variable of location ln p, its *key*; its children's keys are Gumbels of their own
 * locations, conditioned on the branch's key being their maximum:
 *
 *     key' = -ln(e^-key - e^-Z + e^-g),   g the child's free Gumbel of location ln p', Z the largest g of all children
 *
 * so that the n + 1 largest keys of all texts are found by keeping n + 1 branches, ended ones among them.  The first n are
 * the sample; the last key is the threshold k: a text is in the sample with probability q = 1 - exp(-exp(ln p - k)), given
 * k, and sum p/q f over the sample is unbiased for the mean of f.  log_weight = ln p - ln q (exactly ln p where the tree
 * has no more than n texts). */
#include "base/err.h"
#include "base/mem.h"
#include "base/row_math.h"
#include "decode/branch.h"
#include "decode/draw.h"
#include "decode/searches.h"
#include <assert.h>
#include <math.h>
#include <stdlib.h>

struct keyed {
    struct branch branch;
    double logp, key;
};

/* A child of an open branch, or an ended branch itself. */
struct child {
    double logp, key;
    uint32_t parent;
    bool ended;
    struct hyp_step step;
};

struct stochastic {
    uint32_t width;           /* n + 1 */
    struct keyed *now, *next; /* (width,) by key, descending */
    uint32_t *parent;         /* (width,) of next */
    bool *grown;              /* (width,) next has a symbol that the lm has not been told */
    uint32_t n, n_next;
    struct child *child;    /* (2 * width,) */
    struct draw_best *best; /* (width,) */
    uint32_t n_children;
    struct hyp dead;  /* the first branch that lost its support */
    struct hyp *hyps; /* (n,) views */
    size_t n_hyps;
};

static int stochastic_init(struct search *s)
{
    struct stochastic *p = s->state;
    struct rng_address a = s->args.address;
    p->width = (uint32_t)s->value[0].number + 1;
    p->now = mem_alloc(p->width, sizeof *p->now);
    p->next = mem_alloc(p->width, sizeof *p->next);
    p->parent = mem_alloc(p->width, sizeof *p->parent);
    p->grown = mem_alloc(p->width, sizeof *p->grown);
    p->child = mem_alloc(2 * p->width, sizeof *p->child);
    p->best = mem_alloc(p->width, sizeof *p->best);
    p->hyps = mem_alloc(p->width, sizeof *p->hyps);
    for (uint32_t i = 0; i < p->width; i++) {
        branch_init(&p->now[i].branch, s);
        branch_init(&p->next[i].branch, s);
    }
    a.space = s->args.lm->space->hash;
    a.lane = p->width;
    a.purpose = RNG_DRAW;
    struct rng_key key = rng_key(&a);
    p->now[0].key = 0 - math_log64(0 - math_log64(rng_uniform(&key, 0)));
    p->n = 1;
    return branch_open(&p->now[0].branch, s);
}

/* 1 - e^x for x <= 0, exact for small x too (Kahan's trick: the errors of u - 1 and ln u cancel). */
static double one_minus_exp(double x)
{
    double u = math_exp64(x);
    if (u == 1)
        return 0 - x;
    return u < 0.5 ? 1 - u : (1 - u) * (x / math_log64(u));
}

static double log_1_plus(double x)
{
    double u = 1 + x;
    return u == 1 ? x : math_log64(u) * (x / (u - 1));
}

/* The free Gumbel g conditioned on the largest, z, being at `key`. */
static double condition(double key, double z, double g)
{
    double rest = one_minus_exp(g - z);
    if (!(rest > 0))
        return key;
    double v = key - g + math_log64(rest);
    return key - fmax(v, 0) - log_1_plus(math_exp64(0 - fabs(v)));
}

static void finish(struct stochastic *p)
{
    uint32_t n = p->n < p->width ? p->n : p->width - 1;
    for (uint32_t i = 0; i < n; i++) {
        struct keyed *k = &p->now[i];
        double q = p->n < p->width ? 1 : one_minus_exp(0 - math_exp64(k->logp - p->now[p->width - 1].key));
        k->branch.hyp.log_weight = k->logp - (q < 1 ? math_log64(q) : 0);
        p->hyps[i] = k->branch.hyp;
    }
    if (n == 0)
        p->hyps[n++] = p->dead;
    p->n_hyps = n;
}

static int stochastic_want(struct search *s, struct want out[], size_t max)
{
    struct stochastic *p = s->state;
    int n = 0;
    assert(max >= p->width);
    for (uint32_t i = 0; i < p->n; i++)
        if (branch_goes_on(&p->now[i].branch, s))
            out[n++] = branch_want(&p->now[i].branch, s);
    if (n == 0 && p->n_hyps == 0)
        finish(p);
    return n;
}

static int by_key(const void *a, const void *b)
{
    const struct child *x = a, *y = b;
    if (x->key != y->key)
        return x->key > y->key ? -1 : 1;
    if (x->parent != y->parent)
        return x->parent < y->parent ? -1 : 1;
    return x->step.symbol < y->step.symbol ? -1 : x->step.symbol > y->step.symbol;
}

static void keep_best(struct stochastic *p)
{
    qsort(p->child, p->n_children, sizeof *p->child, by_key);
    p->n_children = p->n_children < p->width ? p->n_children : p->width;
}

static int grow(struct search *s, uint32_t i, struct row_work *work)
{
    struct stochastic *p = s->state;
    struct keyed *k = &p->now[i];
    struct row given, final;
    TRY(branch_rows(&k->branch, s, work, &given, &final));
    if (row_dead(&final)) {
        if (p->dead.end == HYP_OPEN)
            hyp_copy(&p->dead, &k->branch.hyp);
        p->dead.end = HYP_DEAD;
        return 0;
    }
    struct rng_address address = branch_address(&k->branch, s);
    address.lane = i;
    struct rng_key key = rng_key(&address);
    uint32_t n = draw_top(&final, &key, p->width, p->best);
    struct hyp_step step = hyp_decide(&given, &final, p->best[0].id, work);
    for (uint32_t c = 0; c < n; c++) {
        step.symbol = p->best[c].id;
        step.logp = (float)row_logp(&given, step.symbol);
        step.logp_final = (float)row_logp(&final, step.symbol);
        p->child[p->n_children++] =
            (struct child){ k->logp + row_logp(&final, step.symbol),
                            condition(k->key, k->logp + p->best[0].value, k->logp + p->best[c].value), i, false, step };
    }
    return 0;
}

static void select_next(struct search *s)
{
    struct stochastic *p = s->state;
    for (p->n_next = 0; p->n_next < p->n_children; p->n_next++) {
        const struct child *c = &p->child[p->n_next];
        struct keyed *k = &p->next[p->n_next];
        branch_copy(&k->branch, &p->now[c->parent].branch, s);
        if (!c->ended)
            branch_take(&k->branch, s, NULL, &c->step);
        k->logp = c->logp;
        k->key = c->key;
        p->parent[p->n_next] = c->parent;
        p->grown[p->n_next] = !c->ended;
    }
}

static int stochastic_feed(struct search *s, struct row_work *work)
{
    struct stochastic *p = s->state;
    p->n_children = 0;
    for (uint32_t i = 0; i < p->n; i++) {
        if (p->now[i].branch.hyp.end == HYP_OPEN)
            TRY(grow(s, i, work));
        else
            p->child[p->n_children++] = (struct child){ p->now[i].logp, p->now[i].key, i, true, { 0 } };
        keep_best(p);
    }
    select_next(s);
    return 0;
}

static int stochastic_move(struct search *s)
{
    struct stochastic *p = s->state;
    for (uint32_t i = 0; i < p->n_next; i++) {
        if (p->grown[i])
            TRY(branch_follow(&p->next[i].branch, s, p->now[p->parent[i]].branch.slot));
        if (p->next[i].branch.hyp.end != HYP_OPEN)
            branch_drop(&p->next[i].branch, s);
    }
    for (uint32_t i = 0; i < p->n; i++)
        branch_drop(&p->now[i].branch, s);
    struct keyed *now = p->now;
    p->now = p->next;
    p->next = now;
    p->n = p->n_next;
    return 0;
}

static const struct hyp *stochastic_hyps(const struct search *s, size_t *n)
{
    const struct stochastic *p = s->state;
    *n = p->n_hyps;
    return p->hyps;
}

static void stochastic_fini(struct search *s)
{
    struct stochastic *p = s->state;
    for (uint32_t i = 0; i < p->width; i++) {
        branch_fini(&p->now[i].branch, s);
        branch_fini(&p->next[i].branch, s);
    }
    hyp_fini(&p->dead);
    free(p->now);
    free(p->next);
    free(p->parent);
    free(p->grown);
    free(p->child);
    free(p->best);
    free(p->hyps);
}

static const struct param params[] = {
    { .name = "n", .kind = PARAM_INT, .min = 1, .max = SEARCH_WANTS - 1, .value = 4, .meaning = "texts to draw" },
};

const struct search_type search_stochastic_beam = {
    .name = "stochastic_beam",
    .params = params,
    .n_params = sizeof params / sizeof *params,
    .meaning = "n different texts, drawn without replacement; log_weight makes sums over them unbiased",
    .source = "Kool et al. 2019, arXiv 1903.06059 (Gumbel top-k)",
    .defers = true,
    .random = true,
    .check = search_any,
    .size = sizeof(struct stochastic),
    .init = stochastic_init,
    .want = stochastic_want,
    .feed = stochastic_feed,
    .move = stochastic_move,
    .hyps = stochastic_hyps,
    .fini = stochastic_fini,
};
