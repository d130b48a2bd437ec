#include "decode/beam.h"
#include "base/err.h"
#include "base/mem.h"
#include "base/row_math.h"
#include <assert.h>
#include <math.h>
#include <stdlib.h>

static const struct beam_early earlies[] = {
    { .name = "heuristic" },
    { .name = "first", .at_first = true },
    { .name = "never", .looks_far = true },
    { .name = "t5", .looks_far = true, .more = 1, .any_rank = true, .cut_last = true },
};

const struct beam_early *beam_early_find(const struct spec_value *value)
{
    enum { N = sizeof earlies / sizeof *earlies };
    const char *names[N];
    for (size_t i = 0; i < N; i++)
        names[i] = earlies[i].name;
    int at = search_word(value, "early-stopping rule", names, N);
    return at < 0 ? NULL : &earlies[at];
}

double beam_score(const struct beam_rules *r, double sum, double length)
{
    double log_by = 0; /* not pow(): libraries differ in its last bit */
    if (r->length_penalty != 0)
        log_by += r->length_penalty * math_log64(length);
    if (r->brevity_penalty != 0)
        log_by += r->brevity_penalty * math_log64((5 + length) / 6);
    return log_by != 0 ? sum / math_exp64(log_by) : sum;
}

void beam_finish(struct beam *m, struct beam_group *g, const struct hyp *h, double sum, int parent)
{
    bool waits = m->rules.early->cut_last && h->end == HYP_LIMIT;
    double score = waits ? sum : beam_score(&m->rules, sum, (double)h->n_steps);
    beam_pool_add(waits ? &g->cut : &g->finished, h, score, parent);
}

/* Opening */

static void group_init(struct beam_group *g, const struct search *s, uint32_t width)
{
    g->now = mem_alloc(width + 1, sizeof *g->now);
    g->next = mem_alloc(width + 1, sizeof *g->next);
    g->sum = mem_alloc(width, sizeof *g->sum);
    g->next_sum = mem_alloc(width, sizeof *g->next_sum);
    g->parent = mem_alloc(width, sizeof *g->parent);
    for (uint32_t i = 0; i <= width; i++) {
        branch_init(&g->now[i], s);
        branch_init(&g->next[i], s);
    }
    beam_pool_init(&g->finished, width);
    beam_pool_init(&g->cut, width);
}

static void set_longest(struct beam *m, const struct search *s)
{
    m->longest = (double)lm_room(s->args.lm, m->group[0].now[0].slot);
    if (s->args.stop->max_symbols > 0)
        m->longest = fmin(m->longest, s->args.stop->max_symbols);
}

int beam_init(struct search *s, const struct beam_rules *rules)
{
    struct beam *m = s->state;
    uint32_t width = rules->width, n = s->args.lm->space->n;
    size_t keep = (s->args.lm->space->n_ends > 1 ? 1 + s->args.lm->space->n_ends : 2) * width;
    m->rules = *rules;
    m->keep = (uint32_t)keep;
    m->ask = keep < n ? (uint32_t)keep : n;
    m->group = mem_alloc(rules->n_groups, sizeof *m->group);
    for (uint32_t g = 0; g < rules->n_groups; g++)
        group_init(&m->group[g], s, width);
    m->candidate = mem_alloc((size_t)m->keep + m->ask, sizeof *m->candidate);
    m->choice = mem_alloc(m->ask, sizeof *m->choice);
    m->best = mem_alloc(m->ask, sizeof *m->best);
    m->id = mem_alloc(m->ask, sizeof *m->id);
    m->logp = mem_alloc(m->ask, sizeof *m->logp);
    m->hyps = mem_alloc((size_t)rules->n_groups * width, sizeof *m->hyps);
    TRY(branch_open(&m->group[0].now[0], s));
    int first = m->group[0].now[0].slot;
    m->group[0].n = 1;
    for (uint32_t g = 1; g < rules->n_groups; g++) {
        struct branch *b = &m->group[g].now[0];
        TRY(b->slot = lm_fork(s->args.lm, first, lm_length(s->args.lm, first)));
        m->group[g].n = 1;
    }
    set_longest(m, s);
    return 0;
}

