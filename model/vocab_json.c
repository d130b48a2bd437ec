/* tokenizer.json of Hugging Face tokenizers -> a vocabulary.  What would make ids differ and is not done here is
 * refused. */
#include "base/err.h"
#include "model/json_members.h"
#include "model/map_file.h"
#include "model/vocab_json_steps.h"
#include <math.h>
#include <string.h>

#define FILE_MAX (1u << 27) /* bytes of a tokenizer.json; the largest known have 35 MB */
#define HOLES    1024u      /* ids that a file may leave out, beyond as many as it has tokens */

static int read_bpe_tokens(struct vocab *v, const json_t *model, size_t n_added)
{
    json_t *all, *id;
    const char *piece;
    TRY(doc_object(model, v->where, "vocab", &all));
    uint64_t limit = 2 * (json_object_size(all) + n_added) + HOLES;
    json_object_foreach(all, piece, id)
    {
        if (!json_is_integer(id) || json_integer_value(id) < 0 || (uint64_t)json_integer_value(id) >= limit)
            return err_set(ERR_DATA, "%s: the id of token '%s' is no whole number below %llu (twice the tokens + %u)",
                           v->where, piece, (unsigned long long)limit, HOLES);
        TRY(vocab_put(v, (uint64_t)json_integer_value(id), piece, strlen(piece), TOKEN_NORMAL));
    }
    return 0;
}

static int read_added_token(struct vocab *v, const json_t *o, uint64_t limit)
{
    int64_t id;
    const char *piece;
    bool special = false;
    struct token flags = { 0 };
    TRY(doc_int(o, v->where, "id", &id));
    TRY(doc_string(o, v->where, "content", &piece));
    TRY(doc_maybe_bool(o, v->where, "special", &special));
    TRY(doc_maybe_bool(o, v->where, "normalized", &flags.is_late));
    TRY(doc_maybe_bool(o, v->where, "single_word", &flags.is_word));
    TRY(doc_maybe_bool(o, v->where, "lstrip", &flags.strips_left));
    TRY(doc_maybe_bool(o, v->where, "rstrip", &flags.strips_right));
    if (id < 0 || (uint64_t)id >= limit)
        return err_set(ERR_DATA, "%s: the id of token '%s' is %lld, want 0 .. %llu", v->where, piece, (long long)id,
                       (unsigned long long)limit - 1);
    TRY(vocab_put(v, (uint64_t)id, piece, strlen(piece), special ? TOKEN_SPECIAL : TOKEN_ADDED));
    flags.piece = v->token[id].piece;
    flags.kind = v->token[id].kind;
    v->token[id] = flags;
    return 0;
}

static int read_added(struct vocab *v, const json_t *added)
{
    size_t i;
    json_t *o;
    uint64_t limit = 2 * ((uint64_t)v->n + json_array_size(added)) + HOLES;
    json_array_foreach(added, i, o) TRY(read_added_token(v, o, limit));
    return 0;
}

/* A merge is "left right" or ["left", "right"]. */
static int read_merge(struct vocab *v, const json_t *o, size_t i)
{
    const char *left = NULL, *right = NULL;
    size_t n_left = 0;
    if (json_is_string(o)) {
        left = json_string_value(o);
        right = strchr(left, ' ');
        n_left = right ? (size_t)(right - left) : 0;
        right = right ? right + 1 : NULL;
    } else if (json_is_array(o) && json_array_size(o) == 2) {
        left = json_string_value(json_array_get(o, 0));
        right = json_string_value(json_array_get(o, 1));
        n_left = left ? strlen(left) : 0;
    }
    if (!left || !right || n_left == 0 || !*right)
        return err_set(ERR_DATA, "%s: merge %zu is no pair of tokens", v->where, i);
    return vocab_put_merge(v, left, n_left, right, strlen(right));
}

static int read_merges(struct vocab *v, const json_t *model)
{
    json_t *merges, *o;
    size_t i;
    TRY(doc_array(model, v->where, "merges", &merges));
    json_array_foreach(merges, i, o) TRY(read_merge(v, o, i));
    return 0;
}

static int read_unknown(struct vocab *v, const json_t *model)
{
    const char *piece = NULL;
    TRY(doc_maybe_string(model, v->where, "unk_token", &piece));
    if (!piece)
        return 0;
    v->unknown = vocab_find(v, piece);
    return v->unknown >= 0
               ? 0
               : err_set(ERR_DATA, "%s: the model's 'unk_token' is '%s', which is no token", v->where, piece);
}

/* Members of a BPE model that change ids: absent, null, false, 0 or "". */
static int check_bpe(const struct vocab *v, const json_t *model)
{
    static const char *const unknown[] = { "dropout", "continuing_subword_prefix", "end_of_word_suffix" };
    for (size_t i = 0; i < sizeof unknown / sizeof *unknown; i++) {
        const json_t *o = json_object_get(model, unknown[i]);
        if (o && !json_is_null(o) && !json_is_false(o) && !(json_is_string(o) && !*json_string_value(o)) &&
            !(json_is_number(o) && !(json_number_value(o) > 0)))
            return err_set(ERR_DATA, "%s: the BPE model has '%s', which is not supported", v->where, unknown[i]);
    }
    return 0;
}

