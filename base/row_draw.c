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

#define BLOCKS 2048u      /* blocks in one sweep: 131,072 symbols, 32 KiB of stack */
#define CLOSE  0x1p-15    /* more than row_kernel.block_noise errs */
#define INNER  0x80000000 /* index of what is within blocks */

struct block {
    uint32_t b, place;
    double time;
};

static struct block block_at(const struct rng_key *k, uint32_t b)
{
    uint32_t w[4];
    rng_words(k, b, w);
    return (struct block){ b, w[2] >> 26, (0 - math_log64(rng_open53(w[0], w[1]))) * (1. / ROW_BLOCK) };
}

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
    struct block at = block_at(k, v / ROW_BLOCK);
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

/* Looks at those symbols of a block that could win with its largest noise. */
static void expand(const struct row *r, const struct rng_key *k, uint32_t b, struct best *best)
{
    struct block at = block_at(k, b);
    uint32_t v = b * ROW_BLOCK, end = r->n - v < ROW_BLOCK ? r->n - v : ROW_BLOCK;
    double most = CLOSE - math_log64(at.time);
    if (at.place < end && r->score[v + at.place] > -INFINITY)
        best_take(best, (double)r->score[v + at.place] + noise_within(k, &at, at.place), v + at.place);
    for (uint32_t j = 0; j < end; j++) {
        double score = (double)r->score[v + j];
        if (score > -INFINITY && score + most >= best->value)
            best_take(best, score + noise_within(k, &at, j), v + j);
    }
}

/* bound[i] += noise[i], of a known length: several at once. */
static void add_noise(float bound[], const float noise[], uint32_t n)
{
    for (uint32_t i = 0; i < n; i += 16)
        for (uint32_t j = 0; j < 16; j++)
            bound[i + j] += noise[i + j];
}

/* Blocks [first, first + n) of a row: the best block first, so that few of the others are looked at; which these are is
 * asked of sums in float first, and of their rounding no less is let through. */
static void sweep(const struct row *r, const struct rng_key *k, uint32_t first, uint32_t n, struct best *best)
{
    const struct row_kernel *kernel = r->ops->kernel();
    float bound[BLOCKS] = { 0 }, noise[BLOCKS], some[BLOCKS], most;
    sym_t which[BLOCKS];
    uint32_t v = first * ROW_BLOCK, left = r->n - v, whole = (n + 15) & ~15u;
    kernel->block_max(r->score + v, left < BLOCKS * ROW_BLOCK ? left : BLOCKS * ROW_BLOCK, bound);
    kernel->block_noise(k, first, whole, noise);
    add_noise(bound, noise, whole);
    kernel->max(bound, n, &most);
    if (!(most > -INFINITY))
        return;
    uint32_t lead = kernel->find(bound, n, most);
    expand(r, k, first + lead, best);
    double slack = 2 * CLOSE + 0x1p-22 * fmax(fabs(best->value), fabs((double)most));
    uint32_t n_some = kernel->collect(bound, n, (float)(best->value - slack), which, some);
    for (uint32_t i = 0; i < n_some; i++)
        if (which[i] != lead && (double)some[i] + slack >= best->value) /* which rises */
            expand(r, k, first + which[i], best);
}

sym_t row_draw_few_host(const struct row *r, const struct rng_key *k, const uint32_t block[], uint32_t n_blocks)
{
    struct best best = { -INFINITY, UINT32_MAX };
    for (uint32_t i = 0; i < n_blocks; i++)
        expand(r, k, block[i], &best);
    assert(best.v < r->n);
    return best.v;
}

sym_t row_draw_host(const struct row *r, const struct rng_key *k)
{
    struct best best = { -INFINITY, UINT32_MAX };
    uint32_t n_blocks = (r->n - 1) / ROW_BLOCK + 1;
    for (uint32_t first = 0; first < n_blocks; first += BLOCKS)
        sweep(r, k, first, n_blocks - first < BLOCKS ? n_blocks - first : BLOCKS, &best);
    assert(best.v < r->n);
    return best.v;
}
