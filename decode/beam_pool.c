#include "decode/beam_pool.h"
#include "base/mem.h"
#include <stdlib.h>

void beam_pool_init(struct beam_pool *p, uint32_t max)
{
    *p = (struct beam_pool){ .done = mem_alloc(max + 1, sizeof *p->done), .max = max };
}

void beam_pool_fini(struct beam_pool *p)
{
    for (uint32_t i = 0; p->done && i <= p->max; i++)
        hyp_fini(&p->done[i].hyp);
    free(p->done);
}

/* The place behind the last is where the newcomer is copied; it moves forward from there. */
void beam_pool_add(struct beam_pool *p, const struct hyp *h, double score, int parent)
{
    uint32_t at = p->n;
    if (p->n == p->max && (p->max == 0 || !(score > p->done[p->n - 1].score)))
        return;
    struct beam_done new = p->done[at];
    hyp_copy(&new.hyp, h);
    new.score = new.hyp.log_weight = score;
    new.parent = parent;
    for (; at > 0 && score > p->done[at - 1].score; at--)
        p->done[at] = p->done[at - 1];
    p->done[at] = new;
    p->n += p->n < p->max;
}
