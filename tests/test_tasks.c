/* Task tags in experiments: profiles by task, pool weights by item, keys that tell them apart; templates that are
 * functions.  Over exact tables, so that what a profile does is known. */
#include "base/doc.h"
#include "base/err.h"
#include "base/text.h"
#include "experiments/jobs.h"
#include "experiments/plan.h"
#include "experiments/results.h"
#include "experiments/run.h"
#include "experiments/script.h"
#include "model/checkpoint.h"
#include "tests/lib/check.h"
#include "tests/lib/letters.h"
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define LMS                                                                                                            \
    "local a = model { 'table:n=20,length=16,seed=3', name = 'a' }\n"                                                  \
    "local b = model { 'table:n=20,length=16,seed=5', name = 'b' }\n"                                                  \
    "local duet = ensemble { a, b, weights = { 0.5, 0.5 }, name = 'duet' }\n"
#define REST "evalsets = { 'DIR/tagged' } }\n"

static void make_set(const char *items)
{
    mkdir(letters_path("tagged"), 0777);
    letters_write(letters_path("tagged/README.md"), "# Tagged\n\nOf tests.\n");
    letters_write(letters_path("tagged/evalset.json"),
                  "{\"name\":\"tagged\",\"kind\":\"generate\",\"lang\":[\"en\"],\"metrics\":[\"distinct_1\"]}");
    letters_write(letters_path("tagged/items.jsonl"), items);
}

static const char items[] = "{\"id\":\"plain\",\"lang\":\"en\",\"text\":\"ab\"}\n"
                            "{\"id\":\"math\",\"lang\":\"en\",\"text\":\"<task:math>ab\"}\n"
                            "{\"id\":\"verse\",\"lang\":\"en\",\"text\":\"ab\",\"task\":\"verse form=ci\"}\n";

/* arms and fields of the experiment. */
static struct plan *plan_of(const char *experiment)
{
    struct text t = { 0 };
    text_addf(&t, LMS "experiment { name = 't', draws = 2, limit = { bytes = 6 }, %s, " REST, experiment);
    struct plan *p = letters_plan(text_s(&t), NULL);
    text_free(&t);
    return p;
}

static void refused(const char *experiment, const char *why)
{
    struct plan *p = plan_of(experiment);
    check(!p, "'%s' is refused", experiment);
    check(p || strstr(err_text(), why), "'%s': want '%s' in: %s", experiment, why, err_text());
    plan_free(p);
}

static const struct plan_item *item_of(const struct plan *p, const char *id, size_t *at)
{
    for (*at = 0; *at < p->n_items; ++*at)
        if (strcmp(p->items[*at].item->id, id) == 0)
            return &p->items[*at];
    check(false, "no item '%s'", id);
    return &p->items[*at = 0];
}

static bool weighs(const struct plan *p, const char *lm, double first)
{
    size_t i;
    json_t *n;
    json_array_foreach(json_object_get(p->what, "lms"), i, n)
    {
        if (strcmp(json_string_value(json_object_get(n, "id")), lm) == 0)
            return json_number_value(json_array_get(json_object_get(n, "weights"), 0)) == first;
    }
    return false;
}

#define TASKS "tasks = { math = { chain = 'temperature=0', weights = { 1, 0 } }, verse = { limit = { bytes = 3 } } }"

