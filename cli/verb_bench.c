/* bench: tokens per second against this machine's own memory bandwidth, ensembles against their voices, chains.
 *
 * Every figure stands beside a limit or a peer measured in the same run; the best of several repetitions is taken, since
 * other work on the machine only ever adds time. */
#include "base/clock.h"
#include "base/err.h"
#include "base/mem.h"
#include "cli/bandwidth.h"
#include "cli/bench_chains.h"
#include "cli/bench_decode.h"
#include "cli/bench_journal.h"
#include "cli/bench_rounds.h"
#include "cli/bench_step.h"
#include "cli/bench_tokenize.h"
#include "cli/console.h"
#include "cli/opened.h"
#include "cli/verbs.h"
#include "decode/chain.h"
#include "ensemble/ensemble.h"
#include "model/transformer.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { REPEATS = 3 };

static uint64_t weight_bytes(const struct checkpoint *c)
{
    uint64_t bytes = 0;
    for (size_t i = 0; i < c->n_tensors; i++)
        bytes += c->tensors[i].bytes;
    return bytes;
}

static int bench_checkpoint(const struct args *a, const char *name, double limit)
{
    static const size_t sizes[] = { 1, 32 };
    struct opened o;
    TRY(opened_open(&o, name, a));
    int rc = 0;
    for (size_t i = 0; i < 2 && rc == 0; i++) {
        double seconds;
        rc = bench_decode_step(&(struct bench_decode){ o.lm, o.core, (uint32_t)i }, sizes[i], &seconds);
        if (rc < 0)
            break;
        double rate = (double)weight_bytes(o.checkpoint) / seconds;
        if (a->json)
            printf("{\"what\":\"decode\",\"lm\":\"%s\",\"kernels\":\"%s\",\"slots\":%zu,\"tokens_per_s\":%.1f,"
                   "\"weight_bytes_per_s\":%.4g,\"of_bandwidth\":%.4f}\n",
                   name, transformer_kernels(o.lm), sizes[i], (double)sizes[i] / seconds, rate, rate / limit);
        else
            printf("%-14s %-9s %5zu slots %10.0f tokens/s   weights read at %6.2f GB/s, %5.1f %% of bandwidth\n", name,
                   transformer_kernels(o.lm), sizes[i], (double)sizes[i] / seconds, rate / 1e9, 100 * rate / limit);
    }
    opened_close(&o);
    return rc;
}

/* Every bundled checkpoint.  The list of names does not outlive the opening of one. */
static int bench_zoo(const struct args *a, double limit)
{
    char *name[64];
    size_t n;
    const char *const *names = checkpoint_names(&n);
    n = n < 64 ? n : 64;
    for (size_t i = 0; i < n; i++)
        name[i] = mem_string(names[i]);
    int rc = 0;
    for (size_t i = 0; i < n && rc == 0; i++)
        rc = bench_checkpoint(a, name[i], limit);
    for (size_t i = 0; i < n; i++)
        free(name[i]);
    return rc;
}

