/* llama.cpp's vocabularies of SentencePiece, llama-spm and phi-3: every published text has the published ids.
 *
 * The files have gone through a reading as UTF-8 that turned the bytes of their scores into U+FFFD.  What was lost
 * comes from Llama 2's tokenizer.model, which has the same pieces in the same order; the file is written anew from
 * what is left and that. */
#include "base/err.h"
#include "model/checkpoint.h"
#include "model/map_file.h"
#include "model/sentencepiece.h"
#include "tests/lib/bytes.h"
#include "tests/lib/check.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { TEXTS = 46, STRING = 8, ARRAY = 9, I32 = 5, F32 = 6, BOOL = 7 };

/* Behind the array that a key names: its first element, and its length where the file still has it. */
static const uint8_t *array_at(const struct map_file *m, const char *key)
{
    const uint8_t *at = memmem(m->bytes, m->size, key, strlen(key));
    return at ? at + strlen(key) + 4 + 4 + 8 : NULL; /* type, type of elements, count */
}

/* The tokens of the damaged file: their lengths are small numbers, which the reading has left alone. */
static size_t copy_tokens(struct text *to, const uint8_t *at, const uint8_t *end)
{
    size_t n = 0;
    struct text all = { 0 };
    while (end - at > 8 && at[1] == 0 && at[7] == 0 && at[0] > 0 && at[0] < 0x80) {
        size_t length = at[0];
        text_addn(&all, at, 8 + length);
        at += 8 + length;
        n++;
        if (end - at > 30 && memcmp(at + 8, "tokenizer.ggml.scores", 21) == 0)
            break;
    }
    bytes_u64(to, n);
    text_addn(to, text_s(&all), all.len);
    text_free(&all);
    return n;
}

static void copy_scores(struct text *to, const struct sentencepiece *sp, size_t n)
{
    bytes_key(to, "tokenizer.ggml.scores", ARRAY);
    bytes_u32(to, F32);
    bytes_u64(to, n);
    for (size_t i = 0; i < n; i++)
        bytes_f32(to, i < sp->n_pieces ? sp->piece[i].score : -1000);
}

/* The file anew, or nothing. */
static struct text rebuild(const struct map_file *m, const struct sentencepiece *sp)
{
    struct text t = { 0 };
    const uint8_t *tokens = array_at(m, "tokenizer.ggml.tokens"), *types = array_at(m, "tokenizer.ggml.token_type");
    if (!tokens || !types)
        return t;
    text_add(&t, "GGUF");
    bytes_u32(&t, 3);
    bytes_u64(&t, 0);
    bytes_u64(&t, 7);
    bytes_key_string(&t, "general.architecture", "llama");
    bytes_key_string(&t, "tokenizer.ggml.model", "llama");
    bytes_key(&t, "tokenizer.ggml.tokens", ARRAY);
    bytes_u32(&t, STRING);
    size_t n = copy_tokens(&t, tokens, m->bytes + m->size);
    check(n >= 32000 && n < 32100, "%zu tokens", n);
    copy_scores(&t, sp, n);
    bytes_key(&t, "tokenizer.ggml.token_type", ARRAY);
    bytes_u32(&t, I32);
    bytes_u64(&t, n);
    text_addn(&t, types, 4 * n);
    bytes_key_u32(&t, "tokenizer.ggml.bos_token_id", 1);
    bytes_key_u32(&t, "tokenizer.ggml.eos_token_id", 2);
    return t;
}

static void compare_line(struct vocab *v, const char *name, const char *text, size_t n, const char *want)
{
    struct symbols ids = { 0 };
    struct text got = { 0 }, back = { 0 };
    check(vocab_encode(v, text, n, &ids) == 0, "%s: %s", name, err_text());
    for (size_t i = 0; i < ids.n; i++)
        text_addf(&got, " %u", ids.s[i]);
    size_t length = strcspn(want, "\n");
    check(got.len == length && memcmp(text_s(&got), want, length) == 0, "%s: '%.*s' gives%s, want%.*s", name, (int)n,
          text, text_s(&got), (int)length, want);
    vocab_decode(v, ids.s, ids.n, &back);
    check(back.len == n && memcmp(text_s(&back), text, n) == 0, "%s: '%.*s' comes back as '%s'", name, (int)n, text,
          text_s(&back));
    free(ids.s);
    text_free(&got);
    text_free(&back);
}

static void compare_lines(struct vocab *v, const char *name, const char *folder)
{
    static const char mark[] = "\n__ggml_vocab_test__\n";
    struct text path = { 0 }, inp = { 0 }, out = { 0 };
    text_addf(&path, "%s/ggml-vocab-%s.gguf.inp", folder, name);
    check(text_read_file(&inp, text_s(&path), 1u << 20) == 0, "%s", err_text());
    text_clear(&path);
    text_addf(&path, "%s/ggml-vocab-%s.gguf.out", folder, name);
    check(text_read_file(&out, text_s(&path), 1u << 20) == 0, "%s", err_text());
    const char *text = text_s(&inp), *want = text_s(&out);
    size_t n = 0;
    for (const char *end; (end = strstr(text, mark)); text = end + sizeof mark - 1, n++) {
        compare_line(v, name, text, (size_t)(end - text), want);
        want += strcspn(want, "\n");
        want += *want == '\n';
    }
    check(n == TEXTS, "%s: %zu texts", name, n);
    text_free(&path);
    text_free(&inp);
    text_free(&out);
}

static void compare_file(const char *shared, const char *name, const struct sentencepiece *sp)
{
    struct text path = { 0 }, folder = { 0 }, aside = { 0 };
    struct map_file m;
    text_addf(&folder, "%s/weights/vocab", shared);
    text_addf(&path, "%s/ggml-vocab-%s.gguf", text_s(&folder), name);
    text_addf(&aside, "/tmp/chorale-test-published-%ld.gguf", (long)getpid());
    check(map_file_open(&m, text_s(&path)) == 0, "%s", err_text());
    struct text whole = rebuild(&m, sp);
    check(text_write_file(text_s(&aside), text_s(&whole), whole.len) == 0, "%s", err_text());
    struct checkpoint *c = checkpoint_open_vocab(text_s(&aside));
    check(c != NULL, "%s: %s", name, err_text());
    if (c) {
        check(strcmp(vocab_kind(c->vocab), "bpe") == 0 && vocab_adds_bos(c->vocab) && vocab_bos(c->vocab) == 1, "bos");
        compare_lines(c->vocab, name, text_s(&folder));
    }
    checkpoint_close(c);
    unlink(text_s(&aside));
    map_file_close(&m);
    text_free(&path);
    text_free(&folder);
    text_free(&aside);
    text_free(&whole);
}

int main(void)
{
    struct text path = { 0 };
    struct map_file m;
    struct sentencepiece sp;
    const char *shared = check_shared();
    if (!shared)
        check_skip("tokenizer_published", "no shared/");
    text_addf(&path, "%s/weights/tokenizer.model", shared);
    if (map_file_open(&m, text_s(&path)) < 0)
        check_skip("tokenizer_published", "no shared/weights/tokenizer.model");
    check(sentencepiece_read(&sp, text_s(&path), m.bytes, (size_t)m.size) == 0 && sp.n_pieces == 32000, "%s",
          err_text());
    compare_file(shared, "llama-spm", &sp);
    compare_file(shared, "phi-3", &sp);
    sentencepiece_fini(&sp);
    map_file_close(&m);
    text_free(&path);
    return check_done("tokenizer_published");
}
