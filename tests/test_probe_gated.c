/* A gated ensemble computes its second voice only where the first is not sure: leaf computations counted, rows against
 * enumeration, over every prefix of two exact lms; alone, within a pool, and led by another gate. */
#include "base/err.h"
#include "ensemble/ensemble.h"
#include "model/core.h"
#include "model/table.h"
#include "tests/lib/check.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define N        4 /* a, b, c, end */
#define LETTERS  4
#define PREFIXES 121 /* (3^5 - 1) / 2 prefixes of at most four letters */
#define TAU      0.6

static const double weights[2] = { 0.7, 0.3 };

static void fail_on(int rc)
{
    if (rc >= 0)
        return;
    printf("%s\n", err_text());
    exit(1);
}

static struct lm *table(uint64_t seed, double sharpness)
{
    return table_open(&(struct table_options){ N, LETTERS, seed, sharpness });
}

/* Prefix number i: base-3 digits, all strings of one length after all shorter ones. */
static size_t prefix_of(size_t i, sym_t out[LETTERS])
{
    size_t len = 0, n = 1;
    for (; i >= n; n *= 3, len++)
        i -= n;
    for (size_t k = 0; k < len; k++, i /= 3)
        out[k] = (sym_t)(i % 3);
    return len;
}

static double best(const double logp[N])
{
    double top = -INFINITY;
    for (size_t v = 0; v < N; v++)
        top = fmax(top, logp[v]);
    return exp(top);
}

/* The gated pool by the book; returns whether the gate is open. */
static bool expected(const struct lm *leader, const struct lm *other, const sym_t prefix[], size_t len, double p[N])
{
    double a[N], b[N];
    table_logp(leader, prefix, len, a);
    table_logp(other, prefix, len, b);
    bool open = best(a) < TAU;
    for (size_t v = 0; v < N; v++)
        p[v] = open ? weights[0] * exp(a[v]) + weights[1] * exp(b[v]) : exp(a[v]);
    return open;
}

static void every_prefix(struct core *core)
{
    struct lm *leader = table(1, 2), *other = table(2, 2);
    struct voice voices[2] = { { .lm = leader, .name = "leader" }, { .lm = other, .name = "other" } };
    struct lm *gated = ensemble_open(voices, weights, 2, "gated(tau=0.6)");
    static struct want w[PREFIXES];
    size_t n_open = 0;
    for (size_t i = 0; i < PREFIXES; i++) {
        sym_t prefix[LETTERS];
        size_t len = prefix_of(i, prefix);
        w[i] = (struct want){ .lm = gated, .slot = lm_fork(gated, LM_EMPTY, 0), .n_rows = 1, .tap = LM_TAP_FINAL };
        fail_on(lm_push(gated, w[i].slot, prefix, len, NULL));
    }
    struct core_counts before = core_counts(core);
    fail_on(core_run(core, w, PREFIXES));
    for (size_t i = 0; i < PREFIXES; i++) {
        sym_t prefix[LETTERS], symbol = 3;
        double p[N];
        struct row r;
        struct lm_trace t;
        bool open = expected(leader, other, prefix, prefix_of(i, prefix), p);
        n_open += open;
        fail_on(lm_rows(&w[i], &r));
        for (sym_t v = 0; v < N; v++)
            check_near(exp(row_logp(&r, v)), p[v], 1e-6, "prefix %zu, symbol %u", i, (unsigned)v);
        fail_on(lm_push(gated, w[i].slot, &symbol, 1, &t));
        check(t.n_voices == 2 && isnan(t.logp[1]) == !open && (t.share[1] > 0) == open && !isnan(t.logp[0]),
              "prefix %zu: the trace says who took part", i);
    }
    check(n_open > PREFIXES / 10 && n_open < PREFIXES * 9 / 10, "the gate is open at %zu of %d", n_open, PREFIXES);
    check(table_computed(leader) == PREFIXES, "the leader is computed everywhere, once");
    check(table_computed(other) == n_open, "the other where the gate is open: %llu of %zu",
          (unsigned long long)table_computed(other), n_open);
    check(core_counts(core).rounds - before.rounds == 2, "leader, then the other: two rounds");
    before = core_counts(core);
    fail_on(core_run(core, w, PREFIXES / 40)); /* after the end the leader is sure */
    check(table_computed(other) == n_open, "ends are sure");
    lm_free(gated);
    lm_free(leader);
    lm_free(other);
}

