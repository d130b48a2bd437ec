/* Ensembles as lms, on exact tables: prompts, transforms, traces, scoring at many positions, nesting, names, errors.
 * What they do to strings is in test_ensemble_strings.c. */
#include "base/err.h"
#include "decode/chain.h"
#include "decode/search.h"
#include "ensemble/ensemble.h"
#include "ensemble/uncertainty.h"
#include "model/core.h"
#include "model/table.h"
#include "tests/lib/check.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define N       6 /* a .. e, end */
#define LETTERS 12

static struct core *core;
static struct lm *tables[3];

static void fail_on(int rc)
{
    if (rc >= 0)
        return;
    printf("%s\n", err_text());
    exit(1);
}

static struct lm *opened(const struct voice voices[], const double weights[], size_t n, const char *rule)
{
    struct lm *lm = ensemble_open(voices, weights, n, rule);
    check(lm != NULL, "%s opens: %s", rule, lm ? "" : err_text());
    if (!lm)
        exit(1);
    return lm;
}

static struct lm *plain(size_t n, const double weights[], const char *rule)
{
    const struct voice voices[3] = { { .lm = tables[0], .name = "prose" },
                                     { .lm = tables[1], .name = "verse" },
                                     { .lm = tables[2], .name = "third" } };
    return opened(voices, weights, n, rule);
}

static int slot_after(struct lm *lm, const char *text)
{
    int slot = lm_fork(lm, LM_EMPTY, 0);
    fail_on(slot);
    for (; *text; text++)
        fail_on(lm_push(lm, slot, &(sym_t){ (sym_t)(*text - 'a') }, 1, NULL));
    return slot;
}

/* Rows at the last n_rows positions, copied: (n_rows, lm's n) scores. */
static void read_rows(struct lm *lm, int slot, uint32_t n_rows, float score[], struct row out[])
{
    struct row rows[LETTERS + 2];
    struct want w = { .lm = lm, .slot = slot, .n_rows = n_rows, .tap = LM_TAP_FINAL };
    fail_on(core_run(core, &w, 1));
    fail_on(lm_rows(&w, rows));
    for (uint32_t i = 0; i < n_rows; i++) {
        out[i] = row_over(score + i * lm->space->n, lm->space->n);
        row_copy(&out[i], &rows[i]);
    }
}

static struct row row_after(struct lm *lm, const char *text, float score[N])
{
    struct row r;
    int slot = slot_after(lm, text);
    read_rows(lm, slot, 1, score, &r);
    lm_drop(lm, slot);
    return r;
}

static bool same_bits(const struct row *a, const struct row *b)
{
    return memcmp(a->score, b->score, a->n * sizeof *a->score) == 0 && a->log_z == b->log_z &&
           a->log_weight == b->log_weight;
}

static double difference(const struct row *a, const struct row *b)
{
    double worst = 0;
    for (sym_t v = 0; v < a->n; v++)
        worst = fmax(worst, fabs(exp(row_logp(a, v)) - exp(row_logp(b, v))));
    return worst;
}

/* transforms of the test's own: decode/ is not below ensemble/ */

static int sharpen_apply(const struct transform *t, void *state, struct row *r, const struct transform_at *at)
{
    (void)state;
    (void)at;
    row_scale(r, t->value[0].number);
    return 0;
}

static const struct param sharpen_params[] = { { .name = "factor", .kind = PARAM_REAL, .max = 100, .value = 1 } };
static const struct transform_type sharpen_type = {
    .name = "sharpen", .params = sharpen_params, .n_params = 1, .apply = sharpen_apply
};
static const struct transform sharpen2 = { .type = &sharpen_type, .value = { { .number = 2 } } };

/* Leaves only the symbol that is as far into the alphabet as prompt and text are long: what it was handed shows. */
static int count_apply(const struct transform *t, void *state, struct row *r, const struct transform_at *at)
{
    (void)t;
    (void)state;
    row_only(r, (sym_t)((2 * at->n_prompt + at->n_made) % N));
    return at->work && at->space->n == r->n && at->address->step == at->n_made ? 0 : ERR_DATA;
}
static const struct transform_type count_type = { .name = "count", .apply = count_apply };
static const struct transform count = { .type = &count_type };
static const struct transform_type stateful_type = { .name = "mirostat", .state_size = 8, .apply = count_apply };
static const struct transform_type random_type = { .name = "xtc", .random = true, .apply = count_apply };

