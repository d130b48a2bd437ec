/* Evalsets: the bundled ones open and keep their promises; every rule of the schema is broken once. */
#include "base/err.h"
#include "base/hash.h"
#include "base/text.h"
#include "evalsets/evalset.h"
#include "evalsets/metric.h"
#include "evalsets/words.h"
#include "tests/lib/check.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* --- the bundled ones ------------------------------------------------------------------------------------------- */

static size_t count_lang(const struct evalset *e, const char *lang)
{
    size_t n = 0;
    for (size_t i = 0; i < e->n_items; i++)
        n += strcmp(e->items[i].lang, lang) == 0;
    return n;
}

static struct evalset *open_bundled(const char *name, size_t n_en, size_t n_zh)
{
    struct evalset *e = evalset_open(name);
    check(e != NULL, "%s opens: %s", name, e ? "" : err_text());
    if (!e)
        return NULL;
    check(count_lang(e, "en") == n_en && count_lang(e, "zh") == n_zh && e->n_items == n_en + n_zh,
          "%s has %zu en + %zu zh", name, count_lang(e, "en"), count_lang(e, "zh"));
    check(strlen(e->hash) == 64 && strlen(e->readme) > 20 && e->readme[0] != '#', "%s: '%s'", name, e->readme);
    check(e->n_metrics > 0, "%s has metrics", name);
    for (size_t i = 0; i < e->n_items; i++) {
        const struct item *it = &e->items[i];
        struct text address = { 0 };
        text_addf(&address, "%s/%s", e->name, it->id);
        check(it->hash == hash_string(text_s(&address)), "%s: hash of the address", text_s(&address));
        for (size_t k = 0; k < e->n_metrics; k++)
            check(metric_applies(metric_find(e->metrics[k]), it), "%s: %s applies", text_s(&address), e->metrics[k]);
        text_free(&address);
    }
    return e;
}

static void test_openings(void)
{
    struct evalset *e = open_bundled("openings", 60, 40);
    for (size_t i = 0; e && i < e->n_items; i++) {
        const char *text = prompt_field(&e->items[i].prompt, "text");
        check(text && strlen(text) >= 18 && text[strlen(text) - 1] != ' ', "%s: '%s'", e->items[i].id, text);
        check(!prompt_field(&e->items[i].prompt, "instruction"), "%s has no instruction", e->items[i].id);
    }
    evalset_close(e);
}

/* The instruction is the one that the bundled checkpoints know, made of the keywords. */
static void test_keywords(void)
{
    struct evalset *e = open_bundled("keywords", 60, 40);
    for (size_t i = 0; e && i < e->n_items; i++) {
        const struct item *it = &e->items[i];
        bool en = strcmp(it->lang, "en") == 0;
        struct text want = { 0 };
        text_add(&want, en ? "Write a passage with these words: " : "用这些词写一段话：");
        for (size_t k = 0; k < it->n_keywords; k++)
            text_addf(&want, "%s%s", k == 0 ? "" : en ? ", " : "、", it->keywords[k]);
        text_add(&want, en ? "." : "。");
        check(it->n_keywords >= 2 && it->n_keywords <= 4, "%s: %zu keywords", it->id, it->n_keywords);
        check(strcmp(text_s(&want), prompt_field(&it->prompt, "instruction")) == 0, "%s: want '%s'", it->id, want.s);
        text_free(&want);
    }
    evalset_close(e);
}

static void test_verse_form(void)
{
    struct evalset *e = open_bundled("verse_form", 0, 30);
    for (size_t i = 0; e && i < e->n_items; i++) {
        const struct item *it = &e->items[i];
        struct text want = { 0 };
        uint32_t characters = 0;
        text_addf(&want, "填词：%s。", it->form);
        check(strcmp(text_s(&want), prompt_field(&it->prompt, "instruction")) == 0, "%s: want '%s'", it->id, want.s);
        for (size_t k = 0; k < it->n_lines; k++)
            characters += it->lines[k];
        check(characters >= 30 && characters <= 70, "%s: %u characters", it->form, characters);
        text_free(&want);
        for (size_t j = 0; j < i; j++)
            check(strcmp(it->form, e->items[j].form) != 0, "%s once", it->form);
    }
    evalset_close(e);
}

