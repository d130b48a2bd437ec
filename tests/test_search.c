/* decode/search, on the exact table: the laws of every search of the table of searches; samples against enumeration of all
 * strings, greedy against its arg max. */
#include "base/err.h"
#include "base/mem.h"
#include "decode/search.h"
#include "model/table.h"
#include "tests/lib/check.h"
#include "tests/lib/exact.h"
#include <math.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { N = 3, LENGTH = 4, END = N - 1, DRAWS = 3000 };

static struct lm *table;
static struct core *core;
static struct row_work *work;

static struct search *open_search(const char *name, const struct chain *c, const struct stop *stop,
                                  const struct prompt *prompt, uint32_t draw)
{
    struct search_args args = {
        .lm = table, .chain = c, .stop = stop, .prompt = prompt, .address = { .seed = 5, .item = 77, .draw = draw }
    };
    struct search *s = search_open(name, &args);
    check(s != NULL, "%s opens: %s", name, err_text());
    return s;
}

/* Every other live search from `first` on, with scratch of its own: feed touches nothing but its search. */
struct half {
    struct search *const *live;
    size_t n, first;
};

static void *feed_half(void *arg)
{
    const struct half *h = arg;
    struct row_work *own = row_work_alloc(N);
    intptr_t failed = 0;
    for (size_t i = h->first; i < h->n; i += 2)
        failed += search_feed(h->live[i], own) < 0;
    row_work_free(own);
    return (void *)failed;
}

static void feed_all(struct search *const live[], size_t n, bool in_threads)
{
    struct half half[2] = { { live, n, 0 }, { live, n, 1 } };
    for (size_t i = 0; i < n && !in_threads; i++)
        check(search_feed(live[i], work) == 0, "feed: %s", err_text());
    if (!in_threads)
        return;
    pthread_t other;
    void *failed;
    check(pthread_create(&other, NULL, feed_half, &half[1]) == 0, "a thread");
    check(feed_half(&half[0]) == NULL && pthread_join(other, &failed) == 0 && failed == NULL, "feed in two threads");
}

/* Runs the searches together to their ends, or for some rounds; with `backwards` every list is gone through from its end and
 * fed by two threads. */
static void run_rounds(struct search *const searches[], size_t n, bool backwards, int rounds)
{
    struct want *wants = NULL;
    struct search **live = mem_alloc(n, sizeof(struct search *));
    size_t cap = 0, n_live = 1;
    for (int round = 0; n_live > 0 && round < rounds; round++) {
        size_t n_wants = n_live = 0;
        for (size_t i = 0; i < n; i++) {
            struct search *s = searches[backwards ? n - 1 - i : i];
            mem_grow(&wants, &cap, n_wants + SEARCH_WANTS, sizeof *wants);
            int own = search_want(s, wants + n_wants, SEARCH_WANTS);
            check(own >= 0, "want: %s", err_text());
            n_wants += own > 0 ? (size_t)own : 0;
            if (own > 0)
                live[n_live++] = s;
        }
        if (n_live > 0)
            check(core_run(core, wants, n_wants) == 0, "core: %s", err_text());
        feed_all(live, n_live, backwards);
        for (size_t i = 0; i < n_live; i++)
            check(search_move(live[n_live - 1 - i]) == 0, "move: %s", err_text());
    }
    free(wants);
    free(live);
}

static void run(struct search *const searches[], size_t n, bool backwards)
{
    run_rounds(searches, n, backwards, 1000);
}

static const struct hyp *hyp_of(const struct search *s)
{
    size_t n;
    const struct hyp *h = search_hyps(s, &n);
    check(n == 1, "one hypothesis");
    return h;
}

static void sample_is_exact(const char *name, const char *text)
{
    const struct prompt_field field = { "text", "ab" };
    const struct prompt prompt = { .fields = &field, .n_fields = 1 };
    const struct stop stop = { .max_symbols = 0 };
    struct chain *c = chain_parse(text);
    struct exact exact;
    exact_texts(&exact, table, c, "ab", 0);
    double *p = mem_alloc(exact.n, sizeof *p), *count = mem_alloc(exact.n, sizeof *count);
    static struct search *s[DRAWS];
    for (uint32_t d = 0; d < DRAWS; d++)
        s[d] = open_search(name, c, &stop, &prompt, d);
    run(s, DRAWS, false);
    for (uint32_t d = 0; d < DRAWS; d++) {
        const struct hyp *h = hyp_of(s[d]);
        size_t i = exact_find(&exact, h);
        check(i < exact.n && h->end == HYP_SYMBOL && h->log_weight == 0, "'%s': a possible string", text);
        count[i < exact.n ? i : 0]++;
        search_close(s[d]);
    }
    for (size_t i = 0; i < exact.n; i++)
        p[i] = exact.text[i].p;
    check(exact.n > 3 && exact_fits(p, count, exact.n, DRAWS), "%s, '%s': as often as the texts are probable", name,
          text);
    free(p);
    free(count);
    exact_free(&exact);
    chain_free(c);
}

