/* bench: tokens per second against this machine's own memory bandwidth, ensembles against their voices, chains.
 *
 * Every figure stands beside a limit or a peer measured in the same run; the best of several repetitions is taken, since
 * other work on the machine only ever adds time. */
#include "base/clock.h"
#include "base/err.h"
#include "base/mem.h"
#include "base/text.h"
#include "cli/bandwidth.h"
#include "cli/bench_bytes.h"
#include "cli/bench_card.h"
#include "cli/bench_chains.h"
#include "cli/bench_decode.h"
#include "cli/bench_journal.h"
#include "cli/bench_memory.h"
#include "cli/bench_pools.h"
#include "cli/bench_rounds.h"
#include "cli/bench_step.h"
#include "cli/bench_sweep.h"
#include "cli/bench_tokenize.h"
#include "cli/console.h"
#include "cli/opened.h"
#include "cli/verbs.h"
#include "ensemble/ensemble.h"
#include "model/transformer.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { REPEATS = 3 };

#define LONG 8 /* seconds that the turns of one line may take before they are fewer */

static uint64_t weight_bytes(const struct checkpoint *c)
{
    uint64_t bytes = 0;
    for (size_t i = 0; i < c->n_tensors; i++)
        bytes += c->tensors[i].bytes;
    return bytes;
}

/* How fast memory is read, bytes per second: measured and told once, when a checkpoint is there to stand beside it. */
static int tell_bandwidth(const struct args *a, double *limit)
{
    int64_t n_threads = (int64_t)threads_cores();
    if (*limit > 0)
        return 0;
    TRY(options_int(a, "threads", 1, 1024, &n_threads));
    struct threads *t = threads_alloc((size_t)n_threads);
    *limit = bandwidth_measure(t);
    threads_free(t);
    if (*limit < 0)
        return err_code();
    if (a->json)
        printf("{\"what\":\"bandwidth\",\"threads\":%lld,\"bytes_per_s\":%.4g}\n", (long long)n_threads, *limit);
    else
        printf("%lld threads; memory is read at %.1f GB/s\n\ndecoding (best of some steps)\n", (long long)n_threads,
               *limit / 1e9);
    return 0;
}

static int bench_checkpoint(const struct args *a, const char *name, double *limit)
{
    static const size_t sizes[] = { 1, 32 };
    struct opened o;
    struct text shown = { 0 };
    TRY(opened_open(&o, name, a, NULL));
    int rc = tell_bandwidth(a, limit);
    for (size_t i = 0; i < 2 && rc == 0; i++) {
        double seconds;
        rc = bench_decode_step(&(struct bench_decode){ o.lm, o.core, (uint32_t)i }, sizes[i], &seconds);
        if (rc < 0)
            break;
        double rate = (double)weight_bytes(o.checkpoint) / seconds;
        if (a->json)
            printf("{\"what\":\"decode\",\"lm\":%s,\"kernels\":\"%s\",\"slots\":%zu,\"tokens_per_s\":%.1f,"
                   "\"weight_bytes_per_s\":%.4g,\"of_bandwidth\":%.4f}\n",
                   console_name(a, name, &shown), transformer_kernels(o.lm), sizes[i], (double)sizes[i] / seconds, rate,
                   rate / *limit);
        else
            printf("%-14s %-9s %5zu slots %10.0f tokens/s   weights read at %6.2f GB/s, %5.1f %% of bandwidth\n", name,
                   transformer_kernels(o.lm), sizes[i], (double)sizes[i] / seconds, rate / 1e9, 100 * rate / *limit);
    }
    text_free(&shown);
    opened_close(&o);
    return rc;
}

/* Every bundled checkpoint.  The list of names does not outlive the opening of one. */
static int bench_zoo(const struct args *a, double *limit)
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

/* Voices of one vocabulary, opened once, and pools of the first n of them: the operands, else bundled ones. */
struct choir {
    struct opened opened[4];
    size_t n_open;
    uint32_t salt; /* of the last measurement */
};

