#include "tests/lib/rows.h"
#include <math.h>

static const char *const names[ROWS_KINDS] = { "normal", "peaked", "flat", "ties", "equal", "masked", "wide" };

const char *rows_name(enum rows_kind kind)
{
    return names[kind];
}

static double normal(const uint32_t w[4])
{
    return sqrt(-2 * log(rng_open53(w[0], w[1]))) * cos(2 * M_PI * rng_open53(w[2], w[3]));
}

static double score_of(enum rows_kind kind, uint32_t v, const uint32_t w[4])
{
    switch (kind) {
    case ROWS_NORMAL: return 2 * normal(w);
    case ROWS_PEAKED: return (w[3] % 97 == 0 ? 14 : 0) + 1.5 * normal(w);
    case ROWS_FLAT: return 5 + 0.1 * rng_open53(w[0], w[1]);
    case ROWS_TIES: return (int)(w[0] % 5) - 7.;
    case ROWS_EQUAL: return -3.25;
    case ROWS_MASKED: return v > 0 && w[3] % 10 > 0 ? -INFINITY : 30 + 3 * normal(w);
    case ROWS_WIDE: return 1e30 * (rng_open53(w[0], w[1]) - 0.5);
    default: return 0;
    }
}

struct row rows_make(enum rows_kind kind, uint64_t seed, float score[], uint32_t n)
{
    struct rng_key k = rng_key(&(struct rng_address){ .seed = seed, .step = kind, .purpose = RNG_TEST });
    for (uint32_t v = 0; v < n; v++) {
        uint32_t w[4];
        rng_words(&k, v, w);
        score[v] = (float)score_of(kind, v, w);
    }
    struct row r = row_over(score, n);
    row_measure(&r);
    return r;
}

struct row rows_of(const double p[], float score[], uint32_t n)
{
    for (uint32_t v = 0; v < n; v++)
        score[v] = (float)log(p[v]);
    struct row r = row_over(score, n);
    row_measure(&r);
    return r;
}
