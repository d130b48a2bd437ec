/* evalsets/tag: the grammar of task tags, errors with their column, and what the model sees of a tagged item. */
#include "base/err.h"
#include "base/text.h"
#include "evalsets/tag.h"
#include "tests/lib/check.h"
#include <stdlib.h>
#include <string.h>

/* want: "math", "translate|from=zh|to=Old English" */
static void reads(const char *text, const char *want, const char *rest_wanted)
{
    struct tag t;
    const char *rest;
    struct text got = { 0 };
    int rc = tag_read("item", text, &t, &rest);
    check(rc == 1, "'%s': %d, %s", text, rc, rc < 0 ? err_text() : "no tag");
    text_add(&got, t.task ? t.task : "");
    for (size_t i = 0; i < t.n_args; i++)
        text_addf(&got, "|%s=%s", t.args[i].name, t.args[i].text);
    check(strcmp(text_s(&got), want) == 0, "'%s' gives '%s', want '%s'", text, text_s(&got), want);
    check(rc == 1 && strcmp(rest, rest_wanted) == 0, "'%s' leaves '%s', want '%s'", text, rest, rest_wanted);
    text_free(&got);
    tag_fini(&t);
}

static void has_none(const char *text)
{
    struct tag t;
    const char *rest;
    check(tag_read("item", text, &t, &rest) == 0 && rest == text, "'%s' has no tag", text);
    tag_fini(&t);
}

static void fails(const char *text, const char *message)
{
    struct tag t;
    const char *rest;
    check(tag_read("item", text, &t, &rest) == ERR_DATA, "'%s' is refused", text);
    check(strncmp(err_text(), "item: task tag", 14) == 0 && strstr(err_text(), message), "'%s': want '%s' in: %s", text,
          message, err_text());
    tag_fini(&t);
}

static void test_grammar(void)
{
    reads("<task:math>1 + 1", "math", "1 + 1");
    reads(" \t<task:math> 1 + 1", "math", "1 + 1");
    reads("<task:math>\n 1 + 1", "math", " 1 + 1");
    reads("<task:math> \r\n\nx", "math", "\nx");
    reads("<task:translate from=zh  to=en >明月", "translate|from=zh|to=en", "明月");
    reads("<task:t to=\"Old English\" q=\"a \\\"b\\\" \\\\ > <task:x>\">y", "t|to=Old English|q=a \"b\" \\ > <task:x>",
          "y");
    reads("<task:t e=\"\" n=\"a\nb\">", "t|e=|n=a\nb", "");
    reads("<task:a-b_1 k-2=明\\月>z <task:b>", "a-b_1|k-2=明\\月", "z <task:b>");
    has_none("");
    has_none("text");
    has_none("<task>math");
    has_none("< task:math>");
    has_none("\n<task:math>x");
    has_none("solve <task:math>");
}

static void test_errors(void)
{
    fails("<task:", "column 7: it ends, want the name of a task");
    fails("<task:>x", "column 7: '>', want the name of a task");
    fails("<task:1>x", "column 7: '1', want the name of a task");
    fails("<task: math>x", "column 7: ' ', want the name of a task");
    fails("<task:math", "column 11: it ends, want a blank or '>'");
    fails("<task:math<", "column 11: '<', want a blank or '>'");
    fails("<task:数学>", "column 7: '数', want the name of a task");
    fails("<task:math 9>", "column 12: '9', want an argument or '>'");
    fails("<task:math from>", "column 16: '>', want '='");
    fails("<task:math from=>", "column 17: '>', want a value");
    fails("<task:math from=a=b>", "column 18: '=', want a blank or '>'");
    fails("<task:math a=\"明", "column 16: it ends, want a closing '\"'");
    fails("<task:math a=\"\\n\">", "column 16: 'n', want '\"' or '\\' behind '\\'");
    fails("<task:math a=b\nc", "column 15: '\n', want a blank or '>'");
    fails("<task:a> <task:b>x", "column 10: '<', want text: a prompt has one tag");
    fails("<task:a k=1 k=2>x", "the argument 'k' comes twice");
    fails("<task:a text=1>x", "the argument 'text' has the name of a field of items");
    fails("<task:a\xff>x", "column 8: '\xff', want a blank or '>'");
}

