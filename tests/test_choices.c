/* Scoring rules of choices, from script to results: pmi (Holtzman et al. 2021) and contextual (Zhao et al. 2021) by hand from the
 * tables' own words; what is impossible, and what is refused. */
#include "base/err.h"
#include "experiments/choices.h"
#include "experiments/results.h"
#include "experiments/run.h"
#include "tests/lib/check.h"
#include "tests/lib/letters.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

enum { CHOICES = 3 };

static const char head[] = "local a = model { 'table:n=4,length=16,seed=3,sharpness=1.5', name = 'a' }\n";

static double log_sum(const double x[], size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += exp(x[i]);
    return log(sum);
}

/* Item x: 'ab' -> 'a', 'cb', 'ccc', by hand. */
static void test_rules(void)
{
    static const char *const choice[CHOICES] = { "a", "cb", "ccc" };
    struct results *r = letters_results(head,
                                        "grid { lm = a, choices = { 'likelihood', \"pmi(domain='c')\", 'pmi',\n"
                                        "  \"contextual(['', 'b'])\", \"contextual(['c'])\" } }",
                                        "'DIR/choice'", "rules", 1);
    struct lm *lm = letters_table();
    double x[5][CHOICES], blank[2][CHOICES];
    size_t n = 0;
    for (size_t i = 0; i < CHOICES; i++) {
        double after = letters_logp(lm, "ab", choice[i]);
        x[0][i] = after;
        x[1][i] = after - letters_logp(lm, "c", choice[i]);
        x[2][i] = after - letters_logp(lm, "", choice[i]);
        blank[0][i] = letters_logp(lm, "", choice[i]);
        blank[1][i] = letters_logp(lm, "b", choice[i]);
        x[3][i] = after;
        x[4][i] = x[1][i];
    }
    for (size_t i = 0; i < CHOICES; i++)
        x[3][i] -=
            log((exp(blank[0][i] - log_sum(blank[0], CHOICES)) + exp(blank[1][i] - log_sum(blank[1], CHOICES))) / 2);
    for (uint32_t arm = 0; arm < 5 && r; arm++) {
        const struct results_record *rec = results_unit(r, arm, 0, 0, &n);
        check(n == 1 && rec->n_choices == CHOICES, "arm %u answers", arm);
        for (size_t i = 0; i < CHOICES; i++)
            check_near(rec->choice_logp[i], x[arm][i], 1e-5, "arm %u, choice %zu", arm, i);
    }
    check(fabs(x[0][1] - x[3][1]) > 0.1 && fabs(x[3][1] - x[2][1]) > 0.1, "the rules differ");
    const struct results_arm *arms = r ? results_arms(r, &n) : NULL;
    check(arms && strcmp(arms[1].name, "a: as it is | choices by pmi=c") == 0 &&
              strcmp(arms[0].name, "a: as it is") == 0,
          "their names: %s", arms ? arms[1].name : "");
    lm_free(lm);
    results_close(r);
}

/* Zhao's and Holtzman's rules beside each other where the question's context stays: contextual keeps it, pmi does not. */
static void test_context(void)
{
    letters_set(
        "context", "choice", "accuracy",
        "{\"id\":\"x\",\"lang\":\"en\",\"context\":\"bc\",\"text\":\"ab\",\"choices\":[\"a\",\"cb\"],\"gold\":1}\n");
    struct results *r =
        letters_results(head, "grid { lm = a, choices = { \"contextual(['c'])\", \"pmi(domain='c')\" } }",
                        "'DIR/context'", "context", 1);
    struct lm *lm = letters_table();
    size_t n = 0;
    const struct results_record *zhao = r ? results_unit(r, 0, 0, 0, &n) : NULL;
    const struct results_record *holtzman = r ? results_unit(r, 1, 0, 0, &n) : NULL;
    double after = letters_logp(lm, "bcab", "cb");
    check(zhao && holtzman, "both answer");
    if (zhao && holtzman) {
        check_near(zhao->choice_logp[1], after - letters_logp(lm, "bcc", "cb"), 1e-5, "contextual keeps the context");
        check_near(holtzman->choice_logp[1], after - letters_logp(lm, "c", "cb"), 1e-5, "pmi drops it");
    }
    lm_free(lm);
    results_close(r);
}

/* bug: a question of turns alone has no text for contextual to take away: each choice was compared with itself, and all were
 * equal. */
static void test_turns(void)
{
    struct run_outcome outcome;
    const struct run_options o = { .threads = 1 };
    letters_set("turns", "choice", "accuracy",
                "{\"id\":\"x\",\"lang\":\"en\",\"text\":\"\",\"turns\":[{\"role\":\"user\",\"text\":\"ab\"}],"
                "\"choices\":[\"a\",\"cb\"],"
                "\"gold\":1}\n");
    struct plan *p = letters_experiment(head, "{ { lm = a, choices = 'contextual' } }", "'DIR/turns'");
    check(p != NULL, "%s", err_text());
    int rc = p ? run_execute(p, letters_path("turns-run"), &o, &outcome) : 0;
    check(rc < 0 && strstr(err_text(), "contextual: item 'x' has turns and no text"), "%d: %s", rc, err_text());
    plan_free(p);
}