static int real_order(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(double x[], size_t n)
{
    qsort(x, n, sizeof *x, real_order);
    return x[n / 2];
}

static void print_ensemble(const struct args *a, const char *rule, size_t n_slots, const double figures[3])
{
    const char *format = a->json
                             ? "{\"what\":\"ensemble\",\"rule\":\"%s\",\"slots\":%zu,\"step_us\":%.1f,\"voices_us\":"
                               "%.1f,\"ratio\":%.4f}\n"
                             : "%-14s %5zu slots: a step %8.1f us, its voices %8.1f us, ratio %.3f\n";
    printf(format, rule, n_slots, figures[0] * 1e6, figures[1] * 1e6, figures[2]);
}

/* A step of a two-voice ensemble beside the steps of its voices: whole steps, as a run makes them.  The three are timed in
 * turn, since the machine's speed drifts; the medians over the turns are told. */
static int bench_ensemble(const struct args *a, const char *rule, size_t n_slots)
{
    enum { TURNS = 7 };
    struct opened x, y;
    TRY(opened_open(&x, "zoo:prose", a));
    int rc = opened_open(&y, "zoo:verse", a);
    if (rc < 0) {
        opened_close(&x);
        return rc;
    }
    struct voice voices[2] = { { .lm = x.lm }, { .lm = y.lm } };
    double weights[2] = { 0.5, 0.5 }, together[TURNS], apart[TURNS], ratio[TURNS];
    struct lm *pair = ensemble_open(voices, weights, 2, rule);
    rc = pair ? 0 : err_code();
    for (uint32_t turn = 0; turn < TURNS && rc == 0; turn++) {
        double s[3] = { 0 };
        struct lm *const lms[3] = { x.lm, y.lm, pair };
        for (uint32_t k = 0; k < 3 && rc == 0; k++) {
            struct bench_step b = { .lm = lms[k], .core = x.core, .threads = x.threads, .n = n_slots };
            b.salt = turn * 3 + k;
            rc = bench_step(&b, &s[k]);
        }
        together[turn] = s[2];
        apart[turn] = s[0] + s[1];
        ratio[turn] = s[2] / (s[0] + s[1]);
    }
    if (rc == 0) {
        double figures[3] = { median(together, TURNS), median(apart, TURNS), median(ratio, TURNS) };
        print_ensemble(a, rule, n_slots, figures);
    }
    lm_free(pair);
    opened_close(&y);
    opened_close(&x);
    return rc;
}

static int run_bench(const struct args *a)
{
    static const char *const chains[] = { "",
                                          "temperature=0.8",
                                          "top_k=40",
                                          "top_p=0.95",
                                          "min_p=0.05",
                                          "typical=0.95",
                                          "temperature=0.8 | top_k=40 | top_p=0.95" };
    static const uint32_t sizes[] = { 7296, 32000, 128256 };
    int64_t n_threads = (int64_t)threads_cores(), mib = 0, rounds = 0;
    TRY(options_int(a, "threads", 1, 1024, &n_threads));
    TRY(options_int(a, "journal", 1, 1 << 20, &mib));
    if (mib > 0)
        return bench_journal(a, mib);
    TRY(options_int(a, "rounds", 1, 101, &rounds));
    if (rounds > 0)
        return bench_rounds(a, (size_t)rounds);
    if (options_flag(a, "tokenize"))
        return bench_tokenize(a);
    if (options_flag(a, "lua"))
        return bench_lua(a);
    if (options_flag(a, "chains"))
        return bench_chains(a);
    struct threads *t = threads_alloc((size_t)n_threads);
    double limit = bandwidth_measure(t);
    threads_free(t);
    if (limit < 0)
        return err_code();
    size_t n = a->n_operands;
    if (a->json)
        printf("{\"what\":\"bandwidth\",\"threads\":%lld,\"bytes_per_s\":%.4g}\n", (long long)n_threads, limit);
    else
        printf("%lld threads; memory is read at %.1f GB/s\n\ndecoding (best of some steps)\n", (long long)n_threads,
               limit / 1e9);
    if (n == 0)
        TRY(bench_zoo(a, limit));
    for (size_t i = 0; i < n; i++)
        TRY(bench_checkpoint(a, a->operand[i], limit));
    if (n > 0)
        return 0;
    printf("%s", a->json ? "" : "\na step of zoo:prose with zoo:verse beside their own steps\n");
    for (size_t slots = 1; slots <= 32; slots *= 32) {
        TRY(bench_ensemble(a, "linear", slots));
        TRY(bench_ensemble(a, "log", slots));
    }
    printf("%s", a->json ? "" : "\nchains and a draw on one row, one thread\n");
    for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++)
        for (size_t i = 0; i < sizeof chains / sizeof *chains; i++)
            TRY(bench_chain(a, chains[i], sizes[s]));
    return 0;
}

static const struct option_row options[] = {
    { "journal", "MIB", NULL, "instead: a journal of that size in TMPDIR written, resumed from and verified" },
    { "tokenize", NULL, NULL, "instead: the first operand's tokenizer over the files that follow it, on one thread" },
    { "lua", NULL, NULL, "instead: transforms of a script beside their twins in C on such a row" },
    { "chains", NULL, NULL, "instead: microseconds of every transform on a row of 128,256 symbols" },
    { "symbols", "N", NULL, "of --chains: another length of the row" },
    BENCH_ROUNDS_OPTIONS,
    OPENED_OPTIONS,
};

const struct verb verb_bench = {
    .name = "bench",
    .operands = "[CHECKPOINT...]",
    .max_operands = 100,
    .summary = "tokens/s against this machine's memory bandwidth, ensembles against their voices, chains",
    .options = options,
    .n_options = sizeof options / sizeof *options,
    .run = run_bench,
};
