#include "tests/lib/lm_contract.h"
#include "base/err.h"
#include "base/hash.h"
#include "base/mem.h"
#include "model/core.h"
#include "tests/lib/check.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define N_PREFIXES 12

/* A row as it was, for comparison bit for bit. */
struct snap {
    float *score;
    uint32_t n;
    double log_z, log_weight;
};

struct snaps {
    struct snap *s;
    size_t n, cap;
};

static void snaps_add(struct snaps *list, const struct row *r)
{
    mem_grow(&list->s, &list->cap, list->n + 1, sizeof *list->s);
    list->s[list->n++] = (struct snap){ mem_copy(r->score, r->n * sizeof *r->score), r->n, r->log_z, r->log_weight };
}

static void snaps_free(struct snaps *list)
{
    for (size_t i = 0; i < list->n; i++)
        free(list->s[i].score);
    free(list->s);
    *list = (struct snaps){ 0 };
}

static bool same_snap(const struct snap *a, const struct snap *b)
{
    return a->n == b->n && memcmp(a->score, b->score, a->n * sizeof *a->score) == 0 &&
           memcmp(&a->log_z, &b->log_z, sizeof a->log_z) == 0 &&
           memcmp(&a->log_weight, &b->log_weight, sizeof a->log_weight) == 0;
}

static void check_same(const struct lm_subject *s, const struct snaps *a, const struct snaps *b, const char *law)
{
    size_t differ = 0;
    for (size_t i = 0; a->n == b->n && i < a->n; i++)
        differ += !same_snap(&a->s[i], &b->s[i]);
    check(a->n == b->n && a->n > 0 && differ == 0, "%s: %s: %zu of %zu rows differ (against %zu)", s->name, law, differ,
          a->n, b->n);
}

/* One lm with its core. */
struct bench {
    const struct lm_subject *s;
    struct lm *lm;
    struct core *core;
};

static struct bench bench_open(const struct lm_subject *s, size_t n_threads, size_t chunk)
{
    return (struct bench){ s, s->open(s->ctx, n_threads, chunk), core_alloc() };
}

static void bench_close(struct bench *b)
{
    core_free(b->core);
    b->s->close(b->s->ctx, b->lm);
}

/* Prefix i: half of them begin alike and part at different places, which is what a prefix tree is for. */
static size_t prefix(const struct lm_subject *s, size_t i, sym_t out[])
{
    size_t n = 1 + hash_bytes(&i, sizeof i, 7) % s->length,
           shared = i % 2 ? hash_bytes(&i, sizeof i, 8) % s->length : 0;
    if (i == 0)
        n = s->length;
    for (size_t k = 0; k < n; k++) {
        size_t seed = k < shared ? 0 : i;
        uint64_t at = k;
        out[k] = (sym_t)(hash_bytes(&at, sizeof at, seed) % s->n_symbols);
    }
    return n;
}

static int slot_of(const struct bench *b, size_t i)
{
    sym_t *symbols = mem_alloc(b->s->length, sizeof *symbols);
    size_t n = prefix(b->s, i, symbols);
    int slot = lm_fork(b->lm, LM_EMPTY, 0);
    check(slot >= 0, "%s: a new slot", b->s->name);
    check(lm_push(b->lm, slot, symbols, n, NULL) == 0, "%s: push: %s", b->s->name, err_text());
    check(lm_length(b->lm, slot) == n, "%s: %zu symbols pushed, length %zu", b->s->name, n, lm_length(b->lm, slot));
    free(symbols);
    return slot;
}

/* Runs the core over the wants and keeps their rows. */
static void run(const struct bench *b, const struct want w[], size_t n, struct snaps *out)
{
    int rc = core_run(b->core, w, n);
    check(rc == 0, "%s: core_run: %s", b->s->name, err_text());
    for (size_t i = 0; rc == 0 && i < n; i++) {
        struct row *rows = mem_alloc(w[i].n_rows, sizeof *rows);
        check(lm_rows(&w[i], rows) == 0, "%s: rows: %s", b->s->name, err_text());
        for (size_t k = 0; out && k < w[i].n_rows; k++)
            snaps_add(out, &rows[k]);
        free(rows);
    }
}

static void run_one(const struct bench *b, int slot, uint32_t n_rows, struct snaps *out)
{
    run(b, &(struct want){ b->lm, slot, n_rows, LM_TAP_FINAL }, 1, out);
}

static uint64_t computed(const struct bench *b)
{
    return core_counts(b->core).computed;
}

/* The truth that the other laws compare with: every prefix alone, in an lm of its own run, one thread. */
static struct snaps singles(const struct lm_subject *s)
{
    struct snaps out = { 0 };
    for (size_t i = 0; i < N_PREFIXES; i++) {
        struct bench b = bench_open(s, 1, 0);
        run_one(&b, slot_of(&b, i), 1, &out);
        bench_close(&b);
    }
    return out;
}

