/* The normalizer of a tokenizer.json, and the pattern that others have too. */
#include "base/err.h"
#include "base/mem.h"
#include "model/vocab_json_pattern.h"
#include "model/vocab_json_steps.h"
#include <limits.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

int vocab_json_pattern(const struct vocab *v, const json_t *o, struct vocab_json_pattern *p)
{
    json_t *pattern;
    *p = (struct vocab_json_pattern){ 0 };
    TRY(doc_object(o, v->where, "pattern", &pattern));
    TRY(doc_maybe_string(pattern, v->where, "Regex", &p->regex));
    if (!p->regex)
        TRY(doc_string(pattern, v->where, "String", &p->literal));
    return 0;
}

static int read_form(struct vocab *v, const json_t *o)
{
    static const char *const forms[] = {
        [NORMALISE_NFC] = "NFC",
        [NORMALISE_NFD] = "NFD",
        [NORMALISE_NFKC] = "NFKC",
        [NORMALISE_NFKD] = "NFKD",
    };
    const char *type;
    size_t i = 0;
    TRY(doc_string(o, v->where, "type", &type));
    while (strcmp(type, forms[i]) != 0) /* it is one of them: vocab_json_normalizer() */
        i++;
    return normalise_add_form(v->normalise, v->where, (enum normalise_form)i);
}

static int read_strip(struct vocab *v, const json_t *o)
{
    bool left = true, right = true;
    TRY(doc_maybe_bool(o, v->where, "strip_left", &left));
    TRY(doc_maybe_bool(o, v->where, "strip_right", &right));
    if (left)
        TRY(normalise_add_strip_left(v->normalise, v->where));
    return right ? normalise_add_strip_right(v->normalise, v->where) : 0;
}

static int read_prepend(struct vocab *v, const json_t *o)
{
    const char *text;
    TRY(doc_string(o, v->where, "prepend", &text));
    return normalise_add_prepend(v->normalise, v->where, text);
}

static int read_replace(struct vocab *v, const json_t *o)
{
    struct vocab_json_pattern p;
    const char *by;
    TRY(vocab_json_pattern(v, o, &p));
    TRY(doc_string(o, v->where, "content", &by));
    return p.regex ? normalise_add_replace_regex(v->normalise, v->where, p.regex, by)
                   : normalise_add_replace(v->normalise, v->where, p.literal, by);
}

/* Base 64 (RFC 4648) with its padding.  false: it is none. */
static bool decode_base64(const char *s, struct text *out)
{
    size_t n = strlen(s), padding = 0;
    while (padding < 2 && padding < n && s[n - 1 - padding] == '=')
        padding++;
    if (n % 4 != 0 || n > INT_MAX || strcspn(s, "=") + padding != n)
        return false;
    unsigned char *bytes = mem_alloc(n / 4 * 3 + 1, 1);
    int decoded = n > 0 ? EVP_DecodeBlock(bytes, (const unsigned char *)s, (int)n) : 0; /* padding becomes zeros */
    bool whole = decoded >= 0 && (size_t)decoded == n / 4 * 3;
    if (whole)
        text_addn(out, bytes, (size_t)decoded - padding);
    free(bytes);
    return whole;
}

static int read_precompiled(struct vocab *v, const json_t *o)
{
    const char *s = NULL;
    struct text blob = { 0 };
    TRY(doc_string(o, v->where, "precompiled_charsmap", &s));
    int rc = !decode_base64(s, &blob) ? err_set(ERR_DATA, "%s: 'precompiled_charsmap' is no base 64", v->where)
                                      : normalise_add_charsmap(v->normalise, v->where, text_s(&blob), blob.len);
    text_free(&blob);
    return rc;
}

static int read_lowercase(struct vocab *v, const json_t *o)
{
    (void)o;
    return normalise_add_lowercase(v->normalise, v->where);
}

static int read_accents(struct vocab *v, const json_t *o)
{
    (void)o;
    return normalise_add_strip_accents(v->normalise, v->where);
}

static int read_nmt(struct vocab *v, const json_t *o)
{
    (void)o;
    return normalise_add_nmt(v->normalise, v->where);
}

int vocab_json_normalizer(struct vocab *v, const json_t *o)
{
    static const struct vocab_json_reader readers[] = {
        { "NFC", read_form },
        { "NFD", read_form },
        { "NFKC", read_form },
        { "NFKD", read_form },
        { "Lowercase", read_lowercase },
        { "StripAccents", read_accents },
        { "Nmt", read_nmt },
        { "Strip", read_strip },
        { "Prepend", read_prepend },
        { "Replace", read_replace },
        { "Precompiled", read_precompiled },
    };
    static const struct vocab_json_kind kind = {
        .what = "the normalizer",
        .parts = "normalizers",
        .readers = readers,
        .n_readers = sizeof readers / sizeof *readers,
        .want = "NFC, NFD, NFKC, NFKD, Lowercase, StripAccents, Nmt, Strip, Prepend, Replace, Precompiled or a "
                "Sequence of them",
    };
    return vocab_json_walk(v, o, &kind, 0);
}