/* What the prompts without the question cost is in the plan. */
static void test_cost(void)
{
    static const char *const rules[] = { "likelihood", "pmi", "contextual", "contextual(['a','b','c','a'])" };
    static const uint64_t prompts[] = { 1, 2, 4, 5 };
    for (size_t i = 0; i < 4; i++) {
        char arms[96];
        struct plan_cost c = { 0 };
        snprintf(arms, sizeof arms, "{ { lm = a, choices = \"%s\" } }", rules[i]);
        struct plan *p = letters_experiment(head, arms, "'DIR/context'");
        check(p && plan_cost(p, 1, &c) == 0, "%s", err_text());
        check(c.units == 1 && c.positions == 64 * prompts[i], "%s: %llu positions", rules[i],
              (unsigned long long)c.positions);
        plan_free(p);
    }
}

static void is_field(const struct prompt *p, const char *name, const char *want)
{
    const char *got = prompt_field(p, name);
    check(want ? got && strcmp(got, want) == 0 : !got, "field %s is '%s', want '%s'", name, got ? got : "(none)",
          want ? want : "(none)");
}

/* A domain is the whole prompt: once, whatever fields the question has, and not after its turns. */
static void test_blank(void)
{
    static const struct prompt_field all[] = { { "context", "x" }, { "text", "ab" }, { "instruction", "b" } };
    static const struct prompt_turn turn = { "user", "c" };
    const struct prompt both = { all, 3, &turn, 1, "tiger", NULL }, instruction = { all + 2, 1, &turn, 1, NULL, NULL };
    struct prompt_field fields[4];
    struct choices_rule pmi, contextual;
    check(choices_parse("pmi(domain='d')", &pmi) == 0 && choices_parse("contextual(['p','q'])", &contextual) == 0, "%s",
          err_text());
    struct prompt p = choices_blank(&pmi, 0, &both, fields);
    check(p.n_fields == 1 && p.n_turns == 0 && strcmp(p.template_name, "tiger") == 0, "pmi: %zu fields, %zu turns",
          p.n_fields, p.n_turns);
    is_field(&p, "text", "d");
    p = choices_blank(&pmi, 0, &instruction, fields);
    check(p.n_fields == 1 && p.n_turns == 0, "pmi of an instruction: %zu fields, %zu turns", p.n_fields, p.n_turns);
    is_field(&p, "instruction", "d");
    p = choices_blank(&pmi, 0, &(struct prompt){ .turns = &turn, .n_turns = 1 }, fields);
    is_field(&p, "text", "d");
    p = choices_blank(&contextual, 1, &both, fields);
    check(p.n_fields == 3 && p.n_turns == 1, "contextual: %zu fields, %zu turns", p.n_fields, p.n_turns);
    is_field(&p, "context", "x");
    is_field(&p, "text", "q");
    is_field(&p, "instruction", "q");
    choices_fini(&pmi);
    choices_fini(&contextual);
}

static double metric_of(const struct results *r, const char *name, uint32_t arm)
{
    size_t n_arms, n_items;
    double out[8];
    const struct results_metric *m = results_metric(r, name);
    results_arms(r, &n_arms);
    results_items(r, &n_items);
    check(m && n_items <= 8 && arm < n_arms, "%s: %s", name, err_text());
    if (m)
        results_by_item(r, m, arm, out);
    return m ? out[0] : 0;
}

/* Log-likelihood a byte is of likelihoods: other rules have none. */
static void test_norm(void)
{
    struct results *r = results_open(letters_path("rules"));
    for (uint32_t arm = 0; arm < 5 && r; arm++) {
        check(isnan(metric_of(r, "accuracy_norm", arm)) == (arm > 0), "arm %u: accuracy by length", arm);
        check(!isnan(metric_of(r, "accuracy", arm)), "arm %u: accuracy", arm);
    }
    check(r != NULL, "%s", err_text());
    results_close(r);
}

static void refused(const char *arms, const char *why)
{
    struct plan *p = letters_experiment(head, arms, "'DIR/choice'");
    check(!p && strstr(err_text(), why), "%s: want '%s' in: %s", arms, why, p ? "a plan" : err_text());
    plan_free(p);
}

static void test_refusals(void)
{
    refused("{ { lm = a, choices = 'pmis' } }", "did you mean 'pmi'");
    refused("{ { lm = a, choices = 'pmi | pmi' } }", "has 2 steps");
    refused("{ { lm = a, choices = \"contextual(['a','b','c','a','b','c','a','b','c'])\" } }",
            "9 inputs, want at most 8");
}

/* Scores themselves: what is impossible without the question, or after it. */
static void test_scores(void)
{
    struct choices_rule rule;
    double out[2];
    check(choices_parse("pmi", &rule) == 0, "%s", err_text());
    check(choices_score(&rule, (double[]){ -1, -2, -3, -INFINITY }, 2, out) == ERR_DATA &&
              strstr(err_text(), "choice 2 has probability 0 without the question"),
          "%s", err_text());
    check(choices_score(&rule, (double[]){ -1, -INFINITY, -3, -2 }, 2, out) == 0 && out[0] == 2 && out[1] == -INFINITY,
          "impossible after it: stays so");
    choices_fini(&rule);
    size_t n;
    choices_types(&n);
    check(n == 3, "%zu rules", n);
}

int main(void)
{
    letters_open();
    test_rules();
    test_context();
    test_turns();
    test_cost();
    test_blank();
    test_norm();
    test_refusals();
    test_scores();
    letters_close();
    return check_done("choices");
}
