/* The faults that TigerBot's own programs have had around the prompt, each as what happens here instead. */
#include "base/err.h"
#include "decode/stop.h"
#include "model/core.h"
#include "model/template.h"
#include "model/transformer.h"
#include "tests/lib/check.h"
#include <stdlib.h>
#include <string.h>

#define FIXTURES CHORALE_HOME "/tests/fixtures/"
#define I        VOCAB_MARK_INSTRUCTION
#define R        VOCAB_MARK_RESPONSE

static struct vocab *v;

/* The ids of an instruction, after an answer where that is not NULL. */
static struct symbols render(const char *name, const char *instruction, const char *answer)
{
    struct prompt_field f = { "instruction", instruction };
    struct prompt_turn turns[] = { { "user", "q" }, { "assistant", answer } };
    struct prompt p = { .fields = &f, .n_fields = 1, .turns = turns, .n_turns = answer ? 2 : 0, .template_name = name };
    struct symbols ids = { 0 };
    check(template_render(v, NULL, &p, &ids) == 0, "%s", err_text());
    return ids;
}

static struct symbols encode(const char *text)
{
    struct symbols ids = { 0 };
    check(vocab_encode(v, text, strlen(text), &ids) == 0, "%s", err_text());
    return ids;
}

/* ids from `at` on are those of a text. */
static bool holds(const struct symbols *ids, size_t at, const char *text)
{
    struct symbols want = encode(text);
    bool same = want.n == 0 || (ids->n >= at + want.n && memcmp(ids->s + at, want.s, want.n * sizeof *want.s) == 0);
    free(want.s);
    return same;
}

static sym_t mark(const char *text)
{
    return (sym_t)vocab_find_added(v, text);
}

/* (a) api.py stripped the prompt and lost the marks at both ends. */
static void keeps_both_marks(void)
{
    static const char *const texts[] = { "query", "\n\n query \n\n", "\n", "" };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct symbols ids = render("tigerbot", texts[i], NULL);
        check(ids.n >= 3 && ids.s[1] == mark(I) && ids.s[ids.n - 1] == mark(R), "'%s' stands between the marks",
              texts[i]);
        check(holds(&ids, 2, texts[i]), "'%s' is all there", texts[i]);
        free(ids.s);
    }
}

static struct text answer_of(const char *text)
{
    struct symbols ids = encode(text);
    struct hyp h = { 0 };
    symbols_add(&ids, &vocab_space(v)->ends[0], 1);
    for (size_t i = 0; i < ids.n; i++) {
        hyp_add(&h, vocab_space(v), &(struct hyp_step){ .symbol = ids.s[i] });
        stop_check(&(struct stop){ 0 }, vocab_space(v), &h);
    }
    check(h.end == HYP_SYMBOL, "the end token ends '%s'", text);
    struct text out = h.text;
    h.text = (struct text){ 0 };
    hyp_fini(&h);
    free(ids.s);
    return out;
}

/* (b), (c) rstrip("</s>") and rstrip("\n### Response:") took the letters of these marks off the end of answers. */
static void keeps_last_letters(void)
{
    static const char *const answers[] = { "The answers", "a/s",         "x < y > s", "yes</s",
                                           "# Response",  "no one: nse", "ends\n",    "### Response:" };
    for (size_t i = 0; i < sizeof answers / sizeof *answers; i++) {
        struct text made = answer_of(answers[i]);
        check(strcmp(text_s(&made), answers[i]) == 0, "generated '%s' is shown as '%s'", answers[i], text_s(&made));
        text_free(&made);
        struct symbols ids = render("tigerbot-web", "next", answers[i]);
        size_t at = 2;
        while (at < ids.n && ids.s[at] != mark(R))
            at++;
        check(holds(&ids, at + 1, answers[i]), "the history has all of '%s'", answers[i]);
        free(ids.s);
    }
}

/* (d) the API decoded token by token: a character of several tokens came out as replacement characters. */
static void streams_whole_characters(void)
{
    static const char text[] = "写一段🙂话";
    struct symbols ids = encode(text);
    struct hyp h = { 0 };
    struct stop none = { 0 };
    size_t n_partial = 0;
    for (size_t i = 0; i < ids.n; i++) {
        hyp_add(&h, vocab_space(v), &(struct hyp_step){ .symbol = ids.s[i] });
        size_t ready = stop_ready(&none, &h);
        n_partial += ready < h.text.len;
        check(text_utf8_ready(h.text.s, ready) == ready, "%zu bytes are shown: whole characters", ready);
    }
    check(n_partial > 0, "some character has several tokens");
    check(strcmp(text_s(&h.text), text) == 0, "'%s' comes back", text_s(&h.text));
    hyp_fini(&h);
    free(ids.s);
}