static void law_numbers(const struct lm_subject *s, const struct snaps *truth)
{
    for (size_t i = 0; i < truth->n; i++) {
        const struct snap *r = &truth->s[i];
        double max = -INFINITY, sum = 0;
        bool ok = true;
        for (uint32_t v = 0; v < r->n; v++) {
            ok &= !isnan(r->score[v]) && r->score[v] < INFINITY;
            max = fmax(max, (double)r->score[v]);
        }
        for (uint32_t v = 0; v < r->n; v++)
            sum += exp((double)r->score[v] - max);
        check(ok, "%s: scores are numbers", s->name);
        check_near(r->log_z, max + log(sum), 1e-6 * (1 + fabs(max)), "%s: log Z is the log-sum-exp", s->name);
    }
}

static void law_batch(const struct lm_subject *s, const struct snaps *truth, size_t n_threads, size_t chunk)
{
    struct bench b = bench_open(s, n_threads, chunk);
    struct want w[N_PREFIXES], back[N_PREFIXES];
    struct snaps batch = { 0 }, backwards = { 0 }, turned = { 0 };
    for (size_t i = 0; i < N_PREFIXES; i++)
        w[i] = (struct want){ b.lm, slot_of(&b, i), 1, LM_TAP_FINAL };
    run(&b, w, N_PREFIXES, &batch);
    check_same(s, truth, &batch, "a batch gives what single runs give");
    struct bench c = bench_open(s, n_threads, chunk);
    for (size_t i = N_PREFIXES; i-- > 0;)
        back[N_PREFIXES - 1 - i] = (struct want){ c.lm, slot_of(&c, i), 1, LM_TAP_FINAL };
    run(&c, back, N_PREFIXES, &backwards);
    for (size_t i = backwards.n; i-- > 0;) {
        mem_grow(&turned.s, &turned.cap, turned.n + 1, sizeof *turned.s);
        turned.s[turned.n++] = backwards.s[i];
    }
    check_same(s, truth, &turned, "the order of wants changes nothing");
    free(turned.s);
    snaps_free(&batch);
    snaps_free(&backwards);
    bench_close(&c);
    bench_close(&b);
}

static void law_purity(const struct lm_subject *s)
{
    struct bench b = bench_open(s, 1, 0);
    struct snaps once = { 0 }, twice = { 0 }, again = { 0 };
    int slot = slot_of(&b, 0);
    run_one(&b, slot, 1, &once);
    for (size_t i = 1; i < N_PREFIXES; i++)
        run_one(&b, slot_of(&b, i), 1, NULL);
    run_one(&b, slot, 1, &twice);
    check_same(s, &once, &twice, "asked again");
    lm_drop(b.lm, slot);
    run_one(&b, slot_of(&b, 0), 1, &again);
    check_same(s, &once, &again, "dropped and pushed again");
    snaps_free(&once);
    snaps_free(&twice);
    snaps_free(&again);
    bench_close(&b);
}

/* Equal prefixes are one computation, in one run and in two; a fork costs none. */
static void law_sharing(const struct lm_subject *s)
{
    struct bench b = bench_open(s, 1, 0), c = bench_open(s, 1, 0);
    struct snaps first = { 0 }, second = { 0 };
    int slot = slot_of(&b, 0);
    run_one(&b, slot, 1, &first);
    uint64_t alone = computed(&b);
    check(alone > 0, "%s: computing is counted", s->name);
    struct want w[2] = { { c.lm, slot_of(&c, 0), 1, LM_TAP_FINAL }, { c.lm, slot_of(&c, 0), 1, LM_TAP_FINAL } };
    run(&c, w, 2, &second);
    check(computed(&c) == alone, "%s: two equal prefixes in one run: %llu positions, one alone %llu", s->name,
          (unsigned long long)computed(&c), (unsigned long long)alone);
    check(second.n == 2 && same_snap(&second.s[0], &first.s[0]) && same_snap(&second.s[1], &first.s[0]),
          "%s: two equal prefixes, one row", s->name);
    run_one(&b, slot_of(&b, 0), 1, NULL);
    int fork = lm_fork(b.lm, slot, lm_length(b.lm, slot));
    snaps_free(&second);
    run_one(&b, fork, 1, &second);
    check(computed(&b) == alone, "%s: an equal prefix and a fork pass nothing: %llu positions, want %llu", s->name,
          (unsigned long long)computed(&b), (unsigned long long)alone);
    check_same(s, &first, &second, "the row of a fork");
    snaps_free(&first);
    snaps_free(&second);
    bench_close(&c);
    bench_close(&b);
}

