/* The vocabulary in the metadata of a GGUF file: tokenizer.ggml.model "gpt2" (byte-level BPE), "llama"
 * (SentencePiece's BPE with scores) or "t5" (its Unigram).
 *
 * A byte-level file names its pre-tokeniser (tokenizer.ggml.pre) instead of spelling it out; the known names are a
 * table. Ends are its eos, eot and eom tokens, and the role marks (model/vocab.h). */
#ifndef MODEL_VOCAB_GGUF_H
#define MODEL_VOCAB_GGUF_H

#include "model/gguf.h"
#include "model/vocab.h"

struct vocab *vocab_read_gguf(const struct gguf *g); /* NULL + ERR_DATA */

/* The ids of those three, as far as they are there.  0 or ERR_DATA. */
#define VOCAB_GGUF_ENDS 3
int vocab_gguf_ends(const struct gguf *g, sym_t ends[VOCAB_GGUF_ENDS], size_t *n_ends);

#endif
