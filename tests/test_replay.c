/* Counterfactual replay: a run decided again under its own chain takes every symbol again; under another chain it parts
 * where, and with the symbol that, a real run of that chain does.  Over exact tables, ensembles of them and a bundled
 * checkpoint, from whole rows and from the best of each. */
#include "base/err.h"
#include "evalsets/evalset.h"
#include "experiments/h5.h"
#include "experiments/replay.h"
#include "experiments/run.h"
#include "experiments/unit.h"
#include "model/checkpoint.h"
#include "tests/lib/check.h"
#include "tests/lib/letters.h"
#include "tests/lib/same.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char tables[] =
    "local a = model { 'table:n=12,length=24,seed=3,sharpness=2.5', name = 'a' }\n"
    "local b = model { 'table:n=12,length=24,seed=5,sharpness=1.2', name = 'b' }\n"
    "local duet = ensemble { voice { a }, voice { b, chain = 'top_k=7' }, rule = 'linear', name = 'duet' }\n"
    "experiment { name = 'r', seed = 11, draws = 3, limit = { bytes = 12 }, trace = '%s',\n"
    "  evalsets = { 'DIR/gen' },\n"
    "  arms = grid { lm = { a, b, duet }, search = { 'sample', 'greedy' }, chain = '%s' } }\n";

static const char zoo[] = "experiment { name = 'z', seed = 3, draws = 2, limit = { bytes = 60 }, trace = '%s',\n"
                          "  evalsets = { { 'openings', items = 3 } },\n"
                          "  arms = grid { lm = model 'zoo:prose', search = { 'sample', 'greedy' }, chain = '%s' } }\n";

static const char *const chains[] = { "",
                                      "temperature=0",
                                      "temperature=0.8|top_p=0.9",
                                      "top_k=3|temperature=1.4",
                                      "repetition_penalty=1.3|min_p=0.1",
                                      "no_repeat_ngram=2|temperature=0.9",
                                      "frequency_penalty=0.6|presence_penalty=0.2",
                                      "typical=0.8",
                                      "mirostat2(tau=2.5, eta=0.6)",
                                      "temperature=1.2|adaptive_p(0.3, decay=0.7)",
                                      "dry(0.8, breakers=[3])|top_p=0.9",
                                      "normalise|repetition_penalty=1.2|top_p=0.95" };
enum { N_CHAINS = CHECK_TIMES(sizeof chains / sizeof *chains, 7) };

/* Runs a script into a folder, unless it is there, and opens its results. */
static struct results *results_of(const char *script, const char *level, const char *chain, const char *name)
{
    char text[2048];
    struct run_outcome outcome;
    snprintf(text, sizeof text, script, level, chain);
    struct plan *p = letters_plan(text, NULL);
    int rc = p ? run_execute(p, letters_path(name), &(struct run_options){ .threads = 1 }, &outcome) : -1;
    struct results *r = rc == 0 ? results_open(letters_path(name)) : NULL;
    check(r != NULL, "%s: '%s': %s", name, chain, err_text());
    plan_free(p);
    return r;
}

struct tally {
    size_t records, same, parted, open;
};

/* A replay under its own chain. */
static struct tally own(struct results *r, const char *what)
{
    struct tally t = { 0 };
    struct replay_record x;
    struct replay *p = replay_open(r, NULL, NULL);
    int rc = p ? 0 : -1;
    while (p && (rc = replay_next(p, &x)) > 0) {
        t.records++;
        t.same += x.first == x.n_steps;
        t.parted += x.n_parted > 0;
        t.open += x.n_open > 0;
        if (x.n_open == 0 && isfinite(x.low))
            check(x.low <= 1e-4 && x.high >= -1e-4, "%s: its own probability, [%g, %g]", what, x.low, x.high);
    }
    check(rc == 0, "%s: %s", what, err_text());
    replay_close(p);
    return t;
}

static size_t generated(const struct results *r)
{
    size_t n, k = 0, m;
    const struct results_record *x = results_records(r, &n);
    for (size_t i = 0; i < n; i++)
        k += strcmp(results_items(r, &m)[x[i].item].kind, "generate") == 0;
    return k;
}