static int choir_open(struct choir *c, const struct args *a)
{
    static const char *const names[] = { "zoo:prose", "zoo:verse", "zoo:han", "zoo:mixed" };
    bool own = a->n_operands > 0;
    size_t n = own ? a->n_operands : 4;
    *c = (struct choir){ 0 };
    if (n != 2 && n != 4)
        return err_set(ERR_USAGE, "bench --ensembles: %zu checkpoints, want 2 or 4, or none for bundled ones", n);
    for (size_t i = 0; i < n; i++) {
        struct device *on = c->opened[0].device; /* all on the first's */
        const char *name = own ? a->operand[i] : names[i];
        bool random = strncmp(name, "random:", 7) == 0;
        TRY(random ? opened_random(&c->opened[i], name + 7, a, on) : opened_open(&c->opened[i], name, a, on));
        c->n_open++;
    }
    return 0;
}

static void choir_close(struct choir *c)
{
    while (c->n_open > 0)
        opened_close(&c->opened[--c->n_open]);
}

/* lm: the ensemble. */
static void print_ensemble(const struct args *a, const char *rule, const struct lm *lm, size_t n_slots,
                           const double figures[4])
{
    const double step = figures[0] * 1e6, voices = figures[1] * 1e6;
    if (a->json)
        printf("{\"what\":\"ensemble\",\"rule\":\"%s\",\"voices\":%u,\"slots\":%zu,\"step_us\":%.1f,\"voices_us\":"
               "%.1f,\"ratio\":%.4f,\"beside\":%.4f,\"rows_stay\":%s}\n",
               rule, lm->n_voices, n_slots, step, voices, figures[2], figures[3], lm->remote ? "true" : "false");
    else
        printf("%-8s %u voices %5zu slots: a step %8.1f us, its voices %8.1f us, ratio %.3f; over their steps side by "
               "side %.3f%s\n",
               rule, lm->n_voices, n_slots, step, voices, figures[2], figures[3],
               lm->remote ? "; rows stay on the device" : "");
    fflush(stdout); /* the next takes its time */
}

enum { LEAST_TURNS = 5, MOST_TURNS = 15 };

struct turns {
    double together[MOST_TURNS], apart[MOST_TURNS], ratio[MOST_TURNS], beside[MOST_TURNS];
    size_t n;
};

/* lms[0 .. n_voices) are the voices, lms[n_voices] is their ensemble: each by itself, then the voices side by side,
 * which share the caches as those of an ensemble do. */
static int turn(struct turns *t, struct choir *c, struct lm *const lms[], size_t n_voices, size_t n_slots)
{
    struct bench_step b = { .core = c->opened[0].core, .threads = c->opened[0].threads, .n = n_slots };
    b.processor = threads_count(b.threads) == 1;
    double sum = 0, one = 0, side = 0;
    for (size_t k = 0; k <= n_voices; k++) {
        b.lms = &lms[k];
        b.n_lms = 1;
        b.salt = ++c->salt;
        TRY(bench_step(&b, &one));
        sum += k < n_voices ? one : 0;
    }
    b.lms = lms;
    b.n_lms = n_voices;
    b.salt = ++c->salt;
    TRY(bench_step(&b, &side));
    t->together[t->n] = one;
    t->apart[t->n] = sum;
    t->ratio[t->n] = one / sum;
    t->beside[t->n++] = one / side;
    return 0;
}

/* A step of an ensemble beside the steps of its voices: whole steps, as a run makes them.  All are timed in turn, since the
 * machine's speed drifts; the medians over the turns are told. */
static int bench_ensemble(const struct args *a, struct choir *c, const char *rule, size_t shape[2])
{
    static const char *const names[] = { "first", "second", "third", "fourth" }; /* operands may be called alike */
    struct turns t = { .n = 0 };
    struct voice voices[4] = { { .lm = NULL } };
    struct lm *lms[5] = { NULL };
    size_t n_voices = shape[0];
    for (size_t k = 0; k < n_voices; k++) {
        voices[k] = (struct voice){ .lm = c->opened[k].lm, .name = names[k] };
        lms[k] = c->opened[k].lm;
    }
    lms[n_voices] = ensemble_open(voices, NULL, (uint32_t)n_voices, rule);
    int rc = lms[n_voices] ? 0 : err_code();
    double begun = clock_seconds();
    while (t.n < MOST_TURNS && rc == 0 && (t.n < LEAST_TURNS || clock_seconds() - begun < LONG))
        rc = turn(&t, c, lms, n_voices, shape[1]);
    if (rc == 0)
        print_ensemble(
            a, rule, lms[n_voices], shape[1],
            (double[4]){ median(t.together, t.n), median(t.apart, t.n), median(t.ratio, t.n), median(t.beside, t.n) });
    lm_free(lms[n_voices]);
    return rc;
}

