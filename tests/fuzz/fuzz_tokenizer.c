/* tokenizer.json of any bytes, and texts through the tokenizer that it made up: ids are of the vocabulary, pieces and bytes
 * can be read, ids decoded, and a text with a zero byte behind the JSON is encoded too. */
#include "model/template.h"
#include "model/vocab.h"
#include <stdlib.h>
#include <string.h>

#define TEXT_MAX 512 /* bytes: time is the file's to waste, within the budget of each byte */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void check_ids(const struct vocab *v, const struct symbols *ids)
{
    for (size_t i = 0; i < ids->n; i++)
        if (ids->s[i] >= vocab_space(v)->n)
            abort();
}

/* All at once, and as a reader streams: what is shown stays within what is decoded. */
static void decode(const struct vocab *v, const struct symbols *ids)
{
    struct text all = { 0 };
    size_t shown = 0;
    vocab_decode(v, ids->s, ids->n, &all);
    if (text_s(&all)[all.len] != 0)
        abort();
    text_clear(&all);
    for (size_t i = 0; i < ids->n; i++) {
        size_t n;
        const uint8_t *bytes = space_text(vocab_space(v), ids->s[i], &n);
        text_addn(&all, bytes, n);
        size_t ready = text_utf8_ready(text_s(&all), all.len);
        if (ready < shown || ready > all.len)
            abort();
        shown = ready;
    }
    text_free(&all);
}

static void encode(struct vocab *v, const char *text, size_t n)
{
    struct symbols ids = { 0 };
    struct vocab_part parts[] = { { text, n / 2, false }, { text + n / 2, n - n / 2, true } };
    vocab_encode(v, text, n, &ids);
    vocab_encode_special(v, text, n, &ids);
    vocab_encode_parts(v, parts, 2, &ids);
    check_ids(v, &ids);
    decode(v, &ids);
    free(ids.s);
}

/* All tokens, their bytes, and a prompt. */
static void read_all(struct vocab *v)
{
    const struct space *s = vocab_space(v);
    size_t sum = 0, length;
    for (sym_t i = 0; i < s->n; i++) {
        const uint8_t *bytes = space_text(s, i, &length);
        for (size_t k = 0; k < length; k++)
            sum += bytes[k];
        sum += strlen(vocab_piece(v, i));
    }
    if (vocab_bos(v) >= (int64_t)s->n || sum == SIZE_MAX)
        abort();
    static const char *const names[] = { "auto", "plain", "tiger", "a{instruction}b" };
    struct prompt_field field = { "instruction", "ab\n\n### Response:\n12 \xe4\xbd\xa0" };
    struct prompt p = { .fields = &field, .n_fields = 1 };
    for (size_t i = 0; i < 4; i++) {
        struct symbols ids = { 0 };
        template_render(v, names[i], &p, &ids);
        check_ids(v, &ids);
        free(ids.s);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static const char text[] = "ab 12\xc3\xa9\xe4\xbd\xa0\xf0\x9f\x99\x82\xff z  \n\n### Instruction:\n's  '";
    static const sym_t ends[] = { 0 };
    const uint8_t *zero = n > 0 ? memchr(data, 0, n) : NULL;
    size_t length = zero ? (size_t)(zero - data) : n;
    struct vocab *v = vocab_read_json("input", (const char *)data, length, ends, 1);
    if (!v)
        return 0;
    encode(v, text, sizeof text - 1);
    if (zero)
        encode(v, (const char *)zero + 1, n - length - 1 < TEXT_MAX ? n - length - 1 : TEXT_MAX);
    read_all(v);
    vocab_free(v);
    return 0;
}
