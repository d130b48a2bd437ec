/* Tokenizers through convert_checkpoint(): the same ids in the folder, in GGUF, in the folder that comes back, and, where GGUF's
 * own keys say the tokenizer, from these alone.  And folders with tokenizer.model, whose ids are those of transformers and
 * sentencepiece (fixtures/tokenizer/spm_folder.py). */
#include "base/doc.h"
#include "base/err.h"
#include "base/folder.h"
#include "model/checkpoint_files.h"
#include "model/convert.h"
#include "model/gguf_write.h"
#include "model/vocab_gguf.h"
#include "tests/lib/check.h"
#include "tests/lib/temp_folder.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define FIXTURES CHORALE_HOME "/tests/fixtures/tokenizer/"

static const char *const texts[] = {
    "The king had three sons, and 12 dogs; it's 1234567 miles.",
    " two  spaces\n\n and\ttabs  ",
    "naïve Ünïcode, é日本語と한국어 🙂🙃",
    "<s>special</s> <|endoftext|> <unk><pad><tool>x <mask>",
    "",
    "ok",
    "▁a▁▁b",
    "Don't 'RE I'LL we'Ve",
    "    code_is(here): return x[0] != y.z # 100%",
};

static struct temp_folder work;

/* model: tokenizer.ggml.model of the GGUF file; keys: whether these alone give the same ids. */
struct tokenizer {
    const char *name, *model;
    bool keys;
    const char *remark; /* NULL: nothing is said */
};
static const struct tokenizer tokenizers[] = {
    { "gpt2.json", "gpt2", true, NULL },
    { "bloom.json", "gpt2", true, NULL },
    { "qwen2.json", "gpt2", true, NULL },
    { "starcoder.json", "gpt2", true, NULL },
    { "falcon.json", "gpt2", true, NULL },
    { "deepseek.json", "gpt2", true, NULL },
    { "deepseek3.json", "gpt2", true, NULL },
    { "llama3.json", "gpt2", false, "take words that are tokens as one, the tokenizer does not" },
    { "neox.json", "gpt2", false, "do not put texts into Unicode's form C" },
    { "roberta.json", "none", false, "see none" },
    { "flags.json", "none", false, "see none" },
    { "splits.json", "none", false, "see none" },
    { "unigram.json", "none", false, "see none" },
    { "llama2.json", "none", false, "see none" },
    { "mistral.json", "none", false, "see none" },
    { "gemma.json", "none", false, "see none" },
    { "t5.json", "t5", false, NULL }, /* but for a mark at the beginning of a text: Metaspace adds none there */
    { "spm_llama.model", "llama", true, NULL },
    { "spm_t5.model", "t5", true, "do not fall back on its tokens of bytes" },
    { "spm_unigram.model", "t5", true, NULL },
};

static const char *path_of(const char *name, const char *end, char path[512])
{
    snprintf(path, 512, "%s/%s%s", work.path, name, end);
    return path;
}

static int convert(const char *from, const char *to, struct text *remarks)
{
    struct convert_options o = { .seed = 1 };
    text_clear(remarks);
    return convert_checkpoint(from, to, &o, remarks);
}

static void link_file(const char *from, const char *folder, const char *name)
{
    char to[1024];
    snprintf(to, sizeof to, "%s/%s", folder, name);
    check(symlink(from, to) == 0, "%s", to);
}

/* A checkpoint of random weights with this tokenizer. */
static const char *make_folder(const char *tokenizer, const char *file, char path[512])
{
    char from[1024];
    bool model = strstr(tokenizer, ".model") != NULL;
    path_of(tokenizer, "", path);
    check(mkdir(path, 0777) == 0, "%s", path);
    const char *weights = strstr(tokenizer, "real") ? "large" : "random";
    snprintf(from, sizeof from, "%s/%s/config.json", work.path, weights);
    link_file(from, path, "config.json");
    snprintf(from, sizeof from, "%s/%s/model.safetensors", work.path, weights);
    link_file(from, path, "model.safetensors");
    link_file(file, path, model ? "tokenizer.model" : "tokenizer.json");
    return path;
}

/* The ids of all texts, one list. */
static struct symbols ids_of(struct vocab *v)
{
    struct symbols ids = { 0 };
    for (size_t i = 0; v && i < sizeof texts / sizeof *texts; i++) {
        vocab_encode_special(v, texts[i], strlen(texts[i]), &ids);
        symbols_add(&ids, &(sym_t){ UINT32_MAX }, 1);
    }
    return ids;
}

