/* What checkpoints state of drawing: every member of generation_config.json is a step of the preset, of no account, or named;
 * the steps are those that transformers' generate() makes of the same file; GGUF's keys likewise; what is hostile. */
#include "base/doc.h"
#include "base/err.h"
#include "decode/chain.h"
#include "experiments/checkpoint_preset.h"
#include "model/generation_config.h"
#include "model/gguf_write.h"
#include "model/map_file.h"
#include "tests/lib/check.h"
#include "tests/lib/own_rules.h"
#include "tests/lib/temp_folder.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FIXTURES CHORALE_HOME "/tests/fixtures/"

/* A checkpoint that holds the defaults of a file alone. */
struct stated {
    struct checkpoint c;
    struct text others, chain, left;
    int rc;
};

static struct stated state(const json_t *file)
{
    struct stated s = { .c = { .name = "it", .format = "safetensors" } };
    generation_config_none(&s.c.generation);
    s.rc = generation_config_read(file, "it", &s.c.generation, &s.others);
    s.c.generation.others = text_s(&s.others);
    if (s.rc == 0)
        s.rc = checkpoint_preset(&s.c, &s.chain, &s.left);
    return s;
}

static struct stated state_text(const char *json)
{
    json_t *file = json_loads(json, JSON_DECODE_ANY, NULL);
    struct stated s = state(file);
    json_decref(file);
    return s;
}

static void forget(struct stated *s)
{
    text_free(&s->others);
    text_free(&s->chain);
    text_free(&s->left);
}

static bool known(const char *step)
{
    size_t n;
    const struct transform_type *const *types = transform_types(&n);
    for (size_t i = 0; i < n; i++)
        if (strcmp(types[i]->name, step) == 0)
            return true;
    return false;
}

/* transformers' classes, our steps, members of the file. */
static const struct {
    const char *class, *step, *member;
} classes[] = {
    { "RepetitionPenaltyLogitsProcessor", "repetition_penalty", "repetition_penalty" },
    { "NoRepeatNGramLogitsProcessor", "no_repeat_ngram", "no_repeat_ngram_size" },
    { "MinNewTokensLengthLogitsProcessor", "min_tokens", "min_new_tokens" },
    { "TemperatureLogitsWarper", "temperature", "temperature" },
    { "TopHLogitsWarper", "top_h", "top_h" },
    { "TopKLogitsWarper", "top_k", "top_k" },
    { "TopPLogitsWarper", "top_p", "top_p" },
    { "MinPLogitsWarper", "min_p", "min_p" },
    { "TypicalLogitsWarper", "typical", "typical_p" },
    { "EpsilonLogitsWarper", "epsilon", "epsilon_cutoff" },
    { "EtaLogitsWarper", "eta", "eta_cutoff" },
};
#define N_CLASSES (sizeof classes / sizeof *classes)

static void add(struct text *list, const char *between, const char *name, double value)
{
    text_add(list, list->len > 0 ? between : "");
    text_addf(list, "%s=", name);
    text_add_real(list, value);
}

/* One processor as it should stand in the chain, or, where no transform does it, among what is left out. */
static void want_step(const json_t *processor, struct text *chain, struct text *left)
{
    const char *class = json_string_value(json_array_get(processor, 0));
    double value = json_number_value(json_array_get(processor, 1));
    size_t i = 0;
    while (i < N_CLASSES && strcmp(classes[i].class, class) != 0)
        i++;
    check(i < N_CLASSES, "a row for %s", class);
    if (i == N_CLASSES || (strcmp(classes[i].step, "min_p") == 0 && value == 0)) /* it keeps everything */
        return;
    if (known(classes[i].step))
        add(chain, " | ", classes[i].step, value);
    else
        add(left, ", ", classes[i].member, value);
}

