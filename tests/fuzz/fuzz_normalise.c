/* Normalisers over any bytes made valid: a charsmap of the input's beginning, and all steps over its end.  What comes out is
 * within its bounds; the Unicode forms give what they give for each part that they may work on alone. */
#include "base/err.h"
#include "model/normalise.h"
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

/* The bytes as text: what is not UTF-8 is left out. */
static void add_valid(struct text *t, const char *s, size_t n)
{
    for (size_t i = 0; i < n;) {
        int length = text_utf8(s + i, n - i, NULL);
        if (length > 0)
            text_addn(t, s + i, (size_t)length);
        i += length > 0 ? (size_t)length : 1;
    }
}

static void add_steps(struct normalise *all, uint8_t steps, const uint8_t *blob, size_t n)
{
    static const enum normalise_form forms[] = { NORMALISE_NFC, NORMALISE_NFD, NORMALISE_NFKC, NORMALISE_NFKD };
    struct normalise_spaces how = {
        .blob = blob, .n_blob = n, .adds_prefix = true, .removes_extra = steps & 1, .escapes = steps & 2
    };
    normalise_add_form(all, "fuzz", forms[steps & 3]);
    if (steps & 4)
        normalise_add_spaces(all, "fuzz", &how);
    if (steps & 8)
        normalise_add_charsmap(all, "fuzz", blob, n);
    if (steps & 16)
        normalise_add_lowercase(all, "fuzz");
    if (steps & 32)
        normalise_add_replace_regex(all, "fuzz", " {2,}|\\d+", "ab");
    if (steps & 64)
        normalise_add_strip_accents(all, "fuzz");
    if (steps & 128)
        normalise_add_strip_right(all, "fuzz");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    if (n < 3)
        return 0;
    size_t blob = data[1] | (size_t)data[2] << 8;
    blob = blob < n - 3 ? blob : n - 3;
    struct text t = { 0 };
    struct normalise *all = normalise_alloc();
    const char *out;
    size_t n_out = 0;
    add_valid(&t, (const char *)data + 3 + blob, n - 3 - blob);
    add_steps(all, data[0], data + 3, blob);
    if (normalise_apply(all, text_s(&t), t.len, &out, &n_out) == 0 && n_out > 0 && memchr(out, 0, n_out) == out + n_out)
        abort();
    normalise_free(all);
    text_free(&t);
    return 0;
}