/* The numbers of every decision against the table's exact distribution. */
static void decisions(void)
{
    const struct prompt prompt = { .n_fields = 0 };
    const struct stop stop = { .max_symbols = 0 };
    struct chain *c = chain_parse("temperature=0.8 | top_k=2");
    for (uint32_t d = 0; d < 20; d++) {
        struct search *s = open_search("sample", c, &stop, &prompt, d);
        run(&s, 1, false);
        const struct hyp *h = hyp_of(s);
        sym_t all[LENGTH + 3];
        for (size_t i = 0; i < h->n_steps; i++) {
            const struct hyp_step *step = &h->steps[i];
            double logp[N], final[N], entropy = 0, entropy_final = 0, mass = 0;
            uint32_t kept = 0;
            table_logp(table, all, i, logp);
            exact_row(table, c, all, 0, i, final);
            for (int v = 0; v < N; v++) {
                entropy -= logp[v] > -INFINITY ? exp(logp[v]) * logp[v] : 0;
                entropy_final -= final[v] > -INFINITY ? exp(final[v]) * final[v] : 0;
                mass += final[v] > -INFINITY ? exp(logp[v]) : 0;
                kept += final[v] > -INFINITY;
            }
            check_near((double)step->logp, logp[step->symbol], 1e-5, "logp");
            check_near((double)step->logp_final, final[step->symbol], 1e-5, "logp_final");
            check_near((double)step->entropy, entropy, 1e-5, "entropy");
            check_near((double)step->entropy_final, entropy_final, 1e-5, "entropy_final");
            check_near((double)step->mass, mass, 1e-6, "mass");
            check(step->kept == kept && step->trace.n_voices == 0, "kept %u, want %u", step->kept, kept);
            all[i] = step->symbol;
        }
        check(h->text.len == h->n_steps - 1, "the text is the letters");
        search_close(s);
    }
    chain_free(c);
}

static void greedy_is_argmax(const char *text, const char *start)
{
    const struct prompt_field field = { "text", start };
    const struct prompt prompt = { .fields = &field, .n_fields = 1 };
    const struct stop stop = { .max_symbols = 0 };
    struct chain *c = chain_parse(text);
    struct search *s = open_search("greedy", c, &stop, &prompt, 3);
    run(&s, 1, false);
    const struct hyp *h = hyp_of(s);
    size_t n_prompt = strlen(start);
    sym_t all[LENGTH + 3], want = 0;
    for (size_t i = 0; i < n_prompt; i++)
        all[i] = (sym_t)(start[i] - 'a');
    for (size_t i = 0; want != END; i++) {
        double p[N];
        exact_row(table, c, all, n_prompt, i, p);
        want = 0;
        for (sym_t v = 1; v < N; v++)
            want = p[v] > p[want] ? v : want;
        all[n_prompt + i] = want;
        check(i < h->n_steps && h->steps[i].symbol == want, "greedy '%s' after '%s': step %zu is %u", text, start, i,
              want);
        if (i >= h->n_steps)
            break;
    }
    search_close(s);
    chain_free(c);
}

static bool same_hyps(const struct search *s, const struct search *other)
{
    size_t n, n_other;
    const struct hyp *a = search_hyps(s, &n), *b = search_hyps(other, &n_other);
    bool same = n == n_other;
    for (size_t i = 0; same && i < n; i++)
        same = a[i].n_steps == b[i].n_steps && memcmp(a[i].steps, b[i].steps, a[i].n_steps * sizeof *a->steps) == 0 &&
               a[i].end == b[i].end && a[i].log_weight == b[i].log_weight && a[i].text.len == b[i].text.len &&
               memcmp(text_s(&a[i].text), text_s(&b[i].text), a[i].text.len) == 0;
    return same;
}