static void one_voice_is_itself(void)
{
    static const char *const rules[] = { "linear", "log", "product",    "power(-2)",
                                         "min",    "max", "gated(0.5)", "linear(mode=global)" };
    float a[N], b[N];
    for (size_t i = 0; i < sizeof rules / sizeof *rules; i++) {
        struct lm *lm = plain(1, NULL, rules[i]);
        struct row got = row_after(lm, "abc", a), want = row_after(tables[0], "abc", b);
        check(same_bits(&got, &want), "%s of one voice is the voice, bit for bit", rules[i]);
        lm_free(lm);
    }
    struct lm *lm = plain(3, (double[]){ 0, 5, 0 }, "log");
    struct row got = row_after(lm, "abc", a), want = row_after(tables[1], "abc", b);
    check(same_bits(&got, &want), "all weight on one voice: the voice, bit for bit");
    lm_free(lm);
}

static void names_and_hashes(void)
{
    const char *drop[] = { "context" };
    const struct transform *transforms[] = { &sharpen2 };
    struct voice v[2] = { { .lm = tables[0], .name = "prose", .template_name = "backwards", .drop = drop, .n_drop = 1 },
                          { .lm = tables[1], .name = "verse", .transforms = transforms, .n_transforms = 1, .tap = 3 } };
    struct lm *lm = opened(v, (double[]){ 7, 3 }, 2, "log"), *simple = plain(2, (double[]){ 7, 3 }, "linear");
    struct lm *same = plain(2, (double[]){ 0.7, 0.3 }, "linear(mode=local)"), *min = plain(2, NULL, "min");
    check(strcmp(lm->name, "log(prose[template=backwards|drop=context]=0.7, verse[tap=3|sharpen=2]=0.3)") == 0,
          "name: %s", lm->name);
    check(strcmp(simple->name, "linear(prose=0.7, verse=0.3)") == 0, "name: %s", simple->name);
    check(strcmp(min->name, "min(prose, verse)") == 0, "name: %s", min->name);
    check(strcmp(simple->hash, same->hash) == 0 && strlen(same->hash) == 64, "one ensemble, one hash");
    check(simple->n_voices == 2 && strcmp(simple->voices[1], "verse") == 0, "voices by name");
    check(simple->pure && simple->max_length == tables[0]->max_length, "pure; as long as its voices");

    struct lm *others[7];
    struct voice w[2] = { { .lm = tables[0], .name = "prose" }, { .lm = tables[1], .name = "verse" } };
    const double seven_three[2] = { 0.7, 0.3 };
    others[0] = plain(2, (double[]){ 0.6, 0.4 }, "linear");
    others[1] = plain(2, seven_three, "log");
    w[1].template_name = "backwards";
    others[2] = opened(w, seven_three, 2, "linear");
    w[1].template_name = NULL;
    w[1].tap = 2;
    others[3] = opened(w, seven_three, 2, "linear");
    w[1].tap = LM_TAP_FINAL;
    w[0].transforms = transforms;
    w[0].n_transforms = 1;
    others[4] = opened(w, seven_three, 2, "linear");
    w[0].n_transforms = 0;
    w[1].lm = tables[2];
    others[5] = opened(w, seven_three, 2, "linear");
    w[1].lm = tables[1];
    w[1].drop = drop;
    w[1].n_drop = 1;
    others[6] = opened(w, seven_three, 2, "linear");
    for (size_t i = 0; i < 7; i++) {
        check(strcmp(others[i]->hash, simple->hash) != 0, "another ensemble, another hash (%zu)", i);
        lm_free(others[i]);
    }
    lm_free(lm);
    lm_free(simple);
    lm_free(same);
    lm_free(min);
}

static void refused(const struct voice voices[], const double weights[], size_t n, const char *rule, const char *says)
{
    struct lm *lm = ensemble_open(voices, weights, n, rule);
    check(!lm && strstr(err_text(), says), "%s is refused, saying '%s': %s", rule, says, err_text());
    lm_free(lm);
}

