/* A SentencePiece model file: the protobuf of tokenizer.model, as far as encoding needs it.
 *
 * The parser knows the fields of ModelProto by number, passes over others, and checks every length against what is
 * left, so that any bytes may be read.  Pointers lead into the bytes that were read. */
#ifndef MODEL_SENTENCEPIECE_H
#define MODEL_SENTENCEPIECE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SENTENCEPIECE_BYTES_MAX (1u << 27) /* of a file; the largest known has 5 MB */

/* Types of pieces and models, as the format numbers them. */
enum {
    SENTENCEPIECE_NORMAL = 1,
    SENTENCEPIECE_UNKNOWN = 2,
    SENTENCEPIECE_CONTROL = 3,
    SENTENCEPIECE_USER_DEFINED = 4,
    SENTENCEPIECE_UNUSED = 5,
    SENTENCEPIECE_BYTE = 6,
};
enum { SENTENCEPIECE_UNIGRAM = 1, SENTENCEPIECE_BPE = 2, SENTENCEPIECE_WORD = 3, SENTENCEPIECE_CHAR = 4 };

struct sentencepiece_piece {
    const char *s; /* (n,) not NUL-terminated */
    size_t n;
    float score;
    int32_t type;
};

struct sentencepiece {
    struct sentencepiece_piece *piece; /* (n_pieces,) by id */
    size_t n_pieces, cap_pieces;
    int32_t model_type;
    int32_t bos, eos;        /* -1: none */
    bool spaces_behind;      /* treat_whitespace_as_suffix */
    const uint8_t *charsmap; /* (n_charsmap,) precompiled_charsmap */
    size_t n_charsmap;
    bool adds_prefix, removes_extra, escapes; /* of the normalizer_spec */
};

/* Fills *m from the n bytes.  0; ERR_DATA naming `where` and the place.  sentencepiece_fini() in either case. */
int sentencepiece_read(struct sentencepiece *m, const char *where, const uint8_t *bytes, size_t n);
void sentencepiece_fini(struct sentencepiece *m);

#endif
