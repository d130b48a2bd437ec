#include "decode/walk.h"
#include "base/err.h"
#include "base/mem.h"
#include "decode/scratch.h"
#include <assert.h>
#include <stdlib.h>

#define RESERVED_STEPS 256 /* room made at once; a longer walk doubles it a few times */

static void reserve(struct walk *w)
{
    mem_grow(&w->made.s, &w->made.cap, RESERVED_STEPS, sizeof *w->made.s);
    mem_grow(&w->hyp.steps, &w->hyp.cap_steps, RESERVED_STEPS, sizeof *w->hyp.steps);
}

int walk_init(struct search *s)
{
    struct walk *w = s->state;
    struct search_args *a = &s->args;
    w->chain_state = mem_aligned(chain_state_size(a->chain) + 1, 1);
    chain_start(a->chain, w->chain_state);
    trace_begin(&w->hyp.trace, a->trace, a->chain, a->lm->space->n);
    reserve(w);
    w->slot = lm_fork(a->lm, LM_EMPTY, 0);
    TRY(w->slot);
    return lm_prompt(a->lm, w->slot, a->prompt, &s->prompt);
}

int walk_want(struct search *s, struct want out[], size_t max)
{
    struct walk *w = s->state;
    assert(max > 0 && !w->decided);
    if (w->hyp.end == HYP_OPEN && lm_room(s->args.lm, w->slot) == 0)
        stop_limit(&w->hyp);
    if (w->hyp.end != HYP_OPEN)
        return 0;
    out[0] = (struct want){ .lm = s->args.lm, .slot = w->slot, .n_rows = 1, .tap = LM_TAP_FINAL };
    return 1;
}

static struct rng_address address_of(const struct search *s, const struct walk *w)
{
    struct rng_address a = s->args.address;
    a.space = s->args.lm->space->hash;
    a.step = (uint32_t)w->made.n;
    a.lane = 0;
    a.purpose = RNG_DRAW;
    return a;
}

int walk_feed(struct search *s, struct row_work *work, walk_choice *choose)
{
    struct walk *w = s->state;
    const struct search_args *a = &s->args;
    struct want want = { .lm = a->lm, .slot = w->slot, .n_rows = 1, .tap = LM_TAP_FINAL };
    struct rng_address address = address_of(s, w);
    struct rng_key key = rng_key(&address);
    struct row given;
    TRY(lm_rows(&want, &given));
    assert(given.n <= work->n);
    struct row final = row_over(work->spare[SCRATCH_ROW], given.n);
    row_copy(&final, &given);
    struct transform_at at = { .space = a->lm->space,
                               .prompt = s->prompt.s,
                               .n_prompt = s->prompt.n,
                               .made = w->made.s,
                               .n_made = w->made.n,
                               .address = &address,
                               .work = work };
    TRY(chain_apply(a->chain, w->chain_state, &final, &at, trace_reports(&w->hyp.trace, w->hyp.n_steps)));
    TRY(trace_row(&w->hyp.trace, &given, work));
    if (row_dead(&final)) {
        w->hyp.end = HYP_DEAD;
        return 0;
    }
    struct hyp_step step = hyp_decide(&given, &final, choose(&final, &key), work->spare[SCRATCH_BEFORE]);
    chain_accept(a->chain, w->chain_state,
                 &(struct transform_choice){ .symbol = step.symbol, .logp = (double)step.logp_final, .at = &at });
    hyp_add(&w->hyp, a->lm->space, &step);
    symbols_add(&w->made, &step.symbol, 1);
    stop_check(a->stop, a->lm->space, &w->hyp);
    w->decided = true;
    return 0;
}

/* The end symbol is pushed too: it computes nothing and gives its trace. */
int walk_move(struct search *s)
{
    struct walk *w = s->state;
    if (!w->decided)
        return 0;
    struct hyp_step *last = &w->hyp.steps[w->hyp.n_steps - 1];
    w->decided = false;
    return lm_push(s->args.lm, w->slot, &last->symbol, 1, &last->trace);
}

const struct hyp *walk_hyps(const struct search *s, size_t *n)
{
    const struct walk *w = s->state;
    *n = 1;
    return &w->hyp;
}

void walk_fini(struct search *s)
{
    struct walk *w = s->state;
    if (w->slot >= 0)
        lm_drop(s->args.lm, w->slot);
    hyp_fini(&w->hyp);
    free(w->made.s);
    free(w->chain_state);
}
