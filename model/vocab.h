/* A vocabulary: bytes to tokens and back, exactly as the checkpoint's own tokenizer does it.
 *
 * Encoding uses scratch of the vocabulary: one thread at a time.  Everything else only reads.
 *
 * Ends of its symbol space, each of which ends a hypothesis:
 *   folder  eos_token_id of generation_config.json, one or a list; where that states none, of config.json (so does
 *           transformers' generate()); where neither does, eos_token of tokenizer_config.json
 *   GGUF    tokenizer.ggml.eos_token_id, eot_token_id and eom_token_id, and the tokens that llama.cpp takes for ends by
 *           their text, since the format has no place for a list (model/vocab_gguf.c)
 * and, where the vocabulary has both role marks below as single added tokens, these marks too: a model that opens a
 * new instruction or response by itself has finished.  Their order is eos, the others by id, the marks: the same ends
 * from a folder and from GGUF are one symbol space.
 *
 * eos is the one that templates write: eos_token of tokenizer_config.json (transformers' tokenizer.eos_token), GGUF's
 * eos_token_id; where these say nothing the first of the ends as they are stated. */
#ifndef MODEL_VOCAB_H
#define MODEL_VOCAB_H

#include "base/space.h"
#include "base/text.h"
#include "model/lm.h"

#define VOCAB_MARK_INSTRUCTION "\n\n### Instruction:\n"
#define VOCAB_MARK_RESPONSE    "\n\n### Response:\n"

struct vocab;

/* From tokenizer.json (BPE of bytes or characters, Unigram).  ends: ids that end a hypothesis.
 * NULL + ERR_DATA naming the file and what is not supported, or ERR_IO. */
struct vocab *vocab_open_json(const char *path, const sym_t ends[], size_t n_ends);
/* The same from the n bytes of such a file; where is its name in messages. */
struct vocab *vocab_read_json(const char *where, const char *text, size_t n, const sym_t ends[], size_t n_ends);

/* The same from SentencePiece's tokenizer.model (BPE, Unigram). */
struct vocab *vocab_open_sentencepiece(const char *path, const sym_t ends[], size_t n_ends);
struct vocab *vocab_read_sentencepiece(const char *where, const void *bytes, size_t n, const sym_t ends[],
                                       size_t n_ends);

/* A token that lies beside such a model, found in the text before anything else.  It may be one of the model's own pieces, of
 * the same text; ids behind the model's need not follow one another. */
struct vocab_beside_token {
    uint32_t id;
    const char *text;
    bool is_special, is_word, strips_left,
        strips_right; /* as in tokenizer.json: special, single_word, lstrip, rstrip */
};

/* What other files say of a model. */
struct vocab_beside {
    const sym_t *ends; /* (n_ends,) */
    size_t n_ends;
    const struct vocab_beside_token *token; /* (n,) */
    size_t n;
    bool has_adds_bos, adds_bos; /* whether they say it, and what */
    bool adds_eos;               /* the model's own eos behind a text */
    bool prefix_first;           /* text behind an added token has no space of its own in front */
};
struct vocab *vocab_read_sentencepiece_beside(const char *where, const void *bytes, size_t n,
                                              const struct vocab_beside *beside);
void vocab_free(struct vocab *v); /* NULL is fine */

const struct space *vocab_space(const struct vocab *v); /* lives as long as v; n is that of the tokenizer, unpadded */
const char *vocab_kind(const struct vocab *v);          /* "byte-level bpe", ... */
int64_t vocab_bos(const struct vocab *v);               /* -1: none */
int64_t vocab_eos(const struct vocab *v);               /* -1: none */
bool vocab_adds_bos(const struct vocab *v);             /* the tokenizer's post-processor puts bos in front */
int64_t vocab_tail(const struct vocab *v);              /* what the post-processor puts behind a text; -1: nothing */
bool vocab_has_marks(const struct vocab *v);            /* both role marks are single added tokens */
/* What stands before the first symbol of a text that follows nothing: bos, also where the tokenizer puts none in front of
 * texts, else the first of what ends a text (lm-evaluation-harness, prefix_token_id).  -1: there is neither. */
int64_t vocab_first(const struct vocab *v);

/* Appends the ids of n bytes of text.  Text is data: special tokens written in it are not parsed (added tokens that
 * are not special are, as the tokenizer does).  Invalid UTF-8 is treated as Hugging Face's lossy decoding would:
 * U+FFFD for each maximal part of a sequence.  No bos, no tail.  0 or ERR_DATA (a character that the vocabulary
 * lacks, where it has no token for what is unknown: Hugging Face tokenizers would leave it out). */
int vocab_encode(struct vocab *v, const char *text, size_t n, struct symbols *out);
/* The same, but special tokens in the text are parsed (for `tokenize`). */
int vocab_encode_special(struct vocab *v, const char *text, size_t n, struct symbols *out);

/* A text made of parts, tokenised as one: pieces may cross from part to part, as they do in a rendered prompt, but
 * special tokens are parsed only where they lie within literal parts. */
struct vocab_part {
    const char *text;
    size_t n;
    bool is_data;
};
int vocab_encode_parts(struct vocab *v, const struct vocab_part parts[], size_t n_parts, struct symbols *out);

/* Appends the text of ids (each of the vocabulary), as the tokenizer's decoder gives it: the bytes of the space's
 * symbols, and what the decoder takes off the beginning (a space that encoding has put there).  Specials give
 * nothing. */
void vocab_decode(const struct vocab *v, const sym_t ids[], size_t n_ids, struct text *out);

/* The piece of a token as text for people ("Ġthe" form of the tokenizer file); "" for an id that the file leaves out;
 * valid while v lives. */
const char *vocab_piece(const struct vocab *v, sym_t id);
int64_t vocab_find(const struct vocab *v, const char *piece); /* -1: none */

int64_t vocab_find_added(const struct vocab *v, const char *text); /* an added or special token; -1: none */

/* vocab_encode_parts(), where text that is data does not become one of the added tokens `guard` either, special or not. */
struct vocab_text {
    const struct vocab_part *part; /* (n,) */
    size_t n;
};
int vocab_encode_guarded(struct vocab *v, const struct vocab_text *text, const struct symbols *guard,
                         struct symbols *out);

/* Says which token is bos where the tokenizer file does not (tokenizer_config.json, config.json).  Does not change
 * vocab_adds_bos(). */
void vocab_set_bos(struct vocab *v, sym_t id);

/* Says which token, less than the space's n, is eos, where the tokenizer file does not; where no end was stated it is one.
 * Before anybody has the space, which becomes another. */
void vocab_set_eos(struct vocab *v, sym_t id);

#endif
