/* speculative on exact tables: the text of sample whatever the draft; the rejection rule's distribution; what it saves. */
#include "base/err.h"
#include "ensemble/ensemble.h"
#include "model/table.h"
#include "tests/lib/check.h"
#include "tests/lib/exact.h"
#include <string.h>

static struct core *core;
static struct row_work *work;

static const struct prompt_field field = { "text", "ab" };
static const struct prompt prompts[2] = { { .fields = &field, .n_fields = 1 }, { .n_fields = 0 } };
static const char *const strings[] = { "cab" };
static const struct stop stops[2] = { { .max_symbols = 0 }, { .strings = strings, .n_strings = 1, .max_symbols = 7 } };

/* Counts of one comparison. */
struct counts {
    uint64_t steps, passes, proposed, accepted;
};

static bool same_voices(const struct lm_trace *a, const struct lm_trace *b)
{
    size_t n = a->n_voices * sizeof(float);
    return a->n_voices == b->n_voices && memcmp(a->logp, b->logp, n) == 0 && memcmp(a->share, b->share, n) == 0 &&
           memcmp(a->weight, b->weight, n) == 0 &&
           (n == 0 || (memcmp(&a->disagreement, &b->disagreement, sizeof(float)) == 0 &&
                       memcmp(&a->data_entropy, &b->data_entropy, sizeof(float)) == 0 &&
                       memcmp(&a->epkl, &b->epkl, sizeof(float)) == 0 && memcmp(&a->rmi, &b->rmi, sizeof(float)) == 0 &&
                       memcmp(&a->agreement, &b->agreement, sizeof(float)) == 0));
}

/* Steps and what voices say about each. */
static bool same(const struct hyp *a, const struct hyp *b)
{
    bool ok = a->n_steps == b->n_steps && a->end == b->end && a->text.len == b->text.len &&
              memcmp(text_s(&a->text), text_s(&b->text), a->text.len) == 0;
    for (size_t i = 0; ok && i < a->n_steps; i++)
        ok = memcmp(&a->steps[i], &b->steps[i], offsetof(struct hyp_step, trace)) == 0 &&
             same_voices(&a->steps[i].trace, &b->steps[i].trace);
    return ok;
}

static struct counts compare(struct lm *target, struct lm *draft, const char *chain_text, const char *name)
{
    struct counts sum = { 0 };
    struct chain *c = chain_parse(chain_text);
    for (uint32_t d = 0; d < 60; d++) {
        struct search_args args = { .lm = target,
                                    .chain = c,
                                    .stop = &stops[d % 2],
                                    .prompt = &prompts[d / 2 % 2],
                                    .draft = draft,
                                    .address = { .seed = 3, .item = 8, .draw = d } };
        struct search *plain = search_open("sample", &args), *fast = search_open(name, &args);
        size_t n, rounds = exact_run(plain, core, work);
        exact_run(fast, core, work);
        const struct hyp *a = search_hyps(plain, &n), *b = search_hyps(fast, &n);
        check(same(a, b), "%s under '%s', draw %u: '%s' (%s), want '%s' (%s)", name, chain_text, d, text_s(&b->text),
              hyp_end_name(b->end), text_s(&a->text), hyp_end_name(a->end));
        check(b->accepted <= b->proposed && b->passes <= rounds && b->accepted + b->passes >= b->n_steps,
              "%s: %u of %u accepted in %u passes, %zu symbols", name, b->accepted, b->proposed, b->passes, b->n_steps);
        sum.steps += b->n_steps;
        sum.passes += b->passes;
        sum.proposed += b->proposed;
        sum.accepted += b->accepted;
        search_close(plain);
        search_close(fast);
    }
    chain_free(c);
    return sum;
}

/* What comes out is plain sampling under a twin, a stranger, a look-up, a draft with a short context, an ensemble. */
static void equal_rule(struct lm *target, struct lm *twin, struct lm *stranger, struct lm *brief)
{
    static const char *const chains[] = { "", "temperature=0.7 | top_p=0.9", "presence_penalty=1 | min_p=0.1",
                                          "temperature=0" };
    for (size_t i = 0; i < sizeof chains / sizeof chains[0]; i++) {
        struct counts t = compare(target, twin, chains[i], "speculative(3)");
        check(t.accepted == t.proposed || i == 3 || t.accepted * 10 > t.proposed * 6,
              "a twin's proposals hold: %llu of %llu", (unsigned long long)t.accepted, (unsigned long long)t.proposed);
        check(t.passes * 3 < t.steps * 2, "a twin saves passes: %llu for %llu symbols", (unsigned long long)t.passes,
              (unsigned long long)t.steps);
        struct counts s = compare(target, stranger, chains[i], "speculative(8)");
        check(s.passes <= s.steps + 60 && s.passes > t.passes, "a stranger costs no pass more");
        compare(target, brief, chains[i], "speculative(5)");
        struct counts l = compare(target, NULL, chains[i], "speculative(4, ngram=2)");
        check(l.proposed > 0 && l.passes <= l.steps + 60, "look-up proposes");
        compare(target, twin, chains[i], "speculative(2, draft=lookup)");
    }
}

