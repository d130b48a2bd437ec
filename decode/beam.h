/* A beam: what beam, beam_sample and diverse_beam share.
 *
 * A group keeps `width` branches.  A step asks each branch for its best candidates, keeps of all of them the best
 * max(2, 1 + end symbols) * width, and goes through these from the best: one that ends (end symbol, stop string, limit) is
 * finished if it is among the best width, and the others go on, up to width.  A finished hypothesis's score is
 *
 *     ln p(text | chain) / (length ^ length_penalty * ((5 + length) / 6) ^ brevity_penalty)
 *
 * length in symbols, the end symbol included; a group keeps its best width finished ones.  Candidates compete with
 * their unpenalised sums.  Ties: the better parent, then the lower id.  A branch whose row is dead is lost.
 * `early` says when a group stops:
 *
 *     heuristic  width are finished and the best open branch, were it to end at its present length, beats none of them
 *                (Hugging Face early_stopping=False)
 *     first      width are finished (early_stopping=True)
 *     never      as heuristic, but with a penalty > 0 the best open branch is given the greatest length that the limit in
 *                symbols and the context allow (early_stopping="never"): with penalty 0 the exact answer of a beam
 *     t5         as never, by T5X (which counts one symbol more there): every candidate that ends is finished, whatever its
 *                rank, and what a limit cut counts only where nothing else has finished, unpenalised
 *
 * Hugging Face: generation/utils.py _beam_search of transformers 4.50 to 5.  T5X: decoding.py beam_search.  Both penalise
 * scores that their processors left unnormalised; here a chain's distribution always sums to one. */
#ifndef DECODE_BEAM_H
#define DECODE_BEAM_H

#include "decode/beam_pool.h"
#include "decode/branch.h"
#include "decode/draw.h"

struct beam_early {
    const char *name;
    bool at_first;  /* stops as soon as width are finished */
    bool looks_far; /* gives an open branch the greatest length */
    double more;    /* and this many symbols more */
    bool any_rank;  /* what ends is finished though it is not among the best width */
    bool cut_last;  /* what a limit cut counts only where nothing else is finished */
};
const struct beam_early *beam_early_find(const struct spec_value *value); /* absent: heuristic; NULL + ERR_USAGE */

/* A symbol that might follow a branch. */
struct beam_candidate {
    double rank; /* what competes with those of other branches */
    double sum;  /* ln p of the whole, less what a group's diversity takes */
    uint32_t parent;
    struct hyp_step step;
};

struct beam_group {
    struct branch *now, *next; /* (width + 1,) each */
    double *sum, *next_sum;    /* (width,) */
    int *parent;               /* (width,) of next, an index into now */
    uint32_t n, n_next;
    struct beam_pool finished, cut;
    struct hyp dead; /* the first branch that lost its support */
    bool over;
};

/* A symbol that might follow, with what it ranks by and its ln p. */
struct beam_choice {
    sym_t id;
    double rank, logp;
};

struct beam;
/* What a kind of beam search takes for the best of a branch's row: up to m->ask of them into m->choice; how many. */
typedef uint32_t beam_order(const struct search *s, const struct rng_address *a, struct row *r, struct row_work *work);

struct beam_rules {
    uint32_t width;    /* branches of a group */
    uint32_t n_groups; /* one after the other in every step */
    uint32_t n_best;   /* hypotheses handed back */
    double length_penalty, brevity_penalty;
    double diversity; /* taken from a symbol's ln p for each branch of an earlier group that took it in this step */
    const struct beam_early *early;
    beam_order *order;
};

struct beam {
    struct beam_rules rules;
    struct beam_group *group;         /* (n_groups,) */
    struct beam_candidate *candidate; /* (keep + ask,) */
    struct beam_choice *choice;       /* (ask,) */
    struct draw_best *best;           /* (ask,) for draws */
    sym_t *id;                        /* (ask,) for cuts */
    double *logp;                     /* (ask,) */
    size_t n_candidates;
    uint32_t keep, ask; /* candidates of all branches together, and of one */
    double longest;     /* symbols that a hypothesis may have */
    struct hyp *hyps;   /* (n_hyps,) views of the pools; 0 before the end */
    size_t n_hyps;
};

/* The verbs of struct search_type over s->state, which is a struct beam. */
int beam_init(struct search *s, const struct beam_rules *rules);
int beam_want(struct search *s, struct want out[], size_t max);
int beam_feed(struct search *s, struct row_work *work);
int beam_move(struct search *s);
const struct hyp *beam_hyps(const struct search *s, size_t *n);
void beam_fini(struct search *s);

beam_order beam_most_probable; /* the order of beam and diverse_beam */

/* A hypothesis that has ended goes where the rules want it. */
void beam_finish(struct beam *m, struct beam_group *g, const struct hyp *h, double sum, int parent);
double beam_score(const struct beam_rules *r, double sum, double length);

#endif