static void test_cloze(void)
{
    struct evalset *e = open_bundled("cloze", 100, 60);
    size_t gold[2][4] = { { 0 } };
    for (size_t i = 0; e && i < e->n_items; i++) {
        const struct item *it = &e->items[i];
        size_t en = strcmp(it->lang, "en") == 0;
        check(it->n_choices == 4, "%s: %zu choices", it->id, it->n_choices);
        gold[en][it->gold]++;
        for (size_t c = 0; c < it->n_choices; c++)
            check(!en || it->choices[c][0] == ' ', "%s: '%s' begins a word", it->id, it->choices[c]);
    }
    for (size_t g = 0; g < 4; g++)
        check(gold[0][g] == 15 && gold[1][g] == 25, "gold %zu: %zu zh, %zu en", g, gold[0][g], gold[1][g]);
    evalset_close(e);
}

static void test_held_out(void)
{
    struct evalset *all = open_bundled("held_out", 160, 80), *fit = open_bundled("held_out/fit", 80, 40);
    struct evalset *report = open_bundled("held_out/report", 80, 40);
    if (all && fit && report) {
        size_t bytes = 0, f = 0, r = 0;
        check(!all->split && strcmp(fit->split, "fit") == 0 && strcmp(fit->name, "held_out") == 0, "split and name");
        check(strcmp(all->hash, fit->hash) == 0, "one file, one hash");
        for (size_t i = 0; i < all->n_items; i++) {
            const struct item *it = &all->items[i];
            bytes += strlen(it->text);
            check(strlen(it->text) >= 400 && strlen(it->text) <= 600, "%s: %zu bytes", it->id, strlen(it->text));
            check(it->prompt.n_fields == 1 && strcmp(prompt_field(&it->prompt, "text"), "") == 0, "nothing before");
            const struct item *same = strcmp(it->split, "fit") == 0 ? &fit->items[f++] : &report->items[r++];
            check(same->hash == it->hash && strcmp(same->text, it->text) == 0, "%s is in its split", it->id);
        }
        check(bytes <= 150000, "%zu bytes", bytes);
    }
    evalset_close(all);
    evalset_close(fit);
    evalset_close(report);
}

static void test_names(void)
{
    size_t n;
    const char *const *names = evalset_names(&n);
    check(n >= 5, "%zu bundled evalsets", n);
    for (size_t i = 0; i < n; i++) {
        struct evalset *e = evalset_open(names[i]);
        check(e && strcmp(e->name, names[i]) == 0, "%s has its folder's name", names[i]);
        check(i == 0 || strcmp(names[i - 1], names[i]) < 0, "sorted");
        evalset_close(e);
    }
    struct evalset *e = evalset_open(CHORALE_HOME "/evalsets/data/held_out/report");
    check(e && e->n_items == 120, "a folder with a split");
    evalset_close(e);
}

/* --- the schema ------------------------------------------------------------------------------------------------- */

static char folder[] = "/tmp/chorale-evalset-XXXXXX";

static void write_file(const char *name, const char *bytes, size_t n)
{
    struct text path = { 0 };
    text_addf(&path, "%s/%s", folder, name);
    FILE *f = fopen(text_s(&path), "wb");
    check(f && fwrite(bytes, 1, n, f) == n && fclose(f) == 0, "write %s", text_s(&path));
    text_free(&path);
}

static const char generate[] = "{\"name\":\"t\",\"kind\":\"generate\",\"lang\":[\"en\"],\"metrics\":[\"distinct_2\"]}";
static const char choice[] = "{\"name\":\"t\",\"kind\":\"choice\",\"lang\":[\"en\"],\"metrics\":[\"brier\"]}";
static const char scored[] = "{\"name\":\"t\",\"kind\":\"text\",\"lang\":[\"en\"],\"splits\":[\"fit\",\"report\"],"
                             "\"metrics\":[\"bits_per_byte\"]}";