static void errors(void)
{
    struct lm *small = table_open(&(struct table_options){ N - 1, LETTERS, 9, 1 });
    struct lm *pair = plain(2, NULL, "linear");
    const struct transform stateful = { .type = &stateful_type }, noisy = { .type = &random_type };
    const struct transform *keeps[] = { &stateful }, *draws[] = { &noisy };
    struct voice v[17] = { { .lm = tables[0], .name = "prose" }, { .lm = small, .name = "small" } };
    refused(v, NULL, 2, "linear", "'prose' (6 symbols) and 'small' (5 symbols)");
    refused(v, NULL, 2, "linear", "byte adapter");
    v[1] = (struct voice){ .lm = tables[1], .name = "prose" };
    refused(v, NULL, 2, "linear", "two voices are called 'prose'");
    v[1].name = "verse";
    refused(v, (double[]){ 1, -1 }, 2, "linear", "weight 2 is -1");
    refused(v, (double[]){ 0, 0 }, 2, "linear", "all 2 weights are 0");
    refused(v, NULL, 2, "geometric", "unknown pool rule 'geometric'");
    refused(v, NULL, 1, "contrast", "2 to 2 voices, got 1");
    refused(v, NULL, 0, "linear", "0 voices");
    refused(v, NULL, 17, "linear", "17 voices");
    v[1].tap = LM_TAP_HIDDEN;
    refused(v, NULL, 2, "linear", "hidden state");
    v[1] = (struct voice){ .lm = pair, .name = "pair", .tap = 1 };
    refused(v, NULL, 2, "linear", "no layers");
    v[1] = (struct voice){ .lm = tables[1], .name = "verse", .transforms = keeps, .n_transforms = 1 };
    refused(v, NULL, 2, "linear", "mirostat keeps state");
    v[1].transforms = draws;
    refused(v, NULL, 2, "linear", "xtc is random");

    int slot = slot_after(pair, "ab");
    struct want w = { .lm = pair, .slot = slot, .n_rows = 1, .tap = 2 };
    check(core_run(core, &w, 1) == ERR_USAGE && strstr(err_text(), "no layers to tap"), "a tap of an ensemble: %s",
          err_text());
    sym_t many[LETTERS] = { 0 };
    check(lm_push(pair, slot, many, LETTERS, NULL) == ERR_DATA && strstr(err_text(), "voice 'prose' holds 13"),
          "beyond the limit: %s", err_text());
    check(lm_length(pair, slot) == 2, "a refused push leaves the slot");
    lm_drop(pair, slot);
    lm_free(pair);
    lm_free(small);
}

static void prompts(void)
{
    const char *drop[] = { "context" };
    struct voice v[2] = { { .lm = tables[0], .name = "a" },
                          { .lm = tables[1], .name = "b", .template_name = "backwards", .drop = drop, .n_drop = 1 } };
    struct lm *lm = opened(v, (double[]){ 0.5, 0.5 }, 2, "linear");
    const struct prompt_field fields[] = { { "context", "ab" }, { "text", "cd" } };
    const struct prompt prompt = { .fields = fields, .n_fields = 2 };
    struct symbols seen = { 0 };
    float a[N], b[N], got_score[N], score[N];
    int slot = lm_fork(lm, LM_EMPTY, 0);
    fail_on(lm_prompt(lm, slot, &prompt, &seen));
    check(seen.n == 4 && seen.s[0] == 0 && seen.s[3] == 3, "the first voice saw context and text");
    check(lm_length(lm, slot) == 4, "length as the first voice counts");
    fail_on(lm_push(lm, slot, &(sym_t){ 4 }, 1, NULL));
    struct row got, rows[2] = { row_after(tables[0], "abcde", a), row_after(tables[1], "dce", b) };
    struct row want = row_over(score, N);
    read_rows(lm, slot, 1, got_score, &got);
    row_pool_linear(&want, rows, (double[]){ 0.5, 0.5 }, 2);
    check(difference(&got, &want) == 0, "each voice has its own prompt");
    int after = lm_fork(lm, slot, 4), inside = lm_fork(lm, slot, 3), empty = lm_fork(lm, slot, 0);
    check(after >= 0 && lm_length(lm, after) == 4, "fork at the end of the prompt");
    check(inside == ERR_USAGE && strstr(err_text(), "inside the prompt"), "fork inside unequal prompts: %s",
          err_text());
    check(empty >= 0 && lm_length(lm, empty) == 0, "fork of nothing");
    read_rows(lm, after, 1, got_score, &got);
    rows[0] = row_after(tables[0], "abcd", a);
    rows[1] = row_after(tables[1], "dc", b);
    row_pool_linear(&want, rows, (double[]){ 0.5, 0.5 }, 2);
    check(difference(&got, &want) == 0, "the fork's voices are at their prompts' ends");
    struct prompt bad = prompt;
    bad.template_name = "sonnet";
    check(lm_prompt(lm, empty, &bad, &seen) == ERR_USAGE && strstr(err_text(), "voice 'a'"), "bad template: %s",
          err_text());
    free(seen.s);
    lm_free(lm);
}

