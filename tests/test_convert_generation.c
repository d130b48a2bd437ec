/* Decode defaults through convert_checkpoint(): a generation_config.json comes back byte for byte through GGUF, where the preset
 * is the same and llama.cpp's keys say what they can; of llama.cpp's keys alone one is made; what is lost is named. */
#include "base/doc.h"
#include "base/err.h"
#include "base/folder.h"
#include "experiments/checkpoint_preset.h"
#include "model/checkpoint_files.h"
#include "model/convert.h"
#include "model/gguf_write.h"
#include "tests/lib/check.h"
#include "tests/lib/temp_folder.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define FIXTURES CHORALE_HOME "/tests/fixtures/checkpoint/"

static struct temp_folder work;

static const char *path_of(const char *name, char path[512])
{
    snprintf(path, 512, "%s/%s", work.path, name);
    return path;
}

static int convert(const char *from, const char *to, struct text *remarks)
{
    struct convert_options o = { .seed = 1 };
    text_clear(remarks);
    return convert_checkpoint(from, to, &o, remarks);
}

static void copy(const char *name, const char *folder)
{
    struct text bytes = { 0 }, path = { 0 };
    text_addf(&path, FIXTURES "single/%s", name);
    check(text_read_file(&bytes, text_s(&path), 1 << 24) == 0, "%s", err_text());
    text_clear(&path);
    text_addf(&path, "%s/%s", folder, name);
    check(text_write_file(text_s(&path), text_s(&bytes), bytes.len) == 0, "%s", err_text());
    text_free(&bytes);
    text_free(&path);
}

/* The fixture with another generation_config.json. */
static void make_folder(const char *folder, const char *generation)
{
    static const char *const names[] = { "config.json", "model.safetensors", "tokenizer.json",
                                         "tokenizer_config.json" };
    char path[600];
    check(mkdir(folder, 0777) == 0, "%s", folder);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        copy(names[i], folder);
    snprintf(path, sizeof path, "%s/generation_config.json", folder);
    check(text_write_file(path, generation, strlen(generation)) == 0, "%s", err_text());
}

/* The preset and what is left out of it, "none" where none is stated. */
static void add_preset(const char *path, struct text *out)
{
    struct checkpoint *c = checkpoint_open(path);
    struct text left = { 0 };
    check(c != NULL, "%s", err_text());
    if (!c || c->generation.from == GENERATION_NONE)
        text_add(out, "none");
    else if (checkpoint_preset(c, out, &left) < 0)
        text_add(out, err_text());
    text_addf(out, " left out: %s", text_s(&left));
    text_free(&left);
    checkpoint_close(c);
}

/* "temp=0.7 top_k=20": keys general.sampling.* as they lie in the file, sorted. */
static void add_keys(const char *path, struct text *out)
{
    struct checkpoint *c = checkpoint_open_vocab(path);
    const struct gguf *g = c ? c->files->gguf : NULL;
    size_t prefix = strlen(CHECKPOINT_SAMPLING);
    for (size_t i = 0; g && i < g->n_pairs; i++) {
        const struct gguf_pair *p = &g->pairs[i];
        if (strncmp(p->key, CHECKPOINT_SAMPLING, prefix) != 0)
            continue;
        float real;
        int32_t whole;
        memcpy(&real, p->value.data, sizeof real);
        memcpy(&whole, p->value.data, sizeof whole);
        text_addf(out, "%s%s=", out->len > 0 ? " " : "", p->key + prefix);
        if (p->value.type == GGUF_F32)
            text_addf(out, "%g", (double)real);
        else
            text_addf(out, "%d", (int)whole);
    }
    checkpoint_close(c);
}

