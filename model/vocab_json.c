/* tokenizer.json of Hugging Face tokenizers -> a vocabulary.  What would make ids differ and is not done here is refused. */
#include "base/doc.h"
#include "base/err.h"
#include "base/mem.h"
#include "model/json_members.h"
#include "model/map_file.h"
#include "model/vocab_inside.h"
#include <string.h>

#define FILE_MAX (1u << 27) /* bytes of a tokenizer.json; the largest known have 35 MB */
#define HOLES    1024u      /* ids that a file may leave out, beyond as many as it has tokens */

static int unsupported(const struct vocab *v, const char *what, const char *seen, const char *want)
{
    return err_set(ERR_DATA, "%s: %s is '%s', which is not supported; want %s", v->where, what, seen, want);
}

/* The "type" of a component; NULL for a component that is null or absent.  ERR_DATA: an object without a type. */
static int type_of(const struct vocab *v, const json_t *o, const char **type)
{
    *type = NULL;
    return !o || json_is_null(o) ? 0 : doc_string(o, v->where, "type", type);
}

static int read_tokens(struct vocab *v, const json_t *model, size_t n_added)
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
    static const char *const unknown[] = { "single_word", "lstrip", "rstrip" };
    int64_t id;
    const char *piece;
    bool special = false, normalized = false;
    TRY(doc_int(o, v->where, "id", &id));
    TRY(doc_string(o, v->where, "content", &piece));
    TRY(doc_maybe_bool(o, v->where, "special", &special));
    TRY(doc_maybe_bool(o, v->where, "normalized", &normalized));
    for (size_t i = 0; i < sizeof unknown / sizeof *unknown; i++) {
        bool set = false;
        TRY(doc_maybe_bool(o, v->where, unknown[i], &set));
        if (set)
            return err_set(ERR_DATA, "%s: added token '%s' has '%s', which is not supported", v->where, piece,
                           unknown[i]);
    }
    if (normalized && v->composes)
        return err_set(ERR_DATA, "%s: added token '%s' is looked for in normalised text, which is not supported",
                       v->where, piece);
    if (id < 0 || (uint64_t)id >= limit)
        return err_set(ERR_DATA, "%s: the id of token '%s' is %lld, want 0 .. %llu", v->where, piece, (long long)id,
                       (unsigned long long)limit - 1);
    TRY(vocab_put(v, (uint64_t)id, piece, strlen(piece), special ? TOKEN_SPECIAL : TOKEN_ADDED));
    v->token[id].is_late = normalized;
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

/* Members of a BPE model that change ids: absent, null, false or "". */
static int check_model(const struct vocab *v, const json_t *model)
{
    static const char *const unknown[] = { "dropout", "continuing_subword_prefix", "end_of_word_suffix",
                                           "byte_fallback" };
    const char *type;
    TRY(type_of(v, model, &type));
    if (!type || strcmp(type, "BPE") != 0)
        return unsupported(v, "the model", type ? type : "null", "BPE");
    for (size_t i = 0; i < sizeof unknown / sizeof *unknown; i++) {
        const json_t *o = json_object_get(model, unknown[i]);
        if (o && !json_is_null(o) && !json_is_false(o) && !(json_is_string(o) && !*json_string_value(o)))
            return err_set(ERR_DATA, "%s: the BPE model has '%s', which is not supported", v->where, unknown[i]);
    }
    return 0;
}

static int read_normalizer(struct vocab *v, const json_t *o)
{
    const char *type;
    TRY(type_of(v, o, &type));
    if (type && strcmp(type, "NFC") != 0)
        return unsupported(v, "the normalizer", type, "none or NFC");
    v->composes = type != NULL;
    return 0;
}

/* One step of the pre-tokeniser; *bytes says that the step of the byte alphabet, which must be the last, has been seen. */
struct step {
    const char *type;
    int (*read)(struct vocab *v, const json_t *o, bool *bytes);
};

static int read_byte_level(struct vocab *v, const json_t *o, bool *bytes)
{
    bool prefix = true, regex = true; /* what the library takes when they are absent */
    TRY(doc_maybe_bool(o, v->where, "add_prefix_space", &prefix));
    TRY(doc_maybe_bool(o, v->where, "use_regex", &regex));
    if (prefix)
        return err_set(ERR_DATA, "%s: ByteLevel has 'add_prefix_space', which is not supported", v->where);
    *bytes = true;
    return regex ? pretoken_add(v->pretoken, v->where, pretoken_gpt2) : 0;
}

static int read_split(struct vocab *v, const json_t *o, bool *bytes)
{
    json_t *pattern;
    const char *behavior, *regex;
    bool invert = false;
    (void)bytes;
    TRY(doc_object(o, v->where, "pattern", &pattern));
    TRY(doc_string(o, v->where, "behavior", &behavior));
    TRY(doc_maybe_bool(o, v->where, "invert", &invert));
    if (strcmp(behavior, "Isolated") != 0 || invert)
        return unsupported(v, "Split's behavior", invert ? "inverted" : behavior, "Isolated");
    TRY(doc_string(pattern, v->where, "Regex", &regex));
    return pretoken_add(v->pretoken, v->where, regex);
}