/* A voice's transforms are told what a chain's steps are told: what was cut before them.  Returns how many are left. */
static uint32_t as_a_chain(const char *text)
{
    struct chain *c = chain_parse(text);
    const struct transform *steps[3];
    struct voice v = { .lm = tables[0], .name = "a", .transforms = steps, .n_transforms = chain_length(c) };
    for (size_t i = 0; i < v.n_transforms; i++)
        steps[i] = chain_step(c, i);
    float a[N], b[N];
    struct lm *lm = opened(&v, NULL, 1, "linear");
    struct row got = row_after(lm, "ad", a), want = row_after(tables[0], "ad", b);
    struct row_work *work = row_work_alloc(N);
    struct rng_address address = { .step = 2, .purpose = RNG_CHAIN };
    struct transform_at at = { .space = lm->space, .address = &address, .work = work };
    fail_on(chain_apply(c, NULL, &want, &at, NULL));
    check(same_bits(&got, &want), "%s: %u symbols are left, of a chain %u", text, row_count(&got), row_count(&want));
    uint32_t left = row_count(&got);
    row_work_free(work);
    lm_free(lm);
    chain_free(c);
    return left;
}

static void transforms(void)
{
    const struct transform *twice[] = { &sharpen2, &sharpen2 }, *counts[] = { &count };
    struct voice v[2] = { { .lm = tables[0], .name = "a", .transforms = twice, .n_transforms = 2 },
                          { .lm = tables[1], .name = "b" } };
    float a[N], b[N], got_score[3 * N], score[N];
    struct lm *lm = opened(v, (double[]){ 0.25, 0.75 }, 2, "linear");
    struct row rows[2] = { row_after(tables[0], "ad", a), row_after(tables[1], "ad", b) };
    struct row got = row_after(lm, "ad", got_score), want = row_over(score, N),
               untouched = row_after(tables[0], "ad", a);
    rows[0] = untouched;
    row_scale(&rows[0], 4);
    row_pool_linear(&want, rows, (double[]){ 0.25, 0.75 }, 2);
    check_near(difference(&got, &want), 0, 1e-7, "a voice's transforms come before the pool, in order");
    untouched = row_after(tables[0], "ad", a);
    check(difference(&untouched, &rows[1]) > 0.01, "rows differ");
    lm_free(lm);

    size_t looked = 0;
    for (int p = 5; p < 100; p += 5) {
        char given[64], kept[64];
        snprintf(given, sizeof given, "top_k=4 | top_p(0.%02d, of=given)", p);
        snprintf(kept, sizeof kept, "top_k=4 | top_p(0.%02d)", p);
        looked += as_a_chain(given) != as_a_chain(kept);
    }
    check(looked > 0, "%zu chains do look at what was cut", looked);

    v[0] = (struct voice){ .lm = tables[0], .name = "a", .transforms = counts, .n_transforms = 1 };
    lm = opened(v, NULL, 1, "linear");
    const struct prompt_field text = { "text", "cd" };
    struct symbols seen = { 0 };
    struct row three[3];
    int slot = lm_fork(lm, LM_EMPTY, 0);
    fail_on(lm_prompt(lm, slot, &(struct prompt){ .fields = &text, .n_fields = 1 }, &seen));
    fail_on(lm_push(lm, slot, &(sym_t){ 1 }, 1, NULL));
    read_rows(lm, slot, 3, got_score, three);
    check(row_argmax(&three[2]) == 5 && row_argmax(&three[1]) == 4 && row_argmax(&three[0]) == 2,
          "transforms see prompt and text up to each position");
    free(seen.s);
    lm_free(lm);
}

