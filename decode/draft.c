#include "decode/draft.h"
#include "base/err.h"
#include "base/mem.h"
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define OWN_LANE 1

int draft_init(struct draft *d, struct search *s)
{
    uint32_t n = s->args.lm->space->n;
    d->slot = -1;
    branch_init(&d->ahead, s);
    if (!d->lm)
        return 0;
    if (d->lm->space->hash != s->args.lm->space->hash)
        return err_set(ERR_USAGE, "speculative: the symbols of draft '%s' are not those of '%s': want one vocabulary",
                       d->lm->name, s->args.lm->name);
    if (d->noise == DRAFT_OWN)
        d->scores = mem_aligned((size_t)DRAFT_MOST * n, sizeof *d->scores);
    for (uint32_t i = 0; i < DRAFT_MOST && d->scores; i++)
        d->row[i] = row_over(d->scores + (size_t)i * n, n);
    TRY(d->slot = lm_fork(d->lm, LM_EMPTY, 0));
    struct symbols seen = { 0 };
    struct prompt prompt = *s->args.prompt;
    if (s->args.draft_template)
        prompt.template_name = s->args.draft_template;
    int rc = lm_prompt(d->lm, d->slot, &prompt, &seen);
    free(seen.s);
    TRY(rc);
    d->prompt = lm_length(d->lm, d->slot);
    return 0;
}

void draft_fini(struct draft *d, const struct search *s)
{
    if (d->slot >= 0)
        lm_drop(d->lm, d->slot);
    branch_fini(&d->ahead, s);
    free(d->scores);
}

/* Look-up */

/* Symbol i of prompt and text together. */
static sym_t symbol_at(const struct search *s, const struct branch *text, size_t i)
{
    return i < s->prompt.n ? s->prompt.s[i] : text->made.s[i - s->prompt.n];
}

/* How many symbols before `at` are those before the end, up to most. */
static size_t repeats(const struct search *s, const struct branch *text, size_t at, size_t most)
{
    size_t end = s->prompt.n + text->made.n, n = 0;
    while (n < most && n < at && symbol_at(s, text, at - 1 - n) == symbol_at(s, text, end - 1 - n))
        n++;
    return n;
}

/* Proposes what followed the longest repetition of the text's end, the latest among equals. */
static void look_up(struct draft *d, const struct search *s, const struct branch *text, uint32_t most)
{
    size_t end = s->prompt.n + text->made.n, longest = 0, from = end;
    for (size_t at = end; at-- > 1 && longest < d->ngram;) {
        size_t n = repeats(s, text, at, d->ngram);
        from = n > longest ? at : from;
        longest = n > longest ? n : longest;
    }
    for (d->n = 0; d->n < most && from + d->n < end; d->n++)
        d->proposed[d->n] = symbol_at(s, text, from + d->n);
    d->wanted = d->n;
}

/* A draft lm */

void draft_begin(struct draft *d, const struct search *s, const struct branch *text, uint32_t most)
{
    d->n = d->wanted = 0;
    assert(most <= DRAFT_MOST);
    if (!d->lm) {
        look_up(d, s, text, most);
        return;
    }
    if (d->slot < 0)
        return;
    size_t room = lm_room(d->lm, d->slot);
    d->wanted = room < most ? (uint32_t)room : most;
    if (d->wanted > 0)
        branch_copy(&d->ahead, text, s);
}

bool draft_ready(const struct draft *d)
{
    return d->n == d->wanted;
}

struct want draft_want(const struct draft *d)
{
    return (struct want){ .lm = d->lm, .slot = d->slot, .n_rows = 1, .tap = LM_TAP_FINAL };
}

/* A dead row and an ended text end the proposals. */
int draft_feed(struct draft *d, const struct search *s, struct row_work *work)
{
    struct rng_address address = branch_address(&d->ahead, s);
    struct want w = draft_want(d);
    struct row given, final;
    address.lane = d->noise == DRAFT_OWN ? OWN_LANE : 0;
    TRY(lm_rows(&w, &given));
    TRY(branch_apply(&d->ahead, s, work, &given, &final));
    if (row_dead(&final)) {
        d->wanted = d->n;
        return 0;
    }
    struct rng_key key = rng_key(&address);
    struct hyp_step step = { .symbol = row_draw(&final, &key) };
    step.logp_final = (float)row_logp(&final, step.symbol);
    if (d->scores)
        row_copy(&d->row[d->n], &final);
    branch_take(&d->ahead, s, work, &step);
    d->proposed[d->n++] = step.symbol;
    if (d->ahead.hyp.end != HYP_OPEN)
        d->wanted = d->n;
    return 0;
}

int draft_move(struct draft *d)
{
    if (d->n <= d->told)
        return 0;
    d->told++;
    return lm_push(d->lm, d->slot, &d->proposed[d->n - 1], 1, NULL);
}

int draft_settle(struct draft *d, const struct branch *text)
{
    if (d->slot < 0)
        return 0;
    size_t held = lm_length(d->lm, d->slot) - d->prompt, same = held - d->told;
    for (uint32_t i = 0; i < d->told && same < text->made.n && text->made.s[same] == d->proposed[i]; i++)
        same++;
    int next = lm_fork(d->lm, d->slot, d->prompt + same);
    TRY(next);
    lm_drop(d->lm, d->slot);
    d->slot = next;
    d->told = 0;
    if (text->made.n - same > lm_room(d->lm, next)) {
        lm_drop(d->lm, next);
        d->slot = -1;
        return 0;
    }
    return lm_push(d->lm, next, text->made.s + same, text->made.n - same, NULL);
}
