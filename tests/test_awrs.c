/* decode/awrs: the weight's mean given the symbol is the mass that the condition leaves, summed over all orders in which
 * symbols can be drawn; and draws of rows, against the masked distribution. */
#include "decode/awrs.h"
#include "tests/lib/check.h"
#include "tests/lib/exact.h"
#include <math.h>
#include <string.h>

enum { MOST = 5, DRAWN = 320 };

static const double flat[][MOST] = { { .25, .25, .25, .25, 0 },
                                     { .1, .2, .3, .15, .25 },
                                     { .64, .3, .05, .007, .003 },
                                     { .4, .4, .2, 0, 0 } },
                    peaked[][MOST] = { { .7, .1, .1, .06, .04 }, { .02, .9, .05, .03, 0 }, { 1, 0, 0, 0, 0 } };

static double mass_of(const double p[MOST], uint32_t set)
{
    double sum = 0;
    for (uint32_t v = 0; v < MOST; v++)
        sum += set >> v & 1 ? p[v] : 0;
    return sum;
}

static uint32_t all_of(const double p[MOST])
{
    uint32_t set = 0;
    for (uint32_t v = 0; v < MOST; v++)
        set |= (uint32_t)(p[v] > 0) << v;
    return set;
}

struct case_of {
    const double *p;
    uint32_t holds;       /* the condition */
    double weighed[MOST]; /* E[W 1(symbol = v)] */
    double drawn[MOST];   /* P(symbol = v) */
};

static struct awrs_seen seen_of(const struct case_of *c, uint32_t v, uint32_t left)
{
    double sum = mass_of(c->p, left), rest = mass_of(c->p, left & ~(1u << v));
    return (struct awrs_seen){ v, c->holds >> v & 1, c->p[v] / sum, rest / sum };
}

/* Every order, with its probability. */
static void orders(struct case_of *c, struct awrs a, uint32_t left, double chance)
{
    for (uint32_t v = 0; v < MOST; v++) {
        struct awrs next = a;
        struct awrs_seen seen = seen_of(c, v, left);
        if (!(left >> v & 1))
            continue;
        if (awrs_take(&next, &seen)) {
            orders(c, next, left & ~(1u << v), chance * seen.share);
        } else if (next.n_accepts > 0) {
            c->weighed[next.symbol] += chance * seen.share * next.weight;
            c->drawn[next.symbol] += chance * seen.share;
        }
    }
}

/* chance[rejected][accepted, or MOST] of draws with replacement, all with as many draws. */
struct level {
    double chance[1 << MOST][MOST + 1];
};

static void end(struct case_of *c, const struct awrs *a, double chance)
{
    if (a->n_accepts == 0)
        return;
    c->weighed[a->symbol] += chance * a->weight;
    c->drawn[a->symbol] += chance;
}

/* One draw more from where `rejected` were rejected and `accepted` was drawn. */
static void draw_one(struct case_of *c, const struct awrs *a, struct level *to, uint32_t rejected, double chance)
{
    uint32_t all = all_of(c->p), left = all & ~rejected;
    size_t at = a->n_accepts ? a->symbol : MOST;
    to->chance[rejected][at] += chance * mass_of(c->p, rejected); /* awrs_repeat(a, 1): the count of draws says it */
    for (uint32_t v = 0; v < MOST; v++) {
        struct awrs next = *a;
        struct awrs_seen seen = seen_of(c, v, left);
        if (!(left >> v & 1))
            continue;
        if (!awrs_take(&next, &seen))
            end(c, &next, chance * c->p[v]);
        else
            to->chance[seen.holds ? rejected : rejected | 1u << v][next.n_accepts ? next.symbol : MOST] +=
                chance * c->p[v];
    }
}

static void with_replacement(struct case_of *c)
{
    struct level from = { .chance[0][MOST] = 1 };
    double chance = 1;
    for (uint32_t n = 0; n < DRAWN && chance > 1e-15; n++) {
        struct level to = { 0 };
        chance = 0;
        for (uint32_t rejected = 0; rejected < 1 << MOST; rejected++)
            for (size_t at = 0; at <= MOST; at++) {
                bool accepted = at < MOST;
                struct awrs a = { .kind = AWRS_GEOMETRIC, .symbol = (sym_t)(accepted ? at : 0) };
                a.n_accepts = accepted;
                a.left = mass_of(c->p, all_of(c->p) & ~rejected);
                awrs_repeat(&a, n - accepted);
                chance += from.chance[rejected][at];
                if (from.chance[rejected][at] > 0)
                    draw_one(c, &a, &to, rejected, from.chance[rejected][at]);
            }
        from = to;
    }
}

