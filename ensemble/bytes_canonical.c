/* Rows of the covers that the tokenizer can give (bytes_tree.c). */
#include "base/err.h"
#include "base/num.h"
#include "base/row_math.h"
#include "ensemble/bytes_slot.h"
#include <math.h>

#define CHUNK 64u /* rows made in one round of a slot, of a text that is read at many positions */

static void ask(struct bytes_adapter *a, struct bytes_slot *s, uint32_t node)
{
    if (s->has_looked || s->node[node].is_counted)
        bytes_ask(a, s, node);
}

static void ask_path(struct bytes_adapter *a, struct bytes_slot *s, const struct bytes_shot *shot, uint32_t node)
{
    ask(a, s, node);
    for (uint32_t n = node; n != shot->base; n = s->node[n].parent)
        if (isnan(s->node[n].logp))
            ask(a, s, s->node[n].parent);
}

static int canonical_gather(struct bytes_adapter *a, struct bytes_slot *s)
{
    size_t next = s->row_from + s->n_rows;
    if (s->n_shots == 0) {
        s->n_covers = 0;
        for (size_t at = next; at <= s->until && s->n_shots < CHUNK; at++) {
            while (s->at < at && s->at < s->ended)
                TRY(bytes_tree_advance(a, s));
            bytes_tree_shot(s, at);
        }
        s->has_looked = a->ahead == 0 || s->n_shots > 1 || s->shot[0].is_ended;
    }
    for (size_t i = 0; i < s->n_shots; i++) {
        const struct bytes_shot *shot = &s->shot[i];
        for (size_t k = 0; k < shot->n; k++)
            ask_path(a, s, shot, s->cover[shot->first + k].node);
        if (!shot->is_ended && shot->last != BYTES_NONE)
            ask_path(a, s, shot, shot->last);
    }
    return 0;
}

double bytes_tree_logp(struct bytes_slot *s, uint32_t base, uint32_t node)
{
    double sum = 0;
    for (uint32_t i = node; i != base; i = s->node[i].parent) {
        struct bytes_node *n = &s->node[i];
        if (isnan(n->logp))
            n->logp = row_logp(s->node[n->parent].row, n->token);
        sum += n->logp;
    }
    return sum;
}

double bytes_tree_bound(struct bytes_slot *s, uint32_t base, uint32_t node)
{
    double sum = 0;
    for (uint32_t i = node; i != base; i = s->node[i].parent) {
        struct bytes_node *n = &s->node[i];
        const struct row *above = s->node[n->parent].row;
        if (isnan(n->logp) && above)
            n->logp = row_logp(above, n->token);
        sum += isnan(n->logp) ? 0 : n->logp;
    }
    return sum;
}

const uint64_t *bytes_tree_barred(struct bytes_adapter *a, const struct bytes_node *n, bool may_split)
{
    bool joins = !may_split && n->has_token && !a->vocab.is_added[a->vocab.place[n->token]];
    return joins ? bytes_adjacent_barred(a->adjacent, n->token) : a->never;
}

/* Of a cover without depth.  f->barred is what its node barred where the shot was taken; the tree may stand bytes behind it. */
static void add_new(const struct bytes_adapter *a, const struct bytes_shot *shot, const struct bytes_sum *f,
                    double mass[BYTES_N])
{
    const uint64_t *barred[256];
    for (unsigned b = 0; b < 256; b++)
        barred[b] = !shot->allows[b] ? NULL : shot->may_cut[b] ? a->never : f->barred;
    bytes_sum_first(f, barred, mass);
}

static double largest_path(struct bytes_slot *s, const struct bytes_shot *shot)
{
    double top = -INFINITY;
    for (size_t k = 0; k < shot->n; k++)
        if (s->node[s->cover[shot->first + k].node].row)
            top = fmax(top, bytes_tree_logp(s, shot->base, s->cover[shot->first + k].node));
    if (shot->last != BYTES_NONE && s->node[shot->last].row)
        top = fmax(top, bytes_tree_logp(s, shot->base, shot->last));
    return top;
}

void bytes_tree_row(struct bytes_adapter *a, struct bytes_slot *s, const struct bytes_shot *shot)
{
    double mass[BYTES_N] = { 0 }, before = 0, top = shot->is_ended ? 0 : largest_path(s, shot);
    if (shot->is_ended) {
        bytes_add_row(a, s, NULL, 0);
        return;
    }
    for (size_t k = 0; k < shot->n && top > -INFINITY; k++) {
        const struct bytes_cover *c = &s->cover[shot->first + k];
        const struct bytes_node *n = &s->node[c->node];
        if (!n->row)
            continue;
        struct bytes_sum f = { .adapter = a, .row = n->row, .only_added = c->only_added };
        f.factor = math_exp64(bytes_tree_logp(s, shot->base, c->node) - top);
        f.barred = bytes_tree_barred(a, n, c->may_split);
        if (c->is_past)
            before += bytes_sum_range(&f, c->range);
        else if (c->depth == 0)
            add_new(a, shot, &f, mass);
        else
            bytes_sum_next(&f, c->range, c->depth, mass);
    }
    for (unsigned b = 0; b < 256; b++)
        mass[b] = shot->allows[b] ? mass[b] : 0;
    if (shot->last != BYTES_NONE && s->node[shot->last].row && top > -INFINITY) {
        struct bytes_sum f = { .adapter = a, .row = s->node[shot->last].row };
        f.factor = math_exp64(bytes_tree_logp(s, shot->base, shot->last) - top);
        mass[BYTES_END] = bytes_sum_ends(&f);
    }
    bytes_add_row(a, s, mass, shot->is_start ? -top : before > 0 ? num_log(before) : -INFINITY);
}

/* Whether the row of a node, or one that its share needs, has not been read. */
static bool lacks(const struct bytes_slot *s, uint32_t base, uint32_t node)
{
    bool missing = !s->node[node].row;
    for (uint32_t i = node; i != base; i = s->node[i].parent)
        missing |= isnan(s->node[i].logp) && !s->node[s->node[i].parent].row;
    return missing;
}

static bool is_missing(const struct bytes_slot *s, const struct bytes_shot *shot)
{
    for (size_t k = 0; k < shot->n; k++)
        if (lacks(s, shot->base, s->cover[shot->first + k].node))
            return true;
    return shot->last != BYTES_NONE && lacks(s, shot->base, shot->last);
}

static int canonical_settle(struct bytes_adapter *a, struct bytes_slot *s)
{
    if (!s->has_looked) { /* only what had been computed was asked for */
        s->has_looked = true;
        return is_missing(s, &s->shot[0]) ? bytes_ahead(a, s, &s->shot[0]) : canonical_settle(a, s);
    }
    for (size_t i = 0; i < s->n_shots; i++)
        bytes_tree_row(a, s, &s->shot[i]);
    s->n_shots = s->n_covers = 0;
    return 0;
}

const struct bytes_kind bytes_canonical = { "canonical", bytes_tree_begin, canonical_gather, canonical_settle };
