/* A vocabulary: bytes to tokens and back, exactly as the checkpoint's own tokenizer does it. */
#ifndef MODEL_VOCAB_H
#define MODEL_VOCAB_H

#include "base/space.h"
#include "model/lm.h"

struct vocab;

/* From tokenizer.json (byte-level BPE).  space_ends: ids that end a hypothesis (generation_config, else eos).
 * NULL + ERR_DATA naming the file and what is not supported. */
struct vocab *vocab_open_json(const char *path, const sym_t ends[], size_t n_ends);
void vocab_free(struct vocab *v);

const struct space *vocab_space(const struct vocab *v); /* lives as long as v */
const char *vocab_kind(const struct vocab *v);          /* "byte-level bpe", ... */
int64_t vocab_bos(const struct vocab *v);               /* -1: none */
bool vocab_adds_bos(const struct vocab *v);             /* the tokenizer's post-processor puts bos in front */

/* Appends the ids of n bytes of text.  Text is data: special tokens written in it are not parsed.  Invalid UTF-8 is
 * treated as Hugging Face's lossy decoding would (U+FFFD).  No bos.  0 or ERR_DATA. */
int vocab_encode(struct vocab *v, const char *text, size_t n, struct symbols *out);
/* The same, but special tokens in the text are parsed (for templates and for `tokenize`). */
int vocab_encode_special(struct vocab *v, const char *text, size_t n, struct symbols *out);

/* The piece of a token as text for people ("Ġthe" form of the tokenizer file); valid while v lives. */
const char *vocab_piece(const struct vocab *v, sym_t id);
int64_t vocab_find(const struct vocab *v, const char *piece); /* -1: none */

#endif