static void same_ids(const char *name, const char *where, const struct symbols *want, struct vocab *v)
{
    struct symbols ids = ids_of(v);
    size_t at = 0;
    check(v != NULL, "%s: %s: %s", name, where, err_text());
    while (at < want->n && at < ids.n && want->s[at] == ids.s[at])
        at++;
    check(at == want->n && ids.n == want->n, "%s: other ids %s, from place %zu of %zu: %u, want %u", name, where, at,
          want->n, at < ids.n ? ids.s[at] : 0, at < want->n ? want->s[at] : 0);
    free(ids.s);
}

static void same_vocab(const char *name, const char *where, const struct vocab *a, const struct vocab *b)
{
    check(a && b && vocab_bos(a) == vocab_bos(b) && vocab_adds_bos(a) == vocab_adds_bos(b) &&
              vocab_tail(a) == vocab_tail(b) && vocab_space(a)->n_ends == vocab_space(b)->n_ends,
          "%s: other bos or ends %s", name, where);
}

/* A copy of a GGUF file without the whole tokenizer.json. */
static int write_keys_alone(const struct gguf *g, const char *to)
{
    struct gguf_keys keys = { 0 };
    struct recast_list l = { 0 };
    int rc = 0;
    for (size_t i = 0; i < g->n_pairs; i++)
        if (strcmp(g->pairs[i].key, "tokenizer.huggingface.json") != 0)
            gguf_write_value(&keys, g->pairs[i].key, &g->pairs[i].value);
    for (size_t i = 0; rc == 0 && i < g->tensors.n; i++)
        rc = recast_add(&l, to, &(struct recast){ .to = g->tensors.t[i], .from = &g->tensors.t[i] });
    if (rc == 0)
        rc = gguf_write_file(to, &keys, &l, NULL);
    text_free(&keys.bytes);
    recast_list_free(&l);
    return rc;
}

static void check_model(const char *name, const struct checkpoint *gguf, const char *model)
{
    char *seen = NULL;
    check(gguf_maybe_string(gguf->files->gguf, "tokenizer.ggml.model", &seen) == 0 && seen && strcmp(seen, model) == 0,
          "%s: tokenizer.ggml.model is %s, want %s", name, seen ? seen : "missing", model);
    free(seen);
}

/* The tokenizer.json that was made of keys gives the same keys again. */
static void again(const char *name, const char *folder, const char *model, const struct symbols *want)
{
    char to[512];
    struct text remarks = { 0 };
    path_of(name, "-again.gguf", to);
    check(convert(folder, to, &remarks) == 0, "%s: %s", name, err_text());
    struct checkpoint *c = checkpoint_open(to);
    struct vocab *v = c ? vocab_read_gguf(c->files->gguf) : NULL;
    if (c)
        check_model(name, c, model);
    same_ids(name, "from keys of a tokenizer.json that was made of keys", want, v);
    vocab_free(v);
    checkpoint_close(c);
    text_free(&remarks);
    remove(to);
}

static void from_keys(const struct tokenizer *t, const struct checkpoint *gguf, const struct symbols *want)
{
    const char *name = t->name;
    char alone[512], back[512];
    struct text remarks = { 0 };
    path_of(name, "-keys.gguf", alone);
    path_of(name, "-keys", back);
    check(write_keys_alone(gguf->files->gguf, alone) == 0, "%s: %s", name, err_text());
    check(convert(alone, back, &remarks) == 0, "%s: %s", name, err_text());
    struct checkpoint *a = checkpoint_open(alone), *b = checkpoint_open(back);
    same_ids(name, "from keys alone", want, a ? a->vocab : NULL);
    same_ids(name, "in a folder made of keys", want, b ? b->vocab : NULL);
    if (a && b)
        same_vocab(name, "in a folder made of keys", a->vocab, b->vocab);
    again(name, back, t->model, want);
    checkpoint_close(a);
    checkpoint_close(b);
    text_free(&remarks);
    remove(alone);
    folder_remove(back, 0);
}

