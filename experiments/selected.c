#include "experiments/selected.h"
#include "base/mem.h"
#include <assert.h>
#include <math.h>
#include <stdlib.h>

struct selected {
    struct select **selects; /* (n,) */
    size_t n;
    struct select_text *texts; /* scratch */
    size_t cap;
};

struct selected *selected_alloc(const char *const names[], size_t n)
{
    struct selected *s = mem_alloc(1, sizeof *s);
    s->n = n;
    s->selects = mem_alloc(n, sizeof(struct select *));
    for (size_t i = 0; i < n; i++) {
        s->selects[i] = select_open(names[i]);
        assert(s->selects[i]); /* the plan was checked */
    }
    return s;
}

void selected_free(struct selected *s)
{
    if (!s)
        return;
    for (size_t i = 0; i < s->n; i++)
        select_close(s->selects[i]);
    free(s->selects);
    free(s->texts);
    free(s);
}

static struct select_text text_of(const struct sample *x, bool dead)
{
    return (struct select_text){ .text = x->text,
                                 .n = x->n_text,
                                 .logp = dead || isnan(x->nll) ? -INFINITY : -x->nll,
                                 .length = (double)x->n_symbols,
                                 .log_weight = x->log_weight,
                                 .judge = -x->judge_nll,
                                 .reward = NAN };
}

void selected_choose(struct selected *s, const struct measures_record records[], size_t n_records, size_t chosen[])
{
    mem_grow(&s->texts, &s->cap, n_records, sizeof *s->texts);
    for (size_t i = 0; i < n_records; i++) {
        s->texts[i] = text_of(&records[i].sample, records[i].trace->end == HYP_DEAD);
        s->texts[i].reward = records[i].reward;
    }
    for (size_t k = 0; k < s->n; k++)
        chosen[k] = select_choose(s->selects[k], s->texts, n_records, NULL).chosen;
}
