#include "cuda/slabs.h"
#include <stdlib.h>

#define SLAB  ((size_t)128 << 20) /* bytes of the largest: what a card rounds up, to 2 MB, is a sixtieth then */
#define FIRST 8u                  /* blocks of the first; each slab has twice as many as the one before */
#define GAP   256u                /* behind the last block of a slab, so that no other begins where it ends */

struct device_pool {
    struct device_context *c;
    size_t bytes, per_slab, next; /* per_slab: most blocks of one; next: of the next */
    void **slabs;                 /* (n_slabs,) */
    size_t n_slabs, slabs_cap;
    void **blocks; /* (n_blocks,) that nobody has; room for all */
    size_t n_blocks, blocks_cap;
};

int slabs_open(struct device_context *c, uint64_t bytes, struct device_pool **out, struct device_error *error)
{
    *out = NULL;
    CARD_TRY(card_enter(c, error));
    struct device_pool *p = *out = calloc(1, sizeof *p);
    if (!p)
        return card_say(DEVICE_NO_MEMORY, error, "this machine has no memory for a pool");
    p->c = c;
    p->bytes = ((size_t)bytes + 255) / 256 * 256;
    p->per_slab = p->bytes + GAP < SLAB ? (SLAB - GAP) / p->bytes : 1;
    p->next = p->per_slab < FIRST ? p->per_slab : FIRST;
    return DEVICE_OK;
}

void slabs_close(struct device_pool *p)
{
    if (!p)
        return;
    for (size_t i = 0; i < p->n_slabs; i++)
        cudaFree(p->slabs[i]);
    free(p->slabs);
    free(p->blocks);
    free(p);
}

static int reserve(void ***list, size_t *cap, size_t n)
{
    if (n <= *cap)
        return 1;
    void **more = realloc(*list, 2 * n * sizeof **list);
    if (more) {
        *list = more;
        *cap = 2 * n;
    }
    return more != NULL;
}

/* A slab of n blocks; fewer and fewer are tried, for what is left of a full card. */
static size_t add_slab(struct device_pool *p, void **slab)
{
    struct device_error error;
    for (size_t n = p->next; n > 0; n /= 2) {
        cudaError_t e = cudaMalloc(slab, n * p->bytes + GAP);
        if (e == cudaSuccess)
            return n;
        if (card_ok(p->c, e, "memory for pages", &error) != DEVICE_NO_MEMORY)
            return 0;
    }
    return 0;
}

void *slabs_take(struct device_pool *p)
{
    if (p->n_blocks > 0)
        return p->blocks[--p->n_blocks];
    void *slab = NULL;
    struct device_error error;
    if (card_enter(p->c, &error) != DEVICE_OK || !reserve(&p->slabs, &p->slabs_cap, p->n_slabs + 1))
        return NULL;
    size_t n = add_slab(p, &slab);
    if (n == 0)
        return NULL;
    if (!reserve(&p->blocks, &p->blocks_cap, (p->n_slabs + 1) * p->per_slab)) {
        cudaFree(slab);
        return NULL;
    }
    p->slabs[p->n_slabs++] = slab;
    p->next = 2 * p->next < p->per_slab ? 2 * p->next : p->per_slab;
    for (size_t i = n; i-- > 0;)
        p->blocks[p->n_blocks++] = (char *)slab + i * p->bytes;
    return p->blocks[--p->n_blocks];
}

void slabs_give(struct device_pool *p, void *block)
{
    p->blocks[p->n_blocks++] = block;
}
