/* Weightings: where the weights of a pool come from while a text goes on.  Rows of a table:
 *
 *   fixed                        the weights given
 *   bayes(eta=1)                 w_k <- w_k p_k(y)^eta / sum.  With eta 1 and the linear rule the ensemble is the mixture of
 *                                strings: its loss is at most any voice's plus ln 1/w_k
 *   share(alpha)                 Bayes, then w <- (1 - alpha) w + alpha w_0: follows a best voice that changes
 *   prompt(tau=1, per=symbol)    w_k proportional to the weight given times exp(-NLL_k / tau), NLL_k the mean nats a symbol
 *                                (or a byte) that voice k gives its own prompt: PackLLM-sim, Mavromatis, Karypis & Karypis 2024
 *                                (softmax of -log perplexity / tau).  Read once, then fixed; no prompt: the weights given
 *   logistic(eta, contexts)      for product: a gradient step on -ln q(y), w_k += eta (ln p_k(y) - E_q ln p_k);
 *                                contexts=bytes keeps a set of weights for each kind of last byte
 *
 * Everything that a weighting has learnt of a prefix is a few doubles, a function of the prefix alone: slots fork by
 * copying them, and a text that is scored has the weights that it would have had when generated.  Learning starts after
 * the prompt, but for `prompt`, which ends there.  A voice that takes no part in a step (gated) is not judged by it. */
#ifndef ENSEMBLE_WEIGHTING_H
#define ENSEMBLE_WEIGHTING_H

#include "ensemble/pool.h"

struct weighting;

/* One step: symbol came where the voices gave rows (n,), and the pool was pool. */
struct weighting_step {
    const struct space *space;
    sym_t symbol;
    const struct row *rows;
    size_t first, n; /* voices first .. first + n - 1 took part; rows[0] is voice first's */
    const struct row *pool;
    size_t n_voices;
};

/* What a voice gave the symbols of its own prompt, the first of them left out: no row comes before it. */
struct weighting_prompt {
    double nll;                /* nats, their sum; INFINITY: one of them was impossible */
    uint64_t n_symbols, bytes; /* that were read */
};

struct weighting_type {
    const char *name;
    const struct param *params;
    size_t n_params;
    const char *meaning, *source;
    bool by_symbol; /* every symbol said changes its weights; else they are those of before the text */
    int (*check)(const struct weighting *w, const struct pool *p); /* 0 or ERR_USAGE: not with this rule, bad text */
    size_t (*size)(const struct weighting *w, size_t n_voices);    /* doubles of state */
    void (*start)(const struct weighting *w, const double prior[], size_t n_voices, double state[]);
    void (*weigh)(const struct weighting *w, const double state[], size_t n_voices, double weight[]);
    void (*update)(const struct weighting *w, const struct weighting_step *s, const double prior[], double state[]);
    uint32_t (*reads)(const struct weighting *w); /* symbols of a prompt that it reads at most; NULL: none */
    /* prompt: (n_voices,).  The state after the prompt; called once, before the first step. */
    void (*read)(const struct weighting *w, const struct weighting_prompt prompt[], const double prior[],
                 size_t n_voices, double state[]);
};

struct weighting {
    const struct weighting_type *type;
    struct spec_value value[SPEC_MAX_PARAMS];
    struct spec *spec; /* what value points into */
};

/* text for the rule p: 0 or ERR_USAGE (unknown: lists). */
int weighting_parse(const char *text, const struct pool *p, struct weighting *out);
void weighting_fini(struct weighting *w);
void weighting_text(const struct weighting *w, struct text *out); /* canonical, appended */
bool weighting_learns(const struct weighting *w);                 /* all but fixed */
const struct weighting_type *const *weighting_types(size_t *n);
/* Whether the weights of a weighting, by its text, change along a text; an unknown one's do not. */
bool weighting_by_symbol(const char *text);

#endif
