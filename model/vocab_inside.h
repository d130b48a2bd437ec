/* The inside of a vocabulary, for the files that read one (vocab_json.c, vocab_gguf.c, ...) and that encode with it.
 *
 * A reader calls vocab_alloc(), vocab_put() for every token, vocab_put_merge() for every merge in order, fills the
 * members marked (reader), and ends with vocab_finish(). */
#ifndef MODEL_VOCAB_INSIDE_H
#define MODEL_VOCAB_INSIDE_H

#include "base/text.h"
#include "model/bpe.h"
#include "model/normalise.h"
#include "model/pretoken.h"
#include "model/strmap.h"
#include "model/trie.h"
#include "model/unigram.h"
#include "model/vocab.h"
#include "model/wordcache.h"

/* What a vocabulary may be: ten times the largest known. */
#define VOCAB_TOKENS_MAX (1u << 22)
#define VOCAB_PIECE_MAX  65535u /* bytes of a token */
#define VOCAB_ADDED_MAX  65536u /* added and special tokens */

#define VOCAB_METASPACE "\xe2\x96\x81" /* U+2581, what SentencePiece has for a space */

enum token_kind {
    TOKEN_HOLE,    /* an id that the file leaves out */
    TOKEN_NORMAL,  /* a piece of text */
    TOKEN_ADDED,   /* found in the text before anything else; gives its own text */
    TOKEN_SPECIAL, /* the same where specials are parsed; gives no text, and text never becomes it otherwise */
};

struct token {
    char *piece; /* NULL: a hole */
    enum token_kind kind;
    /* of ADDED and SPECIAL: */
    bool is_late; /* looked for in the normalised text, after all tokens that are not (Hugging Face: "normalized") */
    bool is_word; /* not within a word ("single_word") */
    bool strips_left;  /* takes the white space before it ("lstrip") */
    bool strips_right; /* and behind it ("rstrip") */
    bool is_guarded;   /* within vocab_encode_guarded(): no text that is data becomes it */
};

/* Added tokens are looked for in two passes: those that are not late in the whole text, late ones in what is left. */
#define VOCAB_PASSES 2

/* A part of the text at work, for vocab_encode_parts(): bytes [.., to) up to the next region's. */
struct region {
    size_t to;
    bool is_data;
};

struct regions {
    struct region *r; /* (n,) */
    size_t n, cap;
};

struct vocab;

/* How a piece of the pre-tokeniser becomes tokens. */
struct vocab_model {
    const char *kind;
    /* Appends the ids of the n > 0 bytes at s.  0 or ERR_DATA. */
    int (*encode)(struct vocab *v, const char *s, size_t n, struct symbols *out);
};
extern const struct vocab_model vocab_model_bytes;   /* byte-level BPE */
extern const struct vocab_model vocab_model_chars;   /* BPE of characters */
extern const struct vocab_model vocab_model_unigram; /* unigram */

/* What becomes of the beginning of a decoded text. */
enum decode_start {
    DECODE_WHOLE,     /* nothing */
    DECODE_NO_SPACE,  /* it loses a space */
    DECODE_NO_SPACES, /* every token loses a space until there is text */
    DECODE_NO_MARKS,  /* its first token loses all its marks */
};

/* How tokens give text (reader). */
struct decoding {
    bool alphabet; /* pieces are in the byte alphabet; those that are not stand for themselves */
    bool fallback; /* <0xAB> is a byte */
    char *mark;    /* what stands for `by`; NULL: nothing does */
    char *by;
    enum decode_start start;
};

struct vocab {
    char *where;         /* for messages */
    struct token *token; /* (n,) by id */
    uint32_t n;
    size_t cap_token;
    struct strmap *ids;   /* piece -> id */
    struct strmap *whole; /* bytes -> id of normal tokens, where ignores_merges; else NULL */

