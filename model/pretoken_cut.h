/* Lists of pieces, and the cutting of one: what a behaviour makes of matches and of what lies between them. */
#ifndef MODEL_PRETOKEN_CUT_H
#define MODEL_PRETOKEN_CUT_H

#include "model/pretoken.h"
#include "model/pretoken_match.h"

struct pretoken_list {
    struct span *s; /* (n,) none is empty */
    unsigned char
        *of; /* (n,) kinds of bytes (enum byte_kind) that a piece may have: what else a step wants, it has not */
    size_t n, cap, cap_of;
    const char *text;          /* what spans are in, where kinds are wanted; else NULL: a piece may have any */
    const unsigned char *kind; /* (256,) by byte */
};

void pretoken_list_add(struct pretoken_list *l, size_t from, size_t to);                  /* nothing when it is empty */
void pretoken_list_keep(struct pretoken_list *l, struct span piece, unsigned char kinds); /* the kinds are known */
void pretoken_list_free(struct pretoken_list *l);

/* A piece being cut: zero but for the first four. */
struct pretoken_cutter {
    struct pretoken_list *out;
    struct pretoken_cut cut;
    size_t base;       /* where the piece begins */
    const size_t *raw; /* offsets in bytes by those that the matcher counts in; NULL: the same */
    size_t first;      /* spans before this piece */
    bool was_match;
    struct span held; /* a match that waits for what it merges with; empty: none */
};

/* Cuts the n bytes at s at the matches of m.  0 or ERR_DATA. */
int pretoken_cut_matches(struct pretoken_cutter *c, const struct matcher *m, struct regex_work *w, const char *s,
                         size_t n);

#endif