/* What is there under its own chain; r may be NULL. */
static struct results *check_own(struct results *r, const char *what)
{
    struct tally t = { 0 };
    if (r)
        t = own(r, what);
    check(r && t.records == generated(r) && t.records > 3 && t.parted == 0, "%s: %zu texts, %zu part from themselves",
          what, t.records, t.parted);
    check(t.same == t.records && t.open == 0, "%s: all of %zu are the same, %zu are", what, t.records, t.same);
    return r;
}

/* The first step at which two runs' texts differ; the steps of both when they do not. */
static uint32_t first_difference(struct results *a, const struct results_record *x, struct results *b,
                                 const struct results_record *y, sym_t *other)
{
    struct results_tokens s, t;
    *other = REPLAY_NONE;
    if (results_tokens(a, x, &s) < 0 || results_tokens(b, y, &t) < 0) {
        check(false, "tokens: %s", err_text());
        return 0;
    }
    uint32_t i = 0;
    while (i < s.n && i < t.n && s.id[i] == t.id[i])
        i++;
    if (i < t.n && i < s.n)
        *other = t.id[i];
    check(i < s.n || i == t.n, "equal so far, both end: a text is no beginning of another");
    return i;
}

/* What a replay of `a` says against the run `b` of the other chain. */
static struct tally against(struct results *a, struct results *b, const char *chain, const char *what)
{
    struct tally t = { 0 };
    struct replay_record x;
    struct replay *p = replay_open(a, chain, NULL);
    int rc = p ? 0 : -1;
    while (p && (rc = replay_next(p, &x)) > 0) {
        size_t n;
        sym_t other = REPLAY_NONE;
        const struct results_record *y = results_unit(b, x.record->arm, x.record->item, x.record->draw, &n);
        uint32_t first = y ? first_difference(a, x.record, b, y, &other) : 0;
        check(n == 1, "%s: one text", what);
        check(x.first <= first && first <= x.parted, "%s to '%s': parts at %u, said %u .. %u", what, chain, first,
              x.first, x.parted);
        if (x.first < x.n_steps && x.first == x.parted && x.symbol != REPLAY_NONE)
            check(x.symbol == other, "%s to '%s': %u instead, said %u", what, chain, other, x.symbol);
        t.records++;
        t.same += x.first == x.n_steps;
        t.parted += x.first < x.n_steps && x.first == x.parted;
        t.open += x.first < x.parted;
    }
    check(rc == 0, "%s: %s", what, err_text());
    replay_close(p);
    return t;
}

static void test_tables(void)
{
    struct results *full[N_CHAINS], *top[N_CHAINS];
    struct tally exact = { 0 }, best = { 0 };
    char name[64];
    for (size_t i = 0; i < N_CHAINS; i++) {
        snprintf(name, sizeof name, "full%zu", i);
        full[i] = check_own(results_of(tables, "full", chains[i], name), chains[i]);
        snprintf(name, sizeof name, "top%zu", i);
        top[i] = check_own(results_of(tables, "topk=6", chains[i], name), chains[i]);
    }
    for (size_t i = 0; i < N_CHAINS; i++)
        for (size_t k = 0; k < N_CHAINS; k++) {
            if (!full[i] || !full[k] || !top[i])
                continue;
            struct tally s = against(full[i], full[k], chains[k], chains[i]);
            struct tally t = against(top[i], full[k], chains[k], chains[i]);
            check(s.open == 0 && s.same + s.parted == s.records, "whole rows leave nothing open");
            exact.same += s.same;
            exact.parted += s.parted;
            best.same += t.same;
            best.parted += t.parted;
            best.open += t.open;
        }
    check(exact.same > 500 && exact.parted > 1000, "%zu the same, %zu part", exact.same, exact.parted);
    check(best.same > 50 && best.parted > 200 && best.open > 0,
          "of the best six of twelve: %zu the same, %zu part, %zu open", best.same, best.parted, best.open);
    for (size_t i = 0; i < N_CHAINS; i++) {
        results_close(full[i]);
        results_close(top[i]);
    }
}

static void test_zoo(void)
{
    struct results *plain = results_of(zoo, "topk=64", "temperature=0.8|top_p=0.9", "zoo_top"),
                   *full = results_of(zoo, "full", "temperature=0.8|top_p=0.9", "zoo_full"),
                   *other = results_of(zoo, "token", "top_k=20|temperature=1.1", "zoo_other");
    if (plain && full && other) {
        struct tally t = own(full, "zoo");
        check(t.same == t.records && t.records == 9, "prose: all of %zu are the same, %zu are", t.records, t.same);
        t = against(full, other, "top_k=20|temperature=1.1", "prose");
        check(t.open == 0 && t.parted > 0, "prose: %zu part", t.parted);
        t = against(plain, other, "top_k=20|temperature=1.1", "prose");
        check(t.open == 0 && t.parted > 0, "prose, of the best 64: %zu part, %zu open", t.parted, t.open);
    }
    results_close(plain);
    results_close(full);
    results_close(other);
}

