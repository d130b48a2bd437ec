/* Plans over checkpoints: the preset `@checkpoint` written out in arms, voices and profiles of tasks; templates of profiles;
 * the plan of positions, in the plan and in results; tasks of items in results. */
#include "base/err.h"
#include "experiments/h5.h"
#include "experiments/lms.h"
#include "experiments/plan.h"
#include "experiments/results.h"
#include "experiments/run.h"
#include "experiments/unit.h"
#include "tests/lib/check.h"
#include "tests/lib/letters.h"
#include "tests/lib/own_rules.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define SINGLE CHORALE_HOME "/tests/fixtures/checkpoint/single"
#define GGUF   CHORALE_HOME "/tests/fixtures/checkpoint/llama.gguf"

/* What generation_config.json of `single` and of `other` state, and chains with OWN in them. */
#define OWN   "temperature=0.7 | top_k=20"
#define OTHER "repetition_penalty=1.25 | temperature=0"

static const char *own(const char *before, const char *behind)
{
    static char text[1024];
    char *steps = own_rules("@hf", OWN);
    snprintf(text, sizeof text, "%s%s%s", before, steps, behind);
    free(steps);
    return text;
}

#define LMS                                                                                                            \
    "local m = model { '" SINGLE "', name = 'm' }\n"                                                                   \
    "local other = model { 'DIR/other', name = 'other' }\n"                                                            \
    "local silent = model { '" GGUF "', name = 'silent' }\n"                                                           \
    "local t = model { 'table:n=4,length=9', name = 't' }\n"

static const char items[] = "{\"id\":\"plain\",\"lang\":\"en\",\"text\":\"the cat\"}\n"
                            "{\"id\":\"math\",\"lang\":\"en\",\"text\":\"<task:math>the cat\"}\n";

static void make_set(void)
{
    mkdir(letters_path("tagged"), 0777);
    letters_write(letters_path("tagged/README.md"), "# Tagged\n\nOf tests.\n");
    letters_write(letters_path("tagged/evalset.json"),
                  "{\"name\":\"tagged\",\"kind\":\"generate\",\"lang\":[\"en\"],\"metrics\":[\"distinct_1\"]}");
    letters_write(letters_path("tagged/items.jsonl"), items);
}

/* `single` with other defaults, under DIR/other. */
static void make_other(void)
{
    static const char *const files[] = { "config.json", "tokenizer.json", "tokenizer_config.json",
                                         "model.safetensors" };
    struct text t = { 0 }, path = { 0 };
    mkdir(letters_path("other"), 0777);
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        text_clear(&path);
        text_addf(&path, "%s/%s", SINGLE, files[i]);
        check(text_read_file(&t, path.s, 1u << 20) == 0, "%s", err_text());
        text_clear(&path);
        text_addf(&path, "%s/%s", letters_path("other"), files[i]);
        check(text_write_file(path.s, t.s, t.len) == 0, "%s", err_text());
    }
    letters_write(letters_path("other/generation_config.json"), "{\"eos_token_id\":[1,5],\"repetition_penalty\":1.25}");
    text_free(&path);
    text_free(&t);
}

static struct plan *plan_of(const char *arms, const char *rest)
{
    struct text t = { 0 };
    text_addf(&t,
              LMS "experiment { name = 'c', limit = { bytes = 12 }, arms = { %s }, evalsets = { 'DIR/tagged' }%s }\n",
              arms, rest);
    struct plan *p = letters_plan(text_s(&t), NULL);
    text_free(&t);
    return p;
}

/* The chain of the first arm. */
static void becomes(const char *arm, const char *chain)
{
    struct plan *p = plan_of(arm, "");
    check(p && strcmp(p->arms[0].chain, chain) == 0, "%s is '%s', want '%s'", arm, p ? p->arms[0].chain : err_text(),
          chain);
    plan_free(p);
}