static int read_digits(struct vocab *v, const json_t *o, bool *bytes)
{
    bool individual = false;
    (void)bytes;
    TRY(doc_maybe_bool(o, v->where, "individual_digits", &individual));
    return pretoken_add(v->pretoken, v->where, individual ? "\\p{N}" : "\\p{N}+");
}

static int read_step(struct vocab *v, const json_t *o, bool *bytes);

static int read_sequence(struct vocab *v, const json_t *o, bool *bytes)
{
    json_t *all, *step;
    size_t i;
    TRY(doc_array(o, v->where, "pretokenizers", &all));
    json_array_foreach(all, i, step) TRY(read_step(v, step, bytes));
    return 0;
}

static int read_step(struct vocab *v, const json_t *o, bool *bytes)
{
    static const struct step steps[] = {
        { "ByteLevel", read_byte_level },
        { "Split", read_split },
        { "Digits", read_digits },
        { "Sequence", read_sequence },
    };
    const char *type;
    TRY(type_of(v, o, &type));
    if (*bytes)
        return err_set(ERR_DATA, "%s: the pre_tokenizer has a step after ByteLevel, which is not supported", v->where);
    for (size_t i = 0; type && i < sizeof steps / sizeof *steps; i++)
        if (strcmp(type, steps[i].type) == 0)
            return steps[i].read(v, o, bytes);
    return unsupported(v, "the pre_tokenizer", type ? type : "null", "ByteLevel, Split, Digits or a Sequence of them");
}

static int read_pre_tokenizer(struct vocab *v, const json_t *o)
{
    bool bytes = false;
    TRY(read_step(v, o, &bytes));
    if (!bytes)
        return err_set(ERR_DATA, "%s: the pre_tokenizer has no ByteLevel; only byte-level BPE is supported", v->where);
    return 0;
}

/* The template's "single" must be an optional token and then the text. */
static int read_template(struct vocab *v, const json_t *o)
{
    json_t *single, *specials, *special, *ids;
    const char *name;
    TRY(doc_array(o, v->where, "single", &single));
    size_t n = json_array_size(single);
    const json_t *first = json_object_get(json_array_get(single, 0), "SpecialToken");
    if (n < 1 || n > 2 || (n == 2 && !first) || !json_object_get(json_array_get(single, n - 1), "Sequence"))
        return err_set(ERR_DATA, "%s: the post_processor's template is not [bos, text] or [text]; not supported",
                       v->where);
    if (n == 1)
        return 0;
    TRY(doc_string(first, v->where, "id", &name));
    TRY(doc_object(o, v->where, "special_tokens", &specials));
    TRY(doc_object(specials, v->where, name, &special));
    TRY(doc_array(special, v->where, "ids", &ids));
    const json_t *id = json_array_get(ids, 0);
    if (json_array_size(ids) != 1 || !json_is_integer(id) || json_integer_value(id) < 0 ||
        json_integer_value(id) >= (json_int_t)v->n)
        return err_set(ERR_DATA, "%s: the post_processor's '%s' is no single token of the vocabulary", v->where, name);
    v->bos = json_integer_value(id);
    v->adds_bos = true;
    return 0;
}

static int read_post_processor(struct vocab *v, const json_t *o)
{
    const char *type;
    json_t *all, *step;
    size_t i;
    TRY(type_of(v, o, &type));
    if (!type || strcmp(type, "ByteLevel") == 0) /* ByteLevel only trims offsets */
        return 0;
    if (strcmp(type, "TemplateProcessing") == 0)
        return read_template(v, o);
    if (strcmp(type, "Sequence") != 0)
        return unsupported(v, "the post_processor", type, "TemplateProcessing, ByteLevel or a Sequence of them");
    TRY(doc_array(o, v->where, "processors", &all));
    json_array_foreach(all, i, step) TRY(read_post_processor(v, step));
    return 0;
}

static int read_decoder(struct vocab *v, const json_t *o)
{
    const char *type;
    TRY(type_of(v, o, &type));
    return !type || strcmp(type, "ByteLevel") == 0 ? 0 : unsupported(v, "the decoder", type, "ByteLevel");
}

static int read_all(struct vocab *v, const json_t *o)
{
    json_t *model, *added = json_object_get(o, "added_tokens");
    if (added && !json_is_array(added))
        return err_set(ERR_DATA, "%s: 'added_tokens' is no array", v->where);
    TRY(doc_object(o, v->where, "model", &model));
    TRY(check_model(v, model));
    TRY(doc_maybe_bool(model, v->where, "ignore_merges", &v->ignores_merges));
    TRY(read_normalizer(v, json_object_get(o, "normalizer")));
    TRY(read_pre_tokenizer(v, json_object_get(o, "pre_tokenizer")));
    TRY(read_decoder(v, json_object_get(o, "decoder")));
    TRY(read_tokens(v, model, json_array_size(added)));
    TRY(read_added(v, added));
    TRY(read_merges(v, model));
    return read_post_processor(v, json_object_get(o, "post_processor"));
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
