/* Plans and runs with fits that stand where an arm's chain would: resumed, extended, refused, tampered with.  The numbers:
 * test_fit_chain. */
#include "base/err.h"
#include "experiments/journal.h"
#include "experiments/unit.h"
#include "tests/lib/chain_fits.h"
#include "tests/lib/check.h"
#include "tests/lib/letters.h"
#include "tests/lib/same.h"
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

static volatile sig_atomic_t signalled;

static void stop_at_units(void *ctx, const struct run_progress *p)
{
    (void)ctx;
    if (strcmp(p->phase, "run") == 0)
        signalled = SIGINT;
}

static const char resumed_arms[] =
    "{ { lm = a, chain = entropy('temperature=fit', 0.7) },\n"
    "  { lm = a, chain = entropy('temperature=fit', 0.9) },\n"
    "  { lm = b, chain = fit { what = 'conformal', on = on, chain = 'conformal(0.2, fit)' } } }";

static void test_resumed(void)
{
    struct plan *p = chain_fits_plan(resumed_arms);
    struct run_options stopped = { .threads = 1, .batch = 1, .progress = stop_at_units, .signal = &signalled };
    size_t n = 0;
    check(p && letters_run(p, "calm", (struct run_options){ .threads = 1 }) == 0, "%s", err_text());
    check(letters_run(p, "stopped", stopped) == ERR_SIGINT, "stopped: %s", err_text());
    signalled = 0;
    struct results *r = results_open(letters_path("stopped"));
    check(r && results_fits(r, &n) && n == 3 && !strstr(results_arms(r, &n)[2].chain, "fit"), "the fits are there");
    results_close(r);
    check(letters_run(p, "stopped", (struct run_options){ .threads = 2 }) == 0, "resumed: %s", err_text());
    same_results(letters_path("calm"), letters_path("stopped"), "resumed");
    struct unit_key one = unit_key(p, &p->arms[0], &p->items[0], 0), two = unit_key(p, &p->arms[1], &p->items[0], 0);
    check(strcmp(p->arms[0].chain, p->arms[1].chain) == 0 && !unit_key_equal(one, two), "other targets, other keys");
    plan_free(p);
}

/* Arms that bring fits of their own extend a run; what it has stays. */
static void test_extended(void)
{
    struct plan *less = chain_fits_plan("{ { lm = a, chain = entropy('temperature=fit', 0.7) } }"),
                *more = chain_fits_plan(resumed_arms);
    struct run_options plain = { .threads = 1 }, extend = { .threads = 1, .extend = true };
    check(letters_run(less, "grown", plain) == 0, "%s", err_text());
    check(letters_run(more, "grown", plain) == ERR_USAGE &&
              strstr(err_text(), "fits: 'a: temperature=fit, entropy 0.9 on ") && strstr(err_text(), "--extend"),
          "a larger plan: %s", err_text());
    check(letters_run(more, "grown", extend) == 0, "extended: %s", err_text());
    same_results(letters_path("calm"), letters_path("grown"), "extended");
    plan_free(less);
    plan_free(more);
}

static void test_hostile_frames(void)
{
    static const struct {
        size_t fit;
        const char *result;
    } frames[] = {
        { 0, "{\"value\":\"0.5\"}" },
        { 0, "{}" },
        { 2, "{\"edges\":[1],\"mass\":[1]}" },
        { 2, "{\"edges\":[],\"mass\":[]}" },
        { 2, "{\"edges\":[],\"mass\":[\"1) | top_k(1\"]}" },
        { 2, "{\"edges\":[-1],\"mass\":[0.5,1]}" },
    };
    struct plan *p = chain_fits_plan(resumed_arms);
    struct text plan = { 0 }, t = { 0 };
    text_read_file(&plan, letters_path("calm/plan.json"), 1 << 24);
    mkdir(letters_path("hostile"), 0777);
    letters_write(letters_path("hostile/plan.json"), text_s(&plan));
    struct journal *j = journal_open(letters_path("hostile/journal"), "run");
    for (size_t i = 0; i < sizeof frames / sizeof *frames; i++) {
        const json_t *fit = json_array_get(json_object_get(p->what, "fits"), frames[i].fit);
        text_clear(&t);
        size_t n_head = unit_write_message(&t, UNIT_FIT, unit_fit_key(p, fit), frames[i].result);
        journal_add(j, text_s(&t), t.len, n_head);
    }
    journal_close(j);
    check(letters_run(p, "hostile", (struct run_options){ .threads = 1 }) == 0, "computed again: %s", err_text());
    same_results(letters_path("calm"), letters_path("hostile"), "hostile frames");
    text_free(&plan);
    text_free(&t);
    plan_free(p);
}

