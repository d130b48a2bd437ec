#include "decode/draw.h"
#include "base/err.h"
#include "base/row_math.h"
#include <assert.h>
#include <math.h>
#include <string.h>

#define LAST_BELOW_1 (1 - 0x1p-53)

static sym_t take_gumbel(struct draw *d, const struct row *r, const struct rng_address *a, struct row_work *work)
{
    struct rng_key key = rng_key(a);
    (void)d;
    (void)work;
    return row_draw(r, &key);
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
    double low, high; /* 0 <= low < high <= 1 */
};

/* The masses up to each symbol, relative to the largest; returns their sum.  A masked symbol adds nothing. */
static double cumulate(const struct row *r, double sum[])
{
    double top = (double)row_max(r), total = 0;
    for (uint32_t v = 0; v < r->n; v++) {
        if (r->score[v] > -INFINITY)
            total += math_exp64((double)r->score[v] - top);
        sum[v] = total;
    }
    return total;
}

/* The symbol in whose interval u lies: the first at which the sum passes u.  Those whose own mass is lost in the sum
 * have no interval and are never taken. */
static struct interval find_interval(const struct row *r, double u, struct row_work *work)
{
    double total = cumulate(r, work->mass), at = u * total;
    uint32_t low = 0, high = r->n - 1;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (work->mass[middle] > at)
            high = middle;
        else
            low = middle + 1;
    }
    while (low > 0 && work->mass[low] == work->mass[low - 1])
        low--; /* u * total came out as total: the last that has an interval */
    double below = low > 0 ? work->mass[low - 1] : 0;
    return (struct interval){ low, below / total, work->mass[low] / total };
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
    double p = at.high - at.low;
    d->code = fmin(fmax((u - at.low) / p, 0), LAST_BELOW_1);
    d->width = fmin(0x1p-53 / p, 1 - d->code);
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
    .take = take_cdf,
};
static const struct draw_type arithmetic = {
    .name = "arithmetic",
    .meaning = "codes spread evenly over each n draws: every draw exact, together diverse",
    .source = "Vilnis et al. 2023, arXiv 2210.15458",
    .random = true,
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
