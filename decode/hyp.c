#include "decode/hyp.h"
#include "base/mem.h"
#include "decode/chain.h"
#include "decode/packed.h"
#include "decode/scratch.h"
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define NEARLY (1 - 0x1p-20) /* a mass above this may be that of all symbols */

const char *hyp_end_name(enum hyp_end e)
{
    static const char *const names[] = { [HYP_OPEN] = "open",
                                         [HYP_SYMBOL] = "symbol",
                                         [HYP_STRING] = "string",
                                         [HYP_LIMIT] = "limit",
                                         [HYP_DEAD] = "dead" };
    assert((size_t)e < sizeof names / sizeof names[0]);
    return names[e];
}

/* What the chain left of the whole row. */
static void set_whole(struct hyp_step *step, const struct row *given, const struct row *final, float *scratch)
{
    bool live = !row_dead(given) && !row_dead(final);
    step->entropy_final = (float)row_entropy(final);
    step->kept = row_count(final);
    if (live)
        step->mass = row_count(given) == step->kept ? 1 : (float)chain_left(given, final, scratch);
}

/* The same where it was cut down to few blocks (decode/packed.h), which say all of it. */
static void set_few(struct hyp_step *step, const struct row *given, const struct row *final, struct row_work *w)
{
    float *scratch = w->spare[SCRATCH_BEFORE];
    struct row few = packed_row(final, w, w->spare[SCRATCH_MODEL]), of = packed_row(given, w, scratch);
    double mass = chain_left(&of, &few, scratch);
    step->entropy_final = (float)row_entropy(&few);
    step->kept = row_count(&few);
    step->mass = mass > NEARLY && row_count(given) == step->kept ? 1 : (float)mass;
}

struct hyp_step hyp_decide(const struct row *given, const struct row *final, sym_t symbol, struct row_work *w)
{
    struct hyp_step step = {
        .symbol = symbol,
        .logp = (float)row_logp(given, symbol),
        .logp_final = (float)row_logp(final, symbol),
        .score = given->score[symbol],
        .entropy = (float)row_entropy(given),
    };
    if (!row_dead(given) && packed_short(final, w, PACKED_WORTH))
        set_few(&step, given, final, w);
    else
        set_whole(&step, given, final, w->spare[SCRATCH_BEFORE]);
    return step;
}

struct hyp_step *hyp_add(struct hyp *h, const struct space *space, const struct hyp_step *step)
{
    size_t n;
    mem_grow(&h->steps, &h->cap_steps, h->n_steps + 1, sizeof *h->steps);
    h->steps[h->n_steps] = *step;
    if (!space_is_end(space, step->symbol)) {
        const uint8_t *bytes = space_text(space, step->symbol, &n);
        text_addn(&h->text, bytes, n);
    }
    return &h->steps[h->n_steps++];
}

void hyp_copy(struct hyp *to, const struct hyp *from)
{
    mem_grow(&to->steps, &to->cap_steps, from->n_steps, sizeof *to->steps);
    if (from->n_steps > 0)
        memcpy(to->steps, from->steps, from->n_steps * sizeof *to->steps);
    to->n_steps = from->n_steps;
    text_clear(&to->text);
    text_addn(&to->text, text_s(&from->text), from->text.len);
    trace_copy(&to->trace, &from->trace);
    to->log_weight = from->log_weight;
    to->proposed = from->proposed;
    to->accepted = from->accepted;
    to->passes = from->passes;
    to->end = from->end;
}

void hyp_fini(struct hyp *h)
{
    free(h->steps);
    text_free(&h->text);
    trace_fini(&h->trace);
    *h = (struct hyp){ 0 };
}