static struct evalset *open_made(const char *meta, const char *items)
{
    write_file("evalset.json", meta, strlen(meta));
    write_file("items.jsonl", items, strlen(items));
    return evalset_open(folder);
}

static void refuse(const char *meta, const char *items, const char *message)
{
    struct evalset *e = open_made(meta, items);
    check(e == NULL, "refused: %s", message);
    check(e || strstr(err_text(), message), "'%s' in '%s'", message, err_text());
    evalset_close(e);
}

/* One item line after a good one: the message names the line. */
static void refuse_item(const char *meta, const char *item, const char *message)
{
    struct text items = { 0 }, want = { 0 };
    const char *good = meta == choice ? "\"text\":\"a\",\"choices\":[\"b\",\"c\"],\"gold\":0" : "\"text\":\"a\"";
    text_addf(&items, "{\"id\":\"good\",\"lang\":\"en\",%s}\n%s\n", good, item);
    text_addf(&want, "evalset 't': items.jsonl:2:%s%s", strncmp(message, "1:", 2) == 0 ? "" : " ", message);
    refuse(meta, text_s(&items), text_s(&want));
    text_free(&items);
    text_free(&want);
}

static void test_meta_refused(void)
{
    static const char item[] = "{\"id\":\"1\",\"lang\":\"en\",\"text\":\"x\"}\n";
    refuse("{", item, "evalset.json:1:");
    refuse("[]", item, "evalset.json: want a JSON object");
    refuse("{\"kind\":\"text\"}", item, "evalset.json: 'name' is missing");
    refuse("{\"name\":\"a/b\"}", item, "'name' is 'a/b', want 1 to 64 ASCII letters");
    refuse("{\"name\":\"t\",\"kind\":\"choise\"}", item, "unknown kind 'choise'; did you mean 'choice'?");
    refuse("{\"name\":\"t\",\"kind\":\"text\",\"langs\":[]}", item, "unknown field 'langs'; did you mean 'lang'?");
    refuse("{\"name\":\"t\",\"kind\":\"text\",\"lang\":\"en\"}", item, "'lang' is a string, want an array");
    refuse("{\"name\":\"t\",\"kind\":\"text\",\"lang\":[]}", item, "'lang' has 0 elements, want 1 to 64");
    refuse("{\"name\":\"t\",\"kind\":\"text\",\"lang\":[\"en\",\"en\"]}", item, "'lang'[0] and [1] are both 'en'");
    refuse("{\"name\":\"t\",\"kind\":\"text\",\"lang\":[\"en\",\"\"]}", item, "'lang'[1] is empty, want text");
    refuse("{\"name\":\"t\",\"kind\":\"text\",\"lang\":[\"en\"],\"metrics\":[]}", item, "'metrics' has 0 elements");
    refuse("{\"name\":\"t\",\"kind\":\"text\",\"lang\":[\"en\"],\"metrics\":[\"distinct\"]}", item,
           "unknown metric 'distinct'; did you mean 'distinct_1'?");
    struct evalset *e = open_made("{\"name\":\"t\",\"kind\":\"text\",\"lang\":[\"en\"]}", item);
    check(e && e->n_metrics == 0, "metrics need not be named: %s", err_text());
    evalset_close(e);
    refuse("{\"name\":\"t\",\"name\":\"t\"}", item, "duplicate object key");
    refuse(generate, "", "items.jsonl: no items");
    refuse(generate, "\r\n", "items.jsonl:1: an empty line, want a JSON object");
    refuse(generate, "\n", "items.jsonl:1: an empty line, want a JSON object");
}

