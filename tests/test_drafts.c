/* Drafts of arms: the texts and traces are those of plain sampling, what they saved is logged, keys tell drafts apart. */
#include "base/err.h"
#include "base/text.h"
#include "experiments/plan.h"
#include "experiments/results.h"
#include "experiments/run.h"
#include "experiments/unit.h"
#include "tests/lib/check.h"
#include "tests/lib/letters.h"
#include <math.h>
#include <string.h>

#define LMS                                                                                                            \
    "local a = model { 'table:n=4,length=30,seed=3', name = 'a' }\n"                                                   \
    "local b = model { 'table:n=4,length=30,seed=5', name = 'b' }\n"                                                   \
    "local other = model { 'table:n=5,length=30,seed=5', name = 'other' }\n"                                           \
    "local duet = ensemble { a, b, weights = { 0.6, 0.4 }, name = 'duet' }\n"

/* fields of the experiment, its arms among them */
static struct plan *plan_of(const char *experiment)
{
    struct text t = { 0 };
    text_addf(&t, LMS "experiment { name = 't', draws = 6, limit = { bytes = 12 }, %s, evalsets = { 'DIR/gen' } }",
              experiment);
    struct plan *p = letters_plan(text_s(&t), NULL);
    text_free(&t);
    return p;
}

static void refused(const char *arms, const char *why)
{
    struct plan *p = plan_of(arms);
    check(!p, "'%s' is refused", arms);
    check(p || strstr(err_text(), why), "'%s': want '%s' in: %s", arms, why, err_text());
    plan_free(p);
}

static void test_refusals(void)
{
    refused("arms = { { lm = a, draft = other } }", "different symbol spaces");
    refused("arms = { { lm = a, search = 'greedy', draft = b } }", "'greedy' takes no draft lm");
    refused("arms = { { lm = a, search = 'greedy', draft = 'lookup' } }", "'greedy' takes no draft");
    refused("arms = { { lm = a, search = 'speculative(draft=lookup)', draft = b } }", "takes no draft lm");
    refused("arms = { { lm = a, search = 'speculative(draft=lm)' } }", "wants a draft");
    refused("arms = { { lm = a, search = 'speculative(draft=lm)', draft = 'lookup' } }", "wants a draft");
    refused("arms = { { lm = a, draft = 3 } }", "want \"lookup\", a model or the name of one");
    refused("arms = { { lm = a, draft = 'zoo:nothing' } }", "zoo:nothing");
}

/* Names, what a profile of a task inherits, keys. */
static void test_plan(void)
{
    struct plan *p = plan_of("arms = { { lm = duet, draft = a }, { lm = duet, draft = b }, { lm = duet, draft = "
                             "'lookup' }, { lm = duet }, { lm = a, search = 'speculative(ahead=2, rule=rejection)', "
                             "draft = 'table:n=4,length=30,seed=5', tasks = { greedy = { search = 'greedy' }, plain = "
                             "{ search = 'sample' }, other = { draft = duet }, same = { limit = { bytes = 3 } } } } }");
    check(p != NULL, "%s", err_text());
    if (!p)
        return;
    check(strcmp(p->arms[0].name, "duet: as it is | speculative | draft a") == 0, "%s", p->arms[0].name);
    check(p->arms[0].draft && strcmp(p->arms[0].draft, "a") == 0, "its draft");
    check(strcmp(p->arms[2].search, "speculative") == 0 && !p->arms[2].draft, "look-up has no lm");
    check(p->arms[4].draft && strcmp(p->arms[4].draft, "b") == 0, "a draft that is only named is the node that is it");
    static const char *const drafts[] = { NULL, "duet", NULL, "b" }; /* greedy, other, plain, same */
    for (size_t i = 0; i < 4; i++) {
        const char *got = p->arms[p->n_arms + i].draft;
        check(drafts[i] ? got && strcmp(got, drafts[i]) == 0 : !got, "task %s: draft %s", p->arms[p->n_arms + i].task,
              got ? got : "none");
    }
    for (size_t i = 0; i < 4; i++)
        for (size_t k = i + 1; k < 4; k++)
            check(!unit_key_equal(unit_key(p, &p->arms[i], &p->items[0], 0), unit_key(p, &p->arms[k], &p->items[0], 0)),
                  "arms %zu and %zu: what they save differs, and so do their keys", i, k);
    struct text t = { 0 };
    check(plan_describe(p, 1, &t) == 0 && strstr(text_s(&t), "| draft duet"), "%s", text_s(&t));
    text_free(&t);
    plan_write(p, letters_path("plan.json"));
    struct plan *q = plan_read(letters_path("plan.json"));
    check(q && q->arms[0].draft && strcmp(q->arms[0].draft, "a") == 0, "read back: %s", q ? "no draft" : err_text());
    plan_free(q);
    plan_free(p);
}

