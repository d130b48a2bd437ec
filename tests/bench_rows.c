/* bench_rows DEVICE [ROWS [SYMBOLS]]: what decisions over rows take on a device, one line of JSON a case, after what it
 * decides was compared with the host.  Exit status 1: it decides otherwise; 5: no such device.
 *
 *   bench_rows cuda          256 rows of 128256 symbols
 *   bench_rows emulated 2 500
 *
 * Seconds are of whole calls, what crosses the bus included; bytes those of rows that must be read and written once. */
#include "base/clock.h"
#include "base/err.h"
#include "base/mem.h"
#include "decode/round.h"
#include "tests/lib/check.h"
#include "tests/lib/rows.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define VOICES 4
#define TIMES  15
#define WARM   3
#define KINDS  4 /* rows that differ */

struct bench {
    struct device *device;
    struct remote *remote;
    struct round *round;
    uint32_t n_rows, n;
    void **block; /* (VOICES * n_rows,) */
    struct device_measured *measured;
    struct row host[VOICES * KINDS]; /* of row i of voice k: host[k * KINDS + i % KINDS] */
    struct row_work *work;
    double rate; /* bytes a second of a copy on the device */
};

static enum rows_kind kind_of(size_t i)
{
    static const enum rows_kind kinds[KINDS] = { ROWS_NORMAL, ROWS_PEAKED, ROWS_FLAT, ROWS_NORMAL };
    return kinds[i % KINDS];
}

static int fill(struct bench *b)
{
    struct device_error e = { 0 };
    for (size_t i = 0; i < VOICES * KINDS; i++)
        b->host[i] = rows_make(kind_of(i), i, mem_aligned(b->n, sizeof(float)), b->n);
    for (size_t k = 0; k < VOICES; k++)
        for (size_t i = 0; i < b->n_rows; i++) {
            void **at = &b->block[k * b->n_rows + i];
            if (!(*at = remote_take(b->remote)))
                return err_set(ERR_MEMORY, "no memory for %zu rows", (size_t)VOICES * b->n_rows);
            const struct device_api *api = b->device->api;
            int rc =
                api->write(b->device->context, *at, b->n * sizeof(float), b->host[k * KINDS + i % KINDS].score, &e);
            if (rc != DEVICE_OK)
                return device_fail(b->device, rc, &e);
        }
    return 0;
}

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void tell(const struct bench *b, const char *what, double seconds[TIMES], double rows_moved)
{
    double bytes = rows_moved * b->n * sizeof(float);
    qsort(seconds, TIMES, sizeof *seconds, by_size);
    printf("{\"what\":\"rows\",\"case\":\"%s\",\"device\":\"%s\",\"rows\":%u,\"symbols\":%u,\"seconds\":%.6g,\"least_"
           "s\":%.6g,"
           "\"bytes\":%.6g,\"copy_bytes_per_s\":%.5g,\"bytes_s\":%.6g}\n",
           what, b->device->info.name, b->n_rows, b->n, seconds[TIMES / 2], seconds[0], bytes, b->rate,
           bytes / b->rate);
    fflush(stdout);
}

/* One pass over every row of every voice. */
static int bench_measure(struct bench *b)
{
    double seconds[TIMES];
    size_t n = (size_t)VOICES * b->n_rows;
    for (int t = -WARM; t < TIMES; t++) {
        double from = clock_seconds();
        TRY(remote_measure(b->remote, b->block, n, b->measured));
        seconds[t < 0 ? 0 : t] = clock_seconds() - from;
    }
    for (size_t i = 0; i < n; i++) {
        const struct row *r = &b->host[i / b->n_rows * KINDS + i % b->n_rows % KINDS];
        check_near(b->measured[i].log_z, r->log_z, 2e-7 * (1 + fabs(r->log_z)), "row %zu: log Z", i);
    }
    tell(b, "measure 4 voices", seconds, VOICES * (double)b->n_rows);
    return 0;
}

/* A case: a chain over one voice's rows, or over a linear pool of all. */
struct one {
    const char *what, *chain;
    bool pooled;
    double passes; /* rows read or written by each decision, at least */
};

static const double weight[VOICES] = { 0.4, 0.3, 0.2, 0.1 };

static struct rng_address address(size_t i)
{
    return (struct rng_address){ .seed = 6, .draw = (uint32_t)i, .purpose = RNG_DRAW };
}

