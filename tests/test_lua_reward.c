/* Rewards that a script computes: what they are given, what they give, and what is wrong with one. */
#include "base/err.h"
#include "experiments/results.h"
#include "experiments/run.h"
#include "tests/lib/check.h"
#include "tests/lib/letters.h"
#include <math.h>
#include <string.h>

static const char head[] = "local a = model { 'table:n=4,length=16,seed=3', name = 'a' }\n"
                           "local calls, worth = 0, { a = 1, b = 2 }\n"
                           "local function sum(s)\n"
                           "  local n = 0\n"
                           "  for i = 1, #s do n = n + (worth[s:sub(i, i)] or 0) end\n"
                           "  return n\n"
                           "end\n";

static struct plan *plan_of(const char *reward)
{
    struct text t = { 0 };
    text_addf(&t,
              "%sexperiment { name = 'r', draws = 4, limit = { bytes = 6 }, evalsets = { 'DIR/gen', 'DIR/score' },\n"
              "  arms = { { lm = a } }, judge = model 'table:n=4,length=30,seed=9', select = 'best(reward)',\n"
              "  creativity = 'length_chars@best(reward)', reward = %s }\n",
              head, reward);
    struct plan *p = letters_plan(text_s(&t), NULL);
    text_free(&t);
    return p;
}

static int run(const struct plan *p, const char *name)
{
    struct run_outcome outcome;
    return run_execute(p, letters_path(name), &(struct run_options){ .threads = 2 }, &outcome);
}

static double worth_of(const char *s, size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += s[i] == 'a' ? 1 : s[i] == 'b' ? 2 : 0;
    return sum;
}

/* Everything that a function is given goes into the number. */
static void test_values(void)
{
    struct plan *p =
        plan_of("function(x) if #x.text == 0 then return nil end\n"
                "  return sum(x.text) + 100 * sum(x.prompt.text) + 10000 * x.symbols + x.nll - (x.judge_nll "
                "or 0) +\n"
                "    (x.ended and 0.5 or 0) + (x.lang == 'en' and 0 or 1e9) + #x.keywords end");
    check(p != NULL, "%s", err_text());
    check(p && run(p, "values") == 0, "%s", err_text());
    struct results *r = p ? results_open(letters_path("values")) : NULL;
    size_t n = 0, n_items, seen = 0;
    const struct results_record *x = r ? results_records(r, &n) : NULL;
    const struct results_item *items = r ? results_items(r, &n_items) : NULL;
    for (size_t i = 0; i < n; i++) {
        const struct results_item *item = &items[x[i].item];
        bool generated = strcmp(item->kind, "generate") == 0;
        if (!generated || x[i].n_text == 0) {
            check(isnan(x[i].reward), "record %zu has none", i);
            continue;
        }
        bool ended = strcmp(x[i].end, "symbol") == 0;
        double want = worth_of(x[i].text, x[i].n_text) + 100 * worth_of(item->prompt, strlen(item->prompt)) +
                      10000 * x[i].n_symbols + x[i].nll - x[i].judge_nll + (ended ? 0.5 : 0);
        check_near(x[i].reward, want, 1e-9, "record %zu", i);
        seen++;
    }
    check(seen > 10, "%zu rewards", seen);
    check(r && results_metric(r, "length_chars@best=reward"), "%s", err_text());
    results_close(r);
    plan_free(p);
}

/* The plan is good; the results cannot be written, and the next run with a better function has all texts already. */
static void fails(const char *reward, const char *why)
{
    struct plan *p = plan_of(reward);
    check(p != NULL, "%s: %s", reward, err_text());
    check(p && run(p, "broken") < 0 && strstr(err_text(), why), "%s: want '%s' in: %s", reward, why, err_text());
    plan_free(p);
    letters_remove(letters_path("broken"));
}

static void test_failures(void)
{
    fails("function(x) return x.text end", "the reward returned a string, want a number or nil");
    fails("function(x) return x.symbol end", "letters.lua:10: unknown field 'symbol'; did you mean 'symbols'?");
    fails("function(x) return x.text.y.z end", "letters.lua:10:");
    fails("function(x) while true do end end", "letters.lua:10:");
    fails("function(x) worth.c = 3 return 1 end", "changes what is outside of it");
    fails("function(x) return lenght end", "letters.lua:10: unknown word 'lenght'");
    fails("function(x) return sum(nil) end", "letters.lua:5:");
}

/* A variable of the script is what it was, whatever earlier calls did. */
static void test_sealed(void)
{
    struct plan *p = plan_of("function(x) calls = calls + 1 return calls end");
    check(p && run(p, "sealed") == 0, "%s", err_text());
    struct results *r = p ? results_open(letters_path("sealed")) : NULL;
    size_t n = 0;
    const struct results_record *x = r ? results_records(r, &n) : NULL;
    for (size_t i = 0; i < n; i++)
        check(isnan(x[i].reward) || x[i].reward == 1, "record %zu: %g", i, x[i].reward);
    check(n > 10, "%zu records", n);
    results_close(r);
    plan_free(p);
}

/* The code is part of the plan: another function is another plan, and one that is not the script's is refused. */
static void test_code(void)
{
    struct plan *p = plan_of("function(x) return 1 end"), *q = plan_of("function(x) return 2 end"),
                *same = plan_of("function(x) return 1 end");
    check(p && q && same && strcmp(p->hash, q->hash) != 0 && strcmp(p->hash, same->hash) == 0, "%s", err_text());
    bool only_adds = false;
    struct text t = { 0 };
    if (p && q)
        plan_diff(p, q, &t, &only_adds);
    check(only_adds && strstr(text_s(&t), "reward"), "nothing that is generated depends on it: %s", text_s(&t));
    if (p) {
        char hash[65];
        json_object_set_new(json_object_get(p->what, "reward"), "code", json_string("feed"));
        doc_hash(p->what, hash);
        json_object_set_new(p->doc, "hash", json_string(hash));
        p->hash = json_string_value(json_object_get(p->doc, "hash"));
        check(run(p, "forged") < 0 && strstr(err_text(), "its reward is feed..."), "%s", err_text());
    }
    text_free(&t);
    plan_free(p);
    plan_free(q);
    plan_free(same);
    p = plan_of("3");
    check(!p && strstr(err_text(), "'reward' is a number, want the name of a metric or a function of a text"), "%s",
          err_text());
}

int main(void)
{
    letters_open();
    test_values();
    test_failures();
    test_sealed();
    test_code();
    letters_close();
    return check_done("lua_reward");
}
