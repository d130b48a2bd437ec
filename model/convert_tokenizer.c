/* Tokenizers between tokenizer.json, tokenizer.model, llama2.c's and GGUF's keys.
 *
 * A tokenizer.json goes whole into a GGUF file (tokenizer.huggingface.json, the GGUF specification's place for it), where
 * checkpoint_gguf.c reads it; the keys that llama.cpp reads lie beside it where they say the same.  Where they cannot,
 * "tokenizer.ggml.model" is "none", as in a checkpoint without a tokenizer, and a remark says so: other programs see no
 * tokenizer rather than another one. */
#include "base/err.h"
#include "model/convert_bytes.h"
#include "model/convert_inside.h"
#include "model/convert_pieces.h"
#include "model/json_members.h"
#include "model/vocab_inside.h"
#include <stdlib.h>
#include <string.h>

static const char none[] = "none";

static bool is_end(const struct vocab *vocab, int64_t id)
{
    const struct space *s = vocab_space(vocab);
    for (size_t i = 0; i < s->n_ends; i++)
        if ((int64_t)s->ends[i] == id)
            return true;
    return false;
}

/* eos first: it is what GGUF's eos_token_id is, too.  One that ends no text has no key there. */
static void add_ends(const struct conversion *v, struct gguf_keys *k, const struct convert_ids *ids)
{
    static const char *const keys[] = { "tokenizer.ggml.eos_token_id", "tokenizer.ggml.eot_token_id",
                                        "tokenizer.ggml.eom_token_id" };
    size_t n = 0;
    bool ends = ids->eos >= 0 && (!v->c->vocab || is_end(v->c->vocab, ids->eos));
    if (ends)
        gguf_write_u32(k, keys[n++], (uint32_t)ids->eos);
    else if (ids->eos >= 0)
        text_addf(v->remarks, "%s: token %lld, which templates write, ends no text, which GGUF's eos does\n", v->to,
                  (long long)ids->eos);
    for (size_t i = 0; i < ids->ends.n; i++) {
        if (ends && (int64_t)ids->ends.s[i] == ids->eos)
            continue;
        if (n < sizeof keys / sizeof *keys)
            gguf_write_u32(k, keys[n++], ids->ends.s[i]);
        else
            text_addf(v->remarks, "%s: token %u also ends a text, which GGUF has no key for\n", v->to, ids->ends.s[i]);
    }
}

/* unknown: the tokenizer's own id for what is unknown; -1: what a folder says beside it. */
static int add_ids(const struct conversion *v, struct gguf_keys *k, int64_t unknown)
{
    const struct vocab *vocab = v->c->vocab;
    struct convert_ids ids;
    int rc = convert_read_ids(v, &ids);
    if (rc == 0 && ids.bos >= 0)
        gguf_write_u32(k, "tokenizer.ggml.bos_token_id", (uint32_t)ids.bos);
    if (rc == 0)
        add_ends(v, k, &ids);
    if (rc == 0 && ids.pad >= 0)
        gguf_write_u32(k, "tokenizer.ggml.padding_token_id", (uint32_t)ids.pad);
    unknown = unknown < 0 ? ids.unknown : unknown;
    if (rc == 0 && unknown >= 0)
        gguf_write_u32(k, "tokenizer.ggml.unknown_token_id", (uint32_t)unknown);
    gguf_write_bool(k, "tokenizer.ggml.add_bos_token", vocab && vocab_adds_bos(vocab));
    if (vocab && vocab_tail(vocab) >= 0)
        gguf_write_bool(k, "tokenizer.ggml.add_eos_token", true);
    if (v->c->chat_template)
        gguf_write_text(k, "tokenizer.chat_template", v->c->chat_template, strlen(v->c->chat_template));
    free(ids.ends.s);
    return rc;
}

static void remark_none(const struct conversion *v)
{
    text_addf(v->remarks, "%s: GGUF's keys cannot say its tokenizer: other programs that read GGUF see none\n", v->to);
}

/* bos and then the text, where bos is put in front; the same behind. */
static json_t *post_processor(const struct vocab *vocab)
{
    const int64_t ends[] = { vocab_adds_bos(vocab) ? vocab_bos(vocab) : -1, vocab_tail(vocab) };
    json_t *single = json_array(), *pair = json_array(), *specials = json_object();
    for (int i = 0; i < 3; i++) {
        int64_t id = i == 1 ? -1 : ends[i / 2];
        if (i == 1) {
            json_array_append_new(single, json_pack("{s:{s:s,s:i}}", "Sequence", "id", "A", "type_id", 0));
            json_array_append_new(pair, json_pack("{s:{s:s,s:i}}", "Sequence", "id", "A", "type_id", 0));
            json_array_append_new(pair, json_pack("{s:{s:s,s:i}}", "Sequence", "id", "B", "type_id", 1));
        } else if (id >= 0) {
            const char *s = vocab_piece(vocab, (sym_t)id);
            json_t *token = json_pack("{s:{s:s,s:i}}", "SpecialToken", "id", s, "type_id", 0);
            json_array_append(single, token);
            json_array_append_new(pair, token);
            json_object_set_new(specials, s, json_pack("{s:s,s:[i],s:[s]}", "id", s, "ids", (int)id, "tokens", s));
        }
    }
    json_t *o = json_pack("{s:s,s:o,s:o,s:o}", "type", "TemplateProcessing", "single", single, "pair", pair,
                          "special_tokens", specials);
    if (ends[0] >= 0 || ends[1] >= 0)
        return o;
    json_decref(o);
    return json_null();
}