static void as_transformers(const json_t *c)
{
    struct text chain = { 0 }, left = { 0 };
    json_t *processors = json_object_get(c, "processors"), *p;
    size_t i, n = json_array_size(processors);
    const char *last = n > 0 ? json_string_value(json_array_get(json_array_get(processors, n - 1), 0)) : "";
    bool normalises = strcmp(last, "LogitNormalization") == 0;
    json_array_foreach(processors, i, p)
    {
        if (!normalises || i + 1 < n)
            want_step(p, &chain, &left);
    }
    if (strcmp(json_string_value(json_object_get(c, "end")), "greedy") == 0)
        add(&chain, " | ", "temperature", 0);
    text_add(&chain, normalises ? chain.len > 0 ? " | normalise" : "normalise" : "");
    struct stated s = state(json_object_get(c, "file"));
    struct text shown = { 0 };
    doc_canonical(&shown, json_object_get(c, "file"));
    char *want = own_rules("@hf", text_s(&chain));
    check(s.rc == 0 && want && strcmp(text_s(&s.chain), want) == 0, "%s is '%s', want '%s'", text_s(&shown),
          s.rc < 0 ? "refused" : text_s(&s.chain), text_s(&chain));
    bool lists = left.len == 0 || (s.left.len >= left.len && strcmp(s.left.s + s.left.len - left.len, left.s) == 0);
    check(lists, "%s leaves out '%s', want '%s'", text_s(&shown), text_s(&s.left), text_s(&left));
    free(want);
    forget(&s);
    text_free(&shown);
    text_free(&chain);
    text_free(&left);
}

static void reference(void)
{
    json_t *cases = doc_read_file(FIXTURES "generation/cases.json", 1u << 20), *c;
    size_t i;
    check(json_array_size(cases) >= 60, "cases.json: %s", err_text());
    json_array_foreach(cases, i, c) as_transformers(c);
    json_decref(cases);
}