static void test_profiles(void)
{
    size_t at;
    struct plan *p =
        plan_of("arms = { { lm = duet, chain = 'top_p=0.9' }, { lm = duet, chain = 'top_p=0.9', " TASKS " } }");
    check(p != NULL, "%s", err_text());
    if (!p)
        return;
    check(p->n_arms == 2 && p->n_choices == 4, "%zu arms, %zu choices", p->n_arms, p->n_choices);
    check(strcmp(p->arms[1].name, "duet: top_p=0.9 | by task") == 0, "the name says so: %s", p->arms[1].name);
    /* bug: every profile of every arm was looked at for each item of each arm: hundreds of arms by task took minutes */
    check(p->arms[0].n_tasks == 0 && p->arms[1].n_tasks == 2 && p->arms[p->arms[1].tasks].arm == 1,
          "an arm knows its own profiles: %zu from %zu on", p->arms[1].n_tasks, p->arms[1].tasks);
    const struct plan_item *math = item_of(p, "math", &at);
    const struct plan_arm *c = plan_choice(p, 1, at);
    check(math->task && strcmp(math->task, "math") == 0, "the tag in the text");
    check(strcmp(prompt_field(math->prompt, "text"), "ab") == 0, "the model does not see it");
    check(strcmp(prompt_field(math->prompt, "task"), "math") == 0, "templates may");
    check(strcmp(c->chain, "temperature=0") == 0 && c->repeats && weighs(p, c->lm, 1), "its chain and weights: %s",
          c->lm);
    check(c->stop.max_bytes == 6, "its limit is the plan's");
    check(plan_choice(p, 0, at) == &p->arms[0] && weighs(p, p->arms[0].lm, 0.5), "the other arm knows no tasks");
    const struct plan_item *verse = item_of(p, "verse", &at);
    c = plan_choice(p, 1, at);
    check(strcmp(prompt_field(verse->prompt, "form"), "ci") == 0, "arguments are fields");
    check(c->stop.max_bytes == 3 && strcmp(c->lm, "duet") == 0 && strcmp(c->chain, "top_p=0.9") == 0,
          "what a profile leaves out is the arm's");
    item_of(p, "plain", &at);
    check(plan_choice(p, 1, at) == &p->arms[1], "an item without a tag");
    struct jobs jobs;
    jobs_plan(&jobs, p, 0, 0);
    /* plain: 2 draws shared by both arms; math: 2 of the first arm + 1 greedy; verse: 2 + 2 of another limit */
    check(jobs.n_units == 2 + 3 + 4, "%zu units", jobs.n_units);
    jobs_fini(&jobs);
    plan_write(p, letters_path("plan.json"));
    struct plan *q = plan_read(letters_path("plan.json"));
    check(q && strcmp(q->hash, p->hash) == 0 && q->n_choices == 4 && q->items[1].task, "read back: %s",
          q ? "whole" : err_text());
    plan_free(q);
    plan_free(p);
}

/* A stored plan with one member of the second arm's tasks changed, its hash put right. */
static void stored(const char *key, json_t *value, const char *why)
{
    json_t *doc = doc_read_file(letters_path("plan.json"), 1u << 20), *what = json_object_get(doc, "what");
    json_t *arm = json_array_get(json_object_get(what, "arms"), 1);
    char hash[65];
    json_t *task = json_array_get(json_object_get(arm, "tasks"), 0);
    json_object_set_new(strcmp(key, "tasks") == 0   ? arm
                        : strcmp(key, "known") == 0 ? what
                                                    : task,
                        strcmp(key, "known") == 0 ? "tasks" : key, value);
    doc_hash(what, hash);
    json_object_set_new(doc, "hash", json_string(hash));
    struct text t = { 0 };
    doc_canonical(&t, doc);
    letters_write(letters_path("bad.json"), t.s);
    struct plan *p = plan_read(letters_path("bad.json"));
    check(why ? !p && strstr(err_text(), why) : p != NULL, "%s: want '%s' in: %s", key, why ? why : "a plan",
          err_text());
    plan_free(p);
    text_free(&t);
    json_decref(doc);
}

static void test_stored(void)
{
    stored("tasks", json_integer(3), "'tasks' is a");
    stored("tasks", json_pack("[s]", "math"), "an entry of 'tasks' is no object");
    stored("task", json_null(), "'task' is");
    stored("lm", json_string("nobody"), "nothing in 'lms' is 'nobody' where it is used");
    stored("chain", json_integer(1), "'chain' is a");
    stored("known", json_string("math"), "'tasks' is a");
    stored("known", json_pack("[i]", 1), "'tasks'[0] is no string");
    stored("limit", json_string("x"), NULL); /* no limit */
    stored("repeats", json_integer(7), NULL);
}