static int decide(struct bench *b, const struct one *o, const struct chain *c)
{
    round_begin(b->round);
    for (size_t i = 0; i < b->n_rows; i++) {
        struct rng_address a = address(i);
        struct transform_at at = { .address = &a, .work = b->work };
        struct program_at where = { c, draw_find("gumbel"), &at, &a, b->n };
        struct remote_row row = {
            .remote = b->remote, .n = o->pooled ? VOICES : 1, .pooled = o->pooled, .rule = DEVICE_LINEAR
        };
        for (size_t k = 0; k < row.n; k++) {
            row.block[k] = b->block[k * b->n_rows + i];
            row.weight[k] = weight[k];
        }
        int rc = round_offer(b->round, &row, &where);
        TRY(rc);
    }
    return round_run(b->round);
}

/* Of the first rows: the host's symbol. */
static int compare(struct bench *b, const struct one *o, const struct chain *c)
{
    struct row pool = row_over(mem_aligned(b->n, sizeof(float)), b->n);
    for (size_t i = 0; i < KINDS && i < b->n_rows; i++) {
        struct rng_address a = address(i);
        struct rng_key key = rng_key(&a);
        struct transform_at at = { .address = &a, .work = b->work };
        struct row rows[VOICES];
        struct lm_trace t;
        for (size_t k = 0; k < VOICES; k++)
            rows[k] = b->host[k * KINDS + i];
        if (o->pooled)
            row_pool_linear(&pool, rows, weight, VOICES);
        else
            row_copy(&pool, &rows[0]);
        TRY(chain_apply(c, NULL, &pool, &at, NULL));
        const struct device_decided *d = round_answer(b->round, i, &t);
        check(d->symbol == row_draw(&pool, &key), "%s, row %zu: symbol %u for %u", o->what, i, d->symbol,
              row_draw(&pool, &key));
        check(d->kept == row_count(&pool), "%s, row %zu: kept %u for %u", o->what, i, d->kept, row_count(&pool));
    }
    free(pool.score);
    return 0;
}

static int bench_one(struct bench *b, const struct one *o)
{
    double seconds[TIMES];
    struct chain *c = chain_parse(o->chain);
    for (int t = -WARM; t < TIMES; t++) {
        double from = clock_seconds();
        TRY(decide(b, o, c));
        seconds[t < 0 ? 0 : t] = clock_seconds() - from;
    }
    tell(b, o->what, seconds, o->passes * b->n_rows);
    int rc = compare(b, o, c);
    chain_free(c);
    return rc;
}

static int bench(struct bench *b)
{
    static const struct one cases[] = {
        { "linear pool of 4, top_p, draw", "top_p=0.95", true, VOICES + 1 },
        { "linear pool of 4, draw", "", true, VOICES + 1 },
        { "draw", "", false, 1 },
        { "temperature, top_p, draw", "temperature=0.8 | top_p=0.95", false, 1 },
        { "temperature, top_k, top_p, min_p, draw", "temperature=0.8 | top_k=40 | top_p=0.95 | min_p=0.05", false, 1 },
        { "typical, draw", "typical=0.95", false, 1 },
    };
    struct device_error e = { 0 };
    int rc = b->device->api->bandwidth(b->device->context, (uint64_t)1 << (b->n > 10000 ? 31 : 20), &b->rate, &e);
    if (rc != DEVICE_OK)
        return device_fail(b->device, rc, &e);
    TRY(fill(b));
    TRY(bench_measure(b));
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        TRY(bench_one(b, &cases[i]));
    return 0;
}

int main(int argc, char *argv[])
{
    struct bench b = { .n_rows = argc > 2 ? (uint32_t)atoi(argv[2]) : 256,
                       .n = argc > 3 ? (uint32_t)atoi(argv[3]) : 128256 };
    if (argc < 2 || b.n_rows < 1 || b.n_rows > 4096 || b.n < 1 || b.n > 1u << 20) {
        fprintf(stderr, "bench_rows DEVICE [ROWS [SYMBOLS]]\n");
        return 2;
    }
    b.device = device_open(argv[1], DEVICE_FAST);
    b.remote = b.device ? remote_open(b.device, b.n) : NULL;
    if (!b.remote) {
        fprintf(stderr, "bench_rows: %s\n", err_text());
        return 5;
    }
    b.block = mem_alloc((size_t)VOICES * b.n_rows, sizeof *b.block);
    b.measured = mem_alloc((size_t)VOICES * b.n_rows, sizeof *b.measured);
    b.work = row_work_alloc(b.n);
    b.round = round_alloc();
    int rc = bench(&b);
    check(rc == 0, "%s", err_text());
    round_free(b.round);
    row_work_free(b.work);
    for (size_t i = 0; i < (size_t)VOICES * b.n_rows; i++)
        remote_give(b.remote, b.block[i]);
    for (size_t i = 0; i < VOICES * KINDS; i++)
        free(b.host[i].score);
    free(b.block);
    free(b.measured);
    remote_close(b.remote);
    device_close(b.device);
    return check_done("bench_rows");
}
