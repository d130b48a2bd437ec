/* The pre_tokenizer of a tokenizer.json. */
#include "base/err.h"
#include "model/uchar.h"
#include "model/vocab_json_pattern.h"
#include "model/vocab_json_steps.h"
#include <string.h>

static int read_behavior(const struct vocab *v, const char *name, struct pretoken_cut *cut)
{
    static const char *const names[] = {
        [PRETOKEN_ISOLATED] = "Isolated",
        [PRETOKEN_REMOVED] = "Removed",
        [PRETOKEN_MERGED_WITH_PREVIOUS] = "MergedWithPrevious",
        [PRETOKEN_MERGED_WITH_NEXT] = "MergedWithNext",
        [PRETOKEN_CONTIGUOUS] = "Contiguous",
    };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (strcmp(name, names[i]) == 0) {
            cut->behavior = (enum pretoken_behavior)i;
            return 0;
        }
    }
    err_unknown(ERR_DATA, "behavior", name, names, sizeof names / sizeof *names);
    return err_add(ERR_DATA, "%s: pre_tokenizer", v->where);
}

static int read_byte_level(struct vocab *v, const json_t *o)
{
    bool prefix = true, regex = true; /* what the library takes when they are absent */
    TRY(doc_maybe_bool(o, v->where, "add_prefix_space", &prefix));
    TRY(doc_maybe_bool(o, v->where, "use_regex", &regex));
    if (prefix)
        TRY(pretoken_add_space(v->pretoken, v->where));
    if (regex)
        TRY(pretoken_add(v->pretoken, v->where, pretoken_gpt2));
    return pretoken_add_bytes(v->pretoken, v->where);
}

static int read_split(struct vocab *v, const json_t *o)
{
    struct vocab_json_pattern p;
    struct pretoken_cut cut = { .inverted = false };
    const char *behavior;
    TRY(vocab_json_pattern(v, o, &p));
    TRY(doc_string(o, v->where, "behavior", &behavior));
    TRY(doc_maybe_bool(o, v->where, "invert", &cut.inverted));
    TRY(read_behavior(v, behavior, &cut));
    return p.regex ? pretoken_add_regex(v->pretoken, v->where, p.regex, cut)
                   : pretoken_add_literal(v->pretoken, v->where, p.literal, cut);
}

static int read_digits(struct vocab *v, const json_t *o)
{
    bool individual = false;
    TRY(doc_maybe_bool(o, v->where, "individual_digits", &individual));
    struct pretoken_cut cut = { .behavior = individual ? PRETOKEN_ISOLATED : PRETOKEN_CONTIGUOUS };
    return pretoken_add_class(v->pretoken, v->where, uchar_is_numeric, cut);
}

static int read_punctuation(struct vocab *v, const json_t *o)
{
    struct pretoken_cut cut = { .behavior = PRETOKEN_ISOLATED };
    const char *behavior = "Isolated";
    TRY(doc_maybe_string(o, v->where, "behavior", &behavior));
    TRY(read_behavior(v, behavior, &cut));
    return pretoken_add_class(v->pretoken, v->where, uchar_is_punctuation, cut);
}

static int read_whitespace_split(struct vocab *v, const json_t *o)
{
    (void)o;
    return pretoken_add_class(v->pretoken, v->where, uchar_is_space,
                              (struct pretoken_cut){ .behavior = PRETOKEN_REMOVED });
}

static int read_delimiter(struct vocab *v, const json_t *o)
{
    const char *delimiter;
    TRY(doc_string(o, v->where, "delimiter", &delimiter));
    return pretoken_add_literal(v->pretoken, v->where, delimiter,
                                (struct pretoken_cut){ .behavior = PRETOKEN_REMOVED });
}

static int read_scheme(struct vocab *v, const json_t *o, enum pretoken_scheme *scheme)
{
    static const char *const names[] = {
        [PRETOKEN_NEVER] = "never", [PRETOKEN_FIRST] = "first", [PRETOKEN_ALWAYS] = "always"
    };
    bool prefix = true; /* what older files have instead */
    TRY(doc_maybe_bool(o, v->where, "add_prefix_space", &prefix));
    const char *name = names[prefix ? PRETOKEN_ALWAYS : PRETOKEN_NEVER];
    TRY(doc_maybe_string(o, v->where, "prepend_scheme", &name));
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (strcmp(name, names[i]) == 0) {
            *scheme = (enum pretoken_scheme)i;
            return 0;
        }
    }
    err_unknown(ERR_DATA, "prepend_scheme", name, names, sizeof names / sizeof *names);
    return err_add(ERR_DATA, "%s: Metaspace", v->where);
}

static int read_metaspace(struct vocab *v, const json_t *o)
{
    const char *mark = VOCAB_METASPACE;
    bool split = true;
    enum pretoken_scheme scheme = PRETOKEN_ALWAYS;
    TRY(doc_maybe_string(o, v->where, "replacement", &mark));
    TRY(doc_maybe_bool(o, v->where, "split", &split));
    TRY(read_scheme(v, o, &scheme));
    TRY(pretoken_add_metaspace(v->pretoken, v->where, mark, scheme));
    return !split ? 0
                  : pretoken_add_literal(v->pretoken, v->where, mark,
                                         (struct pretoken_cut){ .behavior = PRETOKEN_MERGED_WITH_NEXT });
}

int vocab_json_pre_tokenizer(struct vocab *v, const json_t *o)
{
    static const struct vocab_json_reader readers[] = {
        { "ByteLevel", read_byte_level },
        { "Split", read_split },
        { "Digits", read_digits },
        { "Punctuation", read_punctuation },
        { "Metaspace", read_metaspace },
        { "WhitespaceSplit", read_whitespace_split },
        { "CharDelimiterSplit", read_delimiter },
    };
    static const struct vocab_json_kind kind = {
        .what = "the pre_tokenizer",
        .parts = "pretokenizers",
        .readers = readers,
        .n_readers = sizeof readers / sizeof *readers,
        .want = "ByteLevel, Split, Digits, Punctuation, Metaspace, WhitespaceSplit, CharDelimiterSplit or a Sequence "
                "of them",
    };
    return vocab_json_walk(v, o, &kind, 0);
}