/* A fork of the first len symbols is that prefix, and what it does leaves its source alone. */
static void law_fork(const struct lm_subject *s)
{
    for (size_t len = 1; len < s->length; len = len * 2 + 1) {
        struct bench b = bench_open(s, 1, 0), c = bench_open(s, 1, 0);
        struct snaps before = { 0 }, after = { 0 }, made = { 0 }, forked = { 0 };
        sym_t *symbols = mem_alloc(s->length, sizeof *symbols);
        prefix(s, 0, symbols);
        symbols[len] = (symbols[len] + 1) % s->n_symbols;
        int source = slot_of(&b, 0), fresh = lm_fork(c.lm, LM_EMPTY, 0);
        run_one(&b, source, 1, &before);
        int slot = lm_fork(b.lm, source, len);
        check(lm_length(b.lm, slot) == len, "%s: a fork has the length asked for", s->name);
        check(lm_push(b.lm, slot, symbols + len, 1, NULL) == 0 && lm_push(c.lm, fresh, symbols, len + 1, NULL) == 0,
              "%s: push onto a fork", s->name);
        run_one(&b, slot, 1, &forked);
        run_one(&c, fresh, 1, &made);
        run_one(&b, source, 1, &after);
        check_same(s, &made, &forked, "a fork that goes another way");
        check_same(s, &before, &after, "the source of a fork");
        lm_drop(b.lm, source);
        run_one(&b, slot, 1, &after);
        check(after.n == 2 && same_snap(&after.s[1], &made.s[0]), "%s: a fork outlives its source", s->name);
        free(symbols);
        snaps_free(&before);
        snaps_free(&after);
        snaps_free(&made);
        snaps_free(&forked);
        bench_close(&c);
        bench_close(&b);
    }
}

/* Symbol by symbol, all rows at once, the last half of them: the same rows. */
static void law_positions(const struct lm_subject *s, size_t chunk)
{
    struct bench b = bench_open(s, 1, 0), c = bench_open(s, 1, chunk), d = bench_open(s, 1, chunk);
    struct snaps steps = { 0 }, whole = { 0 }, half = { 0 }, twice = { 0 };
    sym_t *symbols = mem_alloc(s->length, sizeof *symbols);
    uint32_t n = (uint32_t)prefix(s, 0, symbols);
    int slot = lm_fork(b.lm, LM_EMPTY, 0);
    for (uint32_t i = 0; i < n; i++) {
        struct lm_trace trace;
        check(lm_push(b.lm, slot, &symbols[i], 1, &trace) == 0, "%s: push", s->name);
        run_one(&b, slot, 1, &steps);
    }
    run_one(&c, slot_of(&c, 0), n, &whole);
    check_same(s, &steps, &whole, "rows at all positions are the rows of every step");
    int other = slot_of(&d, 0);
    run_one(&d, other, 1, NULL);
    run_one(&d, other, n / 2, &half);
    struct snaps end = { steps.s + n - n / 2, n / 2, 0 };
    check_same(s, &end, &half, "rows at the last half, after the last was there");
    run(&d, (struct want[]){ { d.lm, other, 1, LM_TAP_FINAL }, { d.lm, other, n / 2, LM_TAP_FINAL } }, 2, &twice);
    struct snaps last = { steps.s + n - 1, 1, 0 }, one = { twice.s, 1, 0 }, rest = { twice.s + 1, n / 2, 0 };
    check_same(s, &last, &one, "a slot wanted twice in one run");
    check_same(s, &end, &rest, "with other rows");
    free(symbols);
    snaps_free(&steps);
    snaps_free(&whole);
    snaps_free(&half);
    snaps_free(&twice);
    bench_close(&d);
    bench_close(&c);
    bench_close(&b);
}

static bool same_trace(const struct lm_trace *a, const struct lm_trace *b)
{
    size_t n = a->n_voices * sizeof(float);
    return a->n_voices == b->n_voices && memcmp(a->logp, b->logp, n) == 0 && memcmp(a->weight, b->weight, n) == 0 &&
           memcmp(a->share, b->share, n) == 0 &&
           (n == 0 || (memcmp(&a->disagreement, &b->disagreement, sizeof(float)) == 0 &&
                       memcmp(&a->data_entropy, &b->data_entropy, sizeof(float)) == 0 &&
                       memcmp(&a->epkl, &b->epkl, sizeof(float)) == 0 && memcmp(&a->rmi, &b->rmi, sizeof(float)) == 0 &&
                       memcmp(&a->agreement, &b->agreement, sizeof(float)) == 0));
}

