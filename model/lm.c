#include "model/lm.h"
#include "base/mem.h"
#include <assert.h>
#include <string.h>

int lm_prompt(struct lm *lm, int slot, const struct prompt *p, struct symbols *seen)
{
    return lm->type->prompt(lm->self, slot, p, seen);
}

int lm_push(struct lm *lm, int slot, const sym_t s[], size_t n, struct lm_trace *t)
{
    return lm->type->push(lm->self, slot, s, n, t);
}

int lm_trace(struct lm *lm, int slot, uint32_t back, sym_t s, struct lm_trace *t)
{
    t->n_voices = 0;
    return lm->n_voices > 0 ? lm->type->trace(lm->self, slot, back, s, t) : 0;
}

int lm_fork(struct lm *lm, int src, size_t len)
{
    return lm->type->fork(lm->self, src, len);
}

void lm_drop(struct lm *lm, int slot)
{
    lm->type->drop(lm->self, slot);
}

size_t lm_length(struct lm *lm, int slot)
{
    return lm->type->length(lm->self, slot);
}

size_t lm_room(struct lm *lm, int slot)
{
    return lm->type->room(lm->self, slot);
}

int lm_rows(const struct want *w, struct row out[])
{
    return w->lm->type->rows(w->lm->self, w, out);
}

int lm_remote(const struct want *w, struct remote_row *out)
{
    assert(w->tap == LM_TAP_THERE && w->lm->remote);
    return w->lm->type->remote(w->lm->self, w, out);
}

void lm_free(struct lm *lm)
{
    if (lm)
        lm->type->free(lm->self);
}

void symbols_add(struct symbols *list, const sym_t s[], size_t n)
{
    mem_grow(&list->s, &list->cap, list->n + n, sizeof *list->s);
    if (n > 0)
        memcpy(list->s + list->n, s, n * sizeof *s);
    list->n += n;
}
