/* replay: the steps of a run decided again under another chain, from the rows it logged. */
#include "base/err.h"
#include "cli/clean.h"
#include "cli/console.h"
#include "cli/guard.h"
#include "cli/verbs.h"
#include "experiments/replay.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

static void add_string(struct text *t, const char *key, const char *s, size_t n)
{
    text_addf(t, "\"%s\":", key);
    text_add_json(t, s, n);
}

/* A symbol, and its text where it has one. */
static void add_symbol(struct text *t, const char *key, const struct results *r, uint32_t arm, sym_t symbol)
{
    size_t n;
    const char *piece = symbol == REPLAY_NONE ? NULL : results_piece(r, arm, symbol, &n);
    if (symbol == REPLAY_NONE)
        return;
    text_addf(t, ",\"%s\":{\"id\":%u,", key, symbol);
    add_string(t, "text", piece ? piece : "", piece ? n : 0);
    text_add(t, "}");
}

static const char *verdict(const struct replay_record *x)
{
    return x->first == x->n_steps ? "same" : x->first == x->parted ? "parted" : "undecided";
}

static void print_record(const struct results *r, const struct replay_record *x)
{
    struct text t = { 0 };
    size_t n;
    const struct results_record *record = x->record;
    const char *arm = results_arms(r, &n)[record->arm].name, *item = results_items(r, &n)[record->item].name;
    text_add(&t, "{");
    add_string(&t, "arm", arm, strlen(arm));
    text_add(&t, ",");
    add_string(&t, "item", item, strlen(item));
    text_addf(&t, ",\"draw\":%u,\"verdict\":\"%s\",\"steps\":%u", record->draw, verdict(x), x->n_steps);
    if (x->first < x->n_steps)
        text_addf(&t, ",\"first\":%u", x->first);
    if (x->parted < x->n_steps)
        text_addf(&t, ",\"parted\":%u", x->parted);
    add_symbol(&t, "logged", r, record->arm, x->logged);
    add_symbol(&t, "instead", r, record->arm, x->symbol);
    text_addf(&t, ",\"decided\":%u,\"differ\":%u,\"undecided\":%u", x->decided, x->n_parted, x->n_open);
    if (x->decided == x->n_steps) {
        console_member(&t, "log_ratio_low", x->low); /* null: -inf */
        console_member(&t, "log_ratio_high", x->high);
    }
    text_add(&t, "}");
    puts(text_s(&t));
    text_free(&t);
}

static void print_summary(const struct replay_summary *s, const char *arm, const char *chain)
{
    struct text t = { 0 };
    text_add(&t, "{\"summary\":");
    text_add_json(&t, arm ? arm : "all", strlen(arm ? arm : "all"));
    if (chain) {
        text_add(&t, ",");
        add_string(&t, "chain", chain, strlen(chain));
    }
    const struct {
        const char *key;
        uint64_t n;
    } counts[] = { { "records", s->records },       { "same", s->same },
                   { "parted", s->parted },         { "undecided", s->undecided },
                   { "skipped", s->skipped },       { "steps", s->steps },
                   { "steps_differ", s->n_parted }, { "steps_undecided", s->n_open },
                   { "impossible", s->impossible } };
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++)
        text_addf(&t, ",\"%s\":%llu", counts[i].key, (unsigned long long)counts[i].n);
    console_member(&t, "until_mean", s->mean);
    console_member(&t, "until_median", s->median);
    console_member(&t, "log_ratio_low", s->low);
    console_member(&t, "log_ratio_high", s->high);
    text_add(&t, "}");
    puts(text_s(&t));
    text_free(&t);
}

static double percent(uint64_t n, uint64_t of)
{
    return of > 0 ? 100 * (double)n / (double)of : 0;
}

static void print_number(double x, int width)
{
    if (isfinite(x))
        printf(" %*.4g", width, x);
    else
        printf(" %*s", width, "-");
}

static void print_row(const struct replay_summary *s, const char *name)
{
    printf("%8llu %6.1f %% %6.1f %% %6.1f %%", (unsigned long long)s->records, percent(s->same, s->records),
           percent(s->parted, s->records), percent(s->undecided, s->records));
    print_number(s->mean, 8);
    print_number(s->median, 8);
    printf(" %6.1f %%", percent(s->n_parted, s->steps));
    print_number(s->low, 10);
    print_number(s->high, 10);
    printf("  ");
    clean_print(name);
    puts("");
}