static const struct {
    const char *file, *keys, *remark; /* remark NULL: nothing is said */
} files[] = {
    { "{\"eos_token_id\":[5,1],\"do_sample\":true,\"temperature\":0.7,\"top_k\":20}", "temp=0.7 top_k=20", NULL },
    { "{\"do_sample\":true,\"top_p\":0.9,\"min_p\":0.05,\"repetition_penalty\":1.1}",
      "min_p=0.05 penalty_last_n=-1 penalty_repeat=1.1 top_k=50 top_p=0.9", NULL },
    { "{\"do_sample\":true,\"top_k\":0}", "top_k=0", NULL },
    { "{\"do_sample\":true,\"typical_p\":0.9,\"eta_cutoff\":0.0003,\"no_repeat_ngram_size\":4,\"num_beams\":2}",
      "top_k=50",
      "do not see of its decode defaults: typical_p=0.9, eta_cutoff=0.0003, no_repeat_ngram_size=4, num_beams=2" },
    { "{\"temperature\":0.6,\"top_k\":7}", "", NULL },
    { "{\"repetition_penalty\":1.06, \"epsilon_cutoff\": 0.0}\n", "", "decode defaults: repetition_penalty=1.06\n" },
    { "{}", "", NULL },
};

static void whole(size_t i)
{
    char from[512], to[512], back[512], path[600];
    struct text remarks = { 0 }, want = { 0 }, gguf = { 0 }, folder = { 0 }, keys = { 0 }, bytes = { 0 };
    make_folder(path_of("from", from), files[i].file);
    bool done = convert(from, path_of("it.gguf", to), &remarks) == 0;
    check(done && (files[i].remark ? strstr(text_s(&remarks), files[i].remark) != NULL : remarks.len == 0),
          "%s: says '%s', want '%s'", files[i].file, done ? text_s(&remarks) : err_text(),
          files[i].remark ? files[i].remark : "");
    check(convert(to, path_of("back", back), &remarks) == 0, "%s", err_text());
    add_preset(from, &want);
    add_preset(to, &gguf);
    add_preset(back, &folder);
    check(strcmp(text_s(&want), text_s(&gguf)) == 0 && strcmp(text_s(&want), text_s(&folder)) == 0,
          "%s: '%s', in GGUF '%s', back '%s'", files[i].file, text_s(&want), text_s(&gguf), text_s(&folder));
    add_keys(to, &keys);
    check(strcmp(text_s(&keys), files[i].keys) == 0, "%s: keys '%s', want '%s'", files[i].file, text_s(&keys),
          files[i].keys);
    snprintf(path, sizeof path, "%s/generation_config.json", back);
    check(text_read_file(&bytes, path, 1 << 20) == 0 && strcmp(text_s(&bytes), files[i].file) == 0,
          "'%s' comes back as '%s'", files[i].file, text_s(&bytes));
    remove(to);
    folder_remove(from, 0);
    folder_remove(back, 0);
    struct text *const all[] = { &remarks, &want, &gguf, &folder, &keys, &bytes };
    for (size_t k = 0; k < sizeof all / sizeof *all; k++)
        text_free(all[k]);
}

/* llama.cpp's keys alone */

struct key {
    const char *name;
    char type; /* 'f', 'i', 0 */
    double value;
};

static void write_with(const char *to, const struct key keys[4], const char *generation)
{
    struct checkpoint *c = checkpoint_open(FIXTURES "llama.gguf");
    struct gguf_keys k = { 0 };
    struct recast_list l = { 0 };
    const struct gguf *g = c->files->gguf;
    char name[64];
    for (size_t i = 0; i < g->n_pairs; i++)
        gguf_write_value(&k, g->pairs[i].key, &g->pairs[i].value);
    for (size_t i = 0; keys && i < 4 && keys[i].name; i++) {
        snprintf(name, sizeof name, CHECKPOINT_SAMPLING "%s", keys[i].name);
        if (keys[i].type == 'f')
            gguf_write_real(&k, name, (float)keys[i].value);
        else
            gguf_write_i32(&k, name, (int32_t)keys[i].value);
    }
    if (generation)
        gguf_write_text(&k, CHECKPOINT_GENERATION, generation, strlen(generation));
    for (size_t i = 0; i < g->tensors.n; i++)
        check(recast_add(&l, to, &(struct recast){ .to = g->tensors.t[i], .from = &g->tensors.t[i] }) == 0, "%s",
              err_text());
    check(gguf_write_file(to, &k, &l, NULL) == 0, "%s", err_text());
    text_free(&k.bytes);
    recast_list_free(&l);
    checkpoint_close(c);
}