static int read_bpe(struct vocab *v, const json_t *model, const json_t *added)
{
    TRY(check_bpe(v, model));
    TRY(doc_maybe_bool(model, v->where, "ignore_merges", &v->ignores_merges));
    TRY(doc_maybe_bool(model, v->where, "byte_fallback", &v->falls_back));
    TRY(doc_maybe_bool(model, v->where, "fuse_unk", &v->fuses_unknown));
    v->model = pretoken_has_bytes(v->pretoken) && !v->falls_back ? &vocab_model_bytes : &vocab_model_chars;
    if (v->falls_back && pretoken_has_bytes(v->pretoken))
        return err_set(ERR_DATA, "%s: 'byte_fallback' behind ByteLevel, which is not supported", v->where);
    TRY(read_bpe_tokens(v, model, json_array_size(added)));
    TRY(read_added(v, added));
    TRY(read_merges(v, model));
    return read_unknown(v, model);
}

static int read_piece(struct vocab *v, const json_t *o, size_t id)
{
    const char *piece = json_string_value(json_array_get(o, 0));
    const json_t *score = json_array_get(o, 1);
    if (!piece || json_array_size(o) != 2 || !json_is_number(score) || !isfinite(json_number_value(score)))
        return err_set(ERR_DATA, "%s: token %zu is no pair of a text and a score", v->where, id);
    return vocab_put(v, id, piece, strlen(piece), TOKEN_NORMAL);
}

/* Text is cut into the pieces that are not special; all scores count for the least. */
static int put_pieces(struct vocab *v, const json_t *all)
{
    size_t id;
    json_t *o;
    json_array_foreach(all, id, o)
    {
        double score = json_number_value(json_array_get(o, 1));
        const char *piece = v->token[id].piece;
        unigram_count(v->unigram, score);
        if (v->token[id].kind != TOKEN_SPECIAL && !unigram_put(v->unigram, piece, strlen(piece), (sym_t)id, score))
            return err_set(ERR_DATA, "%s: token %zu has %zu bytes, want at most %u (and %u of all)", v->where, id,
                           strlen(piece), UNIGRAM_PIECE_MAX, TRIE_NODES_MAX);
    }
    return 0;
}

static int read_unigram(struct vocab *v, const json_t *model, const json_t *added)
{
    json_t *all, *o;
    size_t id;
    int64_t unknown = -1;
    if (pretoken_has_bytes(v->pretoken))
        return err_set(ERR_DATA, "%s: Unigram behind ByteLevel, which is not supported", v->where);
    TRY(doc_array(model, v->where, "vocab", &all));
    TRY(doc_maybe_int(model, v->where, "unk_id", &unknown));
    TRY(doc_maybe_bool(model, v->where, "byte_fallback", &v->falls_back));
    if (unknown < -1 || unknown >= (int64_t)json_array_size(all))
        return err_set(ERR_DATA, "%s: the model's 'unk_id' is %lld, want less than %zu", v->where, (long long)unknown,
                       json_array_size(all));
    v->model = &vocab_model_unigram;
    v->unigram = unigram_alloc(UNIGRAM_DOUBLES);
    v->unknown = unknown;
    v->fuses_unknown = true;
    json_array_foreach(all, id, o) TRY(read_piece(v, o, id));
    TRY(read_added(v, added));
    return put_pieces(v, all);
}

static int read_model(struct vocab *v, const json_t *model, const json_t *added)
{
    const char *type;
    TRY(vocab_json_type(v, model, &type));
    if (type && strcmp(type, "BPE") == 0)
        return read_bpe(v, model, added);
    if (type && strcmp(type, "Unigram") == 0)
        return read_unigram(v, model, added);
    return vocab_json_unsupported(v, "the model", type ? type : "null", "BPE or Unigram");
}

static int read_all(struct vocab *v, const json_t *o)
{
    json_t *model, *added = json_object_get(o, "added_tokens");
    if (added && !json_is_array(added))
        return err_set(ERR_DATA, "%s: 'added_tokens' is no array", v->where);
    TRY(doc_object(o, v->where, "model", &model));
    TRY(vocab_json_normalizer(v, json_object_get(o, "normalizer")));
    TRY(vocab_json_pre_tokenizer(v, json_object_get(o, "pre_tokenizer")));
    TRY(vocab_json_decoder(v, json_object_get(o, "decoder")));
    TRY(read_model(v, model, added));
    return vocab_json_post_processor(v, json_object_get(o, "post_processor"));
}

struct vocab *vocab_read_json(const char *where, const char *text, size_t n, const sym_t ends[], size_t n_ends)
{
    json_t *o = json_members_read(where, text, n, FILE_MAX);
    if (!o)
        return NULL;
    struct vocab *v = vocab_alloc(where);
    int rc = read_all(v, o);
    if (rc == 0)
        rc = vocab_finish(v, ends, n_ends);
    json_decref(o);
    if (rc == 0)
        return v;
    vocab_free(v);
    return NULL;
}

struct vocab *vocab_open_json(const char *path, const sym_t ends[], size_t n_ends)
{
    struct map_file m;
    if (map_file_open(&m, path) < 0)
        return NULL;
    struct vocab *v = vocab_read_json(path, (const char *)m.bytes, (size_t)m.size, ends, n_ends);
    map_file_close(&m);
    return v;
}
