#include "cli/bench_rounds.h"
#include "base/err.h"
#include "base/text.h"
#include "cli/bandwidth.h"
#include "cli/bench_decode.h"
#include "cli/bench_subject.h"
#include "cli/console.h"
#include "model/transformer.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PROBE ((uint64_t)4 << 30) /* bytes whose copy tells a card's bandwidth, or a sixteenth of what it has */

enum { PREFILL = 512, SLOTS = 32, MOST_ROUNDS = 101 };

static int step_of(const struct bench_decode *b, double *seconds)
{
    return bench_decode_step(b, 1, seconds);
}

static int prefill_of(const struct bench_decode *b, double *seconds)
{
    return bench_decode_prefill(b, PREFILL, seconds);
}

static int slots_of(const struct bench_decode *b, double *seconds)
{
    return bench_decode_step(b, SLOTS, seconds);
}

static const struct measurement {
    const char *name;
    double tokens;      /* a step */
    size_t most_rounds; /* long ones tell no more when they are repeated often */
    int (*run)(const struct bench_decode *b, double *seconds);
} measurements[] = { { "single", 1, MOST_ROUNDS, step_of },
                     { "prefill", PREFILL, 3, prefill_of },
                     { "slots", SLOTS, 3, slots_of } };

/* One round's figures: bytes per second of the probe, seconds of ours and the peer's (0: there is none). */
struct round {
    double probe, ours, peer;
};

/* What memory gives where the weights lie: a card's by a copy there. */
static int probe(struct bench_subject *s, double *rate)
{
    struct device *d = s->opened.device;
    struct device_error e = { 0 };
    if (d) {
        uint64_t bytes = d->info.free / 16 < PROBE ? d->info.free / 16 : PROBE;
        int rc = d->api->bandwidth(d->context, bytes, rate, &e);
        return rc == DEVICE_OK ? 0 : device_fail(d, rc, &e);
    }
    *rate = bandwidth_measure(s->opened.threads);
    return *rate < 0 ? err_code() : 0;
}

static int run_round(struct bench_subject *s, const struct args *a, const struct measurement *m, struct round *r)
{
    const char *peer = options_text(a, "peer");
    struct bench_decode b = { s->opened.lm, s->opened.core, ++s->salt };
    TRY(probe(s, &r->probe));
    TRY(m->run(&b, &r->ours));
    r->peer = 0;
    return peer && !s->opened.random ? bench_subject_ask(s, peer, m->name, &r->peer) : 0;
}

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(double x[], size_t n)
{
    qsort(x, n, sizeof *x, by_size);
    return n % 2 ? x[n / 2] : (x[n / 2 - 1] + x[n / 2]) / 2;
}

static void tell(const struct bench_subject *s, const struct args *a, const struct measurement *m, const double x[5])
{
    size_t n_threads = threads_count(s->opened.threads);
    const char *path = transformer_kernels(s->opened.lm);
    if (a->json) {
        struct text shown = { 0 };
        printf("{\"what\":\"%s\",\"lm\":%s,\"type\":\"%s\",\"kernels\":\"%s\",\"threads\":%zu,\"tokens_per_s\":%.2f,"
               "\"probe_bytes_per_s\":%.4g,\"of_bandwidth\":%.4f",
               m->name, console_name(a, s->name, &shown), s->type, path, n_threads, x[0], x[1], x[2]);
        if (x[3] > 0)
            printf(",\"peer_tokens_per_s\":%.2f,\"over_peer\":%.4f", x[3], x[4]);
        printf("}\n");
        text_free(&shown);
        return;
    }
    printf("%-24s %-6s %-10s %2zuT %-8s %10.1f tokens/s %6.3f of the bandwidth", s->name, s->type, path, n_threads,
           m->name, x[0], x[2]);
    if (x[3] > 0)
        printf("  peer %10.1f, ours over it %6.3f", x[3], x[4]);
    printf("\n");
}

static int measure(struct bench_subject *s, const struct args *a, const struct measurement *m, size_t n)
{
    double rate[MOST_ROUNDS], probe[MOST_ROUNDS], share[MOST_ROUNDS], peer[MOST_ROUNDS], over[MOST_ROUNDS];
    n = n < m->most_rounds ? n : m->most_rounds;
    for (size_t i = 0; i < n; i++) {
        struct round r;
        TRY(run_round(s, a, m, &r));
        rate[i] = m->tokens / r.ours;
        probe[i] = r.probe;
        share[i] = s->bytes / r.ours / r.probe;
        peer[i] = r.peer > 0 ? m->tokens / r.peer : 0;
        over[i] = r.peer / r.ours;
    }
    tell(s, a, m, (double[]){ median(rate, n), median(probe, n), median(share, n), median(peer, n), median(over, n) });
    fflush(stdout);
    return 0;
}

int bench_rounds(const struct args *a, size_t n_rounds)
{
    size_t n = n_rounds < MOST_ROUNDS ? n_rounds : MOST_ROUNDS;
    int rc = a->n_operands > 0 ? 0 : err_set(ERR_USAGE, "bench --rounds: no checkpoint, want one or 'random:1.1B'");
    for (size_t i = 0; i < a->n_operands && rc == 0; i++) {
        struct bench_subject s;
        TRY(bench_subject_open(&s, a, a->operand[i]));
        for (size_t m = 0; m < sizeof measurements / sizeof *measurements && rc == 0; m++)
            rc = measure(&s, a, &measurements[m], n);
        bench_subject_close(&s);
    }
    return rc;
}