static const char tagged[] =
    "local a = model { 'table:n=12,length=24,seed=3,sharpness=2.5', name = 'a' }\n"
    "local b = model { 'table:n=12,length=24,seed=5,sharpness=1.2', name = 'b' }\n"
    "local duet = ensemble { a, b, weights = { 0.5, 0.5 }, name = 'duet' }\n"
    "experiment { name = 't', seed = 11, draws = 3, limit = { bytes = 12 }, trace = '%s',\n"
    "  evalsets = { 'DIR/tagged', 'DIR/choice', 'DIR/score' }, tasks = 'other',\n"
    "  arms = { { lm = duet, chain = '%s', name = 'by task', tasks = { math = { chain = 'top_k=2|temperature=1.5' },\n"
    "    verse = { search = 'greedy', weights = { 1, 0 } } } } } }\n";

/* What an arm does with items of a task is decided again as it was; choices and scored texts are none of it. */
static void test_tasks(void)
{
    letters_set("tagged", "generate", "distinct_1",
                "{\"id\":\"plain\",\"lang\":\"en\",\"text\":\"ab\"}\n"
                "{\"id\":\"math\",\"lang\":\"en\",\"text\":\"<task:math>ab\"}\n"
                "{\"id\":\"verse\",\"lang\":\"en\",\"text\":\"ab\",\"task\":\"verse form=ci\"}\n");
    struct results *r = check_own(results_of(tagged, "full", "top_p=0.9", "tagged_run"), "tasks"),
                   *other = results_of(tagged, "full", "top_k=5", "tagged_other");
    check(r && own(r, "tasks").records == 7, "three of three draws, and one that repeats");
    struct replay *x = r && other ? replay_open(r, "top_k=5", NULL) : NULL;
    struct replay_record out;
    size_t n, plain = 0;
    while (x && replay_next(x, &out) > 0) {
        if (strcmp(results_items(r, &n)[out.record->item].id, "plain") != 0)
            continue;
        sym_t symbol;
        const struct results_record *y = results_unit(other, 0, out.record->item, out.record->draw, &n);
        check(n == 1 && first_difference(r, out.record, other, y, &symbol) == out.first, "the arm itself");
        plain++;
    }
    check(plain == 3, "%zu texts of the arm itself", plain);
    replay_close(x);
    results_close(other);
    results_close(r);
}

static const char searches[] =
    "local a = model { 'table:n=12,length=24,seed=3,sharpness=2.5', name = 'a' }\n"
    "experiment { name = 's', seed = 11, draws = 2, limit = { bytes = 12 }, trace = '%s', evalsets = { 'DIR/gen' },\n"
    "  arms = grid { lm = a, chain = '%s', search = { 'sample', 'sample(draw=cdf)',\n"
    "    'sample(draw=arithmetic, n=2)', 'speculative', 'speculative(rule=rejection)', 'beam(width=3)',\n"
    "    'stochastic_beam(n=3)', 'diverse_beam(width=4, groups=2)', 'best_first' } } }\n";
enum { N_WALKS = 4, N_SEARCHES = 9 };

/* Each text of a search that draws from one row at a time parts where a run of the other chain does, and takes every symbol
 * again under its own. */
