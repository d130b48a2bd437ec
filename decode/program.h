/* A chain as a program that a device runs over rows which lie there (model/device_rows.h), so that a step of a hypothesis
 * brings a symbol and few numbers to the host instead of a row.
 *
 * Programs do what the chain would do to the same row.  Not every chain is one: transforms of scripts, those that keep state
 * or draw, and rare ones are run on the host; program_refusal() says which. */
#ifndef DECODE_PROGRAM_H
#define DECODE_PROGRAM_H

#include "decode/chain.h"
#include "decode/draw.h"
#include "model/device_rows.h"

struct transform_listed;

/* Programs of one round, one after the other: growing lists, for program_fini(). */
struct program {
    struct device_step *steps;
    size_t n_steps, cap_steps;
    struct transform_listed *listed;
};

void program_init(struct program *p);
void program_clear(struct program *p);
void program_fini(struct program *p);

/* Why a chain or a kind of draw is no program: "mirostat2", "draw cdf"; NULL: it is one. */
const char *program_refusal(const struct chain *c, const struct draw_type *draw);

/* Appends the steps of a chain that is one, after what `at` says, for rows of n symbols, and writes first_step, n_steps, draw
 * and noise of the decision.  0, ERR_DATA (as chain_apply()). */
struct program_at {
    const struct chain *chain;
    const struct draw_type *draw;
    const struct transform_at *at;
    const struct rng_address *noise; /* of the draw */
    uint32_t n;
};
int program_add(struct program *p, const struct program_at *where, struct device_decision *out);

#endif