/* The text of a tagged item under the arm by task is what an arm of the profile's own says of the bare text. */
static void test_run(void)
{
    struct plan *p = plan_of("draws = 8, arms = { { lm = duet, name = 'by task', " TASKS " },"
                             "{ lm = a, chain = 'temperature=0', name = 'a alone' } }, tasks = 'other'");
    struct run_outcome outcome;
    check(p != NULL, "%s", err_text());
    if (!p)
        return;
    check(run_execute(p, letters_path("run"), &(struct run_options){ .threads = 1 }, &outcome) == 0, "%s", err_text());
    struct results *r = results_open(letters_path("run"));
    check(r != NULL, "%s", err_text());
    size_t n, m, math, verse;
    item_of(p, "math", &math);
    item_of(p, "verse", &verse);
    const struct results_record *x = r ? results_unit(r, 0, (uint32_t)math, 0, &n) : NULL;
    const struct results_record *y = r ? results_unit(r, 1, (uint32_t)math, 0, &m) : NULL;
    check(x && y && n == 1 && m == 1 && x->n_text == y->n_text && memcmp(x->text, y->text, x->n_text) == 0 &&
              x->n_text == 6,
          "weights 1, 0 and no temperature: the first voice alone; '%.*s', '%.*s'", x ? (int)x->n_text : 0,
          x ? x->text : "", y ? (int)y->n_text : 0, y ? y->text : "");
    size_t longest = 0;
    for (uint32_t draw = 0; r && draw < 8; draw++) {
        x = results_unit(r, 0, (uint32_t)verse, draw, &n);
        longest = n == 1 && x->n_text > longest ? x->n_text : longest;
    }
    check(longest == 3, "its own limit: %zu bytes", longest);
    results_close(r);
    letters_remove(letters_path("run"));
    plan_free(p);
}

/* bug: the profile's template was dropped where the arm's lm is over bytes, so that the task was asked as any other */
static void test_template_of_bytes(void)
{
    size_t at;
    checkpoint_set_home(CHORALE_HOME);
    struct plan *p =
        plan_of("arms = { { lm = bytes 'zoo:prose', tasks = { math = { template = 'Q: {text}' }, verse = {} } } }");
    check(p != NULL, "%s", err_text());
    if (!p)
        return;
    item_of(p, "math", &at);
    const char *got = json_string_value(json_object_get(plan_lm(p, plan_choice(p, 0, at)->lm), "template"));
    check(got && strcmp(got, "Q: {text}") == 0, "the task's template: %s", got ? got : "none");
    check(!json_object_get(plan_lm(p, p->arms[0].lm), "template"), "the arm's own lm has none");
    plan_free(p);
}

static void test_refuses(void)
{
    refused("arms = { { lm = a, tasks = { maths = {} } } }",
            "letters.lua:4: item 'tagged/math': unknown task 'math'; did you mean 'maths'? known: maths");
    refused("arms = { { lm = a, tasks = { math = { weights = { 1, 0 } }, verse = {} } } }",
            "letters.lua:4: task 'math': weights for a model; want an ensemble");
    refused("arms = { { lm = duet, tasks = { math = { weights = { 1 } }, verse = {} } } }", "1 weights for 2 voices");
    refused("arms = { { lm = a, tasks = { math = { chain = 'top_q=1' }, verse = {} } } }", "task 'math': ");
    refused("arms = { { lm = a, tasks = { math = { chains = 'top_q=1' } } } }",
            "unknown field 'chains'; did you mean 'chain'");
    refused("arms = { { lm = a, tasks = { math = 'top_q=1' } } }", "'math' is a string, want a profile");
    refused("arms = { { lm = a, tasks = { {} } } }", "want profiles by the names of tasks");
    refused("arms = { { lm = a, tasks = { math = { limit = { bytes = 0 } }, verse = {} } } }", "limit: bytes is 0");
    refused("arms = { { lm = a, tasks = { math = { limit = { byte = 1 } } } } }", "did you mean 'bytes'");
    refused("arms = { { lm = a, tasks = { ['ma th'] = {} } } }", "tasks: task tag, column 6: it ends, want '='");
    make_set("{\"id\":\"x\",\"lang\":\"en\",\"text\":\"<task:math ab\"}\n");
    refused("arms = { { lm = a } }, tasks = 'math'", "tagged/x: task tag, column 14: it ends, want '='");
    make_set(items);
}

