/* Vocabularies of scored pieces, as SentencePiece has them, whatever file they are in: .model, GGUF, llama2.c.
 *
 * A reader calls vocab_scored_put() for every id in order, then one of the two models, and vocab_finish(). */
#ifndef MODEL_VOCAB_SCORED_H
#define MODEL_VOCAB_SCORED_H

#include "model/vocab_inside.h"

#define VOCAB_SCORED_PIECE_MAX 512u /* bytes of a piece: it is looked at cut at every place */

struct vocab_scored_piece {
    const char *s; /* (n,) */
    size_t n;
    float score;
    int32_t type; /* of model/sentencepiece.h */
};

struct vocab_scored {
    struct vocab *vocab;
    float *score;     /* (n,) by id */
    uint8_t *is_text; /* (n,) text may become it: normal, user-defined, and unused ones */
    uint8_t *is_own;  /* (n,) user-defined */
    size_t n, cap_score, cap_text, cap_own;
};

/* 0 or ERR_DATA.  Control tokens become SPECIAL, user-defined ones ADDED, which are looked for late. */
int vocab_scored_put(struct vocab_scored *s, const struct vocab_scored_piece *p);
void vocab_scored_fini(struct vocab_scored *s);

/* Every pair of pieces that makes a third is merged, the third of the highest score first, leftmost first.  Sets
 * v->model, and how unknown characters fall back.  0 or ERR_DATA. */
int vocab_scored_bpe(struct vocab_scored *s);
int vocab_scored_unigram(struct vocab_scored *s);

#endif
