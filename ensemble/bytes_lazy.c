/* The canonical tree, lazily: a node is evaluated if what its tokens weigh is a share of at least `lazy` where they end.
 *
 * The weight of a node is known when its parent is evaluated; until then it is at most its parent's.  At each byte the
 * weights that are known, and what they leave of the bytes so far, say which nodes call for evaluation; each of these may
 * call for others, so that a byte takes some rounds.
 *
 * Behind its end an unevaluated node has at most the share weight / known mass, which grows as bytes come; but the share
 * that it really has is what it was, in the mean over what the lm says next (a posterior is a martingale).  So it is called
 * again only where that bound reaches one: where it might have been what was said. */
#include "base/err.h"
#include "base/num.h"
#include "base/row_math.h"
#include "ensemble/bytes_slot.h"
#include <math.h>

/* Rows of what is in, and of parents whose children's weights are not known yet. */
static void ask_around(struct bytes_adapter *a, struct bytes_slot *s, uint32_t base, uint32_t node)
{
    if (s->node[node].is_in)
        bytes_ask(a, s, node);
    for (uint32_t n = node; n != base; n = s->node[n].parent)
        if (isnan(s->node[n].logp) && s->node[s->node[n].parent].is_in)
            bytes_ask(a, s, s->node[n].parent);
}

static int lazy_gather(struct bytes_adapter *a, struct bytes_slot *s)
{
    size_t next = s->row_from + s->n_rows;
    if (s->n_shots == 0) {
        s->n_covers = 0;
        while (s->at < s->ended && (s->at < s->start || (s->is_judged && s->at < next))) {
            TRY(bytes_tree_advance(a, s));
            s->is_judged = false;
        }
        bytes_tree_shot(s, next > s->ended ? next : s->at);
    }
    const struct bytes_shot *shot = &s->shot[0];
    for (size_t k = 0; k < shot->n; k++)
        ask_around(a, s, shot->base, s->cover[shot->first + k].node);
    if (!shot->is_ended && shot->last != BYTES_NONE)
        ask_around(a, s, shot->base, shot->last);
    return 0;
}

static bool is_known(const struct bytes_slot *s, uint32_t base, uint32_t node)
{
    for (uint32_t i = node; i != base; i = s->node[i].parent)
        if (isnan(s->node[i].logp))
            return false;
    return true;
}

/* ln of the mass, over exp(top), that is known to lie on what may follow: of evaluated nodes, and of those that end here,
 * whose whole weight does. */
static double known_mass(struct bytes_adapter *a, struct bytes_slot *s, const struct bytes_shot *shot, double top)
{
    double sum = 0;
    for (size_t k = 0; k < shot->n; k++) {
        const struct bytes_cover *c = &s->cover[shot->first + k];
        const struct bytes_node *n = &s->node[c->node];
        if (c->is_past || !(c->depth == 0 ? is_known(s, shot->base, c->node) : n->row && n->is_in))
            continue;
        double factor = math_exp64(bytes_tree_bound(s, shot->base, c->node) - top);
        struct bytes_sum f = { .adapter = a, .row = n->row, .only_added = c->only_added, .factor = factor };
        sum += c->depth == 0 ? factor : bytes_sum_range(&f, c->range);
    }
    return sum > 0 ? num_log(sum) : -INFINITY;
}

/* The first on the way from the base to the node that is not in. */
static uint32_t first_out(const struct bytes_slot *s, uint32_t base, uint32_t node)
{
    uint32_t first = node;
    for (uint32_t n = node; n != base; n = s->node[n].parent)
        if (!s->node[s->node[n].parent].is_in)
            first = s->node[n].parent;
    return first;
}

enum { NONE, THERE, MISSING }; /* whether a node is called in, and its row computed */

static int call_in(struct bytes_slot *s, const struct bytes_shot *shot, uint32_t node, double least)
{
    double bound = bytes_tree_bound(s, shot->base, node);
    if (s->node[node].is_in || bound == -INFINITY || bound < least)
        return NONE;
    struct bytes_node *first = &s->node[first_out(s, shot->base, node)];
    first->is_in = true;
    return first->is_counted ? THERE : MISSING;
}

static int worse(int x, int y)
{
    return x > y ? x : y;
}

/* Whether there are more nodes to be evaluated. */
static int judge(struct bytes_adapter *a, struct bytes_slot *s, const struct bytes_shot *shot)
{
    int more = NONE;
    double top = -INFINITY;
    for (size_t k = 0; k < shot->n; k++)
        if (!s->cover[shot->first + k].is_past)
            top = fmax(top, bytes_tree_bound(s, shot->base, s->cover[shot->first + k].node));
    double known = top + known_mass(a, s, shot, top), least = known + num_log(a->lazy);
    for (size_t k = 0; k < shot->n; k++) {
        const struct bytes_cover *c = &s->cover[shot->first + k];
        bool is_first = c->depth == 0 || shot->at == s->start;
        if (!c->is_past)
            more = worse(more, call_in(s, shot, c->node, is_first ? least : known));
    }
    if (shot->last != BYTES_NONE)
        more = worse(more, call_in(s, shot, shot->last, least));
    return more;
}

static int lazy_settle(struct bytes_adapter *a, struct bytes_slot *s)
{
    const struct bytes_shot *shot = &s->shot[0];
    int more = shot->is_ended ? NONE : judge(a, s, shot);
    if (more != NONE)
        return more == MISSING && a->ahead > 0 ? bytes_ahead(a, s, shot) : 0;
    if (shot->at == s->row_from + s->n_rows)
        bytes_tree_row(a, s, shot);
    s->is_judged = true;
    s->n_shots = s->n_covers = 0;
    return 0;
}

const struct bytes_kind bytes_lazy = { "canonical", bytes_tree_begin, lazy_gather, lazy_settle };
