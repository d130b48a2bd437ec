#include "decode/draw.h"
#include "base/err.h"
#include "base/row_kernel.h"
#include "base/row_math.h"
#include "base/row_ops.h"
#include "decode/packed.h"
#include <assert.h>
#include <math.h>
#include <string.h>

#define LAST_BELOW_1 (1 - 0x1p-53)

static sym_t take_gumbel(struct draw *d, const struct row *r, const struct rng_address *a, struct row_work *work)
{
    struct rng_key key = rng_key(a);
    (void)d;
    bool few = packed_short(r, work, PACKED_DRAW);
    return few ? row_draw_few(r, &key, work->block, work->n_blocks) : row_draw(r, &key);
}

static sym_t take_greedy(struct draw *d, const struct row *r, const struct rng_address *a, struct row_work *work)
{
    (void)d;
    (void)a;
    (void)work;
    return row_argmax(r);
}

/* A symbol and its interval of the cumulated probabilities. */
struct interval {
    sym_t v;
    double low, p; /* it is [low, low + p) */
};

/* The masses up to the end of each block of symbols, relative to the largest; returns how many blocks. */
static uint32_t cumulate(const struct row *r, float top, double sum[])
{
    const struct row_kernel *kernel = r->ops->kernel();
    uint32_t n_blocks = 0;
    double total = 0;
    for (uint32_t v = 0; v < r->n; v += ROW_BLOCK) {
        total += kernel->sum(r->score + v, r->n - v < ROW_BLOCK ? r->n - v : ROW_BLOCK, top);
        sum[n_blocks++] = total;
    }
    return n_blocks;
}

/* The first block whose sum passes `at`; where rounding leaves none, the last that adds something. */
static uint32_t find_block(const double sum[], uint32_t n, double at)
{
    uint32_t low = 0, high = n - 1;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (sum[middle] > at)
            high = middle;
        else
            low = middle + 1;
    }
    while (low > 0 && sum[low] == sum[low - 1])
        low--;
    return low;
}

/* The symbol in whose interval u lies: the first at which the sum passes u.  Within a block sums begin anew, so that small
 * masses do not vanish beside what stands before. */
static struct interval find_interval(const struct row *r, double u, struct row_work *work)
{
    float top = row_max(r), mass[ROW_BLOCK];
    uint32_t n_blocks = cumulate(r, top, work->mass);
    double total = work->mass[n_blocks - 1];
    uint32_t b = find_block(work->mass, n_blocks, u * total), first = b * ROW_BLOCK;
    uint32_t n = r->n - first < ROW_BLOCK ? r->n - first : ROW_BLOCK;
    double before = b > 0 ? work->mass[b - 1] : 0, at = u * total - before, sum = 0;
    struct interval found = { first, 0, 0 };
    memcpy(mass, r->score + first, n * sizeof *mass);
    r->ops->kernel()->exp(mass, n, top);
    for (uint32_t j = 0; j < n && (sum <= at || found.p == 0); j++) {
        if (mass[j] > 0)
            found = (struct interval){ first + j, (before + sum) / total, (double)mass[j] / total };
        sum += (double)mass[j];
    }
    return found;
}

static sym_t take_cdf(struct draw *d, const struct row *r, const struct rng_address *a, struct row_work *work)
{
    struct rng_key key = rng_key(a);
    (void)d;
    return find_interval(r, rng_uniform(&key, 0), work).v;
}

/* The code that a draw starts from; its shift is at the address of the first of its n draws, step 0. */
static void begin(struct draw *d, const struct rng_address *a)
{
    struct rng_address shared = *a;
    uint32_t n = (uint32_t)d->n, place = a->draw % n;
    shared.draw = a->draw - place;
    shared.step = 0;
    struct rng_key key = rng_key(&shared);
    double code = (place + 1) / (d->n + 1) + rng_uniform(&key, 0);
    d->code = code < 1 ? code : code - 1;
    d->width = 0x1p-53;
    d->begun = true;
}

