/* Which tokens end a text, and which one is eos: by what generation_config.json, config.json, tokenizer_config.json and GGUF's
 * keys say, as transformers' generate() and llama.cpp take it; a list as Llama 3 has it; one symbol space from both formats. */
#include "base/doc.h"
#include "base/err.h"
#include "model/checkpoint.h"
#include "model/gguf_write.h"
#include "model/template.h"
#include "tests/lib/check.h"
#include "tests/lib/temp_folder.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Tokens 0 .. 25 are letters; added ones as in Llama 3, whose eot is not the first of them, and one of no fame. */
enum { N_LETTERS = 26, BEGIN = N_LETTERS, END_OF_TEXT, EOM, EOT, OTHER, N_TOKENS };
static const char *const added[] = { "<|begin_of_text|>", "<|end_of_text|>", "<|eom_id|>", "<|eot_id|>", "<|x|>" };
static const char *const marks[] = { VOCAB_MARK_INSTRUCTION, VOCAB_MARK_RESPONSE };

static void add_special(json_t *list, sym_t id, const char *text)
{
    json_array_append_new(list, json_pack("{s:i,s:s,s:b,s:b,s:b,s:b,s:b}", "id", (int)id, "content", text,
                                          "single_word", 0, "lstrip", 0, "rstrip", 0, "normalized", 0, "special", 1));
}

static void put_tokenizer(const struct temp_folder *f, size_t n_marks)
{
    json_t *vocab = json_object(), *tokens = json_array();
    for (int i = 0; i < N_LETTERS; i++)
        json_object_set_new(vocab, (char[]){ (char)('a' + i), '\0' }, json_integer(i));
    for (sym_t i = 0; i < N_TOKENS - N_LETTERS; i++)
        add_special(tokens, BEGIN + i, added[i]);
    for (sym_t i = 0; i < n_marks; i++)
        add_special(tokens, N_TOKENS + i, marks[i]);
    static const char step[] = "{\"type\":\"ByteLevel\",\"add_prefix_space\":false,\"use_regex\":false}";
    json_t *o = json_pack("{s:s,s:o,s:o,s:o,s:{s:s,s:o,s:[]}}", "version", "1.0", "added_tokens", tokens,
                          "pre_tokenizer", json_loads(step, 0, NULL), "decoder", json_loads(step, 0, NULL), "model",
                          "type", "BPE", "vocab", vocab, "merges");
    char *text = json_dumps(o, JSON_COMPACT);
    temp_folder_put(f, "tokenizer.json", text, strlen(text));
    free(text);
    json_decref(o);
}

static void put_file(const struct temp_folder *f, const char *name, const char *text)
{
    temp_folder_take(f, name);
    if (text)
        temp_folder_put(f, name, text, strlen(text));
}

/* ends: "29 27 28". */
static void has_ends(const char *what, const struct checkpoint *c, int64_t eos, const char *ends)
{
    struct text got = { 0 };
    check(c != NULL, "%s: %s", what, err_text());
    if (!c)
        return;
    const struct space *s = vocab_space(c->vocab);
    for (size_t i = 0; i < s->n_ends; i++)
        text_addf(&got, "%s%u", i > 0 ? " " : "", s->ends[i]);
    check(strcmp(text_s(&got), ends) == 0, "%s: ends are %s, want %s", what, text_s(&got), ends);
    check(vocab_eos(c->vocab) == eos, "%s: eos is %lld, want %lld", what, (long long)vocab_eos(c->vocab),
          (long long)eos);
    text_free(&got);
}

/* What a template puts where a text ends. */
static void writes_eos(const char *what, const struct checkpoint *c, int64_t eos)
{
    struct prompt_field field = { "text", "ab" };
    struct prompt p = { .fields = &field, .n_fields = 1, .template_name = "{text}{eos}" };
    struct symbols out = { 0 };
    int rc = c ? template_render(c->vocab, NULL, &p, &out) : -1;
    if (eos >= 0)
        check(rc == 0 && out.n >= 3 && (int64_t)out.s[out.n - 1] == eos, "%s: a template ends with it: %s", what,
              rc < 0 ? err_text() : "another");
    else
        check(rc == ERR_USAGE && strstr(err_text(), "needs a token that ends a text"), "%s: %s", what, err_text());
    free(out.s);
}