static void test_items_refused(void)
{
#define ITEM(rest) "{\"id\":\"x\",\"lang\":\"en\"," rest "}"
    refuse_item(generate, "{\"id\":", "1:");
    refuse_item(generate, "", "an empty line, want a JSON object");
    refuse_item(generate, "[1]", "want a JSON object");
    refuse_item(generate, "{\"lang\":\"en\",\"text\":\"x\"}", "'id' is missing");
    refuse_item(generate, "{\"id\":7,\"lang\":\"en\",\"text\":\"x\"}", "'id' is an integer, want a string");
    refuse_item(generate, "{\"id\":\"a b\",\"lang\":\"en\",\"text\":\"x\"}", "'id' is 'a b', want 1 to 64 ASCII");
    refuse_item(generate, "{\"id\":\"\xc3\xa9\",\"lang\":\"en\",\"text\":\"x\"}",
                "'id' is '\xc3\xa9', want 1 to 64 ASCII");
    refuse_item(generate, "{\"id\":\"\",\"lang\":\"en\",\"text\":\"x\"}", "'id' is '', want 1 to 64 ASCII");
    refuse_item(generate, "{\"id\":\"good\",\"lang\":\"en\",\"text\":\"x\"}", "id 'good' is that of line 1 already");
    refuse_item(generate, "{\"id\":\"x\",\"text\":\"x\"}", "'lang' is missing");
    refuse_item(generate, "{\"id\":\"x\",\"lang\":\"eng\",\"text\":\"x\"}", "unknown lang 'eng'; did you mean 'en'?");
    refuse_item(generate, ITEM("\"text\":\"x\",\"split\":\"repot\""), "unknown split 'repot'; did you mean 'report'?");
    refuse_item(generate, ITEM("\"text\":\"x\",\"text\":\"y\""), "1:");
    refuse_item(generate, ITEM("\"txt\":\"x\""), "unknown field 'txt'; did you mean 'text'?");
    refuse_item(generate, ITEM("\"context\":\"x\""), "neither 'text' nor 'instruction'");
    refuse_item(generate, ITEM("\"text\":\"\""), "the prompt is empty");
    refuse_item(generate, ITEM("\"text\":[\"x\"]"), "'text' is an array, want a string");
    refuse_item(generate, ITEM("\"text\":\"a\\u0000b\""), "1:");
    refuse_item(generate, ITEM("\"text\":\"\xff\""), "1:");
    refuse_item(generate, ITEM("\"text\":\"x\",\"gold\":0"), "unknown field 'gold'");
    refuse_item(generate, ITEM("\"text\":\"x\",\"keywords\":[]"), "'keywords' has 0 elements");
    refuse_item(generate, ITEM("\"text\":\"x\",\"keywords\":[1]"), "'keywords'[0] is no string, want text");
    refuse_item(generate, ITEM("\"text\":\"x\",\"keywords\":[\"a\",\"...\"]"), "'keywords'[1] is '...': no word in it");
    refuse_item(generate, ITEM("\"text\":\"x\",\"form\":\"f\""), "'form' without 'lines'");
    refuse_item(generate, ITEM("\"text\":\"x\",\"lines\":[1]"), "'lines' without 'form'");
    refuse_item(generate, ITEM("\"text\":\"x\",\"form\":\"f\",\"lines\":[5,0]"), "'lines'[1] is 0, want 1 .. 1000");
    refuse_item(generate, ITEM("\"text\":\"x\",\"form\":\"f\",\"lines\":[5.5]"), "'lines'[0] is no integer");
    refuse_item(generate, ITEM("\"text\":\"x\",\"turns\":[\"a\"]"), "'turns'[0] is no object with role and text");
    refuse_item(generate, ITEM("\"text\":\"x\",\"turns\":[{\"role\":\"usr\",\"text\":\"a\"}]"),
                "unknown role 'usr'; did you mean 'user'?");
    refuse_item(generate, ITEM("\"text\":\"x\",\"turns\":[{\"role\":\"user\",\"content\":\"a\"}]"),
                "unknown field 'content'");
    refuse_item(choice, ITEM("\"text\":\"x\",\"gold\":0"), "'choices' is missing");
    refuse_item(choice, ITEM("\"text\":\"x\",\"choices\":[\"a\"],\"gold\":0"),
                "'choices' has 1 element, want at least 2");
    refuse_item(choice, ITEM("\"text\":\"x\",\"choices\":[\"a\",\"a\"],\"gold\":0"),
                "'choices'[0] and [1] are both 'a'");
    refuse_item(choice, ITEM("\"text\":\"x\",\"choices\":[\"a\",\"b\"]"), "'gold' is missing");
    refuse_item(choice, ITEM("\"text\":\"x\",\"choices\":[\"a\",\"b\"],\"gold\":2"), "'gold' is 2, want 0 to 1");
    refuse_item(choice, ITEM("\"text\":\"x\",\"choices\":[\"a\",\"b\"],\"gold\":-1"), "'gold' is -1, want 0 to 1");
    refuse_item(choice, ITEM("\"choices\":[\"a\",\"b\"],\"gold\":0"), "neither 'text' nor 'instruction'");
    refuse_item(scored, ITEM("\"text\":\"\""), "'text' is missing or empty");
    refuse_item(scored, ITEM("\"text\":\"x\",\"keywords\":[\"a\"]"), "unknown field 'keywords'");
}