/* A stored plan whose draft is none of its lms. */
static void test_stored(void)
{
    json_t *doc = doc_read_file(letters_path("plan.json"), 1u << 20), *what = json_object_get(doc, "what");
    char hash[65];
    json_object_set_new(json_array_get(json_object_get(what, "arms"), 0), "draft", json_string("nobody"));
    doc_hash(what, hash);
    json_object_set_new(doc, "hash", json_string(hash));
    struct text t = { 0 };
    doc_canonical(&t, doc);
    letters_write(letters_path("bad.json"), t.s);
    struct plan *p = plan_read(letters_path("bad.json"));
    check(!p && strstr(err_text(), "nothing in 'lms' is 'nobody'"), "%s", err_text());
    plan_free(p);
    text_free(&t);
    json_decref(doc);
}

static bool same_floats(const float a[], const float b[], size_t n)
{
    return n == 0 || memcmp(a, b, n * sizeof *a) == 0;
}

/* The columns of a unit that say what was read and chosen, in one list: each draft must leave all of them alone. */
static size_t columns(const struct results_tokens *t, const float *out[])
{
    const float *all[] = { t->logp,         t->logp_final,   t->entropy, t->entropy_final, t->mass,
                           t->data_entropy, t->disagreement, t->epkl,    t->rmi,           t->agreement };
    memcpy(out, all, sizeof all);
    return sizeof all / sizeof *all;
}

/* A copy of what results_tokens() gave, which lives until the next is asked for. */
struct kept {
    size_t n, cells;
    uint32_t id[64];
    float step[10][64], voice[3][256];
};

static void keep(struct kept *k, const struct results_tokens *t)
{
    const float *column[10];
    size_t n = columns(t, column);
    k->n = t->n;
    k->cells = t->n * t->n_voices;
    check(k->n <= 64 && k->cells <= 256, "%zu symbols", k->n);
    memcpy(k->id, t->id, k->n * sizeof *k->id);
    for (size_t i = 0; i < n; i++)
        memcpy(k->step[i], column[i], k->n * sizeof(float));
    if (k->cells > 0) {
        memcpy(k->voice[0], t->voice_logp, k->cells * sizeof(float));
        memcpy(k->voice[1], t->voice_share, k->cells * sizeof(float));
        memcpy(k->voice[2], t->voice_weight, k->cells * sizeof(float));
    }
}

static void same_tokens(const struct kept *k, const struct results_tokens *t, const char *name)
{
    const float *column[10];
    size_t n = columns(t, column);
    check(t->n == k->n && t->n * t->n_voices == k->cells, "'%s': %zu symbols, want %zu", name, t->n, k->n);
    if (t->n != k->n || t->n * t->n_voices != k->cells)
        return;
    check(memcmp(k->id, t->id, k->n * sizeof *k->id) == 0, "'%s': symbols", name);
    for (size_t i = 0; i < n; i++)
        check(same_floats(k->step[i], column[i], k->n), "'%s': column %zu of its symbols", name, i);
    check(same_floats(k->voice[0], t->voice_logp, k->cells) && same_floats(k->voice[1], t->voice_share, k->cells) &&
              same_floats(k->voice[2], t->voice_weight, k->cells),
          "'%s': what the voices gave", name);
}