static void traces(const char *rule)
{
    const struct transform *sharper[] = { &sharpen2 };
    struct voice v[2] = { { .lm = tables[0], .name = "a", .transforms = sharper, .n_transforms = 1 },
                          { .lm = tables[1], .name = "b" } };
    struct lm *lm = opened(v, (double[]){ 0.3, 0.7 }, 2, rule);
    struct lm_trace t;
    float a[N], b[N], got[N], work_score[N];
    struct row rows[2] = { row_after(tables[0], "ab", a), row_after(tables[1], "ab", b) }, r,
               work = row_over(work_score, N);
    row_scale(&rows[0], 2);
    row_pool_linear(&work, rows, (double[]){ 0.3, 0.7 }, 2);
    int slot = slot_after(lm, "ab");
    fail_on(lm_push(lm, slot, &(sym_t){ 2 }, 0, &t));
    check(t.n_voices == 0, "no rows, no trace");
    read_rows(lm, slot, 1, got, &r);
    int fork = lm_fork(lm, slot, 2), early = lm_fork(lm, slot, 1);
    for (int pass = 0; pass < 2; pass++) {
        fail_on(lm_push(lm, pass == 0 ? slot : fork, &(sym_t){ 2 }, 1, &t));
        double p[2] = { exp(row_logp(&rows[0], 2)), exp(row_logp(&rows[1], 2)) };
        check(t.n_voices == 2, "a trace of two voices, of the slot and of its fork");
        check_near(t.logp[0], log(p[0]), 1e-6, "trace: after the voice's transforms");
        check_near(t.logp[1], log(p[1]), 1e-6, "trace: second voice");
        check_near(t.share[0], 0.3 * p[0] / (0.3 * p[0] + 0.7 * p[1]), 1e-6, "trace: responsibility");
        struct uncertainty u = uncertainty_of(rows, (double[]){ 0.3, 0.7 }, 2);
        check_near(t.disagreement, u.mutual, 1e-6, "trace: disagreement");
        check_near(t.data_entropy, 0.3 * row_entropy(&rows[0]) + 0.7 * row_entropy(&rows[1]), 1e-6, "trace: data");
        check_near(t.disagreement + t.data_entropy, row_entropy(&work), 1e-6, "trace: total entropy");
        check_near(t.rmi, u.rmi, 1e-6, "trace: RMI");
        check_near(t.epkl, t.disagreement + t.rmi, 1e-6, "trace: EPKL = MI + RMI");
        check_near(t.agreement, row_argmax(&rows[0]) == row_argmax(&rows[1]) ? 1 : .7, 1e-6, "trace: arg max");
        check(t.weight[0] == 0.3f && t.weight[1] == 0.7f, "trace: weights");
    }
    check(t.disagreement > 0.01, "the tables disagree");
    fail_on(lm_push(lm, early, &(sym_t){ 2 }, 1, &t));
    check(t.n_voices == 0, "a fork of less has no rows");
    fail_on(lm_push(lm, slot, &(sym_t){ 2 }, 1, &t));
    check(t.n_voices == 0, "rows are spent by the push");
    lm_free(lm);
}

static void nesting(void)
{
    struct lm *inner = plain(2, (double[]){ 0.25, 0.75 }, "linear");
    struct voice v[2] = { { .lm = inner, .name = "inner" }, { .lm = tables[2], .name = "third" } };
    struct lm *outer = opened(v, (double[]){ 0.4, 0.6 }, 2, "linear"),
              *flat = plain(3, (double[]){ 0.1, 0.3, 0.6 }, "linear");
    float a[N], b[N];
    struct row nested = row_after(outer, "cab", a), want = row_after(flat, "cab", b);
    check_near(difference(&nested, &want), 0, 1e-7, "a linear pool of linear pools is one linear pool");
    lm_free(outer);
    lm_free(inner);
    /* A local log pool inside: its log-weights count in a global pool, so that the whole is the global log pool. */
    inner = plain(2, (double[]){ 0.25, 0.75 }, "log");
    v[0].lm = inner;
    outer = opened(v, (double[]){ 0.4, 0.6 }, 2, "log(mode=global)");
    struct lm *global = plain(3, (double[]){ 0.1, 0.3, 0.6 }, "log(mode=global)");
    double sum[2] = { 0, 0 }, exact = 0;
    struct lm *both[2] = { outer, global };
    for (size_t i = 0; i < 2; i++) {
        int slot = lm_fork(both[i], LM_EMPTY, 0);
        struct row r;
        for (sym_t symbol = 0; symbol < 4; symbol++) {
            read_rows(both[i], slot, 1, a, &r);
            sum[i] += r.log_weight + row_logp(&r, symbol);
            fail_on(lm_push(both[i], slot, &symbol, 1, NULL));
        }
    }
    static const double weight[3] = { 0.1, 0.3, 0.6 };
    static const sym_t said[4] = { 0, 1, 2, 3 };
    for (size_t len = 0; len < 4; len++)
        for (size_t k = 0; k < 3; k++) {
            double logp[N];
            table_logp(tables[k], said, len, logp);
            exact += weight[k] * logp[said[len]];
        }
    check_near(sum[0], exact, 4e-6, "a local log pool within a global one: the log-weights of both");
    check_near(sum[1], exact, 4e-6, "the global log pool of the three");
    lm_free(outer);
    lm_free(inner);
    lm_free(flat);
    lm_free(global);
}