static void round_trip(const struct tokenizer *t, const char *file)
{
    const char *name = t->name, *remark = t->remark;
    char from[512], to[512], back[512];
    struct text remarks = { 0 };
    make_folder(name, file, from);
    path_of(name, ".gguf", to);
    path_of(name, "-back", back);
    check(convert(from, to, &remarks) == 0, "%s: %s", name, err_text());
    check(remark ? strstr(text_s(&remarks), remark) != NULL : remarks.len == 0, "%s: says '%s', want '%s'", name,
          text_s(&remarks), remark ? remark : "");
    check(convert(to, back, &remarks) == 0 && remarks.len == 0, "%s: %s", name, err_text());
    struct checkpoint *a = checkpoint_open(from), *b = checkpoint_open(to), *c = checkpoint_open(back);
    struct symbols want = ids_of(a ? a->vocab : NULL);
    check(a != NULL && want.n > 100, "%s: %s", name, err_text());
    same_ids(name, "in GGUF", &want, b ? b->vocab : NULL);
    same_ids(name, "in the folder that comes back", &want, c ? c->vocab : NULL);
    if (a && b && c) {
        same_vocab(name, "in GGUF", a->vocab, b->vocab);
        same_vocab(name, "in the folder that comes back", a->vocab, c->vocab);
        check_model(name, b, t->model);
        if (t->keys)
            from_keys(t, b, &want);
    }
    free(want.s);
    checkpoint_close(a);
    checkpoint_close(b);
    checkpoint_close(c);
    text_free(&remarks);
    remove(to);
    folder_remove(from, 0);
    folder_remove(back, 0);
}

static void put_files(const char *folder, const json_t *o)
{
    char file[1024];
    const char *key;
    json_t *value;
    snprintf(file, sizeof file, FIXTURES "family/%s.model", json_string_value(json_object_get(o, "model")));
    link_file(file, folder, "tokenizer.model");
    json_object_foreach(json_object_get(o, "files"), key, value)
    {
        snprintf(file, sizeof file, "%s/%s", folder, key);
        check(json_dump_file(value, file, 0) == 0, "%s", file);
    }
}

static void check_texts(const char *name, struct vocab *v, const json_t *all)
{
    const json_t *o, *id;
    size_t i, k;
    json_array_foreach(all, i, o)
    {
        const char *text = json_string_value(json_object_get(o, "text"));
        struct symbols ids = { 0 };
        if (vocab_adds_bos(v))
            symbols_add(&ids, &(sym_t){ (sym_t)vocab_bos(v) }, 1);
        check(vocab_encode_special(v, text, strlen(text), &ids) == 0, "%s", err_text());
        if (vocab_tail(v) >= 0)
            symbols_add(&ids, &(sym_t){ (sym_t)vocab_tail(v) }, 1);
        const json_t *want = json_object_get(o, "ids");
        bool same = ids.n == json_array_size(want);
        json_array_foreach(want, k, id) same = same && ids.s[k] == (sym_t)json_integer_value(id);
        check(same, "%s: '%s' has other ids", name, text);
        for (k = 0; !same && k < ids.n; k++)
            printf("%u ", ids.s[k]);
        free(ids.s);
    }
}

/* Folders with tokenizer.model and what lies beside it. */
static void sentencepiece_folder(const char *name)
{
    char path[512], folder[512];
    snprintf(path, sizeof path, FIXTURES "spm/%s.json", name);
    json_t *o = doc_read_file(path, 1 << 20);
    path_of(name, "", folder);
    check(o && mkdir(folder, 0777) == 0, "%s", err_text());
    put_files(folder, o);
    struct checkpoint *c = checkpoint_open_vocab(folder);
    check(c != NULL, "%s: %s", name, err_text());
    if (c)
        check_texts(name, c->vocab, json_object_get(o, "texts"));
    checkpoint_close(c);
    json_decref(o);
    folder_remove(folder, 0);
}

/* One of the files beside tokenizer.model says what cannot be. */
static void refused(const char *file, const char *text, const char *message)
{
    char folder[512], path[1024];
    path_of("hostile", "", folder);
    check(mkdir(folder, 0777) == 0, "%s", folder);
    link_file(FIXTURES "family/spm_llama.model", folder, "tokenizer.model");
    snprintf(path, sizeof path, "%s/%s", folder, file);
    check(text_write_file(path, text, strlen(text)) == 0, "%s", err_text());
    struct checkpoint *c = checkpoint_open_vocab(folder);
    check(!c && err_code() == ERR_DATA && strstr(err_text(), message), "%s %s says '%s', want '%s'", file, text,
          c ? "fine" : err_text(), message);
    checkpoint_close(c);
    folder_remove(folder, 0);
}

