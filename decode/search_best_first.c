/* best_first: always goes on from the prefix with the best score of all that are open, however long.
 *
 * The score is ln p / length ^ length_penalty.  With length_penalty 0 a prefix is never better than what it came from, so
 * that the texts come out from the most probable on: the exact n best, as long as every symbol is followed (children >= V)
 * and the queue was never full.  A prefix that falls out of a full queue is forgotten. */
#include "base/err.h"
#include "base/mem.h"
#include "base/row_math.h"
#include "decode/branch.h"
#include "decode/searches.h"
#include <assert.h>
#include <math.h>
#include <stdlib.h>

enum { BEST, CHILDREN, QUEUE, MOST, LENGTH, N_PARAMS };

struct node {
    struct branch branch;
    double sum, score;
    bool fresh; /* its last symbol is not in a slot yet */
};

struct best_first {
    struct node *queue; /* (max + 1,) best first, older first among equals; the spare ones keep their memory */
    uint32_t n, max;
    struct node top; /* what is asked about */
    bool asked;
    uint32_t n_asked; /* prefixes gone on from */
    struct hyp *hyps; /* (n_best,) */
    uint32_t n_hyps, n_best;
    struct hyp dead; /* the first prefix that lost its support */
    bool over;
    int *lost; /* (children,) slots of what fell out of the queue in this feed */
    uint32_t n_lost;
    sym_t *id;    /* (children,) */
    double *logp; /* (children,) */
};

static int best_first_init(struct search *s)
{
    struct best_first *p = s->state;
    uint32_t children = (uint32_t)s->value[CHILDREN].number;
    p->max = (uint32_t)s->value[QUEUE].number;
    p->n_best = (uint32_t)s->value[BEST].number;
    p->queue = mem_alloc(p->max + 1, sizeof *p->queue);
    p->hyps = mem_alloc(p->n_best, sizeof *p->hyps);
    p->lost = mem_alloc(children, sizeof *p->lost);
    p->id = mem_alloc(children, sizeof *p->id);
    p->logp = mem_alloc(children, sizeof *p->logp);
    for (uint32_t i = 0; i <= p->max; i++)
        branch_init(&p->queue[i].branch, s);
    branch_init(&p->top.branch, s);
    p->n = 1;
    return branch_open(&p->queue[0].branch, s);
}

static void give(struct best_first *p, const struct node *node)
{
    hyp_copy(&p->hyps[p->n_hyps], &node->branch.hyp);
    p->hyps[p->n_hyps++].log_weight = node->score;
    p->over = p->n_hyps == p->n_best;
}

/* Takes the best node out of the queue into top; its old memory goes to the place that becomes free. */
static void pop(struct best_first *p)
{
    struct node old = p->top;
    p->top = p->queue[0];
    for (uint32_t i = 1; i < p->n; i++)
        p->queue[i - 1] = p->queue[i];
    p->queue[--p->n] = old;
}

/* Gives the ended texts at the head of the queue; top is then what to go on from, unless over. */
static void advance(struct best_first *p, const struct search *s)
{
    while (!p->over && p->n > 0) {
        bool spent = p->n_asked >= (uint32_t)s->value[MOST].number;
        pop(p);
        if (branch_goes_on(&p->top.branch, s) && !spent) {
            p->asked = true;
            p->n_asked++;
            return;
        }
        if (p->top.branch.hyp.end == HYP_OPEN)
            stop_limit(&p->top.branch.hyp);
        give(p, &p->top);
        branch_drop(&p->top.branch, s);
    }
    p->over = true;
    if (p->n_hyps == 0)
        hyp_copy(&p->hyps[p->n_hyps++], &p->dead);
}

static int best_first_want(struct search *s, struct want out[], size_t max)
{
    struct best_first *p = s->state;
    assert(max > 0 && !p->asked);
    if (!p->over)
        advance(p, s);
    if (p->over)
        return 0;
    out[0] = branch_want(&p->top.branch, s);
    return 1;
}

static double rate(const struct spec_value value[], double logp, size_t n)
{
    double penalty = value[LENGTH].number;
    return penalty > 0 ? logp / math_exp64(penalty * math_log64((double)n)) : logp;
}

static void insert(const struct search *s, struct row_work *work, const struct hyp_step *step, double sum)
{
    struct best_first *p = s->state;
    double score = rate(s->value, sum, p->top.branch.hyp.n_steps + 1);
    uint32_t at = p->n;
    if (p->n == p->max && !(score > p->queue[p->n - 1].score))
        return;
    struct node new = p->queue[at];
    if (new.branch.slot >= 0)
        p->lost[p->n_lost++] = new.branch.slot;
    new.branch.slot = -1;
    branch_copy(&new.branch, &p->top.branch, s);
    branch_take(&new.branch, s, work, step);
    new.sum = sum;
    new.score = score;
    new.fresh = true;
    for (; at > 0 && score > p->queue[at - 1].score; at--)
        p->queue[at] = p->queue[at - 1];
    p->queue[at] = new;
    p->n += p->n < p->max;
}