/* The text of a tokenizer.json whose members are made; takes o. */
static char *finish_json(const struct conversion *v, json_t *o)
{
    char *s = NULL;
    if (o && v->c->vocab)
        json_object_set_new(o, "post_processor", post_processor(v->c->vocab));
    if (o)
        s = json_dumps(o, JSON_COMPACT);
    if (!s)
        err_set(ERR_DATA, "%s: its tokenizer has texts that are not UTF-8", v->from);
    json_decref(o);
    return s;
}

/* The keys of pieces that they can say, and what other programs make of them. */
static void add_keys(const struct conversion *v, struct gguf_keys *k, const struct convert_pieces *t)
{
    convert_pieces_add(t, k, v->c->config.n_vocab);
    if (t->prefix_first && t->adds_prefix)
        text_addf(v->remarks, "%s: other programs that read GGUF put a space in front of text behind an added token\n",
                  v->to);
    if (t->unigram && convert_pieces_fall_back(t))
        text_addf(v->remarks, "%s: other programs that read GGUF do not fall back on its tokens of bytes\n", v->to);
}

static int add_json(const struct conversion *v, struct gguf_keys *k, const char *text, size_t n)
{
    json_t *o = json_members_read(v->from, text, n, CONVERT_JSON_MAX);
    if (!o)
        return ERR_DATA;
    struct convert_pieces t = { 0 };
    bool known = convert_bytes_add(v, k, o, v->c->config.n_vocab);
    int pieces = known ? 0 : convert_pieces_of_json(&t, o);
    if (pieces > 0 && convert_pieces_fit_gguf(&t)) {
        add_keys(v, k, &t);
        known = true;
    }
    if (!known && pieces >= 0) {
        gguf_write_text(k, "tokenizer.ggml.model", none, sizeof none - 1);
        remark_none(v);
    }
    gguf_write_text(k, "tokenizer.huggingface.json", text, n);
    int64_t unknown = pieces > 0 ? convert_pieces_unknown(&t) : -1;
    convert_pieces_free(&t);
    json_decref(o);
    return pieces < 0 ? pieces : add_ids(v, k, unknown);
}

/* Pieces that the keys cannot say lie there as the tokenizer.json that they make. */
static int add_pieces(const struct conversion *v, struct gguf_keys *k, const struct convert_pieces *t)
{
    bool more = t->prefix_first || (t->own_late && !t->unigram); /* than the keys say */
    if (convert_pieces_fit_gguf(t) && !more) {
        add_keys(v, k, t);
        return add_ids(v, k, convert_pieces_unknown(t));
    }
    char *s = finish_json(v, convert_pieces_json(t));
    int rc = s ? add_json(v, k, s, strlen(s)) : ERR_DATA;
    free(s);
    return rc;
}

/* The pieces of a tokenizer file that is no tokenizer.json.  1 or ERR_DATA. */
static int read_pieces(const struct conversion *v, const struct map_file *m, struct convert_pieces *t)
{
    return strcmp(v->c->format, "llama2c") == 0 ? convert_pieces_of_llama2c(t, m, v->c->config.n_vocab)
                                                : convert_pieces_of_model(t, m, v->c->vocab);
}

static int add_file(const struct conversion *v, struct gguf_keys *k, const struct map_file *m)
{
    if (strcmp(v->c->format, "safetensors") == 0 && !text_ends_in(m->path, ".model"))
        return add_json(v, k, (const char *)m->bytes, (size_t)m->size);
    struct convert_pieces t = { 0 };
    int rc = read_pieces(v, m, &t);
    if (rc > 0)
        rc = add_pieces(v, k, &t);
    convert_pieces_free(&t);
    return rc;
}

int convert_add_tokenizer(const struct conversion *v, struct gguf_keys *k)
{
    if (!v->has_tokenizer) {
        gguf_write_text(k, "tokenizer.ggml.model", none, sizeof none - 1);
        return add_ids(v, k, -1);
    }
    const struct map_file *m = v->c->files ? convert_find_part(v, "tokenizer") : NULL;
    if (m)
        return add_file(v, k, m);
    char *s = convert_random_tokenizer(v->c->config.n_vocab);
    int rc = add_json(v, k, s, strlen(s));
    free(s);
    return rc;
}

static char *json_of_pieces(const struct conversion *v)
{
    const struct gguf *g = v->c->files->gguf;
    struct convert_pieces t = { 0 };
    int rc = g ? convert_pieces_of_gguf(&t, g) : read_pieces(v, convert_find_part(v, "tokenizer"), &t);
    char *s = rc > 0 ? finish_json(v, convert_pieces_json(&t)) : NULL;
    convert_pieces_free(&t);
    return s;
}

static char *json_of_gguf(const struct conversion *v)
{
    const struct gguf *g = v->c->files->gguf;
    char *s;
    if (gguf_maybe_string(g, "tokenizer.huggingface.json", &s) < 0 || s)
        return s;
    if (gguf_maybe_string(g, "tokenizer.ggml.model", &s) < 0)
        return NULL;
    bool bytes = s && strcmp(s, "gpt2") == 0;
    free(s);
    if (!bytes)
        return json_of_pieces(v);
    json_t *o = convert_bytes_json(g);
    return o ? finish_json(v, o) : NULL;
}

char *convert_tokenizer_json(const struct conversion *v)
{
    if (!v->c->files)
        return convert_random_tokenizer(v->c->config.n_vocab);
    return v->c->files->gguf ? json_of_gguf(v) : json_of_pieces(v);
}
