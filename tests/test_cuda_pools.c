/* Pools of rows by the kernel of cuda/rows_pool.cu, under the emulator, against base/row_pool.c: the same scores, log
 * Z, how the members differ, and what is drawn from them. */
#include "cuda/rows_launch.h"
#include "tests/emulate/device.h"
#include "tests/lib/check.h"
#include "tests/lib/device_rows.h"
#include "tests/lib/rows.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MOST     7296
#define MEASURED 2e-7 /* of rows measured in one pass: each exp() of a float is right to 2^-23 */

static float copy[MOST];
static struct row_work *work;

#define VOICES 4

static float voice_score[VOICES][MOST], pool_score[MOST];

struct rule {
    const char *name;
    uint32_t rule;
    double r;
    double weight[VOICES];
};

static const struct rule rules[] = {
    { "linear", DEVICE_LINEAR, 1, { 0.4, 0.3, 0.2, 0.1 } }, { "linear of two", DEVICE_LINEAR, 1, { 0.62, 0, 0.38, 0 } },
    { "log", DEVICE_LOG, 0, { 0.4, 0.3, 0.2, 0.1 } },       { "product", DEVICE_LOG, 0, { 1, 1, 1, 1 } },
    { "power 2", DEVICE_POWER, 2, { 0.4, 0.3, 0.2, 0.1 } }, { "power -1", DEVICE_POWER, -1, { 0.25, 0.25, 0.3, 0.2 } },
    { "power 7", DEVICE_POWER, 7, { 0.5, 0.1, 0.2, 0.2 } }, { "max", DEVICE_POWER, INFINITY, { 1, 1, 1, 1 } },
    { "min", DEVICE_POWER, -INFINITY, { 1, 1, 1, 1 } },
};

static double host_pool(const struct rule *u, struct row *out, const struct row rows[])
{
    if (u->rule == DEVICE_LINEAR)
        return row_pool_linear(out, rows, u->weight, VOICES);
    if (u->rule == DEVICE_LOG)
        return row_pool_log(out, rows, u->weight, VOICES);
    return row_pool_power(out, rows, u->weight, VOICES, u->r);
}

struct pooling {
    struct device_pooled pool;
    struct device_apart apart;
    uint32_t n;
};

static void run_pool(void *ctx)
{
    struct pooling *p = ctx;
    check(rows_launch_pool(&(struct rows_pool_args){ &p->pool, &p->apart, NULL, p->n }, 1, NULL) == cudaSuccess,
          "a launch");
}

static void reset_pool(void *ctx)
{
    struct pooling *p = ctx;
    memset(p->pool.out, 0x55, rows_bytes(p->n));
}

/* The largest difference of scores, in units of what a float of about that size holds; slid by the pool's log Z. */
static double difference(const float *on, double slide, const struct row *want)
{
    static float slid[MOST];
    struct row s = row_over(slid, want->n);
    double most = 0;
    memcpy(slid, on, want->n * sizeof *slid);
    if (slide != 0) {
        row_measure(&s);
        s.log_z = slide;
        row_normalise(&s);
    }
    for (uint32_t v = 0; v < want->n; v++)
        if (slid[v] != want->score[v])
            most = fmax(most, fabs((double)slid[v] - (double)want->score[v]) /
                                  (0x1p-23 * fmax(1, fabs((double)want->score[v]))));
    return most;
}

static void check_apart(const struct pooling *p, const struct row rows[], const struct rule *u, const char *name)
{
    struct row_apart want;
    row_pool_apart(rows, u->weight, VOICES, &want);
    check_near(p->apart.within, want.within, 2e-6 * (1 + want.within), "%s: within", name);
    check_near(p->apart.forward, want.forward, 2e-6, "%s: forward", name);
    if (isinf(want.reverse) || isinf(p->apart.reverse))
        check(p->apart.reverse == want.reverse, "%s: reverse %g for %g", name, p->apart.reverse, want.reverse);
    else
        check_near(p->apart.reverse, want.reverse, 2e-6 * (1 + want.reverse), "%s: reverse", name);
}

/* Linear and log pools are measured as the host's, so that the slide is the same; others in one pass. */
static void check_numbers(float *on, const struct row *want, double log_z, bool same, const char *name)
{
    const struct device_measured *m = device_rows_measured(on, want->n);
    check((m->log_z == -INFINITY) == row_dead(want), "%s: dead or not", name);
    check(device_rows_relative(m->log_weight, log_z) < MEASURED, "%s: log Z %.17g for %.17g", name, m->log_weight,
          log_z);
    double differ = difference(on, m->slide, want);
    check(differ <= (same ? 0 : 2), "%s: scores differ by %g units", name, differ);
    check(device_rows_relative(m->entropy, row_entropy(want)) < 4 * MEASURED, "%s: entropy %.17g for %.17g", name,
          m->entropy, row_entropy(want));
    check(m->count == row_count(want), "%s: count %u for %u", name, m->count, row_count(want));
}