/* The distribution of texts under the rejection rule. */
static void rejection(struct lm *draft, const char *chain_text, const char *name)
{
    enum { DRAWS = 4000 };
    struct table_options o = { .n = 3, .max_length = 4, .seed = 12, .sharpness = 1 };
    struct lm *target = table_open(&o);
    const struct prompt_field ab = { "text", "a" };
    const struct prompt prompt = { .fields = &ab, .n_fields = 1 };
    const struct stop stop = { .max_symbols = 0 };
    struct chain *c = chain_parse(chain_text);
    struct exact e;
    double p[EXACT_TEXTS], count[EXACT_TEXTS + 1] = { 0 };
    uint64_t accepted = 0, proposed = 0;
    size_t n;
    exact_texts(&e, target, c, "a", 0);
    for (size_t i = 0; i < e.n; i++)
        p[i] = e.text[i].p;
    for (uint32_t d = 0; d < DRAWS; d++) {
        struct search_args args = { .lm = target,
                                    .chain = c,
                                    .stop = &stop,
                                    .prompt = &prompt,
                                    .draft = draft,
                                    .address = { .seed = 4, .item = 1, .draw = d } };
        struct search *s = search_open(name, &args);
        exact_run(s, core, work);
        const struct hyp *h = search_hyps(s, &n);
        count[exact_find(&e, h)]++;
        accepted += h->accepted;
        proposed += h->proposed;
        search_close(s);
    }
    check(count[e.n] == 0 && exact_fits(p, count, e.n, DRAWS), "%s under '%s': the texts' distribution", name,
          chain_text);
    check(accepted > 0 && accepted < proposed, "%s: some accepted, some rejected: %llu of %llu", name,
          (unsigned long long)accepted, (unsigned long long)proposed);
    exact_free(&e);
    chain_free(c);
    lm_free(target);
}

static void ensembles(struct lm *a, struct lm *b)
{
    const struct voice voices[] = { { .lm = a, .name = "a" }, { .lm = b, .name = "b" } };
    static const double weights[] = { 0.6, 0.4 };
    static const struct ensemble_rule rules[] = {
        { "linear", NULL },           { "log", NULL },       { "log(mode=global)", NULL }, { "gated(tau=0.4)", NULL },
        { "contrast(0.1, 1)", NULL }, { "linear", "bayes" }, { "product", "logistic" },
    };
    for (size_t i = 0; i < sizeof rules / sizeof *rules; i++) {
        struct lm *both = ensemble_open_by(voices, weights, 2, &rules[i]);
        check(both != NULL, "%s: %s", rules[i].rule, err_text());
        if (!both)
            continue;
        struct counts n = compare(both, a, "temperature=0.8", "speculative(4)");
        check(n.accepted * 3 > n.proposed, "a voice is a fair draft of its ensemble: %llu of %llu",
              (unsigned long long)n.accepted, (unsigned long long)n.proposed);
        compare(a, both, "", "speculative(3)");
        lm_free(both);
    }
}

static void errors(struct lm *target)
{
    struct table_options o = { .n = 5, .max_length = 12, .seed = 1, .sharpness = 1 };
    struct lm *foreign = table_open(&o);
    struct chain *c = chain_parse("");
    struct search_args args = { .lm = target, .chain = c, .stop = &stops[0], .prompt = &prompts[0] };
    check(!search_open("speculative(draft=lm)", &args) && strstr(err_text(), "no draft lm is given"), "%s", err_text());
    check(!search_open("speculative(draft=dog)", &args) && strstr(err_text(), "unknown draft 'dog'"), "%s", err_text());
    check(!search_open("speculative(rule=equals)", &args) && strstr(err_text(), "did you mean 'equal'?"), "%s",
          err_text());
    args.draft = foreign;
    check(!search_open("speculative", &args) && strstr(err_text(), "want one vocabulary"), "%s", err_text());
    chain_free(c);
    lm_free(foreign);
}

int main(void)
{
    struct table_options o = { .n = 4, .max_length = 12, .seed = 41, .sharpness = 1 }, other = o, small = o;
    other.seed = 42;
    small.max_length = 5;
    struct lm *target = table_open(&o), *twin = table_open(&o), *stranger = table_open(&other),
              *brief = table_open(&small);
    struct table_options three = { .n = 3, .max_length = 5, .seed = 77, .sharpness = 1.5 };
    struct lm *third = table_open(&three);
    core = core_alloc();
    work = row_work_alloc(8);
    equal_rule(target, twin, stranger, brief);
    ensembles(target, stranger);
    rejection(third, "", "speculative(3, rule=rejection)");
    rejection(third, "temperature=1.4 | top_k=2", "speculative(2, rule=rejection)");
    rejection(NULL, "", "speculative(2, ngram=1, rule=rejection)");
    errors(target);
    struct lm *all[] = { target, twin, stranger, brief, third };
    for (size_t i = 0; i < 5; i++) {
        check(lm_fork(all[i], LM_EMPTY, 0) == 0, "lm %zu: all slots were dropped", i);
        lm_free(all[i]);
    }
    row_work_free(work);
    core_free(core);
    return check_done("search_speculative");
}
