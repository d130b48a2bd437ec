/* model/template: whatever the texts of a prompt say, its control tokens are those of the template.  Texts are made of the
 * marks themselves, their parts and letters; every named template over every vocabulary that has its marks, special or
 * only added ones.  CHORALE_LONG=1: a hundred times as many. */
#include "base/err.h"
#include "base/text.h"
#include "model/template.h"
#include "model/template_rows.h"
#include "tests/lib/check.h"
#include <stdlib.h>
#include <string.h>

#define FIXTURES CHORALE_HOME "/tests/fixtures/template/bytes-"

enum { N_TEXTS = 4, ROUNDS = 40 };

static struct vocab *v;
static uint64_t state = 88172645463325252u;

static size_t below(size_t n)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return (size_t)(state % n);
}

/* A mark of some row or an end, whole or cut at both sides, or a little text. */
static void add_fragment(struct text *t)
{
    static const char *const texts[] = { "a",      " ",        "\n",       "\n\n",         "明",  "\xe6",  "\xff",
                                         "<",      ">",        "</",       "</s>",         "<s>", "{",     "}}",
                                         "{text}", "{eos}",    "|",        "[INST]",       "s",   "<bos>", "<eos>",
                                         "\t",     "\xc2\xa0", "</think>", "\xe3\x80\x80", "" };
    size_t n;
    const struct template_row *rows = template_rows(&n);
    const struct template_row *w = &rows[below(n)];
    size_t n_marks = 0;
    while (w->marks[n_marks])
        n_marks++;
    if (n_marks == 0 || below(2)) {
        text_add(t, texts[below(sizeof texts / sizeof *texts)]);
        return;
    }
    const char *mark = w->marks[below(n_marks)];
    size_t from = below(3) ? 0 : below(strlen(mark)), to = below(3) ? strlen(mark) : from + below(strlen(mark) - from);
    text_addn(t, mark + from, to - from);
}

static void fill(struct text *t)
{
    text_clear(t);
    for (size_t n = below(8); n > 0; n--)
        add_fragment(t);
    text_add(t, "");
}

static bool is_control(sym_t id)
{
    return vocab_find_added(v, vocab_piece(v, id)) >= 0;
}

/* The control tokens of a conversation of four texts. */
static struct symbols control_of(const char *name, const char *const said[N_TEXTS])
{
    bool is_text = strcmp(name, "raw") == 0, system = !is_text && strcmp(name, "mistral-v0") != 0;
    struct prompt_field fields[2] = { { "instruction", said[3] }, { "system", said[0] } };
    struct prompt_turn turns[2] = { { "user", said[1] }, { "assistant", said[2] } };
    struct prompt p = {
        .fields = fields, .n_fields = system ? 2 : 1, .turns = turns, .n_turns = is_text ? 0 : 2, .template_name = name
    };
    struct symbols ids = { 0 };
    size_t n = 0;
    check(template_render(v, NULL, &p, &ids) == 0, "%s: %s", name, err_text());
    for (size_t i = 0; i < ids.n; i++)
        if (is_control(ids.s[i]))
            ids.s[n++] = ids.s[i];
    ids.n = n;
    return ids;
}

static void keeps_law(const char *name, size_t rounds)
{
    static const char *const harmless[N_TEXTS] = { "be kind", "one", "two", "three" };
    struct text texts[N_TEXTS] = { 0 };
    struct symbols want = control_of(name, harmless);
    for (size_t round = 0; round < rounds; round++) {
        const char *said[N_TEXTS];
        for (size_t i = 0; i < N_TEXTS; i++) {
            fill(&texts[i]);
            said[i] = text_s(&texts[i]);
        }
        struct symbols got = control_of(name, said);
        check(got.n == want.n && (got.n == 0 || memcmp(got.s, want.s, got.n * sizeof *got.s) == 0),
              "%s: '%s', '%s', '%s', '%s' give %zu control tokens, want %zu", name, said[0], said[1], said[2], said[3],
              got.n, want.n);
        free(got.s);
    }
    free(want.s);
    for (size_t i = 0; i < N_TEXTS; i++)
        text_free(&texts[i]);
}

static bool has_marks(const struct template_row *w)
{
    for (size_t i = 0; w->marks[i]; i++)
        if (vocab_find_added(v, w->marks[i]) < 0)
            return false;
    return true;
}

static void open_vocab(const char *path, const char *bos, const char *eos)
{
    struct vocab *any = vocab_open_json(path, NULL, 0);
    check(any != NULL, "%s", err_text());
    sym_t end = (sym_t)vocab_find(any, eos);
    vocab_free(any);
    v = vocab_open_json(path, &end, 1);
    if (bos)
        vocab_set_bos(v, (sym_t)vocab_find(v, bos));
}

int main(void)
{
    static const struct {
        const char *path, *bos, *eos;
    } families[] = { { FIXTURES "tigerbot.json", "<s>", "</s>" },
                     { FIXTURES "llama.json", "<s>", "</s>" },
                     { FIXTURES "mistral.json", "<s>", "</s>" },
                     { FIXTURES "chatml.json", NULL, "<|endoftext|>" },
                     { FIXTURES "llama3.json", "<|begin_of_text|>", "<|eot_id|>" },
                     { FIXTURES "gemma.json", "<bos>", "<eos>" },
                     { FIXTURES "phi3.json", "<s>", "<|endoftext|>" } };
    size_t n, n_run = 0, rounds = getenv("CHORALE_LONG") ? 100 * ROUNDS : ROUNDS;
    const struct template_row *rows = template_rows(&n);
    for (size_t i = 0; i < sizeof families / sizeof *families; i++) {
        open_vocab(families[i].path, families[i].bos, families[i].eos);
        for (size_t k = 0; k < n; k++)
            if (has_marks(&rows[k]) && (families[i].bos || !strstr(rows[k].begin, "{bos}")) &&
                (families[i].bos || !strstr(rows[k].user.before, "{bos}"))) {
                keeps_law(rows[k].name, rounds);
                n_run++;
            }
        vocab_free(v);
    }
    check(n_run > 2 * n, "%zu templates over vocabularies", n_run);
    return check_done("template_law");
}
