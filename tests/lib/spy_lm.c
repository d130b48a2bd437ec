#include "tests/lib/spy_lm.h"
#include "base/mem.h"
#include "model/core.h"
#include <assert.h>
#include <stdlib.h>

static int spy_fork(void *self, int src, size_t len)
{
    struct spy_lm *s = self;
    size_t to = 0;
    while (to < s->n_slots && s->slot[to].used)
        to++;
    if (to == s->n_slots) {
        mem_grow(&s->slot, &s->cap_slots, to + 1, sizeof *s->slot);
        s->n_slots++;
    }
    s->slot[to].used = true;
    s->slot[to].s.n = 0;
    assert(src == LM_EMPTY || (s->slot[src].used && len <= s->slot[src].s.n));
    if (src != LM_EMPTY)
        symbols_add(&s->slot[to].s, s->slot[src].s.s, len);
    return (int)to;
}

static void spy_drop(void *self, int slot)
{
    struct spy_lm *s = self;
    assert(s->slot[slot].used);
    s->slot[slot].used = false;
}

static int spy_push(void *self, int slot, const sym_t sym[], size_t n, struct lm_trace *t)
{
    struct spy_lm *s = self;
    (void)t;
    assert(s->slot[slot].used);
    for (size_t i = 0; i < n; i++)
        assert(sym[i] < s->lm.space->n);
    symbols_add(&s->slot[slot].s, sym, n);
    return 0;
}

static size_t spy_length(void *self, int slot)
{
    return ((struct spy_lm *)self)->slot[slot].s.n;
}

static int spy_need(void *self, const struct want w[], size_t n, struct queue *q)
{
    struct spy_lm *s = self;
    (void)q;
    mem_grow(&s->wanted, &s->cap_wanted, n, sizeof *s->wanted);
    s->n_wanted = 0;
    for (size_t i = 0; i < n; i++)
        s->wanted[s->n_wanted++] = w[i].slot;
    return 0;
}

static int spy_rows(void *self, const struct want *w, struct row out[])
{
    (void)w;
    *out = ((struct spy_lm *)self)->row;
    return 0;
}

static size_t spy_room(void *self, int slot)
{
    struct spy_lm *s = self;
    return s->lm.max_length - spy_length(self, slot);
}

static const struct lm_type spy_type = { .name = "spy",
                                         .push = spy_push,
                                         .fork = spy_fork,
                                         .drop = spy_drop,
                                         .length = spy_length,
                                         .room = spy_room,
                                         .need = spy_need,
                                         .rows = spy_rows };

struct spy_lm *spy_lm_open(const struct space *space)
{
    struct spy_lm *s = mem_alloc(1, sizeof *s);
    s->lm = (struct lm){
        .type = &spy_type, .self = s, .space = space, .name = "spy", .hash = "0", .max_length = 1 << 20, .pure = true
    };
    s->row = row_over(mem_alloc(space->n, sizeof(float)), space->n);
    row_measure(&s->row);
    return s;
}

size_t spy_lm_held(const struct spy_lm *s)
{
    size_t n = 0;
    for (size_t i = 0; i < s->n_slots; i++)
        n += s->slot[i].used;
    return n;
}

void spy_lm_free(struct spy_lm *s)
{
    for (size_t i = 0; i < s->n_slots; i++)
        free(s->slot[i].s.s);
    free(s->slot);
    free(s->wanted);
    free(s->row.score);
    free(s);
}
