#include "decode/branch.h"
#include "base/err.h"
#include "base/mem.h"
#include "decode/round.h"
#include "decode/scratch.h"
#include <assert.h>
#include <stdlib.h>
#include <string.h>

void branch_init(struct branch *b, const struct search *s)
{
    *b = (struct branch){ .slot = -1 };
    b->chain_state = mem_aligned(chain_state_size(s->args.chain) + 1, 1);
    chain_start(s->args.chain, b->chain_state);
    trace_begin(&b->hyp.trace, s->args.trace, s->args.chain, s->args.lm->space->n);
}

void branch_reserve(struct branch *b, size_t n)
{
    mem_grow(&b->made.s, &b->made.cap, n, sizeof *b->made.s);
    mem_grow(&b->hyp.steps, &b->hyp.cap_steps, n, sizeof *b->hyp.steps);
}

void branch_fini(struct branch *b, const struct search *s)
{
    branch_drop(b, s);
    hyp_fini(&b->hyp);
    free(b->made.s);
    free(b->chain_state);
    *b = (struct branch){ .slot = -1 };
}

int branch_open(struct branch *b, struct search *s)
{
    b->slot = lm_fork(s->args.lm, LM_EMPTY, 0);
    TRY(b->slot);
    return lm_prompt(s->args.lm, b->slot, s->args.prompt, &s->prompt);
}

void branch_copy(struct branch *to, const struct branch *from, const struct search *s)
{
    hyp_copy(&to->hyp, &from->hyp);
    to->made.n = 0;
    symbols_add(&to->made, from->made.s, from->made.n);
    memcpy(to->chain_state, from->chain_state, chain_state_size(s->args.chain));
}

bool branch_goes_on(struct branch *b, const struct search *s)
{
    if (b->hyp.end == HYP_OPEN && lm_room(s->args.lm, b->slot) == 0)
        stop_limit(&b->hyp);
    return b->hyp.end == HYP_OPEN;
}

struct want branch_want(const struct branch *b, const struct search *s)
{
    return (struct want){ .lm = s->args.lm, .slot = b->slot, .n_rows = 1, .tap = LM_TAP_FINAL };
}

struct rng_address branch_address(const struct branch *b, const struct search *s)
{
    struct rng_address a = s->args.address;
    a.space = s->args.lm->space->hash;
    a.step = (uint32_t)b->made.n;
    a.lane = 0;
    a.purpose = RNG_DRAW;
    return a;
}

/* Where the branch's next symbol is decided. */
static struct transform_at place(const struct branch *b, const struct search *s, const struct rng_address *address,
                                 struct row_work *work)
{
    return (struct transform_at){ .space = s->args.lm->space,
                                  .prompt = s->prompt.s,
                                  .n_prompt = s->prompt.n,
                                  .made = b->made.s,
                                  .n_made = b->made.n,
                                  .address = address,
                                  .work = work };
}

int branch_apply(struct branch *b, const struct search *s, struct row_work *work, const struct row *given,
                 struct row *final)
{
    struct rng_address address = branch_address(b, s);
    struct transform_at at = place(b, s, &address, work);
    assert(given->n <= work->n);
    *final = row_over(work->spare[SCRATCH_ROW], given->n);
    row_copy(final, given);
    TRY(chain_apply(s->args.chain, b->chain_state, final, &at, trace_reports(&b->hyp.trace, b->hyp.n_steps)));
    return trace_row(&b->hyp.trace, given, work);
}

int branch_rows(struct branch *b, const struct search *s, struct row_work *work, struct row *given, struct row *final)
{
    struct want want = branch_want(b, s);
    TRY(lm_rows(&want, given));
    return branch_apply(b, s, work, given, final);
}

int branch_offer(struct branch *b, const struct search *s, struct branch_there *there)
{
    struct rng_address address = branch_address(b, s);
    struct transform_at at = place(b, s, &address, there->work);
    const struct program_at where = { s->args.chain, there->draw, &at, &address, s->args.lm->space->n };
    return round_offer(there->round, there->row, &where);
}

void branch_take(struct branch *b, const struct search *s, struct row_work *work, const struct hyp_step *step)
{
    struct rng_address address = branch_address(b, s);
    struct transform_at at = place(b, s, &address, work);
    chain_accept(s->args.chain, b->chain_state,
                 &(struct transform_choice){ .symbol = step->symbol, .logp = (double)step->logp_final, .at = &at });
    hyp_add(&b->hyp, s->args.lm->space, step);
    symbols_add(&b->made, &step->symbol, 1);
    stop_check(s->args.stop, s->args.lm->space, &b->hyp);
}

/* The end symbol is pushed too: it computes nothing and gives its trace. */
int branch_push(struct branch *b, const struct search *s)
{
    struct hyp_step *last = &b->hyp.steps[b->hyp.n_steps - 1];
    return lm_push(s->args.lm, b->slot, &last->symbol, 1, &last->trace);
}

int branch_push_told(struct branch *b, const struct search *s)
{
    return lm_push(s->args.lm, b->slot, &b->hyp.steps[b->hyp.n_steps - 1].symbol, 1, NULL);
}

int branch_follow(struct branch *b, const struct search *s, int parent)
{
    assert(b->slot < 0);
    b->slot = lm_fork(s->args.lm, parent, lm_length(s->args.lm, parent));
    TRY(b->slot);
    return branch_push(b, s);
}

void branch_drop(struct branch *b, const struct search *s)
{
    if (b->slot >= 0)
        lm_drop(s->args.lm, b->slot);
    b->slot = -1;
}
