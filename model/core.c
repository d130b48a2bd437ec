#include "model/core.h"
#include "base/mem.h"
#include <stdlib.h>

struct entry {
    const struct leaf *leaf;
    struct leaf_want want;
};

struct queue {
    struct entry *entries; /* (n,) */
    size_t n, cap;
    struct leaf_want *batch; /* (n_batch,) the wants of one leaf */
    size_t n_batch, batch_cap;
    uint64_t run;
    struct core_counts counts;
};

/* The wants of one lm in one core_run(). */
struct group {
    struct lm *lm;
    size_t start, n; /* in core->wants */
    bool waits;      /* for another round */
};

struct core {
    struct queue queue;
    struct want *wants; /* sorted into groups, the order within each kept */
    size_t wants_cap;
    struct group *groups;
    size_t n_groups, groups_cap;
};

struct core *core_alloc(void)
{
    return mem_alloc(1, sizeof(struct core));
}

void core_free(struct core *c)
{
    if (!c)
        return;
    free(c->queue.entries);
    free(c->queue.batch);
    free(c->wants);
    free(c->groups);
    free(c);
}

struct core_counts core_counts(const struct core *c)
{
    return c->queue.counts;
}

void queue_add(struct queue *q, const struct leaf *leaf, const struct leaf_want *w)
{
    mem_grow(&q->entries, &q->cap, q->n + 1, sizeof *q->entries);
    q->entries[q->n++] = (struct entry){ leaf, *w };
    q->counts.wanted++;
    q->counts.asked += w->n_rows;
}

void queue_computed(struct queue *q, uint64_t positions)
{
    q->counts.computed += positions;
}

uint64_t queue_run(const struct queue *q)
{
    return (uint64_t)(uintptr_t)q + (q->run << 32);
}

size_t queue_count(const struct queue *q)
{
    return q->n;
}

static struct group *group_of(struct core *c, struct lm *lm)
{
    for (size_t g = 0; g < c->n_groups; g++)
        if (c->groups[g].lm == lm)
            return &c->groups[g];
    mem_grow(&c->groups, &c->groups_cap, c->n_groups + 1, sizeof *c->groups);
    c->groups[c->n_groups] = (struct group){ .lm = lm, .waits = true };
    return &c->groups[c->n_groups++];
}

static void group_wants(struct core *c, const struct want w[], size_t n)
{
    mem_grow(&c->wants, &c->wants_cap, n, sizeof *c->wants);
    c->n_groups = 0;
    for (size_t i = 0; i < n; i++)
        group_of(c, w[i].lm)->n++;
    size_t start = 0;
    for (size_t g = 0; g < c->n_groups; g++) {
        c->groups[g].start = start;
        start += c->groups[g].n;
        c->groups[g].n = 0;
    }
    for (size_t i = 0; i < n; i++) {
        struct group *g = group_of(c, w[i].lm);
        c->wants[g->start + g->n++] = w[i];
    }
}

/* Takes the entries of the first leaf in the queue out of it into the batch. */
static const struct leaf *take_leaf(struct queue *q)
{
    const struct leaf *leaf = q->entries[0].leaf;
    size_t kept = 0;
    mem_grow(&q->batch, &q->batch_cap, q->n, sizeof *q->batch);
    q->n_batch = 0;
    for (size_t i = 0; i < q->n; i++) {
        if (q->entries[i].leaf == leaf)
            q->batch[q->n_batch++] = q->entries[i].want;
        else
            q->entries[kept++] = q->entries[i];
    }
    q->n = kept;
    return leaf;
}

/* 1: some lm waits for another round. */
static int run_round(struct core *c)
{
    struct queue *q = &c->queue;
    int more = 0;
    q->n = 0;
    q->counts.rounds++;
    for (size_t i = 0; i < c->n_groups; i++) {
        struct group *g = &c->groups[i];
        if (!g->waits)
            continue;
        int rc = g->lm->type->need(g->lm->self, c->wants + g->start, g->n, q);
        if (rc < 0)
            return rc;
        g->waits = rc > 0;
        more |= rc > 0;
    }
    while (q->n > 0) {
        const struct leaf *leaf = take_leaf(q);
        int rc = leaf->compute(leaf->self, q->batch, q->n_batch, q);
        if (rc < 0)
            return rc;
    }
    return more;
}

int core_run(struct core *c, const struct want w[], size_t n)
{
    group_wants(c, w, n);
    c->queue.run++;
    int more;
    do
        more = n > 0 ? run_round(c) : 0;
    while (more > 0);
    return more;
}