/* Wanting, and the end */

/* Branches that the context stops are finished; the others close ranks. */
static void end_full(struct beam *m, struct beam_group *g, const struct search *s)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < g->n; i++) {
        struct branch b = g->now[i];
        if (!branch_goes_on(&b, s)) {
            beam_finish(m, g, &b.hyp, g->sum[i], -1);
            b.hyp.end = HYP_OPEN;
            branch_drop(&b, s);
            g->now[i] = b;
            continue;
        }
        g->now[i] = g->now[kept];
        g->now[kept] = b;
        g->sum[kept++] = g->sum[i];
    }
    g->n = kept;
}

static int better(const void *a, const void *b)
{
    double x = ((const struct hyp *)a)->log_weight, y = ((const struct hyp *)b)->log_weight;
    return x > y ? -1 : x < y;
}

static void gather_pool(struct beam *m, const struct beam_pool *p)
{
    for (uint32_t i = 0; i < p->n; i++)
        m->hyps[m->n_hyps++] = p->done[i].hyp;
}

/* The groups' hypotheses together, best first, in an order that does not depend on how a sort treats equals. */
static void gather(struct beam *m)
{
    if (m->n_hyps > 0)
        return;
    for (uint32_t g = 0; g < m->rules.n_groups; g++)
        gather_pool(m, &m->group[g].finished);
    for (uint32_t g = 0; m->n_hyps == 0 && g < m->rules.n_groups; g++)
        gather_pool(m, &m->group[g].cut);
    for (uint32_t g = 0; m->n_hyps == 0 && g < m->rules.n_groups; g++)
        if (m->group[g].dead.end == HYP_DEAD)
            m->hyps[m->n_hyps++] = m->group[g].dead;
    for (size_t i = 1; i < m->n_hyps; i++) {
        struct hyp h = m->hyps[i];
        size_t at = i;
        for (; at > 0 && better(&h, &m->hyps[at - 1]) < 0; at--)
            m->hyps[at] = m->hyps[at - 1];
        m->hyps[at] = h;
    }
    m->n_hyps = m->n_hyps < m->rules.n_best ? m->n_hyps : m->rules.n_best;
}

int beam_want(struct search *s, struct want out[], size_t max)
{
    struct beam *m = s->state;
    int n = 0;
    assert(max >= (size_t)m->rules.n_groups * m->rules.width);
    for (uint32_t g = 0; g < m->rules.n_groups; g++) {
        struct beam_group *group = &m->group[g];
        if (!group->over)
            end_full(m, group, s);
        group->over |= group->n == 0;
        for (uint32_t i = 0; !group->over && i < group->n; i++)
            out[n++] = branch_want(&group->now[i], s);
    }
    if (n == 0)
        gather(m);
    return n;
}

const struct hyp *beam_hyps(const struct search *s, size_t *n)
{
    const struct beam *m = s->state;
    *n = m->n_hyps;
    return m->hyps;
}

static void group_fini(struct beam_group *g, const struct search *s, uint32_t width)
{
    for (uint32_t i = 0; i <= width; i++) {
        branch_fini(&g->now[i], s);
        branch_fini(&g->next[i], s);
    }
    beam_pool_fini(&g->finished);
    beam_pool_fini(&g->cut);
    hyp_fini(&g->dead);
    free(g->now);
    free(g->next);
    free(g->sum);
    free(g->next_sum);
    free(g->parent);
}

void beam_fini(struct search *s)
{
    struct beam *m = s->state;
    for (uint32_t g = 0; g < m->rules.n_groups; g++)
        group_fini(&m->group[g], s, m->rules.width);
    free(m->group);
    free(m->candidate);
    free(m->choice);
    free(m->best);
    free(m->id);
    free(m->logp);
    free(m->hyps);
}
