/* Matchers of the pre-tokeniser's cutting steps: regexes, literals, classes of characters, scanners. */
#ifndef MODEL_PRETOKEN_MATCH_H
#define MODEL_PRETOKEN_MATCH_H

#include "base/text.h"
#include "model/pretoken.h"
#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

/* What all regexes of a pre-tokeniser share. */
struct regex_work {
    pcre2_match_data *match;
    pcre2_match_context *context;
    pcre2_jit_stack *stack;
    uint64_t budget; /* steps that further tries may still take in this text */
};

struct regex_work *regex_work_alloc(void);
void regex_work_free(struct regex_work *w);            /* NULL is fine */
void regex_work_start(struct regex_work *w, size_t n); /* a budget for a text of n bytes */

struct matcher;

/* The next match of the piece s (n bytes) at or behind from: 1 and *found, which is not empty; 0: none; ERR_DATA. */
typedef int matcher_next(const struct matcher *m, struct regex_work *w, const char *s, size_t n, size_t from,
                         struct span *found);

/* Kinds of bytes: a piece that has none of those that a matcher wants has no match. */
enum byte_kind {
    BYTE_LETTER = 1,
    BYTE_NUMBER = 2,
    BYTE_SPACE = 4, /* white space but for line breaks */
    BYTE_MARK = 8,  /* other ASCII that is printed */
    BYTE_PLAIN = BYTE_LETTER | BYTE_NUMBER | BYTE_SPACE | BYTE_MARK,
    BYTE_BREAK = 16,   /* \r \n */
    BYTE_CONTROL = 32, /* other ASCII */
    BYTE_WIDE = 64,    /* of a character of more bytes */
    BYTE_ANY = 127
};
unsigned char matcher_byte_kind(unsigned char byte);

struct matcher {
    matcher_next *next;
    unsigned char wants;                                  /* of enum byte_kind: a match has one of these at least */
    size_t (*scan)(const char *s, size_t n, size_t from); /* a total scanner (model/pretoken_scan.h), or NULL */
    bool (*is)(uint32_t);                                 /* a class, or NULL */
    bool *ascii;                                          /* (128,) own: what it says of ASCII */
    pcre2_code *code;                                     /* a regex, or NULL */
    char *literal;                                        /* or NULL */
    size_t n_literal;
    const struct scanner *scanner; /* or NULL */
    bool *bytes;                   /* (256,) own: a class of bytes, those whose characters are of the class; or NULL */
};

int matcher_regex(struct matcher *m, const char *where,
                  const char *regex); /* 0 or ERR_DATA; a scanner where one is known */
int matcher_pcre(struct matcher *m, const char *where, const char *regex); /* the same without scanners */
void matcher_literal(struct matcher *m, const char *text);
void matcher_class(struct matcher *m, bool (*is)(uint32_t));
void matcher_bytes(struct matcher *m, bool (*is)(uint32_t)); /* sees bytes, for their characters in the byte alphabet */
bool matcher_is_bytewise(const struct matcher *m);           /* it may see bytes for their characters */
void matcher_fini(struct matcher *m);

#endif