static const struct {
    struct key keys[4];
    const char *members, *remark;
} stated[] = {
    { { { "temp", 'f', 0.7 }, { "top_k", 'i', 40 } }, "{\"do_sample\":true,\"temperature\":0.7,\"top_k\":40}", NULL },
    { { { "top_p", 'f', 0.9 }, { "min_p", 'f', 0.05 } },
      "{\"do_sample\":true,\"min_p\":0.05,\"top_k\":0,\"top_p\":0.9}",
      NULL },
    { { { "top_p", 'f', 0.9 }, { "temp", 'f', 1.5 } },
      "{\"do_sample\":true,\"temperature\":1.5,\"top_k\":0,\"top_p\":0.9}",
      "transformers applies the temperature before top_p and min_p, llama.cpp behind them" },
    { { { "temp", 'f', 0 }, { "top_k", 'i', 40 } }, "{\"do_sample\":false}", NULL },
    { { { "penalty_repeat", 'f', 1.1 }, { "penalty_last_n", 'i', -1 } },
      "{\"do_sample\":true,\"repetition_penalty\":1.1,\"top_k\":0}",
      NULL },
    { { { "penalty_repeat", 'f', 1.1 }, { "penalty_last_n", 'i', 32 } },
      "{\"do_sample\":true,\"repetition_penalty\":1.1,\"top_k\":0}",
      "decode defaults: penalty_last_n=32" },
    { { { "penalty_repeat", 'f', 1.1 }, { "penalty_last_n", 'i', 0 } }, "{\"do_sample\":true,\"top_k\":0}", NULL },
    { { { "top_p", 'f', 2 }, { "xtc_probability", 'f', 0.5 } },
      "{\"do_sample\":true,\"top_k\":0}",
      "decode defaults: top_p=2, xtc_probability=0.5" },
};

static void made(size_t i)
{
    char from[512], back[512], path[600];
    struct text remarks = { 0 }, seen = { 0 };
    write_with(path_of("keys.gguf", from), stated[i].keys, NULL);
    bool done = convert(from, path_of("made", back), &remarks) == 0;
    snprintf(path, sizeof path, "%s/generation_config.json", back);
    json_t *o = doc_read_file(path, 1 << 20);
    check(o && json_is_integer(json_object_get(o, "eos_token_id")), "%s: no eos_token_id: %s", path, err_text());
    json_object_del(o, "bos_token_id");
    json_object_del(o, "eos_token_id");
    json_object_del(o, "pad_token_id");
    doc_canonical(&seen, o);
    check(done && strcmp(text_s(&seen), stated[i].members) == 0, "case %zu: made %s, want %s", i,
          done ? text_s(&seen) : err_text(), stated[i].members);
    check(stated[i].remark ? strstr(text_s(&remarks), stated[i].remark) != NULL : remarks.len == 0,
          "case %zu: says '%s', want '%s'", i, text_s(&remarks), stated[i].remark ? stated[i].remark : "");
    json_decref(o);
    text_free(&remarks);
    text_free(&seen);
    remove(from);
    folder_remove(back, 0);
}

/* A whole file in GGUF is as hostile as one beside it. */
static void hostile(void)
{
    static const struct {
        const char *text, *message;
    } cases[] = {
        { "", "'generation_config.huggingface.json'" },
        { "[1]", "'generation_config.huggingface.json': not an object" },
        { "{\"top_k\":\"x\"}", "'top_k' is a string, want an integer" },
        { "{\"a\":1,\"a\":2}", "duplicate" },
    };
    char path[512];
    path_of("hostile.gguf", path);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        write_with(path, NULL, cases[i].text);
        struct checkpoint *c = checkpoint_open(path);
        check(!c && err_code() == ERR_DATA && strstr(err_text(), cases[i].message) &&
                  strstr(err_text(), "hostile.gguf"),
              "'%s': '%s', want '%s'", cases[i].text, c ? "opened" : err_text(), cases[i].message);
        checkpoint_close(c);
        remove(path);
    }
}

int main(void)
{
    work = temp_folder_make();
    for (size_t i = 0; i < sizeof files / sizeof *files; i++)
        whole(i);
    for (size_t i = 0; i < sizeof stated / sizeof *stated; i++)
        made(i);
    hostile();
    temp_folder_remove(&work);
    return check_done("convert_generation");
}
