/* One step of a beam: candidates, the next branches, their slots. */
#include "base/err.h"
#include "decode/beam.h"
#include <stdlib.h>

/* Symbols that earlier groups took in this step, whose scores are lowered while candidates are chosen. */
struct taken {
    sym_t id[SEARCH_WANTS];
    float score[SEARCH_WANTS]; /* as it was */
    uint32_t n;
};

/* What is known of a row besides its scores is so no more. */
static void forget(struct row *r)
{
    r->has_top = false;
    r->few = 0;
}

static void lower(const struct beam *m, uint32_t g, struct row *r, struct taken *t)
{
    t->n = 0;
    for (uint32_t k = 0; k < g && m->rules.diversity > 0; k++) {
        const struct beam_group *group = &m->group[k];
        for (uint32_t i = 0; !group->over && i < group->n_next; i++) {
            sym_t v = group->next[i].made.s[group->next[i].made.n - 1];
            t->id[t->n] = v;
            t->score[t->n++] = r->score[v];
            r->score[v] -= (float)m->rules.diversity;
        }
    }
    if (t->n > 0)
        forget(r);
}

static void put_back(struct row *r, const struct taken *t)
{
    for (uint32_t i = t->n; i-- > 0;)
        r->score[t->id[i]] = t->score[i];
}

uint32_t beam_most_probable(const struct search *s, const struct rng_address *a, struct row *r, struct row_work *work)
{
    struct beam *m = s->state;
    uint32_t n = row_top(r, m->ask, work, m->id, m->logp);
    (void)a;
    for (uint32_t i = 0; i < n; i++)
        m->choice[i] = (struct beam_choice){ m->id[i], m->logp[i], m->logp[i] };
    return n;
}

/* Puts a branch's candidates among those of the others. */
static int add_candidates(struct search *s, uint32_t g, uint32_t i, struct row_work *work)
{
    struct beam *m = s->state;
    struct beam_group *group = &m->group[g];
    struct branch *b = &group->now[i];
    struct row given, final;
    struct taken taken;
    TRY(branch_rows(b, s, work, &given, &final));
    if (row_dead(&final)) {
        if (group->dead.end == HYP_OPEN)
            hyp_copy(&group->dead, &b->hyp);
        group->dead.end = HYP_DEAD;
        return 0;
    }
    struct rng_address address = branch_address(b, s);
    address.lane = g * m->rules.width + i;
    struct hyp_step step = hyp_decide(&given, &final, row_argmax(&final), work);
    lower(m, g, &final, &taken);
    uint32_t n = m->rules.order(s, &address, &final, work);
    put_back(&final, &taken);
    for (uint32_t k = 0; k < n; k++) {
        const struct beam_choice *c = &m->choice[k];
        step.symbol = c->id;
        step.logp = (float)row_logp(&given, c->id);
        step.logp_final = (float)row_logp(&final, c->id);
        m->candidate[m->n_candidates++] =
            (struct beam_candidate){ group->sum[i] + c->rank, group->sum[i] + c->logp, i, step };
    }
    return 0;
}

static int by_place(const struct beam_candidate *x, const struct beam_candidate *y)
{
    if (x->parent != y->parent)
        return x->parent < y->parent ? -1 : 1;
    return x->step.symbol < y->step.symbol ? -1 : x->step.symbol > y->step.symbol;
}

static int by_rank(const void *a, const void *b)
{
    const struct beam_candidate *x = a, *y = b;
    if (x->rank != y->rank)
        return x->rank > y->rank ? -1 : 1;
    return by_place(x, y);
}

static int by_sum(const void *a, const void *b)
{
    const struct beam_candidate *x = a, *y = b;
    if (x->sum != y->sum)
        return x->sum > y->sum ? -1 : 1;
    return by_place(x, y);
}

static void keep_best(struct beam *m)
{
    qsort(m->candidate, m->n_candidates, sizeof *m->candidate, by_rank);
    m->n_candidates = m->n_candidates < m->keep ? m->n_candidates : m->keep;
}

/* The last branch of next is room for one that has ended. */
static void select_next(struct search *s, struct beam_group *g)
{
    struct beam *m = s->state;
    uint32_t width = m->rules.width;
    qsort(m->candidate, m->n_candidates, sizeof *m->candidate, by_sum);
    g->n_next = 0;
    for (size_t r = 0; r < m->n_candidates; r++) {
        const struct beam_candidate *c = &m->candidate[r];
        struct branch *b = &g->next[g->n_next];
        bool may_end = r < width || m->rules.early->any_rank;
        if (g->n_next == width && !may_end)
            return;
        branch_copy(b, &g->now[c->parent], s);
        branch_take(b, s, NULL, &c->step);
        if (b->hyp.end != HYP_OPEN && may_end)
            beam_finish(m, g, &b->hyp, c->sum, (int)c->parent);
        if (b->hyp.end != HYP_OPEN || g->n_next == width)
            continue;
        g->next_sum[g->n_next] = c->sum;
        g->parent[g->n_next++] = (int)c->parent;
    }
}

static bool may_improve(const struct beam *m, const struct beam_group *g)
{
    const struct beam_rules *r = &m->rules;
    if (g->n_next == 0)
        return false;
    if (g->finished.n < r->width)
        return true;
    double length = (double)g->next[0].hyp.n_steps;
    if (r->early->looks_far && (r->length_penalty > 0 || r->brevity_penalty > 0))
        length = m->longest + r->early->more;
    return !r->early->at_first && beam_score(r, g->next_sum[0], length) > g->finished.done[r->width - 1].score;
}

int beam_feed(struct search *s, struct row_work *work)
{
    struct beam *m = s->state;
    for (uint32_t g = 0; g < m->rules.n_groups; g++) {
        struct beam_group *group = &m->group[g];
        if (group->over)
            continue;
        m->n_candidates = 0;
        for (uint32_t i = 0; i < group->n; i++) {
            TRY(add_candidates(s, g, i, work));
            keep_best(m);
        }
        select_next(s, group);
    }
    return 0;
}

/* Moving */

/* What has just finished hears from the lm what each voice gave its last symbol. */
static int trace_pool(const struct search *s, const struct beam_group *g, struct beam_pool *p)
{
    for (uint32_t i = 0; i < p->n; i++) {
        struct beam_done *d = &p->done[i];
        struct branch b = { .slot = -1, .hyp = d->hyp };
        int rc = d->parent >= 0 && s->args.lm->n_voices > 0 ? branch_follow(&b, s, g->now[d->parent].slot) : 0;
        branch_drop(&b, s);
        d->parent = -1;
        TRY(rc);
    }
    return 0;
}

static int move_group(struct search *s, struct beam_group *g)
{
    struct beam *m = s->state;
    TRY(trace_pool(s, g, &g->finished));
    TRY(trace_pool(s, g, &g->cut));
    g->over = !may_improve(m, g);
    for (uint32_t i = 0; i < g->n_next && !g->over; i++)
        TRY(branch_follow(&g->next[i], s, g->now[g->parent[i]].slot));
    for (uint32_t i = 0; i < g->n; i++)
        branch_drop(&g->now[i], s);
    struct branch *now = g->now;
    double *sum = g->sum;
    g->now = g->next;
    g->next = now;
    g->sum = g->next_sum;
    g->next_sum = sum;
    g->n = g->n_next;
    return 0;
}

int beam_move(struct search *s)
{
    struct beam *m = s->state;
    for (uint32_t g = 0; g < m->rules.n_groups; g++)
        if (!m->group[g].over)
            TRY(move_group(s, &m->group[g]));
    return 0;
}
