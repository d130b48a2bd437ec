#include "decode/round.h"
#include "base/err.h"
#include "base/mem.h"
#include "decode/transforms.h"
#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* What one call of a device decides. */
struct group {
    struct remote *remote;
    struct program program;
    struct device_pooled *pools;    /* (n_pools,) */
    struct device_decision *items;  /* (n_items,) */
    struct device_decided *decided; /* (n_items,) */
    struct device_measured *pooled; /* (n_pools,) */
    struct device_apart *apart;     /* (n_pools,) */
    void **blocks;                  /* (n_blocks,) for pools' rows, kept from round to round */
    size_t n_pools, n_items, n_blocks;
    size_t cap_pools, cap_items, cap_decided, cap_pooled, cap_apart, cap_blocks;
};

/* Where the decision of a number is. */
struct offered {
    size_t group, item;
    struct remote_row row;
};

struct round {
    struct group *groups; /* (n_groups,) one for each remote that was ever seen */
    size_t n_groups, cap_groups;
    struct offered *offered; /* (n_offered,) */
    size_t n_offered, cap_offered;
};

struct round *round_alloc(void)
{
    return mem_alloc(1, sizeof(struct round));
}

static void group_fini(struct group *g)
{
    for (size_t i = 0; i < g->n_blocks; i++)
        remote_give(g->remote, g->blocks[i]);
    program_fini(&g->program);
    free(g->pools);
    free(g->items);
    free(g->decided);
    free(g->pooled);
    free(g->apart);
    free(g->blocks);
}

void round_free(struct round *r)
{
    if (!r)
        return;
    for (size_t i = 0; i < r->n_groups; i++)
        group_fini(&r->groups[i]);
    free(r->groups);
    free(r->offered);
    free(r);
}

void round_begin(struct round *r)
{
    r->n_offered = 0;
    for (size_t i = 0; i < r->n_groups; i++) {
        r->groups[i].n_pools = r->groups[i].n_items = 0;
        program_clear(&r->groups[i].program);
    }
}

static size_t group_of(struct round *r, struct remote *remote)
{
    for (size_t i = 0; i < r->n_groups; i++)
        if (r->groups[i].remote == remote)
            return i;
    mem_grow(&r->groups, &r->cap_groups, r->n_groups + 1, sizeof *r->groups);
    struct group *g = &r->groups[r->n_groups];
    *g = (struct group){ .remote = remote };
    program_init(&g->program);
    return r->n_groups++;
}

static bool same_pool(const struct device_pooled *p, const struct remote_row *row)
{
    return p->n == row->n && p->rule == row->rule && memcmp(p->row, row->block, row->n * sizeof *p->row) == 0 &&
           memcmp(p->weight, row->weight, row->n * sizeof *p->weight) == 0 &&
           (row->rule != DEVICE_POWER || !(p->r < row->power || p->r > row->power));
}

/* The block that pool i is made in; NULL + ERR_MEMORY. */
static void *block_of(struct group *g, size_t i)
{
    if (i < g->n_blocks)
        return g->blocks[i];
    void *block = remote_take(g->remote);
    if (!block) {
        err_set(ERR_MEMORY, "the device has no memory for the row of a pool more, after %zu", g->n_blocks);
        return NULL;
    }
    mem_grow(&g->blocks, &g->cap_blocks, g->n_blocks + 1, sizeof *g->blocks);
    return g->blocks[g->n_blocks++] = block;
}

/* The pool of these rows, made if it is not there; its number.  One user that tells how its rows differ is enough to
 * ask that. */
static int pool_of(struct group *g, const struct remote_row *row)
{
    for (size_t i = 0; i < g->n_pools; i++)
        if (same_pool(&g->pools[i], row)) {
            g->pools[i].apart |= row->tell != NULL;
            return (int)i;
        }
    void *block = block_of(g, g->n_pools);
    if (!block)
        return ERR_MEMORY;
    mem_grow(&g->pools, &g->cap_pools, g->n_pools + 1, sizeof *g->pools);
    struct device_pooled *p = &g->pools[g->n_pools];
    *p = (struct device_pooled){
        .r = row->power, .out = block, .rule = row->rule, .n = row->n, .apart = row->tell != NULL
    };
    memcpy(p->row, row->block, row->n * sizeof *p->row);
    memcpy(p->weight, row->weight, row->n * sizeof *p->weight);
    return (int)g->n_pools++;
}

int round_offer(struct round *r, const struct remote_row *row, const struct program_at *where)
{
    size_t at = group_of(r, row->remote);
    struct group *g = &r->groups[at];
    struct device_decision item = { .row = row->block[0], .pool = DEVICE_NONE };
    assert(where->n == remote_symbols(row->remote));
    assert(row->pooled || !row->tell); /* what is told is of a pool */
    if (row->pooled) {
        int pool = pool_of(g, row);
        TRY(pool);
        item.pool = (uint32_t)pool;
        item.row = g->pools[pool].out;
    }
    TRY(program_add(&g->program, where, &item));
    mem_grow(&g->items, &g->cap_items, g->n_items + 1, sizeof *g->items);
    g->items[g->n_items] = item;
    mem_grow(&r->offered, &r->cap_offered, r->n_offered + 1, sizeof *r->offered);
    r->offered[r->n_offered] = (struct offered){ at, g->n_items++, *row };
    return (int)r->n_offered++;
}

static int group_run(struct group *g)
{
    mem_grow(&g->decided, &g->cap_decided, g->n_items, sizeof *g->decided);
    mem_grow(&g->pooled, &g->cap_pooled, g->n_pools, sizeof *g->pooled);
    mem_grow(&g->apart, &g->cap_apart, g->n_pools, sizeof *g->apart);
    const struct device_decisions d = { .pools = g->pools,
                                        .items = g->items,
                                        .steps = g->program.steps,
                                        .symbols = g->program.listed->symbol,
                                        .values = g->program.listed->value,
                                        .n_pools = g->n_pools,
                                        .n_items = g->n_items,
                                        .n_steps = g->program.n_steps,
                                        .n_listed = g->program.listed->n };
    return remote_decide(g->remote, &d, &(struct device_answers){ g->decided, g->pooled, g->apart });
}

int round_run(struct round *r)
{
    for (size_t i = 0; i < r->n_groups; i++)
        if (r->groups[i].n_items > 0)
            TRY(group_run(&r->groups[i]));
    return 0;
}

const struct device_decided *round_answer(const struct round *r, size_t i, struct lm_trace *t)
{
    assert(i < r->n_offered);
    const struct offered *o = &r->offered[i];
    const struct group *g = &r->groups[o->group];
    const struct device_decided *d = &g->decided[o->item];
    t->n_voices = 0;
    if (o->row.tell && d->symbol != DEVICE_NONE)
        o->row.tell(&o->row, d->voice, &g->apart[g->items[o->item].pool], t);
    return d;
}
