#include "tests/lib/made_vocab.h"
#include "base/err.h"
#include "tests/lib/check.h"
#include <stdlib.h>
#include <string.h>

static void add_token(struct text *t, const char *piece, size_t n, sym_t *id)
{
    text_add(t, *id > 0 ? "," : "");
    text_add_json(t, piece, n);
    text_addf(t, ":%u", *id);
    ++*id;
}

/* The tokens that merges make, each once: a later merge may make one again. */
static void add_joined(struct text *t, const struct made_vocab *m, sym_t *id)
{
    for (size_t i = 0; i < m->n_merges; i++) {
        struct text joined = { 0 }, key = { 0 };
        for (const char *c = m->merge[i]; *c; c++)
            if (*c != ' ')
                text_addn(&joined, c, 1);
        text_add_json(&key, text_s(&joined), joined.len);
        text_add(&key, ":");
        if (!strstr(text_s(t), text_s(&key)))
            add_token(t, text_s(&joined), joined.len, id);
        text_free(&joined);
        text_free(&key);
    }
}

struct vocab *made_vocab_open(const struct made_vocab *m)
{
    struct text t = { 0 }, end = { 0 };
    sym_t id = 0;
    text_add(&t, "{\"model\":{\"type\":\"BPE\",\"vocab\":{");
    for (size_t i = 0; i < m->n_bytes; i++)
        add_token(&t, m->bytes[i], strlen(m->bytes[i]), &id);
    add_joined(&t, m, &id);
    for (size_t i = 0; i < m->n_extra; i++)
        add_token(&t, m->extra[i], strlen(m->extra[i]), &id);
    text_add(&t, "},\"merges\":[");
    for (size_t i = 0; i < m->n_merges; i++) {
        text_add(&t, i > 0 ? "," : "");
        text_add_json(&t, m->merge[i], strlen(m->merge[i]));
    }
    text_addf(&t, "],\"ignore_merges\":%s}", m->ignore_merges ? "true" : "false");
    text_addf(
        &end,
        ",\"added_tokens\":[{\"id\":%u,\"content\":\"</s>\",\"single_word\":false,\"lstrip\":false,"
        "\"rstrip\":false,\"normalized\":false,\"special\":true}],\"normalizer\":null,\"pre_tokenizer\":%s,"
        "\"decoder\":{\"type\":\"ByteLevel\",\"add_prefix_space\":true,\"trim_offsets\":true,\"use_regex\":true}}",
        id,
        m->pre_tokenizer ? m->pre_tokenizer
                         : "{\"type\":\"ByteLevel\",\"add_prefix_space\":false,\"trim_offsets\":true,"
                           "\"use_regex\":false}");
    text_add(&t, text_s(&end));
    struct vocab *v = vocab_read_json("made", text_s(&t), t.len, &id, 1);
    check(v != NULL, "made vocabulary: %s", err_text());
    if (!v)
        exit(1);
    text_free(&t);
    text_free(&end);
    return v;
}
