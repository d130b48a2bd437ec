/* Which tokens end a text, in their one order; the rule is in model/vocab.h. */
#include "model/vocab_inside.h"
#include <stdlib.h>

static void add_end(struct symbols *ends, sym_t id)
{
    for (size_t i = 0; i < ends->n; i++)
        if (ends->s[i] == id)
            return;
    symbols_add(ends, &id, 1);
}

static int by_id(const void *a, const void *b)
{
    sym_t x = *(const sym_t *)a, y = *(const sym_t *)b;
    return x < y ? -1 : x > y;
}

static bool is_mark(const struct vocab *v, sym_t id)
{
    return vocab_has_marks(v) &&
           ((int64_t)id == vocab_find(v, VOCAB_MARK_INSTRUCTION) || (int64_t)id == vocab_find(v, VOCAB_MARK_RESPONSE));
}

void vocab_ends(struct vocab *v, const sym_t stated[], size_t n, struct symbols *ends)
{
    size_t first = ends->n;
    for (size_t i = 0; i < n; i++)
        if (!is_mark(v, stated[i]))
            add_end(ends, stated[i]);
    if (v->eos < 0 && ends->n > first)
        v->eos = ends->s[first];
    if (ends->n > first)
        qsort(ends->s + first, ends->n - first, sizeof *ends->s, by_id);
    for (size_t i = ends->n; i > first + 1; i--) /* eos moves to the front */
        if ((int64_t)ends->s[i - 1] == v->eos) {
            ends->s[i - 1] = ends->s[i - 2];
            ends->s[i - 2] = (sym_t)v->eos;
        }
    if (vocab_has_marks(v)) {
        add_end(ends, (sym_t)vocab_find(v, VOCAB_MARK_INSTRUCTION));
        add_end(ends, (sym_t)vocab_find(v, VOCAB_MARK_RESPONSE));
    }
}

int64_t vocab_eos(const struct vocab *v)
{
    return v->eos;
}

/* The space with other ends: whoever has a pointer to the old one must not be there yet. */
static void replace_ends(struct vocab *v, const struct symbols *ends)
{
    struct space *old = v->space;
    v->space = space_alloc(old->kind, old->n, old->bytes, old->offsets, old->special, ends->s, ends->n);
    space_free(old);
}

void vocab_set_eos(struct vocab *v, sym_t id)
{
    struct symbols stated = { 0 }, ends = { 0 };
    if (v->eos < 0)
        symbols_add(&stated, &id, 1);
    v->eos = id;
    symbols_add(&stated, v->space->ends, v->space->n_ends);
    size_t n = stated.n - (vocab_has_marks(v) ? 2 : 0); /* they are the last */
    vocab_ends(v, stated.s, n, &ends);
    replace_ends(v, &ends);
    free(stated.s);
    free(ends.s);
}