static void test_limits(void)
{
    struct text t = { 0 };
    text_add(&t, "<task:a");
    for (int i = 0; i <= TAG_ARGUMENTS; i++)
        text_addf(&t, " a%d=%d", i, i);
    text_add(&t, ">x");
    fails(t.s, "more than 16 arguments");
    text_clear(&t);
    text_add(&t, "<task:a b=");
    for (int i = 0; i < TAG_BYTES; i++)
        text_add(&t, "c");
    text_add(&t, ">x");
    fails(t.s, "no end within 1024 bytes");
    text_clear(&t);
    text_addf(&t, "<task:t a=%0*d az=1>x", TAG_BYTES - 6, 1); /* behind the limit stands "z=1>": 'a' comes once */
    fails(t.s, "no end within 1024 bytes");
    struct tag tag;
    check(tag_read_inside("item", t.s + 6, &tag) == ERR_DATA && strstr(err_text(), "no end within 1024 bytes"), "%s",
          err_text());
    text_free(&t);
}

static struct item item_of(struct prompt_field fields[], size_t n, const char *task)
{
    return (struct item){ .id = "i", .task = task, .prompt = { .fields = fields, .n_fields = n } };
}

static void test_items(void)
{
    struct prompt_field both[] = { { "context", "<task:c>" },
                                   { "instruction", "<task:math k=v> 1 + 1" },
                                   { "text", "t" } };
    struct item item = item_of(both, 3, NULL);
    struct tag_prompt p;
    check(tag_item("set/i", &item, &p) == 0, "%s", err_text());
    check(p.tag.task && strcmp(p.tag.task, "math") == 0 && p.prompt.n_fields == 5, "its task and two more fields");
    check(strcmp(prompt_field(&p.prompt, "instruction"), "1 + 1") == 0, "the tag is gone");
    check(strcmp(prompt_field(&p.prompt, "context"), "<task:c>") == 0, "the context is not looked at");
    check(strcmp(prompt_field(&p.prompt, "task"), "math") == 0 && strcmp(prompt_field(&p.prompt, "k"), "v") == 0,
          "fields of the tag");
    tag_prompt_fini(&p);
    item.task = "verse";
    check(tag_item("set/i", &item, &p) == ERR_DATA && strstr(err_text(), "set/i: two task tags, 'math' in the text"),
          "%s", err_text());
    both[1].text = "1 + 1";
    item.task = "verse form=ci";
    check(tag_item("set/i", &item, &p) == 0 && strcmp(p.tag.task, "verse") == 0, "by its field: %s", err_text());
    check(strcmp(prompt_field(&p.prompt, "form"), "ci") == 0, "with arguments");
    check(strcmp(prompt_field(&p.prompt, "instruction"), "1 + 1") == 0, "the text is whole");
    tag_prompt_fini(&p);
    item.task = "verse>";
    check(tag_item("set/i", &item, &p) == ERR_DATA && strstr(err_text(), "column 6: '>', want a blank or the end"),
          "%s", err_text());
    item.task = NULL;
    check(tag_item("set/i", &item, &p) == 0 && !p.tag.task && p.prompt.fields == both, "no tag: the item's own prompt");
    tag_prompt_fini(&p);
    both[1].text = "<task:math>";
    check(tag_item("set/i", &item, &p) == ERR_DATA && strstr(err_text(), "nothing follows it"), "%s", err_text());
    item.kind = ITEM_TEXT;
    check(tag_item("set/i", &item, &p) == 0 && !p.tag.task, "a text to be scored has no tag");
    tag_prompt_fini(&p);
}

int main(void)
{
    test_grammar();
    test_errors();
    test_limits();
    test_items();
    return check_done("tag");
}
