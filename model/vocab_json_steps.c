/* Decoder and post_processor of a tokenizer.json. */
#include "model/vocab_json_steps.h"
#include "base/err.h"
#include "base/mem.h"
#include "model/vocab_json_pattern.h"
#include <stdlib.h>
#include <string.h>

int vocab_json_unsupported(const struct vocab *v, const char *what, const char *seen, const char *want)
{
    return err_set(ERR_DATA, "%s: %s is '%s', which is not supported; want %s", v->where, what, seen, want);
}

int vocab_json_type(const struct vocab *v, const json_t *o, const char **type)
{
    *type = NULL;
    return !o || json_is_null(o) ? 0 : doc_string(o, v->where, "type", type);
}

int vocab_json_walk(struct vocab *v, const json_t *o, const struct vocab_json_kind *kind, int depth)
{
    const char *type;
    json_t *parts, *part;
    size_t i;
    TRY(vocab_json_type(v, o, &type));
    if (!type)
        return 0;
    for (i = 0; i < kind->n_readers; i++)
        if (strcmp(type, kind->readers[i].type) == 0)
            return kind->readers[i].read(v, o);
    if (strcmp(type, "Sequence") != 0 || depth == VOCAB_JSON_DEPTH)
        return vocab_json_unsupported(v, kind->what, type, kind->want);
    TRY(doc_array(o, v->where, kind->parts, &parts));
    json_array_foreach(parts, i, part) TRY(vocab_json_walk(v, part, kind, depth + 1));
    return 0;
}

static int set_mark(struct vocab *v, const char *mark, const char *by)
{
    if (v->decoding.mark)
        return err_set(ERR_DATA, "%s: the decoder replaces twice, which is not supported", v->where);
    if (!*mark)
        return err_set(ERR_DATA, "%s: the decoder replaces the empty string; not supported", v->where);
    v->decoding.mark = mem_string(mark);
    v->decoding.by = mem_string(by);
    return 0;
}

/* A step of the decoder; *fused says that the tokens have become one text. */
static int read_byte_level(struct vocab *v, const json_t *o, bool *fused)
{
    (void)o;
    (void)fused;
    v->decoding.alphabet = true;
    return 0;
}

static int read_fallback(struct vocab *v, const json_t *o, bool *fused)
{
    (void)o;
    (void)fused;
    v->decoding.fallback = true;
    return 0;
}

static int read_fuse(struct vocab *v, const json_t *o, bool *fused)
{
    (void)v;
    (void)o;
    *fused = true;
    return 0;
}

static int read_replace(struct vocab *v, const json_t *o, bool *fused)
{
    struct vocab_json_pattern p;
    const char *by;
    (void)fused;
    TRY(vocab_json_pattern(v, o, &p));
    TRY(doc_string(o, v->where, "content", &by));
    return p.regex ? vocab_json_unsupported(v, "the decoder's Replace", p.regex, "a String")
                   : set_mark(v, p.literal, by);
}

static int read_strip(struct vocab *v, const json_t *o, bool *fused)
{
    const char *content = " ";
    int64_t start = 0, stop = 0;
    TRY(doc_maybe_string(o, v->where, "content", &content));
    TRY(doc_maybe_int(o, v->where, "start", &start));
    TRY(doc_maybe_int(o, v->where, "stop", &stop));
    if (!*fused || strcmp(content, " ") != 0 || start < 0 || start > 1 || stop != 0)
        return err_set(ERR_DATA,
                       "%s: the decoder strips %lld and %lld of '%s'%s, which is not supported; want 1 and 0 spaces "
                       "after Fuse",
                       v->where, (long long)start, (long long)stop, content, *fused ? "" : " before Fuse");
    if (start == 1)
        v->decoding.start = DECODE_NO_SPACE;
    return 0;
}

static int read_metaspace(struct vocab *v, const json_t *o, bool *fused)
{
    const char *mark = VOCAB_METASPACE, *scheme = "always";
    bool prefix = true;
    (void)fused;
    TRY(doc_maybe_string(o, v->where, "replacement", &mark));
    TRY(doc_maybe_bool(o, v->where, "add_prefix_space", &prefix));
    TRY(doc_maybe_string(o, v->where, "prepend_scheme", &scheme));
    if (prefix && strcmp(scheme, "never") != 0)
        v->decoding.start = DECODE_NO_MARKS;
    return set_mark(v, mark, " ");
}

