/* Pre-tokenisation: cutting a text into the pieces that a model tokenises one by one.
 *
 * A list of steps.  A cutting step looks for matches in every piece so far and cuts it at their ends; a behaviour
 * says what becomes of the matches and of what lies between them.  A regex sees its piece alone, so lookarounds do
 * not reach beyond it.  Some steps rewrite the text (a space in front, spaces to U+2581).  After pretoken_add_bytes()
 * steps see every byte as its character in the byte alphabet (model/byte_level.h), but pieces stay the bytes
 * themselves.
 *
 * The regexes of well-known tokenizers are matched by hand-written scanners (model/pretoken_scan.h), others by PCRE2,
 * which may be made to backtrack for ever.  The steps of a split are bounded: some thousand for each byte that is a
 * place to begin a match, and beyond that a budget of some thousand for each byte of the text.  Real tokenizers take
 * tens. */
#ifndef MODEL_PRETOKEN_H
#define MODEL_PRETOKEN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct pretoken;

struct span {
    size_t from, to; /* bytes [from, to) */
};

/* The pieces of a text; none is empty, none overlaps another, and they are in order. */
struct pieces {
    const char *text;        /* what spans are in: the text, or what steps made of it */
    const struct span *span; /* (n,) */
    size_t n;
};

/* What becomes of a match (Hugging Face's SplitDelimiterBehavior). */
enum pretoken_behavior {
    PRETOKEN_ISOLATED,             /* a piece of its own */
    PRETOKEN_REMOVED,              /* nothing */
    PRETOKEN_MERGED_WITH_PREVIOUS, /* the end of the piece before it */
    PRETOKEN_MERGED_WITH_NEXT,     /* the beginning of the piece behind it */
    PRETOKEN_CONTIGUOUS,           /* adjacent matches are one piece */
};

struct pretoken_cut {
    enum pretoken_behavior behavior;
    bool inverted; /* what lies between matches takes their role */
};

/* Where the rewriting of spaces to U+2581 puts one in front (Hugging Face's PrependScheme). */
enum pretoken_scheme { PRETOKEN_NEVER, PRETOKEN_FIRST, PRETOKEN_ALWAYS };

/* GPT-2's pattern, which `ByteLevel` with use_regex applies. */
extern const char pretoken_gpt2[];

struct pretoken *pretoken_alloc(void);
void pretoken_free(struct pretoken *p); /* NULL is fine */

/* Appends a step.  0; ERR_DATA: where and what is wrong; more than 32 steps.
 * regex: in the syntax of Oniguruma as far as PCRE2 reads it alike; what they read otherwise is refused, and so is a
 * regex that matches the empty string. */
int pretoken_add(struct pretoken *p, const char *where, const char *regex); /* isolated */
int pretoken_add_regex(struct pretoken *p, const char *where, const char *regex, struct pretoken_cut cut);
int pretoken_add_literal(struct pretoken *p, const char *where, const char *text, struct pretoken_cut cut);
int pretoken_add_class(struct pretoken *p, const char *where, bool (*is)(uint32_t), struct pretoken_cut cut);
int pretoken_add_space(struct pretoken *p, const char *where); /* a space in front of each piece that has none there */
int pretoken_add_metaspace(struct pretoken *p, const char *where, const char *mark, enum pretoken_scheme scheme);
int pretoken_add_bytes(struct pretoken *p, const char *where); /* refused when it is there already */

bool pretoken_has_bytes(const struct pretoken *p);
size_t pretoken_count(const struct pretoken *p); /* steps */
bool pretoken_cuts(const struct pretoken *p);    /* some step may cut a text */

/* Cuts n bytes of valid UTF-8.  *out is valid until the next call and while text is; one thread at a time.  0;
 * ERR_DATA: a regex gives up (too much backtracking). */
int pretoken_split(struct pretoken *p, const char *text, size_t n, struct pieces *out);
/* The same for a text that is not the beginning of its document. */
int pretoken_split_inner(struct pretoken *p, const char *text, size_t n, struct pieces *out);
/* The same for a text that begins where a piece begins, in the middle of a document: nothing is put in front of it. */
int pretoken_split_middle(struct pretoken *p, const char *text, size_t n, struct pieces *out);

#endif
