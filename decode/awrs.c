#include "decode/awrs.h"
#include "base/row_math.h"
#include <assert.h>
#include <math.h>

#define PEAKED  (2. / 3)
#define REPEATS 0x40000000u /* indices that no row's noise has: there are no blocks of that number */

void awrs_begin(struct awrs *a, double largest)
{
    *a = (struct awrs){ .kind = largest >= PEAKED ? AWRS_GEOMETRIC : AWRS_RECURSIVE, .left = 1 };
}

void awrs_repeat(struct awrs *a, double n)
{
    a->n_rejects += n;
}

static bool take_recursive(struct awrs *a, const struct awrs_seen *seen)
{
    if (a->n_accepts == 1) {
        a->weight = a->left * (seen->holds ? 1 : a->share);
        return false;
    }
    if (!seen->holds) {
        a->left *= seen->rest;
        return seen->rest > 0;
    }
    a->n_accepts = 1;
    a->symbol = seen->symbol;
    a->share = seen->share;
    a->weight = a->left;
    return seen->rest > 0;
}

static bool take_geometric(struct awrs *a, const struct awrs_seen *seen)
{
    if (!seen->holds) {
        a->left *= seen->rest;
        a->n_rejects++;
        return seen->rest > 0;
    }
    if (a->n_accepts++ == 0)
        a->symbol = seen->symbol;
    a->weight = 1 / (1 + a->n_rejects);
    return a->n_accepts < 2;
}

bool awrs_take(struct awrs *a, const struct awrs_seen *seen)
{
    return (a->kind == AWRS_RECURSIVE ? take_recursive : take_geometric)(a, seen);
}

/* How often, before something else, what was rejected would be drawn again: at least n times with probability rejected^n. */
static double repeats(double left, double u)
{
    return left < 1 ? floor(log(u) / log1p(-left)) : 0;
}

static bool ask(const struct awrs *a, sym_t s, const struct awrs_condition *c, uint32_t *n_asked)
{
    if (a->n_accepts > 0 && a->symbol == s)
        return true;
    ++*n_asked;
    return c->holds(c->context, s);
}

/* Draws one symbol more, asks, and leaves what may be drawn after it. */
static struct awrs_seen see(struct row *r, const struct rng_key *k, const struct awrs *a,
                            const struct awrs_condition *c, uint32_t *n_asked)
{
    double log_z = r->log_z;
    struct awrs_seen seen = { .symbol = row_draw(r, k), .rest = 1 };
    seen.share = math_exp64(row_logp(r, seen.symbol));
    seen.holds = ask(a, seen.symbol, c, n_asked);
    if (seen.holds && a->kind == AWRS_GEOMETRIC)
        return seen;
    row_shift(r, &seen.symbol, 1, -INFINITY);
    seen.rest = row_dead(r) ? 0 : math_exp64(r->log_z - log_z);
    return seen;
}

struct awrs_drawn awrs_draw(struct row *r, const struct rng_address *address, const struct awrs_condition *c)
{
    struct rng_address again = *address;
    again.purpose = RNG_REJECT;
    struct rng_key first = rng_key(address), second = rng_key(&again);
    struct awrs_drawn out = { .log_weight = -INFINITY };
    struct awrs a;
    bool goes_on = true;
    assert(!row_dead(r));
    awrs_begin(&a, math_exp64((double)row_max(r) - r->log_z));
    for (uint32_t i = 0; goes_on; i++) {
        /* of the geometric kind the second symbol is drawn anew, and so may be the first again */
        bool anew = a.kind == AWRS_GEOMETRIC && a.n_accepts == 1;
        if (a.kind == AWRS_GEOMETRIC)
            awrs_repeat(&a, repeats(a.left, rng_uniform(&second, REPEATS + i)));
        struct awrs_seen seen = see(r, anew ? &second : &first, &a, c, &out.n_asked);
        goes_on = awrs_take(&a, &seen);
    }
    out.symbol = a.symbol;
    if (a.n_accepts > 0)
        out.log_weight = math_log64(a.weight);
    return out;
}