static void refused(const char *arm, const char *why)
{
    struct plan *p = plan_of(arm, "");
    check(!p && strstr(err_text(), why) && strncmp(err_text(), "letters.lua:5:", 14) == 0, "%s: want '%s' in: %s", arm,
          why, p ? p->arms[0].chain : err_text());
    plan_free(p);
}

static void test_preset(void)
{
    becomes("{ lm = m, chain = '@checkpoint' }", own("", ""));
    becomes("{ lm = m, chain = 'min_p=0.1|@checkpoint|top_p=0.9' }", own("min_p=0.1 | ", " | top_p=0.9"));
    becomes("{ lm = other, chain = '@checkpoint' }", OTHER);
    becomes("{ lm = ensemble { m, m }, chain = '@checkpoint' }", own("", ""));
    becomes("{ lm = ensemble { voice { m, chain = 'top_k=9' }, ensemble { m } }, chain = '@checkpoint' }", own("", ""));
    becomes("{ lm = t, chain = 'top_k=3' }", "top_k=3");
    refused("{ lm = ensemble { m, other }, chain = '@checkpoint' }",
            own("'@checkpoint' is '", "' for 'm' but '" OTHER "' for 'other'"));
    refused("{ lm = silent, chain = '@checkpoint' }", "llama.gguf states no decode defaults");
    refused("{ lm = t, chain = '@checkpoint' }", "'@checkpoint' wants a checkpoint, and 't' is a table");
    refused("{ lm = m, chain = '@checkpoint=1' }", "'@checkpoint' has no parameters");
    refused("{ lm = m, chain = '@checkpoin' }", "'@checkpoin'");
    refused("{ lm = m, chain = '@checkpoint |' }", "a step is missing after '|'");
    struct plan *p = plan_of("{ lm = ensemble { voice { m, chain = '@checkpoint' }, other } }", "");
    const json_t *lms = p ? json_object_get(p->what, "lms") : NULL;
    const json_t *voice = json_array_get(json_object_get(json_array_get(lms, json_array_size(lms) - 1), "voices"), 0);
    check(voice && strcmp(json_string_value(json_object_get(voice, "chain")), own("", "")) == 0, "a voice: %s",
          err_text());
    plan_free(p);
    p = plan_of("{ lm = other, chain = '@checkpoint' }", "");
    check(p && p->arms[0].repeats, "a checkpoint that does not draw is greedy");
    plan_free(p);
}

static size_t item_of(const struct plan *p, const char *id)
{
    for (size_t i = 0; i < p->n_items; i++)
        if (strcmp(p->items[i].item->id, id) == 0)
            return i;
    check(false, "no item '%s'", id);
    return 0;
}

static void test_profiles(void)
{
    struct plan *p = plan_of("{ lm = m, name = 'by task', tasks = { math = { chain = '@checkpoint | top_p=0.5',"
                             " template = function(p) return { 'Q: ', p.text, '\\nA:' } end } } },"
                             "{ lm = model { '" SINGLE "', template = 'Q: {text}\\nA:' }, name = 'asked',"
                             "  chain = '@checkpoint | top_p=0.5' },"
                             "{ lm = ensemble { m, voice { other, template = 'plain' } }, name = 'duet',"
                             "  tasks = { math = { template = 'X {text}', weights = { 3, 1 } } } }",
                             "");
    check(p != NULL, "%s", err_text());
    if (!p)
        return;
    size_t math = item_of(p, "math");
    const struct plan_arm *choice = plan_choice(p, 0, math);
    check(strcmp(choice->chain, own("", " | top_p=0.5")) == 0, "a profile's preset: '%s'", choice->chain);
    check(unit_key_equal(unit_key(p, choice, &p->items[math], 0), unit_key(p, &p->arms[1], &p->items[math], 0)),
          "its template makes the lm of an arm that asks for it");
    check(strcmp(choice->lm, "m") != 0 && strcmp(plan_choice(p, 0, item_of(p, "plain"))->lm, "m") == 0,
          "for its items");
    const json_t *duet = plan_lm(p, plan_choice(p, 2, math)->lm), *voice;
    size_t i;
    json_array_foreach(json_object_get(duet, "voices"), i, voice)
    {
        const char *name = json_string_value(json_object_get(voice, "template"));
        check(name && strcmp(name, "X {text}") == 0, "each voice has it: %s", name ? name : "none");
    }
    check(i == 2 && json_number_value(json_array_get(json_object_get(duet, "weights"), 0)) == 3, "and the weights");
    plan_free(p);
    refused("{ lm = m, tasks = { math = { template = 'chatlm' } } }", "task 'math': ");
    refused("{ lm = m, tasks = { math = { template = 'chatlm' } } }", "did you mean 'chatml'");
    refused("{ lm = m, tasks = { math = { template = 7 } } }", "'template' is a number, want a name, a text with");
}