/* A symbol that was pushed unread, asked for afterwards, once other positions were. */
static void law_trace_back(const struct bench *b, int slot, const sym_t symbols[], size_t n,
                           const struct lm_trace *want)
{
    struct lm_trace got;
    run_one(b, slot, 2, NULL);
    for (uint32_t i = 0; i < 3; i++) { /* back is 1, 0, 1 */
        uint32_t back = 1 - i % 2;
        check(lm_trace(b->lm, slot, back, symbols[n], &got) == 0, "%s: %s", b->lm->name, err_text());
        check(got.n_voices == b->lm->n_voices, "%s: trace %u back", b->lm->name, back);
        check(back == 0 || same_trace(&got, want), "%s: the trace of a symbol pushed unread is that of one read before",
              b->lm->name);
    }
}

/* How unsure its voices were; who was not asked can neither agree nor not. */
static void check_unsure(const struct lm_subject *s, const struct lm_trace *t)
{
    bool all = true;
    for (uint32_t i = 0; i < t->n_voices; i++)
        all &= !isnan(t->logp[i]);
    check(t->data_entropy >= 0, "%s: data entropy %g", s->name, (double)t->data_entropy);
    if (all)
        check(t->disagreement >= 0 && t->rmi >= 0 && t->epkl >= t->rmi && t->agreement > 0 && t->agreement <= 1,
              "%s: disagreement %g, RMI %g, EPKL %g, agreement %g", s->name, (double)t->disagreement, (double)t->rmi,
              (double)t->epkl, (double)t->agreement);
    else
        check(isnan(t->disagreement) && isnan(t->rmi) && isnan(t->epkl) && isnan(t->agreement),
              "%s: voices that were not asked agree by %g", s->name, (double)t->agreement);
}

static void law_trace(const struct lm_subject *s)
{
    struct bench b = bench_open(s, 1, 0);
    int slot = slot_of(&b, 0);
    size_t n = lm_length(b.lm, slot) - 1;
    int shorter = lm_fork(b.lm, slot, n);
    sym_t *symbols = mem_alloc(s->length, sizeof *symbols);
    struct lm_trace t;
    prefix(s, 0, symbols);
    run_one(&b, shorter, 1, NULL);
    check(lm_push(b.lm, shorter, symbols + n, 1, &t) == 0, "%s: push with a trace", s->name);
    check(t.n_voices == b.lm->n_voices, "%s: a trace of %u voices, the lm has %u", s->name, t.n_voices, b.lm->n_voices);
    double share = 0;
    for (uint32_t i = 0; i < t.n_voices; i++) {
        share += (double)t.share[i];
        bool absent = isnan(t.logp[i]) && t.share[i] == 0; /* it took no part: a gate was shut */
        check(absent || (t.logp[i] <= 1e-6f && t.share[i] >= 0), "%s: voice %u: logp %g, share %g", s->name, i,
              (double)t.logp[i], (double)t.share[i]);
    }
    if (t.n_voices > 0) {
        check_near(share, 1, 1e-5, "%s: shares sum to one", s->name);
        check_unsure(s, &t);
    }
    law_trace_back(&b, slot, symbols, n, &t);
    free(symbols);
    bench_close(&b);
}

static void law_limit(const struct lm_subject *s)
{
    struct bench b = bench_open(s, 1, 0);
    size_t n = (size_t)b.lm->max_length + 1;
    sym_t *symbols = mem_alloc(n, sizeof *symbols);
    int slot = lm_fork(b.lm, LM_EMPTY, 0);
    check(lm_push(b.lm, slot, symbols, n, NULL) == ERR_DATA, "%s: a push beyond the limit is refused", s->name);
    check(lm_length(b.lm, slot) == 0, "%s: a refused push leaves the slot as it was", s->name);
    check(lm_room(b.lm, slot) == n - 1, "%s: an empty slot has room for %zu, want %zu", s->name, lm_room(b.lm, slot),
          n - 1);
    check(lm_push(b.lm, slot, symbols, n - 1, NULL) == 0 && lm_room(b.lm, slot) == 0, "%s: room for what it says: %s",
          s->name, err_text());
    check(lm_push(b.lm, slot, symbols, 1, NULL) == ERR_DATA, "%s: no room, no push", s->name);
    free(symbols);
    bench_close(&b);
}

void lm_contract(const struct lm_subject *s)
{
    struct snaps truth = singles(s);
    law_numbers(s, &truth);
    law_purity(s);
    law_sharing(s);
    law_fork(s);
    law_trace(s);
    law_limit(s);
    static const size_t chunks[] = { 0, 1, 3, 17 };
    for (size_t i = 0; i < sizeof chunks / sizeof *chunks; i++) {
        law_batch(s, &truth, 1, chunks[i]);
        law_positions(s, chunks[i]);
    }
    law_batch(s, &truth, 2, 0);
    snaps_free(&truth);
}
