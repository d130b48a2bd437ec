/* The engine of the verb `pool`: one request a line in, one answer a line out, both JSON; no model.
 *
 *   {"id":"a","rule":"log","weights":[0.7,0.3],"probs":[[0.5,0.5,0],[0.2,0.3,0.5]]}
 *   {"id":"a","probs":[0.45..,0.54..,0],"log_z":-0.2..,"entropy":0.69..,"data_entropy":0.79..,"disagreement":0.11..,
 *    "epkl":null,"rmi":null,"agreement":0.7,"dead":false}
 *
 * probs    (voices, symbols), or "logits" for scores of any offset, where null is -inf.  Probabilities are used as they
 *          are given: a voice that sums to less than one (truncated) makes log_z say so.
 * rule     pool text; optional where the caller has a default.
 * weights  (voices,), optional: equal.
 * prefix   (voices,), optional, for mode=global only: ln p_k(prefix), null is -inf; log_z is then the increment.
 * entropy is the pool's; the others are the voices' (ensemble/uncertainty.h), null where infinite.
 * A pool of disjoint supports gives "dead":true, "log_z":null and probabilities of zero. */
#ifndef ENSEMBLE_POOL_LINE_H
#define ENSEMBLE_POOL_LINE_H

#include "base/doc.h"
#include "base/text.h"

/* Appends the answer to line[n], without a newline.  rule: the default, or NULL.  0, or the error's code; then the answer
 * is {"id":..,"error":".."} (id null when the line is no JSON object). */
int pool_line(const char *line, size_t n, const char *rule, struct text *out);

/* For who applies a chain to the pool: the members rule, weights, prefix and the voices' probs or logits become "logits",
 * the pool's scores; others stay.  0, ERR_DATA or ERR_USAGE. */
int pool_line_pooled(json_t *line);

#endif