static void test_walks(const char *trace)
{
    bool full = strcmp(trace, "full") == 0;
    struct results *r = results_of(searches, trace, "temperature=1.3", full ? "walks" : "walks_top"),
                   *other = full ? results_of(searches, trace, "top_k=2", "walks_other") : NULL;
    struct replay *p = r ? replay_open(r, "top_k=2", NULL) : NULL, *own = r ? replay_open(r, NULL, NULL) : NULL;
    struct replay_record out;
    size_t n, parted = 0;
    while (p && replay_next(p, &out) > 0) {
        sym_t symbol;
        const struct results_record *y =
            other ? results_unit(other, out.record->arm, out.record->item, out.record->draw, &n) : NULL;
        check(!y || first_difference(r, out.record, other, y, &symbol) == out.first, "arm %u: parts at %u",
              out.record->arm, out.first);
        parted += out.first < out.n_steps;
        check(full || out.record->arm == 0 || out.record->arm == 3, "arm %u wants whole rows", out.record->arm);
    }
    check(parted > 5, "%s: %zu texts part", trace, parted);
    while (own && replay_next(own, &out) > 0)
        check(out.first == out.n_steps && out.decided == out.n_steps, "arm %u takes its own again: %u of %u",
              out.record->arm, out.first, out.n_steps);
    for (uint32_t i = 0; p && i < N_SEARCHES; i++) {
        const char *why = replay_skipped(p, i);
        bool draws = i == 1 || i == 2;
        check(i < N_WALKS && (full || !draws) ? !why : why != NULL, "%s: arm %u: %s", trace, i, why ? why : "decided");
        check(full || !draws || (why && strstr(why, "its draw reads whole rows")), "%s: arm %u: %s", trace, i, why);
    }
    replay_close(p);
    replay_close(own);
    results_close(other);
    results_close(r);
}

/* Other searches keep their hypotheses' rows too, each under its own symbols; they are not decided again, and that is said. */
static void test_searches(void)
{
    struct results *r = results_of(searches, "full", "top_p=0.9", "searches");
    struct results_traces *t = r ? results_traces_open(r) : NULL;
    size_t n = 0, n_arms = 0, rows = 0;
    const struct results_record *x = r ? results_records(r, &n) : NULL;
    for (size_t i = 0; t && i < n; i++) {
        struct unit_trace trace;
        struct results_tokens tokens;
        check(results_traces_get(t, &x[i], &trace) == 0 && results_tokens(r, &x[i], &tokens) == 0, "%s", err_text());
        for (size_t k = 0; k < trace.n && k < tokens.n; k++, rows++)
            check_near((double)trace.score[k * trace.width + tokens.id[k]] - trace.log_z[k], (double)tokens.logp[k],
                       1e-5, "%s, step %zu", results_arms(r, &n_arms)[x[i].arm].name, k);
        check(trace.n >= tokens.n, "%s: %zu rows of %zu", results_arms(r, &n_arms)[x[i].arm].name, trace.n, tokens.n);
    }
    results_traces_close(t);
    struct replay *p = r ? replay_open(r, "top_k=2", NULL) : NULL;
    struct replay_record out;
    while (p && replay_next(p, &out) > 0)
        check(out.record->arm < N_WALKS, "only what is known is decided");
    for (uint32_t i = 0; p && i < n_arms; i++)
        check((replay_summary(p, i).records == 0) == (i >= N_WALKS) && !replay_skipped(p, i) == (i < N_WALKS), "arm %u",
              i);
    check(rows > 300 && n_arms == N_SEARCHES, "%zu rows of %zu arms", rows, n_arms);
    replay_close(p);
    results_close(r);
}

static void refused(const char *folder, const char *chain, const char *arm, int code, const char *why)
{
    struct results *r = results_open(letters_path(folder));
    struct replay *x = r ? replay_open(r, chain, arm) : NULL;
    struct replay_record record;
    int rc = x ? 1 : err_code();
    while (x && rc > 0)
        rc = replay_next(x, &record);
    check(rc == code && strstr(err_text(), why), "%s: %d, want '%s' in: %s", folder, rc, why, err_text());
    replay_close(x);
    results_close(r);
}

static void test_refusals(void)
{
    results_close(results_of(tables, "token", "", "token"));
    results_close(results_of(tables, "steps", "top_k=2", "steps"));
    refused("token", NULL, NULL, ERR_DATA, "the run kept no rows (trace level 'token' or 'steps')");
    refused("steps", "top_k=3", NULL, ERR_DATA, "want a run with trace 'topk=K' or 'full'");
    refused("full0", "top_q=3", NULL, ERR_USAGE, "unknown transform 'top_q'");
    refused("full0", NULL, "c: as it is", ERR_USAGE, "unknown arm 'c: as it is'");
}