/* (e) infer.py cut the prompt at 512 tokens on the right, and with it the response mark.  Here it is an error. */
static void never_truncates(void)
{
    struct checkpoint *c = checkpoint_open("zoo:bytes");
    check(c != NULL, "%s", err_text());
    struct threads *threads = threads_alloc(1);
    struct lm *lm = c ? transformer_open(c, &(struct transformer_options){ .threads = threads }) : NULL;
    check(lm != NULL, "%s", err_text());
    if (lm) {
        char *longer = calloc(lm->max_length + 1u, 1);
        memset(longer, 'a', lm->max_length);
        struct prompt_field f = { "instruction", longer };
        struct prompt p = { .fields = &f, .n_fields = 1, .template_name = "tigerbot" };
        int slot = lm_fork(lm, LM_EMPTY, 0);
        check(lm_prompt(lm, slot, &p, NULL) == ERR_DATA && strstr(err_text(), "its context limit is"), "%s",
              err_text());
        check(lm_length(lm, slot) == 0, "nothing of it is pushed");
        longer[lm->max_length - 3] = '\0';
        check(lm_prompt(lm, slot, &p, NULL) == 0 && lm_room(lm, slot) == 0, "what just fits is taken: %s", err_text());
        free(longer);
        lm_drop(lm, slot);
    }
    lm_free(lm);
    threads_free(threads);
    checkpoint_close(c);
}

/* (f) a model file of OpenCompass had "\n\n### Instruction:\n:". */
static void no_stray_colon(void)
{
    struct symbols ids = render("tigerbot", "query", NULL);
    check(holds(&ids, 2, "query"), "the query follows its mark");
    free(ids.s);
    check(template_known("{{ '\\n\\n### Instruction:\\n:' + q + '\\n\\n### Response:\\n' }}") == NULL,
          "a template with the colon is not taken for TigerBot's");
}

/* (g) train_sft.py added no marks: the data had to bring them, and marks in data are text here. */
static void adds_marks_itself(void)
{
    struct prompt_field f = { "text", I "query" R };
    struct prompt p = { .fields = &f, .n_fields = 1, .template_name = "tigerbot" };
    struct symbols ids = { 0 };
    size_t n_marks = 0;
    check(template_render(v, NULL, &p, &ids) == 0, "%s", err_text());
    for (size_t i = 0; i < ids.n; i++)
        n_marks += ids.s[i] == mark(I) || ids.s[i] == mark(R);
    check(n_marks == 2 && ids.s[1] == mark(I) && ids.s[ids.n - 1] == mark(R), "%zu marks: those of the template",
          n_marks);
    free(ids.s);
}

/* infer.py has no end token between turns, web_demo.py has: two templates.  Ids of marks are the vocabulary's own. */
static void both_separators(void)
{
    struct symbols without = render("tigerbot", "next", "yes"), with = render("tigerbot-web", "next", "yes");
    sym_t end = vocab_space(v)->ends[0];
    size_t n[2] = { 0 };
    for (size_t i = 0; i < with.n; i++) {
        n[0] += i < without.n && without.s[i] == end;
        n[1] += with.s[i] == end;
    }
    check(n[0] == 0 && n[1] == 1 && with.n == without.n + 1, "%zu and %zu end tokens", n[0], n[1]);
    free(without.s);
    free(with.s);
}

static void open_vocab(const char *path)
{
    struct vocab *any = vocab_open_json(path, NULL, 0);
    check(any != NULL, "%s", err_text());
    sym_t end = (sym_t)vocab_find(any, "</s>");
    vocab_free(any);
    v = vocab_open_json(path, &end, 1);
}

int main(void)
{
    static const char *const vocabularies[] = { FIXTURES "tokenizer/tiger.json",
                                                FIXTURES "template/bytes-tigerbot.json" };
    checkpoint_set_home(CHORALE_HOME);
    for (size_t i = 0; i < 2; i++) {
        open_vocab(vocabularies[i]);
        keeps_both_marks();
        keeps_last_letters();
        streams_whole_characters();
        no_stray_colon();
        adds_marks_itself();
        both_separators();
        vocab_free(v);
    }
    never_truncates();
    return check_done("tigerbot_prompt");
}
