/* The engine of the verb `dist`: a line of JSON in, a line of JSON out; no model.
 *
 *   in   {"id":"a","logits":[..] or "probs":[..],"history":[..],"prompt":[..],"chain":"top_k=3|top_p=0.9","seed":1,
 *         "profile":"llamacpp","draw":n,"unnormalised":true,"item":"..","space":"<16 hex digits>",
 *         "invalid":"replace","proposed":5,"draft":{"probs":[..]}}
 *   out  {"id":"a","probs":[..],"kept":3,"mass":0.97,"entropy":0.8,
 *         "steps":[{"name":..,"step":..,"kept":..,"mass":..,"entropy":..,"divergence":..}],"logits":[..],"drawn":[..],
 *         "accept":0.25,"residual":[..]}
 *        or {"id":"a","error":".."}
 *
 * logits: raw scores, null is -inf.  probs: weights >= 0 of any sum (null is 0); their scores are ln p.  history: the
 * symbols said so far, prompt: those of the prompt before them.  Only one of logits and probs is required; chain is ""
 * and seed is 0 when absent; id may be a string or an integer.
 *   profile  whose rules the chain follows, as "@llamacpp |" at its head would say
 *   rule     a pool rule, with what the verb pool takes beside it: logits or probs are those of voices, and the chain is
 *            applied to their pool, whose scores are normalised
 *   invalid  error, the default, or replace: as Hugging Face's remove_invalid_values, "nan" is 0, "inf" the largest float,
 *            "-inf" and null the least
 *   proposed what a draft proposes, where `draft`, its row, gave the proposal its probability (no draft: 1).  The answer
 *            tells the rejection rule of speculative decoding: `accept`, the probability to take it, and `residual`, the
 *            distribution of what follows where it is not taken; drawn is then what the rule makes of each draw
 *   steps    step is its canonical text with every rule that is not the default; divergence is the KL of the row after it
 *            from the row given, in nats
 *   probs    after the chain; with unnormalised, without the last step's renormalisation: they sum to that step's mass
 *   kept     symbols not masked; mass: what they had of the distribution given; entropy: of the result, in nats
 *   logits   raw scores after the chain, null where masked
 *   drawn    draw i at the address (seed, item or else id, space, draw i, step = length of history), as `sample` draws: a
 *            step that draws by itself (xtc) decides anew for each, and what else is told is of draw 0;
 *            item and space are for repeating a logged draw; without `space` it is that of n symbols without text
 * A distribution without support gives probs of 0, kept 0 and nothing drawn. */
#ifndef DECODE_DIST_H
#define DECODE_DIST_H

#include "base/doc.h"
#include "base/transform.h"

struct dist;

/* All borrowed; zeroed: nothing. */
struct dist_options {
    const struct transform_type *const *types; /* (n_types,) of chains; NULL: the built-in ones */
    size_t n_types;
    const json_t *members; /* of lines that lack them: {"chain":"..","seed":1}; NULL: none */
    /* Makes one row, "logits", of a line with a "rule": 0 or ERR_*.  NULL: such a line is refused. */
    int (*pool)(json_t *line);
};

struct dist *dist_alloc(void);
void dist_set(struct dist *d, const struct dist_options *o);
void dist_free(struct dist *d);

/* Appends the answer to a line of n bytes, without a newline, to out: 0, or < 0 when the answer is an error.  Lines are
 * counted from 1 for messages. */
int dist_line(struct dist *d, const char *line, size_t n, struct text *out);
void dist_skip(struct dist *d); /* a line that is not asked, which messages count too */
/* The same as a table for people, of several lines each with its newline; what the line says cannot steer a terminal. */
int dist_explain(struct dist *d, const char *line, size_t n, struct text *out);

#endif