/* A plan.json of a stranger: a fit without its chain, an arm that waits for a fit that is none of the plan's. */
static void test_hostile_plan(void)
{
    static const struct {
        size_t fit;
        const char *chain, *arm_fit, *says;
    } cases[] = {
        { 0, NULL, NULL, "chain" },
        { 2, NULL, NULL, "chain" },
        { 0, "temperature=fit", "nosuch", "nothing in 'fits' is 'nosuch'" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct plan *p = chain_fits_plan(resumed_arms);
        json_t *doc = json_deep_copy(p->doc), *what = json_object_get(doc, "what");
        json_t *fit = json_array_get(json_object_get(what, "fits"), cases[i].fit);
        json_t *arm = json_array_get(json_object_get(what, "arms"), 0);
        if (!cases[i].chain)
            json_object_del(fit, "chain");
        if (cases[i].arm_fit)
            json_object_set_new(arm, "fit", json_string(cases[i].arm_fit));
        char hash[65];
        doc_hash(what, hash);
        json_object_set_new(doc, "hash", json_string(hash));
        struct plan *q = plan_load(doc, "plan.json");
        check(!q && strstr(err_text(), cases[i].says), "hostile plan %zu: %s", i, q ? "accepted" : err_text());
        plan_free(q);
        plan_free(p);
    }
}

static void test_refused(void)
{
    static const struct {
        const char *chain, *says;
    } cases[] = {
        { "entropy('temperature=0.5', 1)", "has no value 'fit', as in temperature=fit" },
        { "entropy('temperature=fit | top_p=fit', 1)", "has more than one value 'fit'" },
        { "entropy('mirostat2(fit, 0.1)', 1)", "a step of it keeps state" },
        { "entropy('xtc(0.5, fit)', 1, 0.01, 0.4)", "a step of it draws by itself" },
        { "entropy('temprature=fit', 1)", "temprature" },
        { "entropy('temperature=fit', -1)", "target is -1 nats, want 0 or more" },
        { "entropy('temperature=fit', 1, 3, 3)", "from 3 to 3, want the lower first" },
        { "fit { what = 'entropy', on = on, chain = 'temperature=fit', from = 1, to = 2 }",
          "wants 'target', a number" },
        { "fit { what = 'entropy', on = on, target = 1, from = 1, to = 2 }", "'entropy' wants 'chain'" },
        { "fit { what = 'weights', on = on }", "unknown fit of a chain 'weights'" },
        { "fit { what = 'temperature', on = on, chain = 'top_k=3 | temperature=fit' }",
          "does not begin with temperature=fit" },
        { "fit { what = 'conformal', on = on, chain = 'conformal(0.1, fit)', bins = 65 }", "bins is 65, want 1 .. 64" },
        { "fit { what = 'entropy', on = 'DIR/score', chain = 'temperature=fit', target = 1, from = 1, to = 2 }",
          "which is reported" },
        { "3", "want a string, a fit or a list of them" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct text arms = { 0 };
        text_addf(&arms, "grid { lm = a, chain = %s }", cases[i].chain);
        struct plan *p = chain_fits_plan(text_s(&arms));
        check(!p && strstr(err_text(), cases[i].says), "%s: %s", cases[i].chain, p ? "accepted" : err_text());
        check(p || strncmp(err_text(), "letters.lua:", 12) == 0, "the line: %s", err_text());
        plan_free(p);
        text_free(&arms);
    }
    struct plan *p =
        chain_fits_plan("{ { lm = ensemble { voice { a, temperature = entropy('temperature=fit', 1) } } } }");
    check(!p && strstr(err_text(), "a fit of 'entropy' where one of 'temperature' is wanted"), "a voice's: %s",
          p ? "accepted" : err_text());
    plan_free(p);
    p = chain_fits_plan(
        "{ { lm = ensemble { voice { a, temperature = fit { what = 'temperature', on = on, bins = 3 } } } } }");
    check(!p && strstr(err_text(), "'bins' is for fits of conformal, histogram, not of temperature"), "%s",
          p ? "accepted" : err_text());
    plan_free(p);
}

/* What shows when rows are there: targets out of reach, means that jump. */
static void test_unreachable(void)
{
    static const struct {
        const char *chain, *says;
    } cases[] = {
        { "entropy('temperature=fit', 1.5)", "a mean entropy of 1.5 nats cannot be reached: it is 0." },
        { "entropy('temperature=fit', 0.001)", "at 0.1 and 1.3" },
        { "entropy('top_p=fit', 0.1, 0.01, 1)", "no value gives a mean entropy of 0.1 nats: it jumps to " },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct text arms = { 0 };
        text_addf(&arms, "grid { lm = a, chain = %s }", cases[i].chain);
        if (i == 2) {
            mkdir(letters_path("short"), 0777);
            letters_write(letters_path("short/README.md"), "# Short\n\nTwo letters.\n");
            letters_write(letters_path("short/evalset.json"),
                          "{\"name\":\"short\",\"kind\":\"text\",\"lang\":[\"en\"],\"metrics\":[\"bits_per_byte\"]}");
            letters_write(letters_path("short/items.jsonl"), "{\"id\":\"x\",\"lang\":\"en\",\"text\":\"ab\"}\n");
            text_clear(&arms);
            text_add(&arms,
                     "(function() on = 'DIR/short' return grid { lm = a, chain = entropy('top_p=fit', 0.1, 0.01, "
                     "1) } end)()");
        }
        struct plan *p = chain_fits_plan(text_s(&arms));
        char name[16];
        snprintf(name, sizeof name, "far%zu", i);
        check(p && letters_run(p, name, (struct run_options){ .threads = 1 }) == ERR_DATA &&
                  strstr(err_text(), cases[i].says) && strstr(err_text(), "fit 'a: "),
              "%s: %s", cases[i].chain, err_text());
        plan_free(p);
        text_free(&arms);
    }
}

/* In a profile, and by inheritance under its other lm. */
static void test_tasks(void)
{
    struct plan *p =
        chain_fits_plan("{ { lm = ensemble { a, b, name = 'ab' }, chain = entropy('temperature=fit', 0.7), tasks = {\n"
                        "  math = { chain = entropy('temperature=fit', 0.2) }, code = { weights = { 0.9, 0.1 } },\n"
                        "  law = { chain = 'top_k=2' } } } }");
    check(p && p->n_choices == 4 && json_array_size(json_object_get(p->what, "fits")) == 3, "three fits: %s",
          p ? "" : err_text());
    if (p)
        check(p->arms[0].fit && p->arms[1].fit && !p->arms[2].fit && p->arms[3].fit &&
                  strcmp(p->arms[0].fit, p->arms[1].fit) != 0 && strcmp(p->arms[0].fit, p->arms[3].fit) != 0,
              "code, law and math");
    plan_free(p);
}

int main(void)
{
    letters_open();
    test_resumed();
    test_extended();
    test_hostile_frames();
    test_hostile_plan();
    test_refused();
    test_unreachable();
    test_tasks();
    letters_close();
    return check_done("fit_chain_plan");
}