/* Many positions of one text: the other voice is wanted from the first open gate on. */
static void positions(struct core *core)
{
    static const sym_t text[LETTERS] = { 0, 2, 1, 0 };
    for (uint64_t seed = 10; seed < 20; seed++) {
        struct lm *leader = table(seed, 2), *other = table(2, 2);
        struct voice voices[2] = { { .lm = leader, .name = "leader" }, { .lm = other, .name = "other" } };
        struct lm *gated = ensemble_open(voices, weights, 2, "gated(tau=0.6)");
        struct row rows[LETTERS + 1];
        struct want w = { gated, lm_fork(gated, LM_EMPTY, 0), LETTERS + 1, LM_TAP_FINAL };
        size_t wanted = 0;
        fail_on(lm_push(gated, w.slot, text, LETTERS, NULL));
        fail_on(core_run(core, &w, 1));
        fail_on(lm_rows(&w, rows));
        for (size_t len = 0; len <= LETTERS; len++) {
            double p[N];
            if (expected(leader, other, text, len, p) && wanted == 0)
                wanted = LETTERS + 1 - len;
            for (sym_t v = 0; v < N; v++)
                check_near(exp(row_logp(&rows[len], v)), p[v], 1e-6, "position %zu", len);
        }
        check(table_computed(other) == wanted, "seed %u: %zu positions of the other voice", (unsigned)seed, wanted);
        lm_free(gated);
        lm_free(leader);
        lm_free(other);
    }
}

/* A gate led by a gate, as a voice of a linear pool: each level has to see the one below first. */
static void nested(struct core *core)
{
    struct lm *t[4];
    for (uint64_t i = 0; i < 4; i++)
        t[i] = table(30 + i, 2);
    struct voice inner_voices[2] = { { .lm = t[0], .name = "a" }, { .lm = t[1], .name = "b" } };
    struct lm *inner = ensemble_open(inner_voices, weights, 2, "gated(tau=0.6)");
    struct voice middle_voices[2] = { { .lm = inner, .name = "inner" }, { .lm = t[2], .name = "c" } };
    struct lm *middle = ensemble_open(middle_voices, weights, 2, "gated(tau=0.6)");
    struct voice outer_voices[2] = { { .lm = middle, .name = "middle" }, { .lm = t[3], .name = "d" } };
    struct lm *outer = ensemble_open(outer_voices, weights, 2, "linear");
    struct core_counts before = core_counts(core);
    size_t n_inner = 0, n_middle = 0;
    static struct want w[PREFIXES];
    for (size_t i = 0; i < PREFIXES; i++) {
        sym_t prefix[LETTERS];
        size_t len = prefix_of(i, prefix);
        w[i] = (struct want){ outer, lm_fork(outer, LM_EMPTY, 0), 1, LM_TAP_FINAL };
        fail_on(lm_push(outer, w[i].slot, prefix, len, NULL));
    }
    fail_on(core_run(core, w, PREFIXES));
    check(core_counts(core).rounds - before.rounds == 3, "three rounds for all of them");
    for (size_t i = 0; i < PREFIXES; i++) {
        sym_t prefix[LETTERS];
        double p[N], c[N], d[N], top = 0;
        struct row r;
        size_t len = prefix_of(i, prefix);
        n_inner += expected(t[0], t[1], prefix, len, p);
        table_logp(t[2], prefix, len, c);
        table_logp(t[3], prefix, len, d);
        for (size_t v = 0; v < N; v++)
            top = fmax(top, p[v]);
        n_middle += top < TAU;
        fail_on(lm_rows(&w[i], &r));
        for (sym_t v = 0; v < N; v++) {
            double m = top < TAU ? weights[0] * p[v] + weights[1] * exp(c[v]) : p[v];
            check_near(exp(row_logp(&r, v)), weights[0] * m + weights[1] * exp(d[v]), 1e-6, "nested, prefix %zu", i);
        }
    }
    check(table_computed(t[1]) == n_inner && table_computed(t[2]) == n_middle && n_middle > 0,
          "each voice only where its gate is open");
    lm_free(outer);
    lm_free(middle);
    lm_free(inner);
    for (size_t i = 0; i < 4; i++)
        lm_free(t[i]);
}

int main(void)
{
    struct core *core = core_alloc();
    every_prefix(core);
    positions(core);
    nested(core);
    core_free(core);
    return check_done("probe_gated");
}