/* What is drawn from the pool, and what its members gave that symbol. */
static void check_drawn(const struct pooling *p, struct row *pool, const struct row rows[], const char *name)
{
    struct row final = row_over(copy, p->n);
    struct rng_address a = { .seed = 5, .item = 9, .step = 1, .purpose = RNG_DRAW };
    struct rng_key key = rng_key(&a);
    struct device_step step = { .kind = DEVICE_TOP_P, .k = 1, .a = 0.9 };
    struct device_decision item = { .row = p->pool.out, .n_steps = 1, .draw = DEVICE_GUMBEL };
    struct device_decided out;
    memcpy(item.key, key.key, sizeof key.key);
    memcpy(item.counter, key.counter, sizeof key.counter);
    rows_launch_decide(
        &(struct rows_decide_args){ .item = &item, .step = &step, .pool = &p->pool, .decided = &out, .n = p->n }, 1,
        NULL);
    row_copy(&final, pool);
    row_keep_mass(&final, 0.9, 1, work);
    sym_t v = row_dead(&final) ? DEVICE_NONE : row_draw(&final, &key);
    check(out.symbol == v && out.kept == row_count(&final), "%s: symbol %u for %u, kept %u for %u", name, out.symbol, v,
          out.kept, row_count(&final));
    for (size_t k = 0; k < VOICES && v < p->n; k++)
        check(device_rows_relative(out.voice[k], row_logp(&rows[k], v)) < MEASURED, "%s: voice %zu", name, k);
}

static const char *kind_name(enum rows_kind kind)
{
    return kind < ROWS_KINDS ? rows_name(kind) : "dead";
}

static void check_pool(const struct rule *u, const enum rows_kind kind[VOICES], uint32_t n)
{
    char name[100];
    struct row rows[VOICES], want = row_over(pool_score, n);
    struct pooling p = {
        .pool = { .out = device_new(rows_bytes(n)), .r = u->r, .rule = u->rule, .n = VOICES, .apart = 1 }, .n = n
    };
    snprintf(name, sizeof name, "%s of %s, %s, %s, %s: %u", u->name, kind_name(kind[0]), kind_name(kind[1]),
             kind_name(kind[2]), kind_name(kind[3]), n);
    for (size_t k = 0; k < VOICES; k++) {
        rows[k] = rows_make(kind[k] < ROWS_KINDS ? kind[k] : ROWS_FLAT, 70 + k, voice_score[k], n);
        if (kind[k] == ROWS_KINDS) { /* a dead one */
            for (uint32_t v = 0; v < n; v++)
                voice_score[k][v] = -INFINITY;
            row_measure(&rows[k]);
        }
        float *on = device_rows_put(voice_score[k], n);
        device_rows_known(on, &rows[k]);
        p.pool.row[k] = on;
        p.pool.weight[k] = u->weight[k];
    }
    double log_z = host_pool(u, &want, rows);
    if (n < 100)
        check(device_same_in_orders(reset_pool, run_pool, &p, p.pool.out, rows_measured_at(n)),
              "%s: the same in all orders", name);
    else
        run_pool(&p);
    check_numbers(p.pool.out, &want, log_z, u->rule != DEVICE_POWER, name);
    check_apart(&p, rows, u, name);
    check_drawn(&p, &want, rows, name);
    for (size_t k = 0; k < VOICES; k++)
        device_free((void *)(uintptr_t)p.pool.row[k]);
    device_free(p.pool.out);
}

static void check_pools(void)
{
    static const enum rows_kind kinds[][VOICES] = {
        { ROWS_NORMAL, ROWS_PEAKED, ROWS_NORMAL, ROWS_FLAT }, { ROWS_MASKED, ROWS_NORMAL, ROWS_TIES, ROWS_EQUAL },
        { ROWS_WIDE, ROWS_NORMAL, ROWS_PEAKED, ROWS_WIDE },   { ROWS_NORMAL, ROWS_KINDS, ROWS_NORMAL, ROWS_PEAKED },
        { ROWS_KINDS, ROWS_KINDS, ROWS_KINDS, ROWS_NORMAL },
    };
    static const uint32_t sizes[] = { 1, 65, 7296 };
    bool all = getenv("CHORALE_LONG") != NULL;
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        for (size_t u = 0; u < sizeof rules / sizeof *rules; u++)
            for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++)
                if (all || (u + k + i) % CHECK_TIMES(3, 7) == 0)
                    check_pool(&rules[u], kinds[k], sizes[i]);
}

int main(void)
{
    work = row_work_alloc(MOST);
    check(rows_launch_prepare() == cudaSuccess, "shared memory is to be had");
    check_pools();
    row_work_free(work);
    return check_done("cuda_pools");
}
