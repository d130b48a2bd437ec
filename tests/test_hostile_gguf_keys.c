/* GGUF files of llama.cpp's architectures with a key that is out of range, of another type or alone: refused by name. */
#include "base/err.h"
#include "model/checkpoint.h"
#include "model/gguf_write.h"
#include "model/map_file.h"
#include "tests/lib/check.h"
#include "tests/lib/temp_folder.h"
#include <stdio.h>
#include <string.h>

enum kind { KEY_NONE, KEY_U32, KEY_REAL, KEY_TEXT, KEY_BOOL };

/* A key that is there, or has another value, and a second one. */
static const struct hostile {
    const char *fixture;
    struct key {
        enum kind kind;
        const char *name;
        double number;
        const char *text;
    } key[3];
    const char *message; /* NULL: fine */
} cases[] = {
    { "qwen2_full", { { KEY_REAL, "qwen2.rope.scaling.dynamic.factor", 4, NULL } }, NULL },
    { "qwen2_full",
      { { KEY_REAL, "qwen2.rope.scaling.dynamic.factor", -1, NULL } },
      "'qwen2.rope.scaling.dynamic.factor' is -1, want more than 0" },
    { "qwen2_full",
      { { KEY_REAL, "qwen2.rope.scaling.dynamic.factor", 0.5, NULL } },
      "'factor' of the rope scaling is 0.5, want 1 .. 1000000" },
    { "qwen2_full",
      { { KEY_REAL, "qwen2.rope.scaling.dynamic.factor", 1e30, NULL } },
      "'factor' of the rope scaling is 1e+30, want 1 .. 1000000" },
    { "qwen2_full",
      { { KEY_TEXT, "qwen2.rope.scaling.dynamic.factor", 0, "4" } },
      "'qwen2.rope.scaling.dynamic.factor' is of type string, want a real number" },
    { "qwen2_full",
      { { KEY_REAL, "qwen2.rope.scaling.llama3.factor", 8, NULL } },
      "'qwen2.rope.scaling.llama3.low_freq_factor' is 0, want more than 0 and less than 'high_freq_factor', 0" },
    { "qwen2_full",
      { { KEY_REAL, "qwen2.rope.scaling.llama3.factor", 8, NULL },
        { KEY_REAL, "qwen2.rope.scaling.llama3.low_freq_factor", 4, NULL },
        { KEY_REAL, "qwen2.rope.scaling.llama3.high_freq_factor", 1, NULL } },
      "is 4, want more than 0 and less than 'high_freq_factor', 1" },
    { "qwen2_full",
      { { KEY_REAL, "qwen2.rope.scaling.llama3.factor", 8, NULL },
        { KEY_U32, "qwen2.rope.scaling.llama3.original_context_length", 0, NULL } },
      "'qwen2.rope.scaling.llama3.original_context_length' is 0, want 1" },
    { "rope_llama3",
      { { KEY_REAL, "llama.rope.scaling.dynamic.factor", 4, NULL } },
      "tensor 'rope_freqs.weight' beside another scaling is not supported" },
    { "mixtral_old",
      { { KEY_U32, "llama.expert_count", 3, NULL } },
      "tensor 'blk.0.ffn_down.3.weight' has no place in the mixtral architecture" },
    { "mixtral",
      { { KEY_U32, "llama.expert_count", 3, NULL } },
      "tensor 'blk.0.ffn_down_exps.weight' has 3 dimensions, the first 4; want 3, 3" },
    { "mistral",
      { { KEY_TEXT, "llama.attention.sliding_window", 0, "32" } },
      "is of type string, want a whole number" },
    { "mistral",
      { { KEY_U32, "llama.attention.sliding_window", 4294967295.0, NULL } },
      "'llama.attention.sliding_window' is 4294967295, want at most 16777216" },
    { "qwen2_full", { { KEY_TEXT, "tokenizer.ggml.model", 0, "none" } }, NULL },
};

static void put(struct gguf_keys *k, const struct key *key)
{
    switch (key->kind) {
    case KEY_U32: gguf_write_u32(k, key->name, (uint32_t)key->number); break;
    case KEY_REAL: gguf_write_real(k, key->name, (float)key->number); break;
    case KEY_BOOL: gguf_write_bool(k, key->name, key->number > 0); break;
    case KEY_TEXT: gguf_write_text(k, key->name, key->text, strlen(key->text)); break;
    default: break;
    }
}

static bool is_replaced(const struct hostile *h, const char *name)
{
    for (size_t i = 0; i < 3; i++)
        if (h->key[i].name && strcmp(h->key[i].name, name) == 0)
            return true;
    return false;
}

static int write_case(const struct hostile *h, const char *to)
{
    char path[512];
    struct map_file m;
    struct gguf_keys keys = { 0 };
    struct recast_list l = { 0 };
    snprintf(path, sizeof path, "%s/tests/fixtures/transformer/%s.gguf", CHORALE_HOME, h->fixture);
    TRY(map_file_open(&m, path));
    struct gguf *g = gguf_read(path, m.bytes, m.size);
    int rc = g ? 0 : ERR_DATA;
    for (size_t i = 0; g && i < g->n_pairs; i++)
        if (!is_replaced(h, g->pairs[i].key))
            gguf_write_value(&keys, g->pairs[i].key, &g->pairs[i].value);
    for (size_t i = 0; i < 3; i++)
        put(&keys, &h->key[i]);
    for (size_t i = 0; g && rc == 0 && i < g->tensors.n; i++)
        rc = recast_add(&l, to, &(struct recast){ .to = g->tensors.t[i], .from = &g->tensors.t[i] });
    if (rc == 0)
        rc = gguf_write_file(to, &keys, &l, NULL);
    text_free(&keys.bytes);
    recast_list_free(&l);
    gguf_free(g);
    map_file_close(&m);
    return rc;
}

int main(void)
{
    struct temp_folder work = temp_folder_make();
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const struct hostile *h = &cases[i];
        char path[128];
        snprintf(path, sizeof path, "%s", temp_folder_path(&work, "hostile.gguf"));
        check(write_case(h, path) == 0, "%s", err_text());
        struct checkpoint *c = checkpoint_open_weights(path);
        check(h->message ? !c && err_code() == ERR_DATA && strstr(err_text(), h->message) != NULL : c != NULL,
              "%s with %s says '%s', want '%s'", h->fixture, h->key[0].name, c ? "fine" : err_text(),
              h->message ? h->message : "fine");
        checkpoint_close(c);
        temp_folder_take(&work, "hostile.gguf");
    }
    temp_folder_remove(&work);
    return check_done("hostile_gguf_keys");
}
