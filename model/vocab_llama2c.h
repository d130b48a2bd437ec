/* Tokenizers of llama2.c (tokenizer.bin, tok512.bin): SentencePiece's tokens with their scores; spaces are spaces, token 0 is
 * for what is unknown, 1 begins a text and also ends it, 2 ends it, 3 .. 258 are bytes. */
#ifndef MODEL_VOCAB_LLAMA2C_H
#define MODEL_VOCAB_LLAMA2C_H

#include "model/vocab_scored.h"

/* A file of size bytes: the longest token's length, then n_tokens times a score, a length and as many bytes.
 * NULL + ERR_DATA. */
struct vocab *vocab_read_llama2c(const char *where, const uint8_t *bytes, uint64_t size, uint32_t n_tokens);

/* Its tokens alone, piece[n_tokens]; texts lie in the file.  0 or ERR_DATA. */
int vocab_llama2c_pieces(const char *where, const uint8_t *bytes, uint64_t size, uint32_t n_tokens,
                         struct vocab_scored_piece piece[]);

#endif
