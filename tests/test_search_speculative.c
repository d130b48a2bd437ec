/* speculative on exact tables: the text of sample whatever the draft; the rejection rule's distribution; what it saves. */
#include "base/err.h"
#include "ensemble/ensemble.h"
#include "model/table.h"
#include "tests/lib/check.h"
#include "tests/lib/exact.h"
#include <math.h>
#include <stdlib.h>
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

static const double shares[] = { 0.6, 0.4 };

/* ln of the linear pool of two tables after some symbols. */
static void pooled(const struct lm *a, const struct lm *b, const sym_t s[], size_t n, double out[])
{
    double x[2][8];
    table_logp(a, s, n, x[0]);
    table_logp(b, s, n, x[1]);
    for (size_t v = 0; v < a->space->n; v++)
        out[v] = log(shares[0] * exp(x[0][v]) + shares[1] * exp(x[1][v]));
}

/* The texts' probabilities under the pool of two tables, from the list of those of one. */
static void pool_texts(struct exact *e, const struct lm *a, const struct lm *b, const char *prompt)
{
    for (size_t i = 0; i < e->n; i++) {
        struct exact_text *t = &e->text[i];
        sym_t s[EXACT_LENGTH + 1] = { (sym_t)(prompt[0] - 'a') };
        double logp[8];
        t->logp = 0;
        for (size_t k = 0; k < t->n; k++) {
            pooled(a, b, s, 1 + k, logp);
            t->logp += logp[t->s[k]];
            s[1 + k] = t->s[k];
        }
        t->p = exp(t->logp);
    }
}

/* The distribution of texts under the rejection rule.  second: the target is the linear pool of two tables. */
static void rejection(struct lm *draft, const char *chain_text, const char *name, struct lm *second)
{
    enum { DRAWS = 4000 };
    struct table_options o = { .n = 3, .max_length = 4, .seed = 12, .sharpness = 1 };
    struct lm *first = table_open(&o);
    const struct voice voices[] = { { .lm = first, .name = "a" }, { .lm = second, .name = "b" } };
    struct lm *pool = second ? ensemble_open(voices, shares, 2, "linear") : NULL, *target = pool ? pool : first;
    const struct prompt_field ab = { "text", "a" };
    const struct prompt prompt = { .fields = &ab, .n_fields = 1 };
    const struct stop stop = { .max_symbols = 0 };
    struct chain *c = chain_parse(chain_text);
    struct exact e;
    double p[EXACT_TEXTS], count[EXACT_TEXTS + 1] = { 0 };
    uint64_t accepted = 0, proposed = 0;
    size_t n;
    exact_texts(&e, first, c, "a", 0);
    if (second)
        pool_texts(&e, first, second, "a");
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
    lm_free(pool);
    lm_free(first);
}

/* Greedy speculation over an ensemble takes the arg max of the pool at every step. */
static size_t greedy_is_the_pools(struct lm *a, struct lm *b, const struct prompt *prompt)
{
    const struct voice voices[] = { { .lm = a, .name = "a" }, { .lm = b, .name = "b" } };
    struct lm *both = ensemble_open(voices, shares, 2, "linear");
    struct chain *c = chain_parse("temperature=0");
    struct search_args args = { .lm = both, .chain = c, .stop = &stops[0], .prompt = prompt, .draft = a };
    struct search *s = search_open("speculative(4)", &args);
    size_t n;
    exact_run(s, core, work);
    const struct hyp *h = search_hyps(s, &n);
    struct symbols all = { 0 };
    symbols_add(&all, s->prompt.s, s->prompt.n);
    for (size_t i = 0; i < h->n_steps; i++) {
        double logp[8];
        size_t best = 0;
        pooled(a, b, all.s, all.n, logp);
        for (size_t v = 1; v < a->space->n; v++)
            best = logp[v] > logp[best] ? v : best;
        check(h->steps[i].symbol == best, "step %zu: %u, the pool's best is %zu", i, h->steps[i].symbol, best);
        symbols_add(&all, &h->steps[i].symbol, 1);
    }
    n = h->n_steps;
    free(all.s);
    search_close(s);
    chain_free(c);
    lm_free(both);
    return n;
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
    three.max_length = 4;
    struct lm *fourth = table_open(&three);
    core = core_alloc();
    work = row_work_alloc(8);
    equal_rule(target, twin, stranger, brief);
    ensembles(target, stranger);
    size_t n_greedy = 0;
    for (size_t i = 0; i < 12; i++) {
        const char text[] = { (char)('a' + i % 3), (char)('a' + i / 3 % 3), (char)('a' + i / 9), 0 };
        const struct prompt_field prompt = { "text", text };
        n_greedy += greedy_is_the_pools(target, stranger, &(struct prompt){ .fields = &prompt, .n_fields = 1 });
    }
    check(n_greedy > 30, "%zu greedy steps", n_greedy);
    rejection(third, "", "speculative(3, rule=rejection)", NULL);
    rejection(third, "temperature=1.4 | top_k=2", "speculative(2, rule=rejection)", NULL);
    rejection(NULL, "", "speculative(2, ngram=1, rule=rejection)", NULL);
    rejection(third, "", "speculative(3, rule=rejection)", fourth); /* invariant 14: a voice drafts for its pool */
    errors(target);
    struct lm *all[] = { target, twin, stranger, brief, third, fourth };
    for (size_t i = 0; i < 6; i++) {
        check(lm_fork(all[i], LM_EMPTY, 0) == 0, "lm %zu: all slots were dropped", i);
        lm_free(all[i]);
    }
    row_work_free(work);
    core_free(core);
    return check_done("search_speculative");
}
