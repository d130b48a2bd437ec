/* The steps of one text, decided again. */
#include "base/err.h"
#include "base/hash.h"
#include "base/mem.h"
#include "decode/scratch.h"
#include "experiments/replay_inside.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* A step: where it stands, and the noise of its draw. */
struct at {
    struct rng_address address;
    struct rng_key key;
    const struct rng_key *noise; /* NULL: the search takes the best */
    struct transform_at transform;
    sym_t chosen; /* PARTIAL_NONE: the chain had left nothing */
};

static void at_step(const struct replay_text *t, size_t i, struct at *a)
{
    struct results *r = t->x->r;
    size_t n;
    a->address = (struct rng_address){ .seed = t->x->seed,
                                       .item = hash_string(results_items(r, &n)[t->record->item].name),
                                       .space = t->space->hash,
                                       .draw = t->choice->repeats ? 0 : t->record->draw,
                                       .step = (uint32_t)i,
                                       .purpose = RNG_DRAW };
    a->key = rng_key(&a->address);
    a->noise = t->choice->draw.type->random ? &a->key : NULL;
    a->chosen = i < t->tokens.n ? t->tokens.id[i] : PARTIAL_NONE;
    a->transform = (struct transform_at){ .space = t->space,
                                          .prompt = t->prompt,
                                          .n_prompt = t->n_prompt,
                                          .made = t->tokens.id,
                                          .n_made = i,
                                          .address = &a->address,
                                          .work = t->x->work };
}

/* The whole row is there: as the search itself does it. */
static int decide_full(const struct replay_text *t, size_t i, struct at *a, struct partial_decision *d)
{
    struct row row = row_over(t->x->work->spare[SCRATCH_ROW], t->space->n);
    memcpy(row.score, t->trace->score + i * t->trace->width, row.n * sizeof *row.score);
    row.log_z = t->trace->log_z[i];
    TRY(chain_apply(t->choice->chain, t->x->state, &row, &a->transform, NULL));
    *d = (struct partial_decision){ .symbol = PARTIAL_NONE };
    if (!row_dead(&row))
        d->symbol = draw_symbol(&t->x->draw, &row, &a->address, t->x->work);
    d->verdict = d->symbol == a->chosen ? PARTIAL_SAME : PARTIAL_PARTED;
    if (a->chosen != PARTIAL_NONE)
        d->low = d->high = row_logp(&row, a->chosen);
    return 0;
}

static int decide_topk(const struct replay_text *t, size_t i, struct at *a, struct partial_decision *d)
{
    struct partial *p = t->x->partial;
    const struct chain *c = t->choice->chain;
    partial_set(p, t->trace, i, a->chosen, a->noise ? t->choice->heat : 0);
    int rc = 1;
    for (size_t k = 0; k < chain_length(c) && rc == 1; k++)
        rc = partial_apply(p, c, k, t->x->state, &a->transform);
    TRY(rc);
    *d = (struct partial_decision){ PARTIAL_OPEN, PARTIAL_NONE, a->chosen == PARTIAL_NONE ? 0 : -INFINITY, 0 };
    if (rc == 1)
        *d = partial_decide(p, a->noise, a->chosen);
    return 0;
}

static void note(struct replay_record *out, uint32_t i, const struct at *a, const struct partial_decision *d)
{
    out->decided++;
    if (d->verdict == PARTIAL_SAME)
        return;
    out->first = out->first < i ? out->first : i;
    if (d->verdict == PARTIAL_OPEN) {
        out->n_open++;
        return;
    }
    out->n_parted++;
    if (out->parted > i) {
        out->parted = i;
        out->logged = a->chosen;
        out->symbol = d->symbol;
    }
}

static void add_ratio(const struct replay_text *t, size_t i, const struct partial_decision *d,
                      struct replay_record *out)
{
    if (i >= t->tokens.n)
        return;
    out->low += d->low - (double)t->tokens.logp_final[i];
    out->high += d->high - (double)t->tokens.logp_final[i];
}

/* Room for the space's rows and the chain's state. */
static void make_room(struct replay *x, const struct replay_text *t)
{
    size_t n_state = chain_state_size(t->choice->chain) + 1;
    if (!x->work || x->work->n != t->space->n) {
        row_work_free(x->work);
        partial_free(x->partial);
        x->work = row_work_alloc(t->space->n);
        x->partial = partial_alloc(t->space->n);
    }
    if (n_state > x->cap_state) {
        free(x->state);
        x->state = mem_aligned(n_state, 1);
        x->cap_state = n_state;
    }
}

/* As the search does it.  Where chains have state the choice was the same and its row exact: low is its probability. */
static void accept(const struct replay_text *t, const struct at *a, const struct partial_decision *d)
{
    chain_accept(t->choice->chain, t->x->state,
                 &(struct transform_choice){ .symbol = a->chosen, .logp = (double)(float)d->low, .at = &a->transform });
}

int replay_steps(const struct replay_text *t, struct replay_record *out)
{
    const struct chain *c = t->choice->chain;
    uint32_t n = (uint32_t)t->trace->n;
    *out = (struct replay_record){
        .record = t->record, .n_steps = n, .first = n, .parted = n, .logged = REPLAY_NONE, .symbol = REPLAY_NONE
    };
    make_room(t->x, t);
    t->x->draw = t->choice->draw;
    chain_start(c, t->x->state);
    for (uint32_t i = 0; i < n; i++) {
        struct at a;
        struct partial_decision d;
        at_step(t, i, &a);
        TRY(t->trace->kind == TRACE_FULL ? decide_full(t, i, &a, &d) : decide_topk(t, i, &a, &d));
        if (d.verdict == PARTIAL_OPEN && t->choice->own) {
            d.verdict = PARTIAL_SAME; /* what is hidden has lost: the log says so, and of the steps to come too */
            if (chain_state_size(c) > 0) {
                out->decided = n;
                out->low = out->high = NAN;
                return 0;
            }
        }
        note(out, i, &a, &d);
        add_ratio(t, i, &d, out);
        if (d.verdict != PARTIAL_SAME && (chain_state_size(c) > 0 || t->x->draw.type->moves))
            break; /* its state there, or its draw's, is another text's */
        if (a.chosen != PARTIAL_NONE)
            accept(t, &a, &d);
    }
    if (out->decided < n)
        out->low = out->high = NAN;
    return 0;
}
