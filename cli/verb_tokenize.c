/* tokenize, detokenize: text to ids and back; a vocabulary is enough: a GGUF file of one, tokenizer.json,
 * tokenizer.model. */
#include "base/doc.h"
#include "base/err.h"
#include "cli/tokenizer.h"
#include "cli/verbs.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define INPUT_MAX ((size_t)1 << 30)

static void print_ids(const struct args *a, struct vocab *v, const struct symbols *ids)
{
    struct text t = { 0 };
    text_add(&t, a->json ? "{\"ids\":[" : "");
    for (size_t i = 0; i < ids->n; i++)
        text_addf(&t, "%s%u", i == 0 ? "" : a->json ? "," : " ", ids->s[i]);
    if (a->json) {
        text_add(&t, "],\"pieces\":[");
        for (size_t i = 0; i < ids->n; i++) {
            const char *piece = vocab_piece(v, ids->s[i]);
            text_add(&t, i == 0 ? "" : ",");
            text_add_json(&t, piece, strlen(piece));
        }
        text_add(&t, "]}");
    }
    puts(text_s(&t));
    text_free(&t);
}

static int encode(const struct args *a, struct vocab *v, const struct text *input, struct symbols *ids)
{
    if (options_flag(a, "no-special"))
        return vocab_encode(v, text_s(input), input->len, ids);
    if (vocab_adds_bos(v))
        symbols_add(ids, &(sym_t){ (sym_t)vocab_bos(v) }, 1);
    TRY(vocab_encode_special(v, text_s(input), input->len, ids));
    if (vocab_tail(v) >= 0)
        symbols_add(ids, &(sym_t){ (sym_t)vocab_tail(v) }, 1);
    return 0;
}

static int run_tokenize(const struct args *a)
{
    struct tokenizer k;
    TRY(tokenizer_open(&k, a->operand[0]));
    struct text input = { 0 };
    struct symbols ids = { 0 };
    int rc = text_read_file(&input, a->operand[1], INPUT_MAX);
    if (rc == 0)
        rc = encode(a, k.vocab, &input, &ids);
    if (rc == 0)
        print_ids(a, k.vocab, &ids);
    free(ids.s);
    text_free(&input);
    tokenizer_close(&k);
    return rc;
}

static const struct option_row tokenize_options[] = {
    { "no-special", NULL, NULL, "no bos in front, no end behind, special tokens in the text are text" },
};

const struct verb verb_tokenize = {
    .name = "tokenize",
    .operands = "CHECKPOINT FILE",
    .min_operands = 2,
    .max_operands = 2,
    .summary = "text to ids (FILE - is stdin)",
    .details = "--json prints {\"ids\":[...],\"pieces\":[...]}.",
    .options = tokenize_options,
    .n_options = sizeof tokenize_options / sizeof *tokenize_options,
    .run = run_tokenize,
};

static const char *source_name(const char *path)
{
    return strcmp(path, "-") == 0 ? "stdin" : path;
}

/* One id: digits between separators (spaces, commas, brackets). */
static int add_id(const struct space *space, char *word, const char *where, struct symbols *ids)
{
    uint64_t id;
    if (!text_u64(word, &id))
        return err_set(ERR_DATA, "%s: '%s' is no id; want numbers between spaces or commas, or the JSON of tokenize",
                       where, word);
    if (id >= space->n)
        return err_set(ERR_DATA, "%s: id %s is beyond the vocabulary of %u", where, word, space->n);
    sym_t symbol = (sym_t)id;
    symbols_add(ids, &symbol, 1);
    return 0;
}

/* Ids of a text: numbers between separators, or what tokenize --json printed. */
static int read_ids(const struct space *space, const char *where, const struct text *input, struct symbols *ids)
{
    const char *first = text_s(input) + strspn(text_s(input), " \t\r\n");
    if (strlen(text_s(input)) < input->len)
        return err_set(ERR_DATA, "%s: byte %zu is 0; want numbers between spaces or commas, or the JSON of tokenize",
                       where, strlen(text_s(input)));
    struct text list = { 0 };
    int rc = 0;
    if (*first == '{') {
        json_t *o = doc_read(where, text_s(input), input->len), *array = NULL;
        rc = o ? doc_array(o, where, "ids", &array) : ERR_DATA;
        if (rc == 0)
            doc_canonical(&list, array);
        json_decref(o);
    } else {
        text_add(&list, first);
    }
    char *rest = NULL, *word = list.s ? strtok_r(list.s, " ,\t\r\n[]", &rest) : NULL;
    for (; rc == 0 && word; word = strtok_r(NULL, " ,\t\r\n[]", &rest))
        rc = add_id(space, word, where, ids);
    text_free(&list);
    return rc;
}

static int run_detokenize(const struct args *a)
{
    struct tokenizer k;
    TRY(tokenizer_open(&k, a->operand[0]));
    struct text input = { 0 };
    struct symbols ids = { 0 };
    const struct space *space = vocab_space(k.vocab);
    int rc = text_read_file(&input, a->operand[1], INPUT_MAX);
    if (rc == 0)
        rc = read_ids(space, source_name(a->operand[1]), &input, &ids);
    struct text out = { 0 };
    if (rc == 0)
        vocab_decode(k.vocab, ids.s, ids.n, &out);
    if (rc == 0 && a->json) {
        struct text line = { 0 };
        text_add(&line, "{\"text\":");
        text_add_json(&line, text_s(&out), out.len);
        text_add(&line, "}");
        puts(text_s(&line));
        text_free(&line);
    } else if (rc == 0) {
        fwrite(text_s(&out), 1, out.len, stdout);
    }
    text_free(&out);
    text_free(&input);
    free(ids.s);
    tokenizer_close(&k);
    return rc;
}

const struct verb verb_detokenize = {
    .name = "detokenize",
    .operands = "CHECKPOINT FILE",
    .min_operands = 2,
    .max_operands = 2,
    .summary = "ids to text (FILE - is stdin; ids between spaces or commas, or the JSON of tokenize)",
    .run = run_detokenize,
};