static void hostile(void)
{
    refused("added_tokens.json", "[]", "added_tokens.json: not an object");
    refused("added_tokens.json", "{\"<a>\":-1}", "the id of added token '<a>' is -1, want 0 .. 16777215");
    refused("added_tokens.json", "{\"<a>\":1e9}", "the id of added token '<a>' is 1e+09, want 0 .. 16777215");
    refused("added_tokens.json", "{\"<a>\":1200.5}", "is 1200.5, want 0 ..");
    refused("added_tokens.json", "{\"<a>\":\"1200\"}", "the id of added token '<a>' is -1");
    refused("added_tokens.json", "{\"<a>\":16777215}", "the id of an added token is 16777215, want less than");
    refused("added_tokens.json", "{\"\":1200}", "an added token of tokenizer.model has no text");
    refused("added_tokens.json", "{\"<a>\":1}", "token 1 is '<s>', an added token of that id is '<a>'");
    refused("added_tokens.json", "{\"<a>\":1200,\"<b>\":1200}",
            "token 1200 is '<a>', an added token of that id is '<b>'");
    refused("added_tokens.json", "{\"<s>\":1200}", "");
    refused("added_tokens.json", "{\"<a>\":1200", "added_tokens.json:1:");
    refused("special_tokens_map.json", "3", "special_tokens_map.json:1:");
    refused("tokenizer_config.json", "{\"added_tokens_decoder\":{\"x\":{\"content\":\"<a>\"}}}",
            "'x' of 'added_tokens_decoder' is no id of a token");
    refused("tokenizer_config.json", "{\"added_tokens_decoder\":{\"1200\":\"<a>\"}}",
            "'1200' of 'added_tokens_decoder' is no id of a token");
    refused("tokenizer_config.json",
            "{\"added_tokens_decoder\":{\"1200\":{\"content\":\"<a>\"},\"1201\":{\"content\":\"<a>\"}}}",
            "added token '<a>' has the ids 1200 and 1201");
    refused("tokenizer_config.json", "{\"legacy\":3}", "'legacy' is");
}

/* bug: each token beside the model was looked for among all others, and in every list: files of 13 MB took hours */
static void many_beside(void)
{
    char folder[512], path[1024];
    struct text added = { 0 }, map = { 0 };
    text_add(&added, "{\"<a>\":1200");
    text_add(&map, "{\"additional_special_tokens\":[\"<a>\"");
    for (int i = 0; i < 40000; i++)
        text_addf(&added, ",\"<%d>\":%d", i, 1201 + i);
    for (int i = 0; i < 40000; i++)
        text_add(&map, ",\"<39999>\"");
    text_add(&added, "}");
    text_add(&map, "]}");
    path_of("many", "", folder);
    check(mkdir(folder, 0777) == 0, "%s", folder);
    link_file(FIXTURES "family/spm_llama.model", folder, "tokenizer.model");
    snprintf(path, sizeof path, "%s/added_tokens.json", folder);
    check(text_write_file(path, added.s, added.len) == 0, "%s", err_text());
    snprintf(path, sizeof path, "%s/special_tokens_map.json", folder);
    check(text_write_file(path, map.s, map.len) == 0, "%s", err_text());
    clock_t from = clock();
    struct checkpoint *c = checkpoint_open_vocab(folder);
    double took = (double)(clock() - from) / CLOCKS_PER_SEC;
    check(c && took < 10, "%g s: %s", took, c ? "" : err_text());
    check(c && vocab_space(c->vocab)->special[1200] && vocab_space(c->vocab)->special[41200] &&
              !vocab_space(c->vocab)->special[41199],
          "those that are named are special");
    checkpoint_close(c);
    folder_remove(folder, 0);
    text_free(&added);
    text_free(&map);
}

/* No tokenizer on the way in: none on the way out, and the ids that begin and end texts stay. */
static void without(void)
{
    char to[512], back[512], path[1024];
    struct text remarks = { 0 };
    path_of("gqa", ".gguf", to);
    path_of("gqa", "-back", back);
    check(convert(CHORALE_HOME "/tests/fixtures/transformer/gqa", to, &remarks) == 0, "%s", err_text());
    check(convert(to, back, &remarks) == 0, "%s", err_text());
    snprintf(path, sizeof path, "%s/config.json", back);
    json_t *o = doc_read_file(path, 1 << 20);
    check(json_integer_value(json_object_get(o, "bos_token_id")) == 0 &&
              json_is_integer(json_object_get(o, "bos_token_id")) &&
              json_integer_value(json_object_get(o, "eos_token_id")) == 1,
          "no tokenizer, and other ids");
    json_decref(o);
    snprintf(path, sizeof path, "%s/tokenizer.json", back);
    check(access(path, F_OK) != 0, "a tokenizer from nowhere");
    struct checkpoint *c = checkpoint_open(to);
    check(!c && strstr(err_text(), "'tokenizer.ggml.model' is 'none'"), "says '%s'", c ? "fine" : err_text());
    checkpoint_close(c);
    remove(to);
    folder_remove(back, 0);
    text_free(&remarks);
}