/* A voice that excluded what was said leaves a sum and kills a product. */
static void excluded(void)
{
    struct lm *brief = table_open(&(struct table_options){ N, 2, 5, 1 });
    struct voice v[2] = { { .lm = brief, .name = "brief" }, { .lm = tables[1], .name = "b" } };
    struct lm *sum = opened(v, NULL, 2, "linear(mode=global)"), *product = opened(v, NULL, 2, "log(mode=global)");
    float a[N], b[N];
    struct row got = row_after(sum, "abc", a), want = row_after(tables[1], "abc", b);
    check_near(difference(&got, &want), 0, 1e-6, "global linear: the voice that is left goes on alone");
    check_near(got.log_weight, 0, 1e-6, "without a change of weight");
    got = row_after(product, "abc", a);
    check(row_dead(&got) && got.log_weight == -INFINITY, "global log: dead");
    lm_free(sum);
    lm_free(product);
    lm_free(brief);
}

/* bug: where a later voice's prompt was the longer, a walk ran into that voice's limit and failed instead of ending */
static void ends_at_the_longest(void)
{
    static const char *const drop[] = { "context" };
    struct voice v[2] = { { .lm = tables[0], .name = "short", .drop = drop, .n_drop = 1 },
                          { .lm = tables[1], .name = "long" } };
    struct lm *lm = ensemble_open(v, (const double[]){ 1, 0 }, 2, "linear");
    const struct prompt_field fields[] = { { "context", "ababa" }, { "text", "c" } };
    const struct prompt prompt = { .fields = fields, .n_fields = 2 };
    struct chain *chain = chain_parse("");
    struct stop stop = { 0 };
    struct row_work *work = row_work_alloc(N);
    size_t n, n_limited = 0;
    for (uint32_t draw = 0; draw < 40; draw++) {
        struct search_args args = { .lm = lm, .chain = chain, .stop = &stop, .prompt = &prompt };
        args.address.draw = draw;
        struct search *s = search_open("sample", &args);
        struct want w;
        int rc = 0;
        while (rc == 0 && search_want(s, &w, 1) > 0) {
            fail_on(core_run(core, &w, 1));
            rc = search_feed(s, work);
            rc = rc < 0 ? rc : search_move(s);
        }
        check(rc == 0, "draw %u: %s", draw, err_text());
        const struct hyp *h = search_hyps(s, &n);
        n_limited += h->end == HYP_LIMIT;
        check(h->end == HYP_SYMBOL || h->n_steps + 6 == tables[1]->max_length, "draw %u: %zu steps", draw, h->n_steps);
        search_close(s);
    }
    check(n_limited > 3, "some walks reach the limit: %zu of 40", n_limited);
    row_work_free(work);
    chain_free(chain);
    lm_free(lm);
}

int main(void)
{
    core = core_alloc();
    for (size_t i = 0; i < 3; i++)
        tables[i] = table_open(&(struct table_options){ N, LETTERS, 100 + i, 1.5 });
    one_voice_is_itself();
    names_and_hashes();
    errors();
    prompts();
    ends_at_the_longest();
    transforms();
    traces("log");
    traces("linear");
    nesting();
    excluded();
    for (size_t i = 0; i < 3; i++)
        lm_free(tables[i]);
    core_free(core);
    return check_done("ensemble");
}