/* Returns how many ended at the stop string. */
static size_t check_hyps(const char *name, const struct search *s)
{
    size_t n, stopped = 0;
    const struct hyp *h = search_hyps(s, &n);
    check(n >= 1, "%s gives a text", name);
    for (size_t i = 0; i < n; i++) {
        check(h[i].end != HYP_OPEN && isfinite(h[i].log_weight), "%s: text %zu of %zu has ended: %s, weight %g", name,
              i, n, hyp_end_name(h[i].end), h[i].log_weight);
        check(strstr(text_s(&h[i].text), "ba") == NULL, "%s: no stop string is left", name);
        for (size_t k = 0; k < h[i].n_steps && h[i].end != HYP_DEAD; k++)
            check(h[i].steps[k].symbol < N && h[i].steps[k].kept >= 1 && isfinite(h[i].steps[k].logp_final),
                  "%s: step %zu of text %zu is one that the chain left", name, k, i);
        stopped += h[i].end == HYP_STRING;
    }
    return stopped;
}

static void slots_dropped(const char *name)
{
    int slot = lm_fork(table, LM_EMPTY, 0);
    check(slot == 0, "closed searches have dropped their slots: after %s the next is %d", name, slot);
    lm_drop(table, slot);
}

/* Searches of two chains: alone, together, together backwards and fed by two threads, the same; closed half-way. */
static size_t laws(const struct search_type *type)
{
    enum { S = 30 };
    const struct prompt prompt = { .n_fields = 0 };
    const char *const strings[] = { "ba" };
    const struct stop stop = { .strings = strings, .n_strings = 1, .max_symbols = 4 };
    struct chain *c[2] = { chain_parse("temperature=1.3 | min_p=0.02"),
                           chain_parse("frequency_penalty=0.5 | top_p=0.95") };
    struct search *alone[S], *together[S], *backwards[S], *part[S];
    struct text canonical = { 0 };
    size_t stopped = 0, differ = 0;
    /* four beams keep so much of this table that the best is always the same */
    const char *name = strcmp(type->name, "beam_sample") == 0 ? "beam_sample(1)" : type->name;
    check(search_canonical(type->name, &canonical) == 0 && strcmp(text_s(&canonical), type->name) == 0, "%s: '%s'",
          type->name, text_s(&canonical));
    for (uint32_t i = 0; i < S; i++) {
        struct search **const all[] = { &alone[i], &together[i], &backwards[i], &part[i] };
        for (size_t k = 0; k < sizeof all / sizeof *all; k++)
            *all[k] = open_search(name, c[i % 2], &stop, &prompt, i / 2);
        run(&alone[i], 1, false);
    }
    run(together, S, false);
    run(backwards, S, true);
    run_rounds(part, S, false, 2);
    for (size_t i = 0; i < S; i++) {
        check(same_hyps(alone[i], together[i]), "%s %zu: together as alone", type->name, i);
        check(same_hyps(alone[i], backwards[i]), "%s %zu: in any order", type->name, i);
        stopped += check_hyps(type->name, alone[i]);
        differ += !same_hyps(alone[i], alone[i % 2]);
    }
    check(type->random == (differ > 0), "%s depends on the draw: %d, %zu differ", type->name, type->random, differ);
    for (size_t i = 0; i < S; i++) {
        search_close(alone[i]);
        search_close(together[i]);
        search_close(backwards[i]);
        search_close(part[i]);
    }
    slots_dropped(type->name);
    text_free(&canonical);
    chain_free(c[0]);
    chain_free(c[1]);
    return stopped;
}

static void every_search(void)
{
    size_t n, stopped = 0;
    const struct search_type *const *types = search_types(&n);
    for (size_t i = 0; i < n; i++)
        stopped += laws(types[i]);
    check(stopped > 0, "some hypothesis met the stop string");
}

