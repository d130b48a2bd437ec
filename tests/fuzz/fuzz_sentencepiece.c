/* A SentencePiece model of any bytes, and texts through the tokenizer that it made up: ids are of the vocabulary, and
 * tokens can be read and decoded. */
#include "model/vocab.h"
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void encode(struct vocab *v, const char *text, size_t n)
{
    struct symbols ids = { 0 };
    struct text back = { 0 };
    struct vocab_part parts[] = { { text, n / 2, false }, { text + n / 2, n - n / 2, true } };
    vocab_encode(v, text, n, &ids);
    vocab_encode_special(v, text, n, &ids);
    vocab_encode_parts(v, parts, 2, &ids);
    for (size_t i = 0; i < ids.n; i++)
        if (ids.s[i] >= vocab_space(v)->n)
            abort();
    vocab_decode(v, ids.s, ids.n, &back);
    if (text_s(&back)[back.len] != 0)
        abort();
    text_free(&back);
    free(ids.s);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static const char text[] =
        " ab  12\xc3\xa9\xe4\xbd\xa0\xf0\x9f\x99\x82\xff z <tool>\xe2\x96\x81\xef\xbc\xa1 \n's  ";
    struct vocab *v = vocab_read_sentencepiece("input", data, n, NULL, 0);
    if (!v)
        return 0;
    encode(v, text, sizeof text - 1);
    encode(v, (const char *)data, n < 256 ? n : 256);
    size_t sum = 0;
    for (sym_t i = 0; i < vocab_space(v)->n; i++)
        sum += strlen(vocab_piece(v, i));
    if (sum == SIZE_MAX || vocab_bos(v) >= (int64_t)vocab_space(v)->n)
        abort();
    vocab_free(v);
    return 0;
}