    const struct vocab_model *model; /* (reader) vocab_model_bytes to begin with */
    struct bpe *bpe;
    struct unigram *unigram;     /* (reader) of vocab_model_unigram, else NULL */
    struct normalise *normalise; /* (reader) its steps */
    struct pretoken *pretoken;   /* (reader) its steps */
    struct decoding decoding;
    bool ignores_merges; /* (reader) a piece that is a token is not merged up */
    bool falls_back;     /* (reader) an unknown character becomes the tokens <0xAB> of its bytes */
    bool fuses_unknown;  /* (reader) adjacent unknown characters are one token */
    int64_t unknown;     /* (reader) -1: none */
    bool adds_bos;       /* (reader) */
    int64_t bos;         /* (reader) -1: none */
    int64_t eos;         /* (reader) -1: the first end that is stated, if any */
    int64_t tail;        /* (reader) the post-processor's last token; -1: none */

    struct space *space;
    struct trie *added[VOCAB_PASSES];    /* added and special tokens, as they are looked for; NULL: none */
    bool added_begin[VOCAB_PASSES][256]; /* whether one of them begins with a byte */
    int64_t byte_symbol[256];            /* by byte, in the byte alphabet; -1: the vocabulary lacks the byte */
    int64_t byte_token[256];             /* <0xAB>, likewise */
    uint32_t *start;    /* (VOCAB_START_CHARS,) tokens that single characters start as; VOCAB_NO_START */
    bool cuts_at_marks; /* no merge crosses the place before a mark: words can be merged one by one */
    struct wordcache *cache;
    struct trie *own; /* user-defined symbols that the normaliser leaves alone; NULL: none */

    struct text clean;           /* scratch: the text at work, valid UTF-8 */
    struct regions region, late; /* of clean; of the normalised segment at work */
    struct symbols piece;
};

struct vocab *vocab_alloc(const char *where);

/* 0; ERR_DATA: empty, too long, beyond VOCAB_TOKENS_MAX, or the id or the piece is taken.  A token that is there as
 * NORMAL becomes what it is put as. Memory is needed for all ids up to this one: the reader has checked id. */
int vocab_put(struct vocab *v, uint64_t id, const char *piece, size_t n, enum token_kind kind);

/* 0; ERR_DATA: a part or the whole is not in the vocabulary, or the pair has a merge already. */
int vocab_put_merge(struct vocab *v, const char *left, size_t n_left, const char *right, size_t n_right);

/* 0; ERR_DATA: no token; too many added ones; an end is not in the vocabulary. */
int vocab_finish(struct vocab *v, const sym_t ends[], size_t n_ends);

/* Appends the ends of v in their order (model/vocab.h), of those that its files state; the first of these is eos where the
 * reader has set none. */
void vocab_ends(struct vocab *v, const sym_t stated[], size_t n, struct symbols *ends);

/* The number of the byte that a piece <0xAB> stands for; -1: it has another form. */
int vocab_byte_of(const char *piece);

/* What single characters start as before anything is merged (vocab_start.c): of characters, the tokens that they are;
 * of bytes, the tokens that their bytes become whatever stands beside them.  Only of code points below
 * VOCAB_START_CHARS. */
#define VOCAB_START_CHARS 0x10000u
#define VOCAB_NO_START    UINT32_MAX
void vocab_start_build(struct vocab *v);

/* Added tokens (vocab_added.c).  Builds v->added; 0 or ERR_DATA. */
int vocab_added_build(struct vocab *v);

/* A text in which added tokens are looked for. */
struct added_text {
    const char *s; /* (n,) */
    size_t n;
    int pass;
    const struct regions *regions; /* which parts are literal, at `base` + their offset in s */
    size_t base;
};

/* A walk over the added tokens of a text, left to right, the longest first; at: zero to begin with. */
struct added_walk {
    const struct added_text *text;
    size_t at, done;
    /* the token found: text from `from` on up to `before` lies between the last one and it */
    sym_t id;
    size_t from, before;
};

/* 1: a token; 0: none is left, and what is left of the text begins at w->done. */
int vocab_added_next(const struct vocab *v, struct added_walk *w);

#endif