static void print_table(const struct args *a, const struct replay *x, const struct results *r)
{
    const char *chain = options_text(a, "chain");
    size_t n;
    const struct results_arm *arms = results_arms(r, &n);
    uint32_t shown = 0;
    printf("decided again under ");
    clean_print(!chain ? "each arm's own chain" : *replay_chain(x, 0) ? replay_chain(x, 0) : "no chain at all");
    puts("\n");
    printf("%8s %8s %8s %8s  symbols until parting %6s  log ratio, mean of\n", "texts", "same", "part", "open",
           "steps");
    printf("%8s %8s %8s %8s %8s %8s %10s %8s %10s  arm\n", "", "", "", "", "mean", "median", "differ", "least", "most");
    for (uint32_t i = 0; i < n; i++) {
        struct replay_summary s = replay_summary(x, i);
        shown += s.records > 0;
        if (s.records > 0)
            print_row(&s, arms[i].name);
        if (s.skipped > 0) {
            printf("%8llu texts were not decided again: %s  ", (unsigned long long)s.skipped, replay_skipped(x, i));
            clean_print(arms[i].name);
            puts("");
        }
    }
    if (shown > 1) {
        struct replay_summary s = replay_summary(x, REPLAY_NONE);
        print_row(&s, "all");
    }
}

static void print_ends(const struct args *a, const struct replay *x, const struct results *r)
{
    size_t n;
    const struct results_arm *arms = results_arms(r, &n);
    if (!a->json) {
        if (!a->quiet)
            print_table(a, x, r);
        return;
    }
    for (uint32_t i = 0; i < n; i++) {
        struct replay_summary s = replay_summary(x, i);
        if (s.records + s.skipped > 0)
            print_summary(&s, arms[i].name, replay_chain(x, i));
    }
    struct replay_summary all = replay_summary(x, REPLAY_NONE);
    print_summary(&all, NULL, NULL);
}

static int replay(struct guard *g, void *ctx)
{
    const struct args *a = *(const struct args **)ctx;
    struct replay_record record;
    struct results *r = guard_results(g, 0, a->operand[0]);
    struct replay *x = r ? replay_open(r, options_text(a, "chain"), options_text(a, "arm")) : NULL;
    int rc = x ? 0 : err_code();
    while (x && rc == 0 && (rc = replay_next(x, &record)) > 0) {
        if (a->json)
            print_record(r, &record);
        rc = ferror(stdout) ? console_check() : 0;
    }
    if (rc == 0)
        print_ends(a, x, r);
    replay_close(x);
    results_close(r);
    return rc;
}

static int run_replay(const struct args *a)
{
    double seconds = 0;
    TRY(options_real(a, "open-limit", 0.001, 1e9, &seconds));
    const char *path = a->operand[0];
    struct guard_work work = { .paths = &path, .n_paths = 1, .seconds = seconds, .work = replay, .ctx = &a };
    return guard_run(&work);
}

static const struct option_row options[] = {
    { "chain", "CHAIN", NULL, "the other chain; default: each arm's own, which must take every symbol again" },
    { "arm", "NAME", NULL, "only the texts of this arm, by its name or a part only it has" },
    { "open-limit", "SECONDS", NULL, "for reading the results file; default: 20 and one more for each MB of it" },
};

const struct verb verb_replay = {
    .name = "replay",
    .operands = "RUN",
    .min_operands = 1,
    .max_operands = 1,
    .summary = "decides a logged run again under another chain: where its texts would have parted",
    .details =
        "RUN is a run folder or a results.h5 whose trace level was full (exact) or topk=K (certain, or undecided). No\n"
        "model runs: the rows are logged, and the noise of a draw is an address. Until its first parting a text is "
        "the\n"
        "one that a run of the other chain would give; steps after it are decided along the logged text.\n"
        "  same, part, open    texts that would be the same, would part, cannot be told (topk)\n"
        "  steps differ        of all steps decided again\n"
        "  log ratio           ln of the probability of a text under the other chain over that under its own: the "
        "least\n"
        "                      and the most that it can be, which full makes one; means of those that are finite\n"
        "--json: a line for each text, then {\"summary\":...} for each arm and for all; a ratio of null is -inf.",
    .options = options,
    .n_options = sizeof options / sizeof *options,
    .run = run_replay,
};