static int bench_ensembles(const struct args *a)
{
    static const char *const rules[] = { "linear", "log" };
    struct choir c;
    int rc = choir_open(&c, a);
    static const size_t sizes[] = { 1, 32, 64 };
    for (size_t at = 0, slots; at < (c.n_open > 0 && c.opened[0].device ? 3 : 2) && (slots = sizes[at]); at++)
        for (size_t voices = 2; voices <= c.n_open; voices += 2)
            for (size_t r = 0; r < 2 && rc == 0; r++)
                rc = bench_ensemble(a, &c, rules[r], (size_t[2]){ voices, slots });
    choir_close(&c);
    return rc;
}

/* One thing at a time, and of what it is of. */
static int check_modes(const struct args *a)
{
    static const struct {
        const char *name;
        bool alone; /* without operands */
    } modes[] = { { "journal", true }, { "rounds", false },   { "card", false }, { "sweep", false },
                  { "memory", false }, { "tokenize", false }, { "lua", true },   { "ensembles", false },
                  { "bytes", false },  { "chains", true },    { "pools", true } };
    const char *chosen = NULL;
    for (size_t i = 0; i < sizeof modes / sizeof *modes; i++) {
        if (!options_given(a, modes[i].name))
            continue;
        if (chosen)
            return err_set(ERR_USAGE, "bench: --%s and --%s: want one of the two", chosen, modes[i].name);
        chosen = modes[i].name;
        if (modes[i].alone && a->n_operands > 0)
            return err_set(ERR_USAGE, "bench --%s: '%s': want no operands", chosen, a->operand[0]);
    }
    return 0;
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
    TRY(check_modes(a));
    TRY(options_int(a, "threads", 1, 1024, &n_threads));
    TRY(options_int(a, "journal", 1, 1 << 20, &mib));
    if (mib > 0)
        return bench_journal(a, mib);
    TRY(options_int(a, "rounds", 1, 101, &rounds));
    if (rounds > 0)
        return bench_rounds(a, (size_t)rounds);
    if (options_flag(a, "card"))
        return bench_card(a);
    if (options_flag(a, "sweep"))
        return bench_sweep(a);
    if (options_flag(a, "memory"))
        return bench_memory(a);
    if (options_flag(a, "tokenize"))
        return bench_tokenize(a);
    if (options_flag(a, "lua"))
        return bench_lua(a);
    if (options_flag(a, "ensembles"))
        return bench_ensembles(a);
    if (options_flag(a, "bytes"))
        return bench_bytes(a);
    if (options_flag(a, "chains"))
        return bench_chains(a);
    if (options_flag(a, "pools"))
        return bench_pools(a);
    double limit = 0;
    size_t n = a->n_operands;
    if (n == 0)
        TRY(bench_zoo(a, &limit));
    for (size_t i = 0; i < n; i++)
        TRY(bench_checkpoint(a, a->operand[i], &limit));
    if (n > 0)
        return 0;
    printf("%s", a->json ? "" : "\na step of zoo:prose, verse, (han, mixed) together beside their own steps\n");
    TRY(bench_ensembles(a));
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
    { "ensembles", NULL, NULL,
      "instead: a step of two and of four operands, or bundled checkpoints, beside their own; --threads 1: processor "
      "time" },
    { "bytes", NULL, NULL,
      "instead: a byte drawn from a pool of two operands over bytes beside one of tokens, of the first and a third "
      "where their vocabularies differ; --threads 1: processor time" },
    { "chains", NULL, NULL, "instead: microseconds of every transform on a row of 128,256 symbols" },
    { "pools", NULL, NULL, "instead: microseconds of pools of such rows and of a draw from them" },
    { "symbols", "N", NULL, "of --chains and --pools: another length of the rows" },
    BENCH_ROUNDS_OPTIONS,
    BENCH_CARD_OPTIONS,
    BENCH_SWEEP_OPTIONS,
    { "memory", NULL, NULL,
      "instead: bytes in memory over weights, keys and values of the operands, at rest and at peak" },
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
