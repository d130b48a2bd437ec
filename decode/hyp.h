/* Hypotheses: what a search leaves behind, one record each in the results. */
#ifndef DECODE_HYP_H
#define DECODE_HYP_H

#include "base/text.h"
#include "decode/trace.h"
#include "model/lm.h"

enum hyp_end {
    HYP_OPEN,   /* not finished */
    HYP_SYMBOL, /* an end symbol was drawn */
    HYP_STRING, /* a stop string appeared */
    HYP_LIMIT,  /* a limit in symbols, bytes or characters, or the context was reached */
    HYP_DEAD,   /* the distribution had no support left */
};
const char *hyp_end_name(enum hyp_end e);

/* One decision. */
struct hyp_step {
    sym_t symbol;
    float logp;          /* under the lm's row, before the chain */
    float logp_final;    /* under the chain's distribution */
    float score;         /* raw, in the lm's row */
    float entropy;       /* nats, of the lm's row */
    float entropy_final; /* nats, of the chain's distribution */
    float mass;          /* probability under the lm's row of what the chain kept */
    uint32_t kept;       /* symbols the chain kept */
    struct lm_trace trace;
};

struct hyp {
    struct hyp_step *steps; /* (n_steps,) the end symbol included */
    size_t n_steps, cap_steps;
    struct text text;   /* the bytes of the symbols, specials left out, cut at a stop string or limit */
    struct trace trace; /* of the rows; what a run asks for beyond steps */
    double log_weight;  /* of the target that the search pursues; 0 for plain sampling */
    /* Of a speculative search: symbols proposed and accepted, and passes of the lm; 0 elsewhere. */
    uint32_t proposed, accepted, passes;
    enum hyp_end end;
};

/* The decision for a symbol: given is the lm's row, final what the chain made of it with that work, whose spares
 * SCRATCH_BEFORE and SCRATCH_MODEL it uses. */
struct hyp_step hyp_decide(const struct row *given, const struct row *final, sym_t symbol, struct row_work *w);

/* Adds a decision and, unless it ends the hypothesis, the symbol's bytes.  The step returned is valid until the next. */
struct hyp_step *hyp_add(struct hyp *h, const struct space *space, const struct hyp_step *step);
void hyp_copy(struct hyp *to, const struct hyp *from); /* to is zeroed or holds an older copy, whose memory is kept */
void hyp_fini(struct hyp *h);

#endif
