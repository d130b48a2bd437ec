#include "cli/generate_choice.h"
#include "base/err.h"
#include "base/mem.h"
#include <math.h>
#include <stdlib.h>

int generate_choice_open(struct generate_choice *c, const char *text)
{
    *c = (struct generate_choice){ 0 };
    c->select = text ? select_open(text) : NULL;
    if (text && !c->select)
        return ERR_USAGE;
    if (text && select_needs(c->select) != SELECT_NEEDS_NOTHING)
        return err_set(ERR_USAGE,
                       "--select %s: generate has no %s; an experiment has (reward = \"METRIC\", judge = ...)",
                       select_canonical(c->select), select_needs(c->select) == SELECT_NEEDS_JUDGE ? "judge" : "reward");
    return 0;
}

void generate_choice_close(struct generate_choice *c)
{
    for (size_t i = 0; i < c->n; i++)
        hyp_fini(&c->hyps[i]);
    free(c->hyps);
    free(c->draws);
    select_close(c->select);
}

void generate_choice_keep(struct generate_choice *c, const struct hyp h[], size_t n, uint32_t draw)
{
    mem_grow(&c->hyps, &c->cap, c->n + n, sizeof *c->hyps);
    mem_grow(&c->draws, &c->cap_draws, c->n + n, sizeof *c->draws);
    for (size_t i = 0; i < n; i++) {
        hyp_copy(&c->hyps[c->n], &h[i]);
        c->draws[c->n++] = draw;
    }
}

/* ln p under the chain; a dead text has none. */
static double logp_of(const struct hyp *h)
{
    double sum = 0;
    for (size_t i = 0; i < h->n_steps; i++)
        sum += (double)h->steps[i].logp_final;
    return h->end == HYP_DEAD ? -INFINITY : sum;
}

int generate_choice_best(const struct generate_choice *c, size_t *best)
{
    struct select_text *texts = mem_alloc(c->n, sizeof *texts);
    for (size_t i = 0; i < c->n; i++) {
        const struct hyp *h = &c->hyps[i];
        texts[i] = (struct select_text){ .text = text_s(&h->text),
                                         .n = h->text.len,
                                         .logp = logp_of(h),
                                         .length = (double)h->n_steps,
                                         .log_weight = h->log_weight,
                                         .judge = NAN,
                                         .reward = NAN };
    }
    *best = select_choose(c->select, texts, c->n, NULL).chosen;
    free(texts);
    if (*best == SELECT_NONE)
        return err_set(ERR_DATA, "%s chooses none of %zu texts", select_canonical(c->select), c->n);
    return 0;
}