/* A script that speaks of no tasks takes tags for text: the plan is as if there were no markup. */
static void test_without(void)
{
    size_t at;
    struct plan *p = plan_of("arms = { { lm = a } }"),
                *q = plan_of("arms = { { lm = a } }, tasks = { 'math', 'verse' }");
    check(p && q, "%s", err_text());
    if (p && q) {
        const struct plan_item *x = item_of(p, "math", &at), *y = item_of(q, "math", &at);
        check(!x->task && strcmp(prompt_field(x->prompt, "text"), "<task:math>ab") == 0, "the tag is text");
        check(y->task && strcmp(x->hash, y->hash) != 0, "what the model sees is in the hash");
        check(!json_object_get(p->what, "tasks") && json_array_size(json_object_get(q->what, "tasks")) == 2,
              "in the plan");
        check(strcmp(item_of(p, "plain", &at)->hash, item_of(q, "plain", &at)->hash) == 0, "other items are the same");
    }
    plan_free(p);
    plan_free(q);
}

static json_t *script(const char *source)
{
    struct text t = { 0 };
    text_add(&t, source);
    json_t *out = script_run("t.lua", &t, NULL, 0);
    text_free(&t);
    return out;
}

#define EXPERIMENT "\nexperiment { name = 'x', evalsets = 'e', arms = { lm = m } }"

static void gives(const char *function, const char *want)
{
    struct text t = { 0 };
    text_addf(&t, "local m = model { 'm', template = %s }" EXPERIMENT, function);
    json_t *doc = script(text_s(&t));
    const json_t *lm = json_object_get(json_array_get(json_object_get(doc, "arms"), 0), "lm");
    const char *got = json_string_value(json_object_get(lm, "template"));
    check(got && strcmp(got, want) == 0, "'%s' gives '%s', want '%s' %s", function, got ? got : "nothing", want,
          doc ? "" : err_text());
    json_decref(doc);
    text_free(&t);
}

static void script_fails(const char *function, const char *why)
{
    struct text t = { 0 };
    text_addf(&t, "\nlocal m = voice { 'm', template = %s }" EXPERIMENT, function);
    json_t *doc = script(text_s(&t));
    check(!doc && strncmp(err_text(), "t.lua:2:", 8) == 0 && strstr(err_text(), why), "'%s': want '%s' in: %s",
          function, why, err_text());
    json_decref(doc);
    text_free(&t);
}

static void test_functions(void)
{
    gives("function(p) return { 'Q: ', p.text, '\\nA:' } end", "Q: {text}\nA:");
    gives("function(p) return { '{', p.context, '}', { p['a-b'], { 'x' } } } end", "{{{context}}}{a-b}x");
    gives("function(p) return { answer = 'A:', user = { 'U: ', p.text, '\\n' }, begin = { p.bos },"
          " assistant = { p.text, p.eos } } end",
          "{bos}{#user}U: {text}\n{#assistant}{text}{eos}{#answer}A:");
    gives("'chatml'", "chatml");
    script_fails("function(p) return 'Q' end", "the function returned a string, want a list of parts");
    script_fails("function(p) return { 'Q' } end", "has no place for the prompt");
    script_fails("function(p) return { p.text, 7 } end", "a part is a number, want a string, a place or a list");
    script_fails("function(p) return { p.text, used = {} } end", "unknown section 'used'; did you mean 'user'");
    script_fails("function(p) return { p['a}'] } end", "a place is named by letters");
    script_fails("function(p) error('mine') end", "mine");
    script_fails("function(p) return p end", "the function returned a table");
    script_fails("function(p) return { p } end", "a part is a table");
    script_fails("function(p) local t = {} t[1] = t return t end", "nested more than 32 deep (or hold themselves)");
    /* bug: they were no part of the template, without a word */
    script_fails("function(p) return { 'Q: ', p.text, [5] = 'A:' } end", "template: a value at 5, want 1, 2, ...");
    script_fails("function(p) return { user = { p.text, x = 'A:' } } end", "template: a value at 'x', want 1, 2, ...");
    script_fails("function(p) while true do end end", "without an end");
    gives("function(p) p.text = 'x' return { p.text, p.context } end", "x{context}");
    gives("function(p) return { p.text } end", "{text}");
    script_fails("7", "'template' is a number, want a name, a text with {field} places or a function");
}

int main(void)
{
    letters_open();
    make_set(items);
    test_functions();
    test_profiles();
    test_stored();
    test_run();
    test_template_of_bytes();
    test_refuses();
    test_without();
    letters_close();
    return check_done("tasks");
}