static const struct {
    const char *generation, *config, *tokenizer;
    size_t n_marks;
    int64_t eos;
    const char *ends;
} folder_cases[] = {
    /* as Llama 3.x Instruct ships it */
    { "{\"eos_token_id\":[27,28,29]}", "27", "\"<|eot_id|>\"", 0, EOT, "29 27 28" },
    { "{\"eos_token_id\":[27,28,29]}", "[27,28,29]", NULL, 0, END_OF_TEXT, "27 28 29" },
    /* generation_config.json comes first, config.json only where it states none */
    { "{\"eos_token_id\":29}", "27", NULL, 0, EOT, "29" },
    { "{}", "[27,29]", NULL, 0, END_OF_TEXT, "27 29" },
    { "{\"eos_token_id\":null}", "28", NULL, 0, EOM, "28" },
    { NULL, "28", "\"<|eom_id|>\"", 0, EOM, "28" },
    /* tokenizer_config.json: eos of templates, an end only where nothing else is stated */
    { NULL, "null", "\"<|eot_id|>\"", 0, EOT, "29" },
    { "{\"eos_token_id\":27}", "null", "{\"content\":\"<|eot_id|>\"}", 0, EOT, "27" },
    { "{\"eos_token_id\":27}", "null", "\"<|nobody|>\"", 0, END_OF_TEXT, "27" },
    { "{\"eos_token_id\":27}", "null", "null", 0, END_OF_TEXT, "27" },
    /* orders and repetitions are none */
    { "{\"eos_token_id\":[29,28,29,27]}", "null", NULL, 0, EOT, "29 27 28" },
    { "{\"eos_token_id\":[28,29]}", "null", "\"<|eot_id|>\"", 0, EOT, "29 28" },
    { NULL, "null", NULL, 0, -1, "" },
    /* role marks end too, and are never eos by themselves */
    { "{\"eos_token_id\":27}", "null", NULL, 2, END_OF_TEXT, "27 31 32" },
    { "{\"eos_token_id\":[32,29,27]}", "null", NULL, 2, EOT, "29 27 31 32" },
    { NULL, "null", NULL, 2, -1, "31 32" },
    { NULL, "null", "\"<|eot_id|>\"", 2, EOT, "29 31 32" },
    { "{\"eos_token_id\":27}", "null", NULL, 1, END_OF_TEXT, "27" },
};

static void folders(void)
{
    struct temp_folder f = temp_folder_make();
    for (size_t i = 0; i < sizeof folder_cases / sizeof *folder_cases; i++) {
        struct text config = { 0 }, tokenizer = { 0 }, what = { 0 };
        text_addf(&config, "{\"model_type\":\"llama\",\"eos_token_id\":%s}", folder_cases[i].config);
        text_addf(&tokenizer, "{\"eos_token\":%s}", folder_cases[i].tokenizer ? folder_cases[i].tokenizer : "null");
        text_addf(&what, "generation %s, config %s, tokenizer %s", folder_cases[i].generation, folder_cases[i].config,
                  folder_cases[i].tokenizer);
        put_tokenizer(&f, folder_cases[i].n_marks);
        put_file(&f, "generation_config.json", folder_cases[i].generation);
        put_file(&f, "config.json", config.s);
        put_file(&f, "tokenizer_config.json", folder_cases[i].tokenizer ? tokenizer.s : NULL);
        struct checkpoint *c = checkpoint_open_vocab(f.path);
        has_ends(what.s, c, folder_cases[i].eos, folder_cases[i].ends);
        writes_eos(what.s, c, folder_cases[i].eos);
        checkpoint_close(c);
        text_free(&config);
        text_free(&tokenizer);
        text_free(&what);
    }
    temp_folder_remove(&f);
}