static int read_decoder(struct vocab *v, const json_t *o, int depth, bool *fused)
{
    static const struct {
        const char *type;
        int (*read)(struct vocab *v, const json_t *o, bool *fused);
    } steps[] = {
        { "ByteLevel", read_byte_level }, { "ByteFallback", read_fallback }, { "Fuse", read_fuse },
        { "Replace", read_replace },      { "Strip", read_strip },           { "Metaspace", read_metaspace },
    };
    const char *type;
    json_t *all, *step;
    size_t i;
    TRY(vocab_json_type(v, o, &type));
    if (!type)
        return 0;
    for (i = 0; i < sizeof steps / sizeof *steps; i++)
        if (strcmp(type, steps[i].type) == 0)
            return steps[i].read(v, o, fused);
    if (strcmp(type, "Sequence") != 0 || depth == VOCAB_JSON_DEPTH)
        return vocab_json_unsupported(v, "the decoder", type,
                                      "ByteLevel, ByteFallback, Fuse, Replace, Strip, Metaspace or a Sequence of them");
    TRY(doc_array(o, v->where, "decoders", &all));
    json_array_foreach(all, i, step) TRY(read_decoder(v, step, depth + 1, fused));
    return 0;
}

/* Without a decoder, pieces are in the byte alphabet where the pre-tokeniser is. */
int vocab_json_decoder(struct vocab *v, const json_t *o)
{
    bool fused = false;
    v->decoding.alphabet = (!o || json_is_null(o)) && pretoken_has_bytes(v->pretoken);
    return read_decoder(v, o, 0, &fused);
}

/* The one token that a special of the template stands for. */
static int read_special(const struct vocab *v, const json_t *o, const json_t *special, int64_t *found)
{
    json_t *specials, *entry, *ids;
    const char *name;
    TRY(doc_string(special, v->where, "id", &name));
    TRY(doc_object(o, v->where, "special_tokens", &specials));
    TRY(doc_object(specials, v->where, name, &entry));
    TRY(doc_array(entry, v->where, "ids", &ids));
    const json_t *id = json_array_get(ids, 0);
    if (json_array_size(ids) != 1 || !json_is_integer(id) || json_integer_value(id) < 0 ||
        json_integer_value(id) >= (json_int_t)v->n)
        return err_set(ERR_DATA, "%s: the post_processor's '%s' is no single token of the vocabulary", v->where, name);
    *found = json_integer_value(id);
    return 0;
}

/* The template's "single" must be an optional token, the text, and an optional token. */
static int read_template(struct vocab *v, const json_t *o)
{
    json_t *single;
    TRY(doc_array(o, v->where, "single", &single));
    size_t n = json_array_size(single), text = 0;
    while (text < n && !json_object_get(json_array_get(single, text), "Sequence"))
        text++;
    const json_t *first = json_object_get(json_array_get(single, 0), "SpecialToken");
    const json_t *last = json_object_get(json_array_get(single, n - 1), "SpecialToken");
    if (text == n || text > 1 || n - text > 2 || (text == 1 && !first) || (n - text == 2 && !last))
        return err_set(
            ERR_DATA, "%s: the post_processor's template is not [bos, text], [text] or these and an end; not supported",
            v->where);
    if (text == 1)
        TRY(read_special(v, o, first, &v->bos));
    v->adds_bos = v->adds_bos || text == 1;
    return n - text == 2 ? read_special(v, o, last, &v->tail) : 0;
}

static int read_post_processor(struct vocab *v, const json_t *o, int depth)
{
    const char *type;
    json_t *all, *step;
    size_t i;
    TRY(vocab_json_type(v, o, &type));
    if (!type || strcmp(type, "ByteLevel") == 0) /* ByteLevel only trims offsets */
        return 0;
    if (strcmp(type, "TemplateProcessing") == 0)
        return read_template(v, o);
    if (strcmp(type, "Sequence") != 0 || depth == VOCAB_JSON_DEPTH)
        return vocab_json_unsupported(v, "the post_processor", type,
                                      "TemplateProcessing, ByteLevel or a Sequence of them");
    TRY(doc_array(o, v->where, "processors", &all));
    json_array_foreach(all, i, step) TRY(read_post_processor(v, step, depth + 1));
    return 0;
}

int vocab_json_post_processor(struct vocab *v, const json_t *o)
{
    return read_post_processor(v, o, 0);
}
