/* The inside of a vocabulary, for the files that read one (vocab_json.c, vocab_gguf.c) and that encode with it.
 *
 * A reader calls vocab_alloc(), vocab_put() for every token, vocab_put_merge() for every merge in order, fills the
 * members marked (reader), and ends with vocab_finish(). */
#ifndef MODEL_VOCAB_INSIDE_H
#define MODEL_VOCAB_INSIDE_H

#include "base/text.h"
#include "model/bpe.h"
#include "model/pretoken.h"
#include "model/strmap.h"
#include "model/vocab.h"

/* What a vocabulary may be: ten times the largest known. */
#define VOCAB_TOKENS_MAX (1u << 22)
#define VOCAB_PIECE_MAX  65535u /* bytes of a token */
#define VOCAB_ADDED_MAX  65536u /* added and special tokens, which are looked for one by one */

enum token_kind {
    TOKEN_HOLE,    /* an id that the file leaves out */
    TOKEN_NORMAL,  /* a piece in the byte alphabet */
    TOKEN_ADDED,   /* found in the text before anything else; gives its own text */
    TOKEN_SPECIAL, /* the same where specials are parsed; gives no text */
};

struct token {
    char *piece; /* NULL: a hole */
    enum token_kind kind;
    bool is_late; /* ADDED, SPECIAL: looked for after all tokens that are not late (Hugging Face: "normalized") */
};

/* A part of the text at work, for vocab_encode_parts(): bytes [.., to) up to the next region's. */
struct region {
    size_t to;
    bool is_data;
};

struct vocab {
    char *where;         /* for messages */
    struct token *token; /* (n,) by id */
    uint32_t n;
    size_t cap_token;
    struct strmap *ids;   /* piece -> id */
    struct strmap *whole; /* bytes -> id of normal tokens, where ignores_merges; else NULL */
    struct bpe *bpe;
    struct pretoken *pretoken; /* (reader) its splits */
    bool ignores_merges;       /* (reader) a piece that is a token is not merged up */
    bool composes;             /* (reader) text is normalised to NFC */
    bool adds_bos;             /* (reader) */
    int64_t bos;               /* (reader) -1: none */
    bool is_scored;            /* made by vocab_scored.c; then: */
    bool adds_space;           /* a space is put in front of a text */
    int64_t unknown;           /* for bytes without a token; -1: none */
    int64_t byte_token[256];   /* <0xAB>; -1: none */

    struct space *space;
    sym_t *added; /* (n_added,) added and special tokens by first byte, then the longest first */
    size_t n_added;
    size_t added_from[257];   /* those that begin with byte b are added[added_from[b] .. added_from[b + 1]) */
    int64_t byte_symbol[256]; /* -1: the vocabulary lacks the byte */

    struct text clean; /* scratch: the text at work, valid UTF-8 */
    struct region *region;
    size_t n_regions, cap_region;
    struct symbols piece;
};

struct vocab *vocab_alloc(const char *where);

/* 0; ERR_DATA: empty, too long, beyond VOCAB_TOKENS_MAX, or the id or the piece is taken.  A token that is there as NORMAL becomes what it is put as.
 * Memory is needed for all ids up to this one: the reader has checked id. */
int vocab_put(struct vocab *v, uint64_t id, const char *piece, size_t n, enum token_kind kind);

/* 0; ERR_DATA: a part or the whole is not in the vocabulary, or the pair has a merge already. */
int vocab_put_merge(struct vocab *v, const char *left, size_t n_left, const char *right, size_t n_right);

/* 0; ERR_DATA: no token; too many added ones; an end is not in the vocabulary. */
int vocab_finish(struct vocab *v, const sym_t ends[], size_t n_ends);

/* Of a vocabulary with scores (vocab_scored.c): the ids of n bytes of the clean text; the bytes of a token. */
int vocab_scored_encode(struct vocab *v, const char *s, size_t n, struct symbols *out);
void vocab_scored_bytes(const struct token *t, struct text *bytes);

#endif
