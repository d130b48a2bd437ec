/* A line of `dist` as it was read and checked (decode/dist.h says what the members mean). */
#ifndef DECODE_DIST_LINE_H
#define DECODE_DIST_LINE_H

#include "base/doc.h"
#include "decode/chain.h"
#include "decode/dist.h"
#include "model/lm.h"

/* A distribution as it stands in a line. */
struct dist_values {
    json_t *list; /* of `logits` or `probs`; borrowed */
    bool are_probs;
};

struct dist_line {
    json_t *object;
    struct text id; /* as JSON: "null" until it was read */
    const char *where;
    struct dist_values values; /* (n,) */
    uint32_t n;
    bool replaces;            /* scores that are no finite number */
    struct dist_values draft; /* (n,) what proposed; list NULL: it stood on the proposal alone */
    int64_t proposed;         /* -1: nothing was */
    struct symbols history, prompt;
    struct chain *chain;
    struct rng_address address;
    bool has_space;
    int64_t n_draws; /* -1: not asked for */
    bool unnormalised;
};

/* l is zeroed but for where, which must outlive it.  0, ERR_DATA or ERR_USAGE (the chain); l->id is right either way. */
int dist_line_read(struct dist_line *l, const struct dist_options *o, const char *s, size_t n);
/* The scores, (n,): 0 or ERR_DATA "line 3: logits[17] is a string, want a number or null". */
int dist_line_scores(const struct dist_line *l, float score[]);
/* Those of the draft, which has some. */
int dist_line_draft(const struct dist_line *l, float score[]);
void dist_line_fini(struct dist_line *l);

#endif