static sym_t take_arithmetic(struct draw *d, const struct row *r, const struct rng_address *a, struct row_work *work)
{
    struct rng_address below = *a;
    if (!d->begun)
        begin(d, a);
    below.lane = 1;
    struct rng_key key = rng_key(&below);
    double u = fmin(d->code + d->width * rng_uniform(&key, 0), LAST_BELOW_1);
    struct interval at = find_interval(r, u, work);
    d->code = fmin(fmax((u - at.low) / at.p, 0), LAST_BELOW_1);
    d->width = fmin(0x1p-53 / at.p, 1 - d->code);
    return at.v;
}

static const struct draw_type gumbel = {
    .name = "gumbel",
    .meaning = "Gumbel arg max with addressed top-down noise; paired across arms",
    .source = "Maddison et al. 2014",
    .random = true,
    .take = take_gumbel,
};
static const struct draw_type cdf = {
    .name = "cdf",
    .meaning = "inverse of the cumulated probabilities in the order of ids, one uniform of 53 bits",
    .source = "inverse transform sampling",
    .random = true,
    .whole = true,
    .take = take_cdf,
};
static const struct draw_type arithmetic = {
    .name = "arithmetic",
    .meaning = "codes spread evenly over each n draws: every draw exact, together diverse",
    .source = "Vilnis et al. 2023, arXiv 2210.15458",
    .random = true,
    .whole = true,
    .moves = true,
    .take = take_arithmetic,
};
static const struct draw_type greedy = {
    .name = "greedy",
    .meaning = "the most probable symbol, the lowest id among equals",
    .source = "arg max",
    .random = false,
    .take = take_greedy,
};

const struct draw_type *const *draw_types(size_t *n)
{
    static const struct draw_type *const types[] = { &gumbel, &cdf, &arithmetic, &greedy };
    *n = sizeof types / sizeof types[0];
    return types;
}

const struct draw_type *draw_find(const char *name)
{
    const char *names[8];
    size_t n;
    const struct draw_type *const *types = draw_types(&n);
    assert(n <= sizeof names / sizeof names[0]);
    for (size_t i = 0; i < n; i++) {
        if (strcmp(types[i]->name, name) == 0)
            return types[i];
        names[i] = types[i]->name;
    }
    err_unknown(ERR_USAGE, "draw", name, names, n);
    return NULL;
}

sym_t draw_symbol(struct draw *d, const struct row *r, const struct rng_address *a, struct row_work *work)
{
    assert(work->n >= r->n && !row_dead(r) && a->purpose == RNG_DRAW);
    return d->type->take(d, r, a, work);
}

uint32_t draw_top(struct row *r, const struct rng_key *key, uint32_t k, struct draw_best best[])
{
    uint32_t n = 0, left = row_dead(r) ? 0 : row_count(r);
    r->has_top = false; /* of scores that change */
    r->few = 0;
    for (; n < k && n < left; n++) {
        sym_t v = row_draw(r, key);
        double score = (double)r->score[v];
        best[n] = (struct draw_best){ v, r->score[v], score + row_noise(key, v) - r->log_z };
        r->score[v] = -INFINITY;
    }
    for (uint32_t i = 0; i < n; i++)
        r->score[best[i].id] = best[i].score;
    return n;
}

void draw_residual(const struct row *p, const struct row *q, sym_t x, struct row *out)
{
    row_copy(out, p);
    if (!q)
        out->score[x] = -INFINITY;
    for (uint32_t v = 0; q && v < p->n; v++) {
        double left = math_exp64(row_logp(p, v)) - math_exp64(row_logp(q, v));
        out->score[v] = left >= 0x1p-100 ? (float)math_log64(left) : -INFINITY;
    }
    int rc = row_measure(out);
    assert(rc == 0); /* of measured rows */
    (void)rc;
}

double draw_accepts(const struct row *p, const struct row *q, sym_t x)
{
    return math_exp64(fmin(row_logp(p, x) - (q ? row_logp(q, x) : 0), 0));
}

sym_t draw_proposed(const struct row *p, const struct row *q, sym_t x, const struct rng_address *a, struct row *rest)
{
    struct rng_address decides = *a;
    decides.purpose = RNG_ACCEPT;
    struct rng_key key = rng_key(&decides), draw = rng_key(a);
    if (rng_uniform(&key, 0) < draw_accepts(p, q, x))
        return x;
    draw_residual(p, q, x, rest);
    return row_draw(row_dead(rest) ? p : rest, &draw);
}
