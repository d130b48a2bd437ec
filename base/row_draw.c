/* Draws from rows in host memory: Gumbel arg max with top-down noise.
 *
 * A Gumbel variable g is -ln t of a time t ~ Exp(1), and the arg max of score + g is the symbol whose clock of rate
 * exp(score) rings first.  The first of 64 clocks of rate 1 rings at E / 64, E ~ Exp(1), at a uniform place; the others
 * go on without memory, each at E / 64 + Exp(1).  So one draw of words gives a block's least time and its place, and the
 * rest of a block is looked at only when its largest score with its largest noise could still win.
 *
 * Words, `index` of base/rng.h (symbol v, block b = v / 64, place j = v % 64, places beyond the row included):
 *     b                       words 0, 1: E of the block      word 2: its place, the upper 6 bits
 *     2^31 + 32 b + j / 2     words 0, 1: the extra time of an even j, words 2, 3: of an odd j */
#include "base/row_draw.h"
#include "base/row_kernel.h"
#include "base/row_math.h"
#include "base/row_ops.h"
#include <assert.h>
#include <math.h>

#define BLOCKS 2048u      /* blocks in one sweep: 131,072 symbols, 26 KiB of stack */
#define CLOSE  0x1p-40    /* of the bound: more than the rounding of log and time can shift a noise beyond it */
#define INNER  0x80000000 /* index of what is within blocks */

struct block {
    uint32_t b;
    double time;
    uint8_t place;
};

static double noise_within(const struct rng_key *k, const struct block *at, uint32_t j)
{
    double time = at->time;
    if (j != at->place) {
        uint32_t w[4];
        rng_words(k, INNER + at->b * (ROW_BLOCK / 2) + j / 2, w);
        time += 0 - math_log64(rng_open53(w[j % 2 * 2], w[j % 2 * 2 + 1]));
    }
    return 0 - math_log64(time);
}

double row_draw_noise(const struct rng_key *k, sym_t v)
{
    struct block at = { .b = v / ROW_BLOCK };
    uint32_t w[4];
    rng_words(k, at.b, w);
    at.time = (0 - math_log64(rng_open53(w[0], w[1]))) * (1. / ROW_BLOCK);
    at.place = (uint8_t)(w[2] >> 26);
    return noise_within(k, &at, v % ROW_BLOCK);
}

/* The best symbol so far. */
struct best {
    double value;
    sym_t v;
};

static void best_take(struct best *best, double value, sym_t v)
{
    if (value > best->value || (value == best->value && v < best->v))
        *best = (struct best){ value, v };
}

static void expand(const struct row *r, const struct rng_key *k, const struct block *at, struct best *best)
{
    uint32_t v = at->b * ROW_BLOCK, end = r->n - v < ROW_BLOCK ? r->n - v : ROW_BLOCK;
    double most = 0 - math_log64(at->time) + CLOSE;
    for (uint32_t j = 0; j < end; j++) {
        double score = (double)r->score[v + j];
        if (score > -INFINITY && score + most >= best->value)
            best_take(best, score + noise_within(k, at, j), v + j);
    }
}

/* Blocks [first, first + n) of a row. */
struct sweep {
    uint32_t first, n;
    float top[BLOCKS];
    double time[BLOCKS];
    uint8_t place[BLOCKS];
};

static struct block sweep_block(const struct sweep *s, uint32_t i)
{
    return (struct block){ s->first + i, s->time[i], s->place[i] };
}

static void sweep_run(struct sweep *s, const struct row *r, const struct rng_key *k, struct best *best)
{
    const struct row_kernel *kernel = r->ops->kernel();
    uint32_t v = s->first * ROW_BLOCK, left = r->n - v, lead = 0;
    double bound[BLOCKS], most = -INFINITY;
    kernel->block_max(r->score + v, left < BLOCKS * ROW_BLOCK ? left : BLOCKS * ROW_BLOCK, s->top);
    kernel->block_time(k, s->first, (s->n + 7) & ~7u, s->time, s->place);
    kernel->block_bound(s->top, s->time, s->n, bound);
    for (uint32_t i = 0; i < s->n; i++)
        if (bound[i] > most) {
            most = bound[i];
            lead = i;
        }
    struct block at = sweep_block(s, lead); /* most likely the winner's: few of the others are then looked at */
    if (most > -INFINITY)
        expand(r, k, &at, best);
    for (uint32_t i = 0; i < s->n; i++)
        if (bound[i] + CLOSE >= best->value && s->top[i] > -INFINITY && i != lead) {
            at = sweep_block(s, i);
            expand(r, k, &at, best);
        }
}

sym_t row_draw_host(const struct row *r, const struct rng_key *k)
{
    struct best best = { -INFINITY, UINT32_MAX };
    uint32_t n_blocks = (uint32_t)(((uint64_t)r->n + ROW_BLOCK - 1) / ROW_BLOCK);
    struct sweep s;
    for (s.first = 0; s.first < n_blocks; s.first += BLOCKS) {
        s.n = n_blocks - s.first < BLOCKS ? n_blocks - s.first : BLOCKS;
        sweep_run(&s, r, k, &best);
    }
    assert(best.v < r->n);
    return best.v;
}
