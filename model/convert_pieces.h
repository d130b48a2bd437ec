/* Tokenizers of scored pieces, SentencePiece's BPE and Unigram, between the files that hold them: tokenizer.json,
 * tokenizer.model, llama2.c's, GGUF's keys. */
#ifndef MODEL_CONVERT_PIECES_H
#define MODEL_CONVERT_PIECES_H

#include "model/convert_inside.h"
#include "model/vocab_scored.h"

/* The score of tokens that are not the model's own, as llama.cpp's converter gives it. */
#define CONVERT_ADDED_SCORE (-1000.0f)

struct convert_pieces {
    struct vocab_scored_piece *p; /* (n,) by id; texts are owned */
    size_t n, cap;
    bool unigram;
    bool adds_prefix;     /* a space in front of a text */
    bool prefix_first;    /* in front of the first stretch of text alone, not behind an added token */
    bool own_late;        /* it has symbols of its own, which are looked for in the normalised text */
    bool removes_extra;   /* all but one space between words, and those around a text */
    struct text charsmap; /* SentencePiece's normalisation; empty: none */
};
void convert_pieces_free(struct convert_pieces *t);

/* Fill *t, which is zero.  1; 0: a tokenizer.json whose tokens are not what scores of pieces give; ERR_DATA. */
int convert_pieces_of_json(struct convert_pieces *t, const json_t *o);
int convert_pieces_of_model(struct convert_pieces *t, const struct map_file *m, const struct vocab *v);
int convert_pieces_of_llama2c(struct convert_pieces *t, const struct map_file *m, uint32_t n);
int convert_pieces_of_gguf(struct convert_pieces *t, const struct gguf *g);

/* Whether GGUF's keys say all of it: its BPE has no normalisation. */
bool convert_pieces_fit_gguf(const struct convert_pieces *t);
bool convert_pieces_fall_back(const struct convert_pieces *t);  /* on bytes */
int64_t convert_pieces_unknown(const struct convert_pieces *t); /* the id for what is unknown; -1: none */
/* As keys, of n tokens; those that the tokenizer lacks are named as llama.cpp's converter does. */
void convert_pieces_add(const struct convert_pieces *t, struct gguf_keys *k, size_t n);

/* The members of a tokenizer.json but for its post_processor. */
json_t *convert_pieces_json(const struct convert_pieces *t);

#endif