/* A stop string in the prompt does not count; limits end; a chain that masks everything kills. */
static void ends(void)
{
    const struct prompt_field field = { "text", "ba" };
    const struct prompt said = { .fields = &field, .n_fields = 1 }, none = { .n_fields = 0 };
    const char *const strings[] = { "ba" };
    struct stop stop = { .strings = strings, .n_strings = 1 };
    struct chain *plain = chain_parse(""), *one = chain_parse("top_k=1 | no_repeat_ngram=1");
    int met[HYP_DEAD + 1] = { 0 };
    for (uint32_t d = 0; d < 40; d++) {
        struct search *s = open_search("sample", plain, &stop, &said, d);
        run(&s, 1, false);
        const struct hyp *h = hyp_of(s);
        bool again = h->n_steps >= 2 && h->steps[h->n_steps - 2].symbol == 1 && h->steps[h->n_steps - 1].symbol == 0;
        check((h->end == HYP_STRING) == again && h->n_steps > 0, "only generated text stops");
        met[h->end]++;
        search_close(s);
        stop.max_chars = 1;
        s = open_search("sample", plain, &stop, &none, d);
        run(&s, 1, false);
        h = hyp_of(s);
        check(h->n_steps == 1 && (h->end == HYP_SYMBOL || (h->end == HYP_LIMIT && h->text.len == 1)), "one character");
        met[h->end]++;
        search_close(s);
        stop.max_chars = 0;
    }
    struct search *s = open_search("greedy", one, &stop, &none, 0);
    run(&s, 1, false);
    const struct hyp *h = hyp_of(s);
    double p[N];
    sym_t first = h->n_steps > 0 ? h->steps[0].symbol : 0;
    exact_row(table, plain, &first, 0, 1, p);
    bool repeats = p[first] >= fmax(p[0], fmax(p[1], p[2]));
    check((h->end == HYP_DEAD && h->n_steps == 1) == repeats, "dead where the only choice is forbidden: %s",
          hyp_end_name(h->end));
    met[h->end]++;
    check(met[HYP_STRING] > 0 && met[HYP_SYMBOL] > 0 && met[HYP_LIMIT] > 0 && met[HYP_DEAD] > 0, "all ends were met");
    search_close(s);
    chain_free(plain);
    chain_free(one);
}

static void refused(const char *text, const struct search_args *args, const char *message)
{
    struct search *s = search_open(text, args);
    check(s == NULL && strstr(err_text(), message), "'%s' says '%s', want '%s'", text, err_text(), message);
    search_close(s);
}

static void errors(void)
{
    const struct prompt_field field = { "text", "xyz" };
    const struct prompt strange = { .fields = &field, .n_fields = 1 }, none = { .n_fields = 0 };
    const char *const empty[] = { "" };
    struct stop stop = { .max_symbols = 3 }, bad = { .strings = empty, .n_strings = 1 };
    struct chain *c = chain_parse("");
    struct search_args args = { .lm = table, .chain = c, .stop = &stop, .prompt = &none };
    refused("sampel", &args, "unknown search 'sampel'; did you mean 'sample'?");
    refused("sample | greedy", &args, "has 2 steps, want one");
    refused("greedy(3)", &args, "takes 0 parameters");
    refused("sample(draw=cfd)", &args, "unknown draw 'cfd'; did you mean 'cdf'?");
    refused("sample(greedy)", &args, "the search is called greedy");
    refused("sample(", &args, "column");
    args.stop = &bad;
    refused("sample", &args, "stop string 1 is empty");
    args.stop = &stop;
    args.prompt = &strange;
    refused("greedy", &args, "want letters a to b");
    struct text t = { 0 };
    check(search_canonical(" greedy ( ) ", &t) == 0 && strcmp(text_s(&t), "greedy") == 0, "canonical: %s", text_s(&t));
    check(search_canonical("greed", &t) == ERR_USAGE, "an unknown search has none");
    check(search_random("sample") && !search_random("greedy"), "sample draws, greedy does not");
    text_free(&t);
    chain_free(c);
}

int main(void)
{
    struct table_options o = { .n = N, .max_length = LENGTH + 2, .seed = 12, .sharpness = 1 };
    table = table_open(&o);
    core = core_alloc();
    work = row_work_alloc(N);
    static const char *const chains[] = { "", "temperature=0.7 | top_p=0.8", "top_k=2 | typical=0.9",
                                          "frequency_penalty=1 | presence_penalty=0.5 | min_p=0.05",
                                          "normalise | repetition_penalty=2 | no_repeat_ngram=2" };
    for (size_t i = 0; i < sizeof chains / sizeof chains[0]; i++) {
        sample_is_exact("sample", chains[i]);
        sample_is_exact("sample(draw=cdf)", chains[i]);
        sample_is_exact("sample(draw=arithmetic, n=8)", chains[i]);
        greedy_is_argmax(chains[i], "");
        greedy_is_argmax(chains[i], "ba");
    }
    decisions();
    every_search();
    ends();
    errors();
    row_work_free(work);
    core_free(core);
    lm_free(table);
    return check_done("search");
}