/* Nesting beyond the limit, and a line beyond its size, end in a message, not in memory. */
static void test_limits(void)
{
    struct text item = { 0 };
    text_add(&item, "{\"id\":\"x\",\"lang\":\"en\",\"text\":");
    for (int i = 0; i < 5000; i++)
        text_add(&item, "[");
    refuse_item(generate, text_s(&item), "1:");
    text_clear(&item);
    text_add(&item, "{\"id\":\"x\",\"lang\":\"en\",\"text\":");
    for (int i = 0; i < 100; i++)
        text_add(&item, "[");
    for (int i = 0; i < 100; i++)
        text_add(&item, "]");
    text_add(&item, "}");
    refuse_item(generate, text_s(&item), "nested deeper than 64 levels");
    text_clear(&item);
    text_add(&item, "{\"id\":\"x\",\"lang\":\"en\",\"text\":\"");
    for (int i = 0; i < 1 << 17; i++)
        text_add(&item, "12345678");
    text_add(&item, "\"}");
    refuse_item(generate, text_s(&item), "1048608 bytes in one line, want at most 1048576");
    text_free(&item);
}

static void test_accepted(void)
{
    struct evalset *e = open_made(
        generate, "{\"id\":\"a\",\"lang\":\"en\",\"instruction\":\"do\",\"context\":\"c\",\"keywords\":[\"k\"],"
                  "\"turns\":[{\"role\":\"user\",\"text\":\"\"}],\"form\":\"f\",\"lines\":[5,7]}\r\n"
                  "{\"id\":\"b\",\"lang\":\"en\",\"text\":\"t\",\"split\":null}");
    check(e && e->n_items == 2 && strcmp(e->readme, "") == 0, "no README, no last newline: %s", err_text());
    if (e) {
        const struct item *a = &e->items[0], *b = &e->items[1];
        check(a->prompt.n_fields == 2 && strcmp(prompt_field(&a->prompt, "context"), "c") == 0, "fields");
        check(a->prompt.n_turns == 1 && strcmp(a->prompt.turns[0].role, "user") == 0, "turns");
        check(a->n_lines == 2 && a->lines[1] == 7 && strcmp(a->form, "f") == 0 && a->n_keywords == 1, "form");
        check(b->kind == ITEM_GENERATE && strcmp(b->split, "report") == 0 && b->n_keywords == 0 && !b->form,
              "defaults");
    }
    evalset_close(e);
    e = open_made(choice, "{\"id\":\"a\",\"lang\":\"en\",\"text\":\"\",\"choices\":[\"x\",\"y\"],\"gold\":1}\n");
    check(e && e->items[0].gold == 1 && strcmp(prompt_field(&e->items[0].prompt, "text"), "") == 0, "empty context");
    evalset_close(e);
    write_file("README.md", "# t\n\nOne\nparagraph.\r\n\nTwo.\n", 27);
    e = open_made(scored, "{\"id\":\"a\",\"lang\":\"en\",\"text\":\"x\",\"instruction\":\"say\"}\n");
    check(e && strcmp(e->readme, "One paragraph.") == 0, "first paragraph: %s", e ? e->readme : err_text());
    check(e && e->items[0].prompt.n_fields == 1 && prompt_field(&e->items[0].prompt, "instruction"),
          "text given a prompt");
    evalset_close(e);
}