/* Files, the preset or the message, and what is left out. */
static void members(void)
{
    static const struct {
        const char *file, *chain, *left;
    } cases[] = {
        { "{}", "temperature=0", "" },
        { "{\"do_sample\":true}", "top_k=50", "" },
        { "{\"do_sample\":true,\"top_k\":0}", "", "" },
        { "{\"do_sample\":true,\"top_k\":0,\"temperature\":null,\"num_beams\":1,\"max_length\":20}", "", "" },
        { "{\"do_sample\":false,\"temperature\":0.3,\"top_p\":0.9}", "temperature=0", "" },
        { "{\"num_beams\":4,\"early_stopping\":true,\"length_penalty\":0.8}", "temperature=0",
          "num_beams=4, early_stopping=true, length_penalty=0.8" },
        { "{\"bad_words_ids\":[[1]],\"suppress_tokens\":[],\"watermarking_config\":{\"bias\":2},\"stop_strings\":"
          "\"x\"}",
          "temperature=0", "bad_words_ids=[...], watermarking_config={...}, stop_strings=\"x\"" },
        { "{\"chat_format\":\"chatml\",\"forced_eos_token_id\":2}", "temperature=0",
          "chat_format=\"chatml\", forced_eos_token_id=2" },
        { "{\"use_cache\":true,\"num_assistant_tokens\":5,\"pad_token_id\":[1],\"eos_token_id\":7}", "temperature=0",
          "" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct stated s = state_text(cases[i].file);
        char *want = own_rules("@hf", cases[i].chain);
        check(s.rc == 0 && strcmp(text_s(&s.chain), want) == 0, "%s is '%s', want '%s'", cases[i].file,
              s.rc < 0 ? "refused" : text_s(&s.chain), want);
        free(want);
        check(strcmp(text_s(&s.left), cases[i].left) == 0, "%s leaves out '%s', want '%s'", cases[i].file,
              text_s(&s.left), cases[i].left);
        forget(&s);
    }
}

static void hostile(void)
{
    static const struct {
        const char *file, *message;
    } cases[] = {
        { "[]", "it: not an object" },
        { "{\"do_sample\":1}", "'do_sample' is an integer, want true or false" },
        { "{\"temperature\":\"hot\"}", "'temperature' is a string, want a number" },
        { "{\"typical_p\":[0.9]}", "'typical_p' is an array, want a number" },
        { "{\"no_repeat_ngram_size\":2.5}", "'no_repeat_ngram_size' is a number, want an integer" },
        { "{\"do_sample\":true,\"temperature\":-1}", "the decode defaults of it: " },
        { "{\"do_sample\":true,\"temperature\":-1}", "is -1, want" },
        { "{\"do_sample\":true,\"top_k\":-5}", "top_k: k is -5, want" },
        { "{\"do_sample\":true,\"top_k\":4294967296}", "top_k: k is 4294967296, want" },
        { "{\"do_sample\":true,\"top_p\":-0.5}", "top_p: p is -0.5, want" },
        { "{\"repetition_penalty\":0}", "repetition_penalty: penalty is 0, want" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct stated s = state_text(cases[i].file);
        check(s.rc == ERR_DATA && strstr(err_text(), cases[i].message), "%s: '%s', want '%s'", cases[i].file,
              s.rc < 0 ? err_text() : text_s(&s.chain), cases[i].message);
        forget(&s);
    }
    struct text many = { 0 };
    text_add(&many, "{\"\\u6708");
    for (size_t i = 0; i < 100; i++)
        text_add(&many, "\\u6708");
    text_add(&many, "\":\"");
    for (size_t i = 0; i < 100; i++)
        text_add(&many, "0123456789");
    text_add(&many, "\"");
    for (size_t i = 0; i < 1000; i++)
        text_addf(&many, ",\"k%zu\":%zu", i, i + 1);
    text_add(&many, "}");
    struct stated s = state_text(text_s(&many));
    check(s.rc == 0 && s.left.len < 600 && strstr(text_s(&s.left), ", k14=15, ..."),
          "much else: %zu bytes are named: %s", s.left.len, text_s(&s.left));
    for (size_t i = 0; i < s.left.len; i += (size_t)text_utf8(s.left.s + i, s.left.len - i, NULL))
        if (text_utf8(s.left.s + i, s.left.len - i, NULL) <= 0) {
            check(false, "what is named is cut between characters: %s", s.left.s);
            break;
        }
    forget(&s);
    text_free(&many);
}

/* A GGUF file of a few random weights with keys of llama.cpp's. */
struct key {
    const char *name;
    char type; /* 'f', 'i' (i32), 'u', 's' */
    double value;
    const char *text;
};

static void add_key(struct gguf_keys *k, const struct key *key)
{
    struct text name = { 0 };
    text_addf(&name, "general.sampling.%s", key->name);
    int32_t narrow = (int32_t)(int64_t)key->value;
    if (key->type == 'f')
        gguf_write_real(k, text_s(&name), (float)key->value);
    else if (key->type == 'u')
        gguf_write_u32(k, text_s(&name), (uint32_t)key->value);
    else if (key->type == 's')
        gguf_write_text(k, text_s(&name), key->text, strlen(key->text));
    else
        gguf_write_value(k, text_s(&name),
                         &(struct gguf_value){ .type = GGUF_I32, .n = 1, .data = (const uint8_t *)&narrow });
    text_free(&name);
}

/* The fixture's keys, without its tensors, and these. */
static struct checkpoint *with_keys(const struct temp_folder *f, const struct key keys[], size_t n)
{
    struct gguf_keys k = { 0 };
    struct map_file m;
    check(map_file_open(&m, FIXTURES "checkpoint/llama.gguf") == 0, "%s", err_text());
    struct gguf *g = gguf_read("fixture", m.bytes, m.size);
    for (size_t i = 0; i < g->n_pairs; i++)
        gguf_write_value(&k, g->pairs[i].key, &g->pairs[i].value);
    for (size_t i = 0; i < n; i++)
        add_key(&k, &keys[i]);
    check(gguf_write_file(temp_folder_path(f, "keys.gguf"), &k, &(struct recast_list){ 0 }, NULL) == 0, "%s",
          err_text());
    text_free(&k.bytes);
    gguf_free(g);
    map_file_close(&m);
    return checkpoint_open_vocab(temp_folder_path(f, "keys.gguf"));
}

static void gguf_says(const struct key keys[], size_t n, const char *chain, const char *left)
{
    struct temp_folder f = temp_folder_make();
    struct checkpoint *c = with_keys(&f, keys, n);
    struct text got = { 0 }, out = { 0 };
    int rc = c ? checkpoint_preset(c, &got, &out) : err_code();
    struct text why = { 0 };
    text_add(&why, err_text());
    char *want = own_rules("@llamacpp", chain);
    check(rc == 0 ? want && strcmp(text_s(&got), want) == 0 : strstr(text_s(&why), chain) != NULL, "'%s', want '%s'",
          rc == 0 ? text_s(&got) : text_s(&why), chain);
    free(want);
    text_free(&why);
    check(rc < 0 || strcmp(text_s(&out), left) == 0, "left out: '%s', want '%s'", text_s(&out), left);
    text_free(&got);
    text_free(&out);
    checkpoint_close(c);
    temp_folder_take(&f, "keys.gguf");
    temp_folder_remove(&f);
}

#define SAYS(chain, left, ...)                                                                                         \
    gguf_says((const struct key[]){ __VA_ARGS__ }, sizeof((const struct key[]){ __VA_ARGS__ }) / sizeof(struct key),   \
              chain, left)

static void gguf(void)
{
    SAYS("top_k=20 | top_p=0.95 | min_p=0.05 | temperature=0.6", "", { "temp", 'f', 0.6, 0 }, { "top_p", 'f', 0.95, 0 },
         { "min_p", 'f', 0.05, 0 }, { "top_k", 'i', 20, 0 });
    SAYS("repetition_penalty(1.1, last_n=64)", "", { "penalty_repeat", 'f', 1.1, 0 });
    SAYS("repetition_penalty(1.1, last_n=-1)", "", { "penalty_repeat", 'f', 1.1, 0 }, { "penalty_last_n", 'i', -1, 0 });
    SAYS("temperature=0", "", { "temp", 'f', -1, 0 }, { "top_k", 'i', -1, 0 }, { "top_p", 'f', 1, 0 });
    SAYS("temperature=0.7", "mirostat=2, mirostat_tau=5, sequence=penalties;top_k, xtc_threshold=0.1",
         { "temp", 'f', 0.7, 0 }, { "mirostat", 'i', 2, 0 }, { "mirostat_tau", 'f', 5, 0 },
         { "sequence", 's', 0, "penalties;top_k" }, { "xtc_probability", 'f', 0, 0 }, { "xtc_threshold", 'f', 0.1, 0 });
    SAYS("states no decode defaults (no keys general.sampling.*)", "", { "mirostat", 'i', 0, 0 });
    SAYS("top_p: p is -0.5, want", "", { "top_p", 'f', -0.5, 0 });
    SAYS("'general.sampling.top_k' is of type f32, want a whole number", "", { "top_k", 'f', 3, 0 });
    SAYS("top_k=3000000000", "", { "top_k", 'u', 3e9, 0 });
    SAYS("'general.sampling.temp' is of type string, want a real number", "", { "temp", 's', 0, "hot" });
}

/* The preset is written out where it stands, and nothing else changes. */
static void expands(void)
{
    static const struct {
        const char *chain, *preset, *want;
    } cases[] = {
        { "@checkpoint", "a=1 | b", "a=1 | b" },
        { " @checkpoint ", "a=1", "a=1" },
        { "@checkpoint", "", "" },
        { "top_k=3|@checkpoint|min_p = 0.1", "a=1", "top_k=3 | a=1 | min_p = 0.1" },
        { "top_k=3 | @checkpoint", "", "top_k=3" },
        { "@checkpoint | @checkpoint", "a", "a | a" },
        { "@hf | @checkpoint", "a", "@hf | a" },
        { "x('@checkpoint | y', 2)  |  @checkpoint", "a", "x('@checkpoint | y', 2) | a" },
        { "top_k=3", "a", "top_k=3" },
        { "", "a", "" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct text out = { 0 };
        int rc = checkpoint_preset_expand(cases[i].chain, cases[i].preset, &out);
        check(rc == 0 && strcmp(text_s(&out), cases[i].want) == 0, "'%s' is '%s', want '%s'", cases[i].chain,
              rc < 0 ? err_text() : text_s(&out), cases[i].want);
        text_free(&out);
    }
    struct text out = { 0 };
    check(checkpoint_preset_expand("@checkpoint(1)", "a", &out) == ERR_USAGE && strstr(err_text(), "no parameters"),
          "%s", err_text());
    check(checkpoint_preset_expand("@checkpoint |", "a", &out) == ERR_USAGE && out.len == 0, "%s", err_text());
    check(checkpoint_preset_used("a | @checkpoint") && !checkpoint_preset_used("a('@checkpoint')") &&
              !checkpoint_preset_used("@checkpoint ||"),
          "what uses it");
    text_free(&out);
}

int main(void)
{
    reference();
    members();
    hostile();
    gguf();
    expands();
    return check_done("generation_config");
}
