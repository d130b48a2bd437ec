/* Searches: what turns an lm and a chain into hypotheses.
 *
 * A search never computes.  It says what it wants and is fed; the caller runs the core over the wants of all live
 * searches at once:
 *
 *     while ((n = search_want(s, wants, max)) > 0) {
 *         TRY(core_run(core, wants, n));
 *         TRY(search_feed(s, work));      reads rows and decides; touches nothing but s: searches may be fed in parallel
 *         TRY(search_move(s));            pushes, forks, drops: one owner thread for all searches of one lm
 *     }
 *     hyps = search_hyps(s, &n);          1..m weighted hypotheses
 *
 * A search that keeps several hypotheses gives none before it has finished; one of one hypothesis shows it as it grows. */
#ifndef DECODE_SEARCH_H
#define DECODE_SEARCH_H

#include "decode/chain.h"
#include "decode/draw.h"
#include "decode/hyp.h"
#include "decode/stop.h"
#include "model/core.h"

#define SEARCH_WANTS 64 /* most wants of one search at once */

/* What a search is about.  Everything is borrowed and must outlive the search. */
struct search_args {
    struct lm *lm;
    const struct chain *chain;
    const struct stop *stop;
    const struct prompt *prompt;
    struct lm *draft;           /* proposes symbols to a speculative search; NULL: none */
    const char *draft_template; /* of its prompt; NULL: the prompt's own */
    bool rounds;                /* the caller runs rounds (decode/round.h): wants may say that their rows stay */
    struct trace_level trace;   /* what hypotheses keep of their steps; zeroed: struct hyp_step */
    struct rng_address address; /* seed, item, draw; the search fills the rest */
};

struct search;
struct round;

/* What a search does with a draft. */
enum search_drafts {
    SEARCH_DRAFTS_NONE,   /* it has none */
    SEARCH_DRAFTS_LOOKUP, /* it looks up what was said before, and takes no lm */
    SEARCH_DRAFTS_ANY,    /* an lm where one is given, else that */
    SEARCH_DRAFTS_LM,     /* an lm must be given */
};

struct search_type {
    const char *name;
    const struct param *params;
    size_t n_params;
    const char *meaning, *source;
    bool defers; /* it chooses when the row is gone: not with chains that read it again (chain_keeps_row()) */
    bool random; /* its outcome depends on the draw */
    bool hidden; /* it reads hidden states: of an lm with layers alone */
    int (*check)(const struct spec_value value[]);                 /* 0, or ERR_USAGE: what params cannot say */
    enum search_drafts (*drafts)(const struct spec_value value[]); /* NULL: SEARCH_DRAFTS_NONE */
    /* It gives one text, each symbol drawn from the chain's row by a draw of its own: false, or how.  NULL: it does not. */
    bool (*walks)(const struct spec_value value[], struct draw *out);
    /* Of a search that looks for the best text: what texts of n symbols, the end included, compete by.  NULL: logp. */
    double (*rate)(const struct spec_value value[], double logp, size_t n);
    size_t size;                                                  /* bytes of its state */
    int (*init)(struct search *s);                                /* makes its slots, pushes the prompt */
    int (*want)(struct search *s, struct want out[], size_t max); /* how many; 0: finished */
    /* 1: the next feed takes what the round will answer; 0: it reads rows; ERR_*.  NULL: it always reads rows. */
    int (*offer)(struct search *s, struct round *r, struct row_work *work);
    int (*feed)(struct search *s, struct row_work *work);
    int (*move)(struct search *s);
    const struct hyp *(*hyps)(const struct search *s, size_t *n);
    void (*fini)(struct search *s); /* drops its slots; also after an init that failed */
};

struct search {
    const struct search_type *type;
    struct search_args args;
    struct spec_value value[SPEC_MAX_PARAMS];
    struct spec *spec;     /* what value points into */
    struct prompt asked;   /* args.prompt with the address of this draw, for lms that draw themselves */
    struct symbols prompt; /* as the first voice sees it */
    void *state;           /* type->size bytes, zeroed */
};

/* text: "sample", "greedy", "beam(8)"; NULL + ERR_USAGE (unknown: lists) or what init() met. */
struct search *search_open(const char *text, const struct search_args *args);
/* The same over another table; the types must outlive the search. */
struct search *search_open_types(const char *text, const struct search_args *args,
                                 const struct search_type *const types[], size_t n_types);
void search_close(struct search *s); /* NULL is fine; before the lm and the other borrowed things go */
/* How many wants were written to out[max]; assert: max is enough (SEARCH_WANTS always is).  0: finished.
 * Every want that was run must be followed by feed and move; after a failure of any of these, only close. */
int search_want(struct search *s, struct want out[], size_t max);
/* Between the core's run and feed, by the owner thread, of searches whose caller runs rounds: 1: offered to r; 0; ERR_*. */
int search_offer(struct search *s, struct round *r, struct row_work *work);
int search_feed(struct search *s, struct row_work *work);
int search_move(struct search *s);
const struct hyp *search_hyps(const struct search *s, size_t *n);

/* For check(): any values will do. */
int search_any(const struct spec_value value[]);
/* Which of names[n] a text parameter says; 0, the first, where it is left out; ERR_USAGE that lists and suggests. */
int search_word(const struct spec_value *value, const char *what, const char *const names[], size_t n);

/* Canonical text of a search, appended; 0 or ERR_USAGE. */
int search_canonical(const char *text, struct text *out);
/* Whether it gives one text, each symbol drawn from the chain's row alone, and how: *out has not begun. */
bool search_walks(const char *text, struct draw *out);
bool search_random(const char *text); /* its outcome depends on the draw */
bool search_hidden(const char *text); /* it reads hidden states (struct lm, layered) */
/* 0, or ERR_USAGE: the search moves on without a choice's row, which a step of the chain reads again. */
int search_takes(const char *text, const struct chain *c);
enum search_drafts search_drafts(const char *text); /* of a search that was checked */
/* What a search becomes where a draft is given: plain sampling is speculative, the same text in fewer passes. */
const char *search_drafted(const char *text);
const struct search_type *const *search_types(size_t *n);

#endif
