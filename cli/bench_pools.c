#include "cli/bench_pools.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/mem.h"
#include "base/row.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { MOST = 4, TURNS = 200, SYMBOLS = 128256 };

struct job {
    struct row row[MOST], pool;
    struct rng_key key;
    uint32_t n;
};

/* Seconds, the least of all turns. */
struct cost {
    double measure, pool, draw;
};

typedef double (*pool_rule)(struct row *out, const struct row rows[], const double weights[], size_t n);

static const struct {
    const char *name;
    pool_rule rule;
} rules[] = { { "linear", row_pool_linear }, { "log", row_pool_log } };

/* -1.5 ln(rank) with a member's own noise: members agree on the whole, as voices do. */
static void open_rows(struct job *j)
{
    for (size_t k = 0; k < MOST; k++) {
        float *score = mem_aligned(j->n, sizeof *score);
        struct rng_address a = { .seed = k + 1 };
        struct rng_key key = rng_key(&a);
        for (uint32_t v = 0; v < j->n; v++)
            score[v] = (float)(-1.5 * log(1.0 + (double)(v * 7919ull % j->n)) + 0.5 * rng_uniform(&key, v));
        j->row[k] = row_over(score, j->n);
        (void)row_measure(&j->row[k]);
    }
    j->pool = row_over(mem_aligned(j->n, sizeof(float)), j->n);
    j->key = rng_key(&(struct rng_address){ .seed = 9 });
}

static void close_rows(struct job *j)
{
    for (size_t k = 0; k < MOST; k++)
        free(j->row[k].score);
    free(j->pool.score);
}

static double least(double a, double b)
{
    return a < b ? a : b;
}

static struct cost measure(struct job *j, pool_rule rule, size_t n)
{
    static const double weights[MOST] = { 0.4, 0.3, 0.2, 0.1 };
    struct cost best = { INFINITY, INFINITY, INFINITY };
    for (int t = 0; t < TURNS; t++) {
        double from = clock_seconds();
        (void)row_measure(&j->row[0]);
        best.measure = least(best.measure, clock_seconds() - from);
        from = clock_seconds();
        (void)rule(&j->pool, j->row, weights, n);
        best.pool = least(best.pool, clock_seconds() - from);
        (void)row_draw(&j->pool, &j->key);
        best.draw = least(best.draw, clock_seconds() - from);
    }
    return best;
}

static void print(const struct args *a, const char *rule, size_t n, const struct job *j, const struct cost *c)
{
    const double pool = 1e6 * c->pool, draw = 1e6 * c->draw, measure = 1e6 * c->measure;
    if (a->json)
        printf("{\"what\":\"pool\",\"rule\":\"%s\",\"rows\":%zu,\"symbols\":%u,\"pool_us\":%.1f,\"with_draw_us\":%.1f,"
               "\"measure_us\":%.1f}\n",
               rule, n, j->n, pool, draw, measure);
    else
        printf("%-8s pool of %zu rows of %u symbols: %7.1f us, with a draw %7.1f us; measuring a row %6.1f us\n", rule,
               n, j->n, pool, draw, measure);
}

int bench_pools(const struct args *a)
{
    int64_t n = SYMBOLS;
    struct job j;
    TRY(options_int(a, "symbols", 1, 1 << 20, &n));
    j.n = (uint32_t)n;
    open_rows(&j);
    for (size_t r = 0; r < sizeof rules / sizeof *rules; r++)
        for (size_t k = 2; k <= MOST; k += 2) {
            struct cost c = measure(&j, rules[r].rule, k);
            print(a, rules[r].name, k, &j, &c);
        }
    close_rows(&j);
    return 0;
}