/* The chat template, ids for padding and for what is unknown, more than one end, both ways. */
static void beside(void)
{
    static const char config[] = "{\"pad_token\":\"<|im_start|>\",\"unk_token\":{\"content\":\"<|im_end|>\"},"
                                 "\"model_max_length\":1e30,\"chat_template\":\"{{ messages }} \\u00e9\"}";
    static const char generation[] = "{\"eos_token_id\":[2,0,5],\"do_sample\":true,\"temperature\":0.6,\"top_k\":7}";
    char from[512], to[512], back[512], path[1024];
    struct text remarks = { 0 };
    make_folder("qwen2.json", FIXTURES "family/qwen2.json", from);
    snprintf(path, sizeof path, "%s/tokenizer_config.json", from);
    check(text_write_file(path, config, strlen(config)) == 0, "%s", err_text());
    snprintf(path, sizeof path, "%s/generation_config.json", from);
    check(text_write_file(path, generation, strlen(generation)) == 0, "%s", err_text());
    path_of("beside", ".gguf", to);
    path_of("beside", "", back);
    check(convert(from, to, &remarks) == 0 && convert(to, back, &remarks) == 0, "%s", err_text());
    snprintf(path, sizeof path, "%s/tokenizer_config.json", back);
    json_t *o = doc_read_file(path, 1 << 20), *g;
    const char *pad = json_string_value(json_object_get(o, "pad_token"));
    const char *unknown = json_string_value(json_object_get(o, "unk_token"));
    const char *chat = json_string_value(json_object_get(o, "chat_template"));
    check(pad && strcmp(pad, "<|im_start|>") == 0 && unknown && strcmp(unknown, "<|im_end|>") == 0 && chat &&
              strcmp(chat, "{{ messages }} \xc3\xa9") == 0,
          "pad '%s', unknown '%s', template '%s'", pad, unknown, chat);
    snprintf(path, sizeof path, "%s/generation_config.json", back);
    g = doc_read_file(path, 1 << 20);
    const json_t *ends = json_object_get(g, "eos_token_id");
    check(json_array_size(ends) == 3 && json_integer_value(json_array_get(ends, 0)) == 2 &&
              json_integer_value(json_array_get(ends, 2)) == 5 && json_integer_value(json_object_get(g, "top_k")) == 7,
          "other ends");
    json_decref(o);
    json_decref(g);
    remove(to);
    folder_remove(from, 0);
    folder_remove(back, 0);
    text_free(&remarks);
}

/* What has no place in another file is named. */
static void no_place(void)
{
    char from[512], to[512];
    struct text remarks = { 0 };
    make_folder("spm_bpe.model", FIXTURES "family/spm_bpe.model", from);
    path_of("spm_bpe", ".gguf", to);
    check(convert(from, to, &remarks) == ERR_DATA && strstr(err_text(), "symbols of its own that are not normalised"),
          "says '%s'", err_text());
    check(access(to, F_OK) != 0, "half of a file");
    folder_remove(from, 0);
    text_free(&remarks);
}

/* Llama 2's own model, where it is here. */
static void real(void)
{
    static const struct tokenizer llama = { "real.model", "llama", true, NULL };
    char file[512], large[512];
    struct text remarks = { 0 };
    if (!check_shared())
        return;
    snprintf(file, sizeof file, "%s/weights/tokenizer.model", check_shared());
    path_of("large", "", large);
    check(convert("random:llama(dim=4, layers=1, heads=2, vocab=32000)", large, &remarks) == 0, "%s", err_text());
    if (access(file, F_OK) == 0)
        round_trip(&llama, file);
    folder_remove(large, 0);
    text_free(&remarks);
}

int main(void)
{
    char random[512], file[512];
    struct text remarks = { 0 };
    work = temp_folder_make();
    path_of("random", "", random);
    check(convert("random:llama(dim=16, layers=1, heads=2, vocab=1400)", random, &remarks) == 0, "%s", err_text());
    for (size_t i = 0; i < sizeof tokenizers / sizeof *tokenizers; i++) {
        snprintf(file, sizeof file, FIXTURES "family/%s", tokenizers[i].name);
        round_trip(&tokenizers[i], file);
    }
    beside();
    no_place();
    real();
    static const char *const folders[] = { "first", "decoder", "named", "plain" };
    for (size_t i = 0; i < 4; i++)
        sentencepiece_folder(folders[i]);
    hostile();
    many_beside();
    without();
    folder_remove(random, 0);
    text_free(&remarks);
    temp_folder_remove(&work);
    return check_done("convert_tokenizers");
}