/* A plan whose first node says something else of its positions, its hash put right. */
static void test_positions(void)
{
    struct plan *p = plan_of("{ lm = m }, { lm = t }", ", draws = 1");
    check(p != NULL, "%s", err_text());
    if (!p)
        return;
    json_t *node = json_array_get(json_object_get(p->what, "lms"), 0);
    const char *said = json_string_value(json_object_get(node, "positions"));
    check(said && strcmp(said, "rope theta 50000") == 0, "in the plan: %s", said ? said : "nothing");
    check(!json_object_get(plan_lm(p, "t"), "positions"), "a table has none");
    struct text shown = { 0 };
    check(plan_describe(p, 1, &shown) == 0 && strstr(text_s(&shown), "; rope theta 50000"), "described: %s",
          text_s(&shown));
    text_free(&shown);
    json_object_set_new(node, "positions", json_string("rope theta 10000"));
    struct threads *threads = threads_alloc(1);
    struct lms *lms = lms_alloc(p->what, threads);
    check(!lms_find(lms, "m") &&
              strstr(err_text(), "its positions are 'rope theta 50000', the plan was made with 'rope "
                                 "theta 10000'"),
          "%s", err_text());
    lms_close(lms);
    json_object_del(node, "positions");
    lms = lms_alloc(p->what, threads);
    check(!lms_find(lms, "m") && strstr(err_text(), "the plan was made with ''"), "%s", err_text());
    lms_close(lms);
    threads_free(threads);
    plan_free(p);
}

static void test_results(void)
{
    struct plan *p = plan_of("{ lm = m, chain = '@checkpoint', tasks = { math = { chain = 'temperature=0' } } },"
                             "{ lm = t }",
                             "");
    struct run_outcome outcome;
    check(p && run_execute(p, letters_path("run"), &(struct run_options){ .threads = 1 }, &outcome) >= ERR_SOME, "%s",
          err_text());
    struct results *r = results_open(letters_path("run"));
    check(r != NULL, "%s", err_text());
    size_t n = 0;
    const struct results_item *item = r ? results_items(r, &n) : NULL;
    check(n == 2, "%zu items", n);
    for (size_t i = 0; i < n; i++)
        check(strcmp(item[i].task, strcmp(item[i].id, "math") == 0 ? "math" : "") == 0, "%s is of task '%s'",
              item[i].id, item[i].task);
    results_close(r);
    char *positions = NULL;
    hid_t file = h5_quiet() == 0 ? H5Fopen(letters_path("run/results.h5"), H5F_ACC_RDONLY, H5P_DEFAULT) : -1;
    check(file >= 0 && h5_get_text(file, "/", "positions", &positions) == 0 &&
              strcmp(positions, "{\"m\":\"rope theta 50000\"}") == 0,
          "the attribute: %s", positions ? positions : err_text());
    free(positions);
    if (file >= 0)
        H5Fclose(file);
    letters_remove(letters_path("run"));
    plan_free(p);
}

int main(void)
{
    letters_open();
    make_set();
    make_other();
    test_preset();
    test_profiles();
    test_positions();
    test_results();
    letters_close();
    return check_done("plan_checkpoint");
}
