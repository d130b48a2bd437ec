#include "decode/packed.h"
#include "decode/scratch.h"
#include <math.h>
#include <string.h>

bool packed_short(const struct row *r, const struct row_work *w, uint32_t share)
{
    return row_listed(r, w) && w->n_blocks > 0 && w->n_blocks <= r->n / ROW_BLOCK / share;
}

static uint32_t length(const struct row *r, uint32_t block)
{
    uint32_t left = r->n - block * ROW_BLOCK;
    return left < ROW_BLOCK ? left : ROW_BLOCK;
}

struct row packed_row(const struct row *r, const struct row_work *w, float score[])
{
    struct row packed = *r;
    packed.score = score;
    packed.n = w->n_blocks * ROW_BLOCK;
    packed.few = 0;
    for (uint32_t i = 0; i < w->n_blocks; i++) {
        float *to = score + i * ROW_BLOCK;
        uint32_t n = length(r, w->block[i]);
        memcpy(to, r->score + w->block[i] * ROW_BLOCK, n * sizeof *to);
        for (; n < ROW_BLOCK; n++)
            to[n] = -INFINITY;
    }
    return packed;
}

struct row packed_begin(const struct row *r, struct row_work *w)
{
    memcpy(w->place, w->block, w->n_blocks * sizeof *w->place);
    return packed_row(r, w, w->spare[SCRATCH_MODEL]);
}

void packed_end(const struct row *packed, struct row *r, struct row_work *w)
{
    float *score = r->score;
    uint32_t n = r->n, n_blocks = packed->n / ROW_BLOCK;
    for (uint32_t i = 0; i < n_blocks; i++)
        memcpy(score + w->place[i] * ROW_BLOCK, packed->score + i * ROW_BLOCK, length(r, w->place[i]) * sizeof *score);
    memcpy(w->block, w->place, n_blocks * sizeof *w->block);
    w->n_blocks = n_blocks;
    *r = *packed;
    r->score = score;
    r->n = n;
    row_list_made(r, w);
}