/* The same vocabulary; -1: the key is left out. */
static struct checkpoint *open_gguf(const struct temp_folder *f, const int64_t keys[3])
{
    static const char *const names[] = { "tokenizer.ggml.eos_token_id", "tokenizer.ggml.eot_token_id",
                                         "tokenizer.ggml.eom_token_id" };
    struct gguf_keys k = { 0 };
    gguf_write_text(&k, "general.architecture", "llama", 5);
    gguf_write_text(&k, "tokenizer.ggml.model", "gpt2", 4);
    gguf_write_text(&k, "tokenizer.ggml.pre", "llama-bpe", 9);
    gguf_write_u32(&k, "tokenizer.ggml.bos_token_id", BEGIN);
    gguf_write_array(&k, "tokenizer.ggml.tokens", GGUF_STRING, N_TOKENS);
    for (int i = 0; i < N_LETTERS; i++)
        gguf_write_item(&k, (char[]){ (char)('a' + i), '\0' }, 1);
    for (size_t i = 0; i < N_TOKENS - N_LETTERS; i++)
        gguf_write_item(&k, added[i], strlen(added[i]));
    gguf_write_array(&k, "tokenizer.ggml.token_type", GGUF_I32, N_TOKENS);
    for (int32_t i = 0, type; i < N_TOKENS; i++) {
        type = i < N_LETTERS ? 1 : 3; /* normal, control */
        text_addn(&k.bytes, &type, sizeof type);
    }
    for (size_t i = 0; i < 3; i++)
        if (keys[i] >= 0)
            gguf_write_u32(&k, names[i], (uint32_t)keys[i]);
    check(gguf_write_file(temp_folder_path(f, "v.gguf"), &k, &(struct recast_list){ 0 }, NULL) == 0, "%s", err_text());
    text_free(&k.bytes);
    struct checkpoint *c = checkpoint_open_vocab(temp_folder_path(f, "v.gguf"));
    temp_folder_take(f, "v.gguf");
    return c;
}

static void ggufs(void)
{
    static const struct {
        int64_t keys[3];
        int64_t eos;
        const char *ends;
    } cases[] = {
        { { EOT, -1, -1 }, EOT, "29 27 28" }, /* the others are known by their text */
        { { END_OF_TEXT, EOT, EOM }, END_OF_TEXT, "27 28 29" },
        { { OTHER, -1, -1 }, OTHER, "30 27 28 29" },
        { { EOT, OTHER, BEGIN }, EOT, "29 26 27 28 30" },
        { { -1, OTHER, -1 }, OTHER, "30 27 28 29" },
        { { -1, -1, -1 }, EOT, "29 27 28" },
    };
    struct temp_folder f = temp_folder_make();
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char what[32];
        snprintf(what, sizeof what, "GGUF, case %zu", i);
        struct checkpoint *c = open_gguf(&f, cases[i].keys);
        has_ends(what, c, cases[i].eos, cases[i].ends);
        writes_eos(what, c, cases[i].eos);
        checkpoint_close(c);
    }
    struct checkpoint *c = open_gguf(&f, (const int64_t[]){ N_TOKENS, -1, -1 });
    check(!c && strstr(err_text(), "end token 31 is beyond the vocabulary of 31"), "%s", err_text());
    checkpoint_close(c);
    c = open_gguf(&f, (const int64_t[]){ EOT, -1, 0xffffffff });
    check(!c && strstr(err_text(), "end token 4294967295 is beyond"), "%s", err_text());
    checkpoint_close(c);
    temp_folder_remove(&f);
}

static void one_space(void)
{
    struct temp_folder f = temp_folder_make();
    struct checkpoint *b = open_gguf(&f, (const int64_t[]){ EOT, -1, -1 });
    put_tokenizer(&f, 0);
    put_file(&f, "generation_config.json", "{\"eos_token_id\":[27,28,29]}");
    put_file(&f, "tokenizer_config.json", "{\"eos_token\":\"<|eot_id|>\"}");
    struct checkpoint *a = checkpoint_open_vocab(f.path);
    check(a && b && vocab_space(a->vocab)->hash == vocab_space(b->vocab)->hash,
          "a folder and its GGUF are one space: %s", err_text());
    checkpoint_close(a);
    checkpoint_close(b);
    temp_folder_remove(&f);
}

int main(void)
{
    folders();
    ggufs();
    one_space();
    return check_done("ends");
}