static void test_open_refused(void)
{
    struct text name = { 0 };
    check(!evalset_open("openngs"), "an unknown evalset");
    check(strstr(err_text(), "unknown evalset 'openngs'; did you mean 'openings'?"), "%s", err_text());
    check(!evalset_open("held_out/train"), "an unknown split");
    check(strstr(err_text(), "evalset 'held_out': unknown split 'train'; known: fit, report"), "%s", err_text());
    check(!evalset_open("openings/"), "a slash without a split");
    check(!evalset_open(""), "no name");
    check(!evalset_open("/tmp"), "a folder without evalset.json");
    check(strstr(err_text(), "no evalset.json"), "%s", err_text());
    check(!evalset_open("/etc/passwd"), "a file");
    check(strstr(err_text(), "'/etc/passwd': a file, want a folder with evalset.json"), "%s", err_text());
    struct evalset *e = open_made(scored, "{\"id\":\"a\",\"lang\":\"en\",\"text\":\"x\",\"split\":\"fit\"}\n");
    check(e != NULL, "made: %s", err_text());
    evalset_close(e);
    text_addf(&name, "%s/report", folder);
    check(!evalset_open(text_s(&name)), "an empty split");
    check(strstr(err_text(), "evalset 't': no items in split 'report'"), "%s", err_text());
    text_clear(&name);
    text_addf(&name, "%s/items.jsonl", folder);
    unlink(text_s(&name));
    check(!evalset_open(folder), "no items.jsonl");
    check(strstr(err_text(), "items.jsonl: cannot open"), "%s", err_text());
    text_free(&name);
}

/* Any bytes end in a message or an evalset. */
static void test_random(void)
{
    static const char seed[] = "{\"id\":\"a\",\"lang\":\"en\",\"text\":\"\",\"choices\":[\"x\",\"y\"],\"gold\":1}\n";
    uint64_t state = 7;
    size_t opened = 0;
    for (int round = 0; round < 300; round++) {
        char items[sizeof seed];
        memcpy(items, seed, sizeof seed);
        for (int k = 0; k < 1 + round % 3; k++) {
            state = state * 6364136223846793005u + 1442695040888963407u;
            items[(state >> 40) % (sizeof seed - 1)] = (char)(state >> 33);
        }
        write_file("items.jsonl", items, sizeof seed - 1);
        write_file("evalset.json", choice, sizeof choice - 1);
        struct evalset *e = evalset_open(folder);
        check(e || strlen(err_text()) > 10, "round %d: an evalset or a message", round);
        opened += e != NULL;
        evalset_close(e);
    }
    check(opened > 0 && opened < 300, "%zu of 300 opened", opened);
}

int main(void)
{
    evalset_set_home(CHORALE_HOME);
    test_openings();
    test_keywords();
    test_verse_form();
    test_cloze();
    test_held_out();
    test_names();
    if (!mkdtemp(folder))
        check_skip("evalset", "no folder can be made in /tmp");
    test_meta_refused();
    test_items_refused();
    test_limits();
    test_accepted();
    test_open_refused();
    test_random();
    static const char *const files[] = { "evalset.json", "items.jsonl", "README.md" };
    for (size_t i = 0; i < 3; i++) {
        struct text path = { 0 };
        text_addf(&path, "%s/%s", folder, files[i]);
        unlink(text_s(&path));
        text_free(&path);
    }
    rmdir(folder);
    evalset_set_home("/nowhere");
    size_t n;
    evalset_names(&n);
    check(n == 0, "no bundled evalsets elsewhere");
    return check_done("evalset");
}
