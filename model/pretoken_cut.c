#include "model/pretoken_cut.h"
#include "base/err.h"
#include "base/mem.h"
#include <stdlib.h>

void pretoken_list_free(struct pretoken_list *l)
{
    free(l->s);
    free(l->of);
}

void pretoken_list_keep(struct pretoken_list *l, struct span piece, unsigned char kinds)
{
    if (l->n == l->cap || l->n == l->cap_of) {
        mem_grow(&l->s, &l->cap, l->n + 1, sizeof *l->s);
        mem_grow(&l->of, &l->cap_of, l->n + 1, sizeof *l->of);
    }
    l->s[l->n] = piece;
    l->of[l->n++] = kinds;
}

/* A piece with a character of more bytes may have any: the rest of it is not worth looking at. */
static unsigned char kinds_of(const struct pretoken_list *l, size_t from, size_t to)
{
    unsigned char kinds = 0;
    for (size_t i = from; i < to && !(kinds & BYTE_WIDE); i++)
        kinds |= l->kind[(unsigned char)l->text[i]];
    return kinds & BYTE_WIDE ? BYTE_ANY : kinds;
}

void pretoken_list_add(struct pretoken_list *l, size_t from, size_t to)
{
    if (from < to)
        pretoken_list_keep(l, (struct span){ from, to }, l->text ? kinds_of(l, from, to) : BYTE_ANY);
}

static void extend(struct pretoken_cutter *c, struct span s)
{
    struct pretoken_list *l = c->out;
    l->s[l->n - 1].to = s.to;
    l->of[l->n - 1] |= l->text ? kinds_of(l, s.from, s.to) : BYTE_ANY;
}

static void merge_with_next(struct pretoken_cutter *c, struct span s, bool is_match)
{
    if (is_match) {
        pretoken_list_add(c->out, c->held.from, c->held.to);
        c->held = s;
        return;
    }
    pretoken_list_add(c->out, c->held.to > c->held.from ? c->held.from : s.from, s.to);
    c->held = (struct span){ 0, 0 };
}

/* The next part of the piece, [from, to) as the matcher counts: a match, or what lies between two. */
static void put(struct pretoken_cutter *c, size_t from, size_t to, bool matched)
{
    if (from == to)
        return;
    struct span s = { c->base + (c->raw ? c->raw[from] : from), c->base + (c->raw ? c->raw[to] : to) };
    if (c->cut.behavior == PRETOKEN_ISOLATED) {
        pretoken_list_add(c->out, s.from, s.to);
        return;
    }
    bool is_match = matched != c->cut.inverted, any = c->out->n > c->first;
    switch (c->cut.behavior) {
    case PRETOKEN_REMOVED:
        if (is_match)
            return;
        break;
    case PRETOKEN_CONTIGUOUS:
        if (any && is_match == c->was_match) {
            extend(c, s);
            return;
        }
        break;
    case PRETOKEN_MERGED_WITH_PREVIOUS:
        if (any && is_match && !c->was_match) {
            extend(c, s);
            c->was_match = true;
            return;
        }
        break;
    case PRETOKEN_MERGED_WITH_NEXT: merge_with_next(c, s, is_match); return;
    default: break;
    }
    c->was_match = is_match;
    pretoken_list_add(c->out, s.from, s.to);
}

int pretoken_cut_matches(struct pretoken_cutter *c, const struct matcher *m, struct regex_work *w, const char *s,
                         size_t n)
{
    struct span found;
    size_t done = 0;
    int rc;
    while (done < n && (rc = m->next(m, w, s, n, done, &found)) != 0) {
        if (rc < 0)
            return rc;
        put(c, done, found.from, false);
        put(c, found.from, found.to, true);
        done = found.to;
    }
    put(c, done, n, false);
    pretoken_list_add(c->out, c->held.from, c->held.to);
    return 0;
}