/* Texts, symbols and what was logged of them, of every unit of two arms. */
static void same_arms(struct results *r, uint32_t x, uint32_t y)
{
    size_t n_items, n_arms;
    const struct results_arm *arms = results_arms(r, &n_arms);
    results_items(r, &n_items);
    for (uint32_t item = 0; item < n_items; item++)
        for (uint32_t draw = 0; draw < results_draws(r); draw++) {
            size_t n, m;
            const struct results_record *a = results_unit(r, x, item, draw, &n),
                                        *b = results_unit(r, y, item, draw, &m);
            struct results_tokens t;
            struct kept first;
            check(n == 1 && m == 1, "'%s': item %u, draw %u", arms[y].name, item, draw);
            if (n != 1 || m != 1 || results_tokens(r, a, &t) < 0)
                continue;
            keep(&first, &t);
            check(a->n_text == b->n_text && memcmp(a->text, b->text, a->n_text) == 0 && strcmp(a->end, b->end) == 0,
                  "'%s': '%.*s', want '%.*s'", arms[y].name, (int)b->n_text, b->text, (int)a->n_text, a->text);
            check(results_tokens(r, b, &t) == 0, "%s", err_text());
            same_tokens(&first, &t, arms[y].name);
        }
}

static double mean_of(const struct results *r, const char *metric, uint32_t arm)
{
    const struct results_metric *m = results_metric(r, metric);
    size_t n_items;
    double sum = 0, x[64];
    results_items(r, &n_items);
    check(m != NULL && n_items <= 64, "metric %s: %s", metric, err_text());
    if (!m || n_items > 64)
        return NAN;
    results_by_item(r, m, arm, x);
    for (size_t i = 0; i < n_items; i++)
        sum += x[i];
    return sum / (double)n_items;
}

static void test_run(void)
{
    struct plan *p =
        plan_of("arms = { { lm = duet }, { lm = duet, draft = a }, { lm = duet, draft = 'lookup' }, { lm = "
                "duet, draft = duet, search = 'speculative(ahead=8)' }, { lm = a }, { lm = a, draft = b, "
                "search = 'speculative(rule=rejection)' } }");
    struct run_outcome outcome;
    check(p != NULL, "%s", err_text());
    if (!p)
        return;
    check(run_execute(p, letters_path("drafts"), &(struct run_options){ .threads = 2 }, &outcome) == 0, "%s",
          err_text());
    struct results *r = results_open(letters_path("drafts"));
    check(r != NULL, "%s", err_text());
    if (!r) {
        plan_free(p);
        return;
    }
    for (uint32_t arm = 1; arm < 4; arm++)
        same_arms(r, 0, arm);
    check(isnan(mean_of(r, "accepted_length", 0)) && isnan(mean_of(r, "passes_per_symbol", 4)),
          "without a draft: none");
    double voice = mean_of(r, "accepted_length", 1), twin = mean_of(r, "accepted_length", 3);
    check(voice > 0.3 && twin > voice && twin <= 8, "a voice is a fair draft, the lm itself a better one: %g, %g",
          voice, twin);
    check(mean_of(r, "passes_per_symbol", 3) < 0.5, "passes that it saves: %g", mean_of(r, "passes_per_symbol", 3));
    double rejected = mean_of(r, "accepted_length", 5);
    check(rejected > 0.1 && rejected < 4, "rejection: %g", rejected);
    results_close(r);
    plan_free(p);
}

int main(void)
{
    letters_open();
    test_refusals();
    test_plan();
    test_stored();
    test_run();
    letters_close();
    return check_done("drafts");
}
