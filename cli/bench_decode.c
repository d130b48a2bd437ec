#include "cli/bench_decode.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/hash.h"
#include "base/mem.h"
#include <assert.h>
#include <stdlib.h>

enum { PREFIX = 64, STEPS = 24, STEPS_LEAST = 4 };
#define ENOUGH 1.0 /* seconds after which a few steps will do */

static sym_t symbol_of(const struct bench_decode *b, size_t i, size_t k)
{
    uint64_t x[3] = { b->salt, i, k };
    return (sym_t)(hash_bytes(x, sizeof x, 0) % (b->lm->space->n - 4)) + 4;
}

/* A new slot with n symbols; >= 0 or failure. */
static int prefix_of(const struct bench_decode *b, size_t n)
{
    sym_t *s = mem_alloc(n, sizeof *s);
    for (size_t k = 0; k < n; k++)
        s[k] = symbol_of(b, 0, k);
    int slot = lm_fork(b->lm, LM_EMPTY, 0);
    int rc = slot < 0 ? slot : lm_push(b->lm, slot, s, n, NULL);
    if (rc < 0 && slot >= 0)
        lm_drop(b->lm, slot);
    free(s);
    return rc < 0 ? rc : slot;
}

/* One more symbol in each slot, and the row after it. */
static int step(const struct bench_decode *b, const int slots[], size_t n, size_t k)
{
    struct want w[BENCH_DECODE_SLOTS] = { { 0 } };
    struct row row;
    for (size_t i = 0; i < n; i++) {
        sym_t s = symbol_of(b, i + 1, k);
        TRY(lm_push(b->lm, slots[i], &s, 1, NULL));
        w[i] = (struct want){ .lm = b->lm, .slot = slots[i], .n_rows = 1, .tap = LM_TAP_FINAL };
    }
    TRY(core_run(b->core, w, n));
    for (size_t i = 0; i < n; i++)
        TRY(lm_rows(&w[i], &row));
    return 0;
}

int bench_decode_step(const struct bench_decode *b, size_t n, double *seconds)
{
    int slots[BENCH_DECODE_SLOTS];
    double sum = 0;
    assert(n > 0 && n <= BENCH_DECODE_SLOTS);
    slots[0] = prefix_of(b, PREFIX);
    TRY(slots[0]);
    size_t open = 1;
    int rc = 0;
    for (; open < n && rc >= 0; open += rc >= 0)
        rc = slots[open] = lm_fork(b->lm, slots[0], PREFIX);
    if (rc >= 0)
        rc = step(b, slots, n, PREFIX); /* the prefix */
    *seconds = 1e30;
    for (size_t k = 1; rc >= 0 && k <= STEPS && (k <= STEPS_LEAST || sum < ENOUGH); k++) {
        double from = clock_seconds();
        rc = step(b, slots, n, PREFIX + k);
        double one = clock_seconds() - from;
        *seconds = one < *seconds ? one : *seconds;
        sum += one;
    }
    for (size_t i = 0; i < open; i++)
        lm_drop(b->lm, slots[i]);
    return rc < 0 ? rc : 0;
}

int bench_decode_prefill(const struct bench_decode *b, size_t n, double *seconds)
{
    int slot = prefix_of(b, n);
    TRY(slot);
    struct want w = { .lm = b->lm, .slot = slot, .n_rows = 1, .tap = LM_TAP_FINAL };
    struct row row;
    double from = clock_seconds();
    int rc = core_run(b->core, &w, 1);
    if (rc == 0)
        rc = lm_rows(&w, &row);
    *seconds = clock_seconds() - from;
    lm_drop(b->lm, slot);
    return rc;
}
