/* Selection: which of the finished texts of one item to hand over.  Pure functions of what a results file holds.
 *
 *   best(by=mean)                                  the best by one number
 *   vote(answer=number, weight=model)              the answer with the most weight; of its texts the most probable
 *   mbr(utility=chrf, weight=uniform, prune=0.99)  the text with the best mean utility where the others are wanted
 *
 * Weights of texts: `uniform` gives each exp(log_weight): 1 for samples, the importance weight of particles and of texts
 * drawn without replacement.  `model` gives each different text its own probability exp(logp), once (Jinnai et al. 2024).
 * Both are made to sum to one.  Ties go to the text that comes first. */
#ifndef DECODE_SELECT_H
#define DECODE_SELECT_H

#include "base/spec.h"
#include <stddef.h>

/* A finished text. */
struct select_text {
    const char *text; /* (n,) */
    size_t n;
    double logp;       /* ln p under the chain; -inf: dead */
    double length;     /* symbols, the end symbol included */
    double log_weight; /* as its search gave it */
    double judge;      /* ln p under the judge; NAN: not judged */
    double reward;     /* NAN: none */
};

struct select;

/* text: "best", "vote(number)", "mbr(utility=bleu)"; NULL + ERR_USAGE. */
struct select *select_open(const char *text);
void select_close(struct select *s); /* NULL is fine */
/* What it chooses by besides the texts and their probabilities. */
enum select_needs { SELECT_NEEDS_NOTHING, SELECT_NEEDS_JUDGE, SELECT_NEEDS_REWARD };
enum select_needs select_needs(const struct select *s);
const char *select_canonical(const struct select *s); /* lives as long as s */

#define SELECT_NONE SIZE_MAX

struct select_choice {
    size_t chosen;    /* SELECT_NONE where none can be: no text, none judged, no answer in any */
    size_t utilities; /* computed by mbr: what pruning left of n * n */
};
/* score: (n,) what each text was ranked by, -inf where it cannot be chosen; may be NULL. */
struct select_choice select_choose(const struct select *s, const struct select_text texts[], size_t n, double score[]);

/* The table. */
struct select_type {
    const char *name;
    const struct param *params;
    size_t n_params;
    const char *meaning, *source;
    int (*check)(const struct spec_value value[]);
    enum select_needs (*needs)(const struct spec_value value[]); /* NULL: nothing */
    /* Fills score[n]; returns the utilities computed. */
    size_t (*rank)(const struct spec_value value[], const struct select_text texts[], size_t n, double score[]);
};
const struct select_type *const *select_types(size_t *n);

/* For types: the texts' weights as `word` (NULL: uniform; "model") says, summing to one; 0 or ERR_USAGE. */
int select_weights(const char *word, const struct select_text texts[], size_t n, double weight[]);

extern const struct select_type select_best, select_vote, select_mbr;

#endif
