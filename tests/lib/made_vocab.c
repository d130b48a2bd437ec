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

static void add_pieces(struct text *t, const struct made_vocab *m, sym_t *id)
{
    text_add(t, "\"vocab\":{");
    for (size_t i = 0; i < m->n_bytes; i++)
        add_token(t, m->bytes[i], strlen(m->bytes[i]), id);
    add_joined(t, m, id);
    for (size_t i = 0; i < m->n_extra; i++)
        add_token(t, m->extra[i], strlen(m->extra[i]), id);
    text_add(t, "},\"merges\":[");
    for (size_t i = 0; i < m->n_merges; i++) {
        text_add(t, i > 0 ? "," : "");
        text_add_json(t, m->merge[i], strlen(m->merge[i]));
    }
    text_addf(t, "],\"ignore_merges\":%s,\"byte_fallback\":%s}", m->ignore_merges ? "true" : "false",
              m->is_chars ? "true" : "false");
}

static void add_scored(struct text *t, const struct made_vocab *m, sym_t *id)
{
    text_add(t, "\"unk_id\":null,\"byte_fallback\":false,\"vocab\":[");
    for (size_t i = 0; i < m->n_bytes + m->n_extra; i++) {
        const char *piece = i < m->n_bytes ? m->bytes[i] : m->extra[i - m->n_bytes];
        text_add(t, i > 0 ? ",[" : "[");
        text_add_json(t, piece, strlen(piece));
        text_addf(t, ",-%u]", ++*id);
    }
    text_add(t, "]}");
}

static const char byte_level[] = "{\"type\":\"ByteLevel\",\"add_prefix_space\":false,\"trim_offsets\":true,"
                                 "\"use_regex\":false}";
static const char fallback[] = "{\"type\":\"Sequence\",\"decoders\":[{\"type\":\"Replace\",\"pattern\":{\"String\":"
                               "\"\u2581\"},\"content\":\" \"},{\"type\":\"ByteFallback\"},{\"type\":\"Fuse\"}]}";

struct vocab *made_vocab_open(const struct made_vocab *m)
{
    struct text t = { 0 };
    sym_t id = 0;
    bool bytes = !m->is_chars && !m->is_unigram;
    text_addf(&t, "{\"model\":{\"type\":\"%s\",", m->is_unigram ? "Unigram" : "BPE");
    (m->is_unigram ? add_scored : add_pieces)(&t, m, &id);
    text_addf(&t,
              ",\"added_tokens\":[{\"id\":%u,\"content\":\"</s>\",\"single_word\":false,\"lstrip\":false,"
              "\"rstrip\":false,\"normalized\":false,\"special\":true}],\"normalizer\":null,\"pre_tokenizer\":%s,"
              "\"decoder\":%s}",
              id,
              m->pre_tokenizer ? m->pre_tokenizer
              : bytes          ? byte_level
                               : "null",
              bytes ? byte_level : fallback);
    struct vocab *v = vocab_read_json("made", text_s(&t), t.len, &id, 1);
    check(v != NULL, "made vocabulary: %s", err_text());
    if (!v)
        exit(1);
    text_free(&t);
    return v;
}