static int best_first_feed(struct search *s, struct row_work *work)
{
    struct best_first *p = s->state;
    struct row given, final;
    TRY(branch_rows(&p->top.branch, s, work, &given, &final));
    if (row_dead(&final)) {
        if (p->dead.end == HYP_OPEN)
            hyp_copy(&p->dead, &p->top.branch.hyp);
        p->dead.end = HYP_DEAD;
        return 0;
    }
    uint32_t n = row_top(&final, (uint32_t)s->value[CHILDREN].number, work, p->id, p->logp);
    struct hyp_step step = hyp_decide(&given, &final, p->id[0], work);
    for (uint32_t i = 0; i < n; i++) {
        step.symbol = p->id[i];
        step.logp = (float)row_logp(&given, step.symbol);
        step.logp_final = (float)p->logp[i];
        insert(s, work, &step, p->top.sum + p->logp[i]);
    }
    return 0;
}

/* Fresh nodes get their slots; what fell out of the queue (it lies behind its end) loses its own. */
static int best_first_move(struct search *s)
{
    struct best_first *p = s->state;
    p->asked = false;
    while (p->n_lost > 0)
        lm_drop(s->args.lm, p->lost[--p->n_lost]);
    for (uint32_t i = 0; i <= p->max; i++) {
        struct node *node = &p->queue[i];
        if (i >= p->n) {
            branch_drop(&node->branch, s);
            continue;
        }
        if (node->fresh)
            TRY(branch_follow(&node->branch, s, p->top.branch.slot));
        node->fresh = false;
        if (node->branch.hyp.end != HYP_OPEN)
            branch_drop(&node->branch, s);
    }
    branch_drop(&p->top.branch, s);
    return 0;
}

static const struct hyp *best_first_hyps(const struct search *s, size_t *n)
{
    const struct best_first *p = s->state;
    *n = p->over ? p->n_hyps : 0;
    return p->hyps;
}

static void best_first_fini(struct search *s)
{
    struct best_first *p = s->state;
    for (uint32_t i = 0; i <= p->max; i++)
        branch_fini(&p->queue[i].branch, s);
    branch_fini(&p->top.branch, s);
    for (uint32_t i = 0; i < p->n_best; i++)
        hyp_fini(&p->hyps[i]);
    hyp_fini(&p->dead);
    while (p->n_lost > 0)
        lm_drop(s->args.lm, p->lost[--p->n_lost]);
    free(p->queue);
    free(p->lost);
    free(p->hyps);
    free(p->id);
    free(p->logp);
}

static const struct param params[] = {
    [BEST] = { .name = "n", .kind = PARAM_INT, .min = 1, .max = 64, .value = 1, .meaning = "texts handed back" },
    [CHILDREN] = { .name = "children",
                   .kind = PARAM_INT,
                   .min = 1,
                   .max = 256,
                   .value = 16,
                   .meaning = "most probable symbols followed from a prefix" },
    [QUEUE] = { .name = "queue",
                .kind = PARAM_INT,
                .min = 1,
                .max = 1024,
                .value = 256,
                .meaning = "open prefixes remembered; the worst falls out" },
    [MOST] = { .name = "steps",
               .kind = PARAM_INT,
               .min = 1,
               .max = 1000000,
               .value = 2000,
               .meaning = "prefixes gone on from; after them the best ones are given as they stand" },
    [LENGTH] = { .name = "length_penalty",
                 .kind = PARAM_REAL,
                 .min = 0,
                 .max = 10,
                 .value = 0,
                 .meaning = "scores are ln p / length ^ this; 0: exact" },
};

const struct search_type search_best_first = {
    .name = "best_first",
    .params = params,
    .n_params = N_PARAMS,
    .meaning = "goes on from the best open prefix of all lengths; finds the most probable text exactly",
    .source = "uniform-cost search, Dijkstra 1959; Meister et al. 2020, arXiv 2007.03909",
    .random = false,
    .check = search_any,
    .rate = rate,
    .size = sizeof(struct best_first),
    .init = best_first_init,
    .want = best_first_want,
    .feed = best_first_feed,
    .move = best_first_move,
    .hyps = best_first_hyps,
    .fini = best_first_fini,
};