/* One arm alone; sums of an arm and of all. */
static void test_summary(void)
{
    struct results *r = results_open(letters_path("full0"));
    struct replay *x = r ? replay_open(r, "temperature=0.5", NULL) : NULL;
    struct replay_record record;
    double sum = 0, ratio = 0;
    size_t n = 0, parted = 0, n_arms;
    while (x && replay_next(x, &record) > 0) {
        n++;
        parted += record.first < record.n_steps;
        sum += record.first < record.n_steps ? record.first : 0;
        ratio += record.low;
        check(record.low == record.high, "exact");
    }
    results_arms(r, &n_arms);
    struct replay_summary all = replay_summary(x, REPLAY_NONE), arms = { 0 };
    for (uint32_t i = 0; i < n_arms; i++) {
        struct replay_summary s = replay_summary(x, i);
        arms.records += s.records;
        arms.same += s.same;
        check(s.undecided == 0 && s.skipped == 0 && s.records == s.same + s.parted, "arm %u adds up", i);
    }
    check(all.records == n && all.parted == parted && arms.records == n && arms.same == all.same, "all add up");
    check_near(all.mean, sum / (double)parted, 1e-12, "mean");
    check_near(all.low, ratio / (double)n, 1e-9, "ratio");
    check(all.n_ratio == n && all.impossible == 0, "a temperature makes nothing impossible");
    replay_close(x);
    x = replay_open(r, "top_k=1", "a: as it is");
    for (n = 0; x && replay_next(x, &record) > 0; n++)
        check(strcmp(results_arms(r, &n_arms)[record.record->arm].name, "a: as it is") == 0, "one arm");
    check(n == 15 && replay_summary(x, REPLAY_NONE).impossible > 0, "greedy could not have said most of %zu", n);
    replay_close(x);
    results_close(r);
}

/* The rows of two runs, bit for bit. */
static void same_rows(const char *folder_a, const char *folder_b)
{
    struct results *a = results_open(letters_path(folder_a)), *b = results_open(letters_path(folder_b));
    struct results_traces *s = a ? results_traces_open(a) : NULL, *t = b ? results_traces_open(b) : NULL;
    struct unit_trace x, y;
    size_t n = 0, m = 0;
    const struct results_record *r = a ? results_records(a, &n) : NULL, *q = b ? results_records(b, &m) : NULL;
    check(s && t && n == m && n > 0, "%zu and %zu records", n, m);
    for (size_t i = 0; s && t && i < n && n == m; i++) {
        bool both = results_traces_get(s, &r[i], &x) == 0 && results_traces_get(t, &q[i], &y) == 0;
        check(both && x.n == y.n && x.width == y.width &&
                  memcmp(x.score, y.score, x.n * x.width * sizeof(float)) == 0 &&
                  memcmp(x.id, y.id, x.n * x.width * sizeof(sym_t)) == 0 &&
                  memcmp(x.log_z, y.log_z, x.n * sizeof(double)) == 0 &&
                  memcmp(x.tail, y.tail, x.n * sizeof(double)) == 0,
              "record %zu", i);
    }
    results_traces_close(s);
    results_traces_close(t);
    results_close(a);
    results_close(b);
}

/* The trace is the same however the run was made, and part of the key of its units. */
static void test_units(void)
{
    char text[2048];
    struct run_outcome outcome;
    struct unit_key keys[2];
    snprintf(text, sizeof text, tables, "topk=6", chains[2]);
    struct plan *p = letters_plan(text, NULL);
    check(p && run_execute(p, letters_path("ways"), &(struct run_options){ .threads = 2, .batch = 7 }, &outcome) == 0,
          "%s", err_text());
    same_results(letters_path("top2"), letters_path("ways"), "batch and threads");
    same_rows("top2", "ways");
    for (size_t i = 0; i < 2; i++) {
        snprintf(text, sizeof text, tables, i == 0 ? "token" : "full", chains[2]);
        plan_free(p);
        p = letters_plan(text, NULL);
        keys[i] = p ? unit_key(p, &p->arms[0], &p->items[0], 0) : (struct unit_key){ 0 };
    }
    check(!unit_key_equal(keys[0], keys[1]), "a unit logged at token is not taken for one at full");
    plan_free(p);
}

int main(void)
{
    letters_open();
    checkpoint_set_home(CHORALE_HOME);
    evalset_set_home(CHORALE_HOME);
    check(h5_quiet() == 0, "quiet");
    test_tables();
    test_zoo();
    test_tasks();
    test_searches();
    test_walks("full");
    test_walks("topk=12");
    test_refusals();
    test_summary();
    test_units();
    letters_close();
    return check_done("replay");
}