static void exact(const double p[MOST], enum awrs_kind kind)
{
    for (uint32_t set = 1; set < 1 << MOST; set++) {
        struct case_of c = { .p = p, .holds = set };
        double z = mass_of(p, set), largest = 0;
        struct awrs a;
        for (uint32_t v = 0; v < MOST; v++)
            largest = fmax(largest, p[v]);
        awrs_begin(&a, largest);
        check(a.kind == kind, "largest %g", largest);
        if (z < .1) /* too many draws with replacement */
            continue;
        if (kind == AWRS_RECURSIVE)
            orders(&c, a, all_of(p), 1);
        else
            with_replacement(&c);
        for (uint32_t v = 0; v < MOST; v++) {
            double masked = set >> v & 1 ? p[v] / z : 0;
            check_near(c.drawn[v], masked, 1e-12, "condition %#x of %g..: probability of %u", set, p[0], v);
            check_near(c.weighed[v], masked * z, 1e-12, "condition %#x of %g..: weight of %u", set, p[0], v);
        }
    }
}

/* Rows. */

enum { N = 150, DRAWS = CHECK_TIMES(8000, 1500) };

struct asked {
    uint32_t n;
    bool masked; /* a masked symbol was asked for */
    const struct row *of;
    uint32_t every;
};

static bool holds(void *context, sym_t s)
{
    struct asked *a = context;
    a->n++;
    a->masked |= !(a->of->score[s] > -INFINITY);
    return s % a->every == 1;
}

static struct rng_address address(uint32_t draw)
{
    return (struct rng_address){ .seed = 3, .item = 1, .space = 4, .draw = draw, .purpose = RNG_DRAW };
}

static void of_rows(double sharpness, uint32_t every)
{
    static float score[N], left[N];
    double p[N], count[N] = { 0 }, sum[2] = { 0 }, square[2] = { 0 }, z = 0, n_asked = 0;
    for (sym_t v = 0; v < N; v++)
        score[v] = v % 7 == 6 ? -INFINITY : (float)(sharpness * log(1. / (1 + (v * 7 + 4) % N)));
    struct row whole = row_over(score, N), r = row_over(left, N);
    struct asked asked = { .of = &whole, .every = every };
    struct awrs_condition c = { holds, &asked };
    check(row_measure(&whole) == 0, "measured");
    for (sym_t v = 0; v < N; v++)
        z += p[v] = v % every == 1 ? exp(row_logp(&whole, v)) : 0;
    for (uint32_t i = 0; i < DRAWS; i++) {
        struct rng_address at = address(i);
        struct rng_key key = rng_key(&at);
        row_copy(&r, &whole);
        asked.n = 0;
        struct awrs_drawn d = awrs_draw(&r, &at, &c);
        sym_t first = row_draw(&whole, &key);
        double w = exp(d.log_weight);
        bool head = p[d.symbol] > z / 8;
        check(first % every != 1 || d.symbol == first, "what holds is what sample draws");
        check(d.symbol % every == 1 && w > 0 && w <= 1 + 1e-12 && d.n_asked == asked.n, "draw %u: weight %g", i, w);
        count[d.symbol]++;
        sum[head] += w;
        square[head] += w * w;
        n_asked += d.n_asked;
    }
    for (sym_t v = 0; v < N; v++)
        p[v] /= z;
    check(exact_fits(p, count, N, DRAWS), "%g, one in %u: symbols", sharpness, every);
    check(!asked.masked && n_asked / DRAWS < N / 2., "asked %g times", n_asked / DRAWS);
    for (int head = 0; head < 2; head++) { /* whatever the symbol */
        double n = 0;
        for (sym_t v = 0; v < N; v++)
            n += (p[v] > 1. / 8) == head ? count[v] : 0;
        double mean = sum[head] / n, se = sqrt(fmax(square[head] / n - mean * mean, 0) / n);
        if (n > 200)
            check_near(mean, z, 5 * se + 1e-6, "%g, one in %u: weight, of %g draws", sharpness, every, n);
    }
}

static void dead(void)
{
    float score[4] = { 1, 5, 2, -INFINITY };
    for (int sharp = 0; sharp < 2; sharp++) {
        struct rng_address at = address(0);
        struct row r = row_over(score, 4);
        struct asked asked = { .of = &r, .every = 9 };
        score[0] = 1, score[1] = sharp ? 5 : 2, score[2] = 2;
        check(row_measure(&r) == 0, "measured");
        struct awrs_drawn d = awrs_draw(&r, &at, &(struct awrs_condition){ holds, &asked });
        check(d.log_weight > -INFINITY && d.symbol == 1, "symbol 1 alone holds");
        score[0] = 1, score[1] = -INFINITY, score[2] = sharp ? 9 : 1;
        check(row_measure(&r) == 0, "measured");
        d = awrs_draw(&r, &at, &(struct awrs_condition){ holds, &asked });
        check(d.log_weight == -INFINITY && d.n_asked == 2, "nothing holds: asked %u times", d.n_asked);
    }
}

int main(void)
{
    for (size_t i = 0; i < sizeof flat / sizeof *flat; i++)
        exact(flat[i], AWRS_RECURSIVE);
    for (size_t i = 0; i < sizeof peaked / sizeof *peaked; i++)
        exact(peaked[i], AWRS_GEOMETRIC);
    of_rows(.6, 3);
    of_rows(1.2, 2);
    of_rows(1.2, 12);
    of_rows(3, 5);
    of_rows(4, 2);
    of_rows(3, 127); /* the likeliest symbol holds */
    dead();
    return check_done("awrs");
}
