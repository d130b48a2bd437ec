/* Looking ahead: nodes that the text may well come to are evaluated in the batch of one that it has come to.
 *
 * A state more in a batch costs little where weights have to be read from memory, a batch more costs all of it.  So
 * whenever some node has to be evaluated, the tokens that the evaluated nodes have under way say where the text will
 * probably go: the node at the end of such a token will be wanted with the probability of all tokens that begin with it.  Rows
 * do not depend on this, nor do they say anything about it: what was guessed is found by who asks for it. */
#include "base/err.h"
#include "base/mem.h"
#include "base/row_math.h"
#include "ensemble/bytes_slot.h"
#include <math.h>
#include <string.h>

#define LEAST 0.06 /* probability of being wanted, about what a state more costs of a batch */
#define DEPTH 64u  /* tokens that begin with each other, followed at once */

/* A token that may end: from a node, and the mass of all tokens that begin with it. */
struct branch {
    uint32_t node;
    sym_t token;
    double mass;
};

/* The best so far, by mass; ties: the earlier. */
struct best {
    struct branch branch[BYTES_AHEAD_MOST];
    uint32_t n, most;
};

static void offer(struct best *b, const struct branch *x)
{
    uint32_t i = b->n < b->most ? b->n++ : b->most;
    for (; i > 0 && b->branch[i - 1].mass < x->mass; i--)
        if (i < b->most)
            b->branch[i] = b->branch[i - 1];
    if (i < b->most)
        b->branch[i] = *x;
}

/* Tokens that begin with each other follow each other in the order of places, the shorter first. */
struct open_token {
    uint32_t place;
    double before; /* mass of the places before it */
};

struct walk {
    struct bytes_adapter *adapter;
    struct best *best;
    uint32_t number; /* of the node whose tokens they are */
    struct bytes_range range;
    const float *p;
    double scale, lazy;
    struct open_token open[DEPTH];
    uint32_t n_open;
};

static bool begins_with(const struct bytes_vocab *t, uint32_t place, uint32_t beginning)
{
    uint32_t n, m;
    const uint8_t *s = bytes_vocab_text(t, place, &n), *b = bytes_vocab_text(t, beginning, &m);
    return m <= n && memcmp(s, b, m) == 0;
}

static void close_token(struct walk *w, double before)
{
    const struct open_token *o = &w->open[--w->n_open];
    double mass = (before - o->before) * w->scale, own = (double)w->p[o->place - w->range.from] * w->scale;
    if (own >= w->lazy * mass)
        offer(w->best, &(struct branch){ w->number, w->adapter->vocab.id[o->place], mass });
}

static void walk_range(struct walk *w)
{
    const struct bytes_vocab *t = &w->adapter->vocab;
    double before = 0;
    for (uint32_t i = w->range.from; i < w->range.to; i++) {
        float p = w->p[i - w->range.from];
        while (w->n_open > 0 && !begins_with(t, i, w->open[w->n_open - 1].place))
            close_token(w, before);
        if (p > 0 && w->n_open < DEPTH)
            w->open[w->n_open++] = (struct open_token){ i, before };
        before += (double)p;
    }
    while (w->n_open > 0)
        close_token(w, before);
}

/* Mass of what may follow, over exp(top); offers the tokens under way. */
static double find_best(struct bytes_adapter *a, struct bytes_slot *s, const struct bytes_shot *shot, double top,
                        struct best *best)
{
    double total = 0;
    for (size_t k = 0; k < shot->n; k++) {
        const struct bytes_cover *c = &s->cover[shot->first + k];
        const struct bytes_node *n = &s->node[c->node];
        double logp = c->is_past ? NAN : bytes_tree_bound(s, shot->base, c->node);
        if (c->is_past || logp == -INFINITY || (c->depth > 0 && !n->row))
            continue;
        double factor = math_exp64(logp - top);
        if (c->depth == 0)
            total += factor;
        if (c->depth == 0 || n->row->log_z == -INFINITY)
            continue;
        struct bytes_sum f = { .adapter = a, .row = n->row, .only_added = c->only_added, .factor = factor };
        struct walk w = { .adapter = a, .best = best, .number = c->node, .range = c->range, .lazy = a->lazy };
        f.barred = bytes_tree_barred(a, n, c->may_split);
        total += bytes_sum_range(&f, c->range);
        w.p = bytes_sum_each(&f, c->range, &w.scale);
        w.scale *= factor;
        walk_range(&w);
    }
    return total;
}

static double largest_bound(struct bytes_slot *s, const struct bytes_shot *shot)
{
    double top = -INFINITY;
    for (size_t k = 0; k < shot->n; k++)
        if (!s->cover[shot->first + k].is_past)
            top = fmax(top, bytes_tree_bound(s, shot->base, s->cover[shot->first + k].node));
    return top;
}

static bool is_there(const struct bytes_slot *s, const struct branch *b)
{
    for (uint32_t i = b->node + 1; i < s->n_nodes; i++)
        if (s->node[i].parent == b->node && s->node[i].token == b->token)
            return true;
    for (size_t i = 0; i < s->n_guesses; i++)
        if (s->guess[i].parent == b->node && s->guess[i].token == b->token)
            return true;
    return false;
}

static int add_guess(struct bytes_adapter *a, struct bytes_slot *s, const struct branch *b)
{
    int parent = bytes_token_slot(a, s, b->node);
    TRY(parent);
    if (is_there(s, b) || lm_room(a->tokens, parent) == 0)
        return 0;
    int slot = lm_fork(a->tokens, parent, lm_length(a->tokens, parent));
    TRY(slot);
    int rc = lm_push(a->tokens, slot, &b->token, 1, NULL);
    if (rc < 0)
        lm_drop(a->tokens, slot);
    TRY(rc);
    mem_grow(&s->guess, &s->cap_guesses, s->n_guesses + 1, sizeof *s->guess);
    s->guess[s->n_guesses++] = (struct bytes_guess){ .parent = b->node, .token = b->token, .slot = slot };
    a->counts.states++;
    return 0;
}

int bytes_ahead(struct bytes_adapter *a, struct bytes_slot *s, const struct bytes_shot *shot)
{
    struct best best = { .most = a->ahead };
    double top = largest_bound(s, shot);
    if (top == -INFINITY)
        return 0;
    double total = find_best(a, s, shot, top, &best);
    for (uint32_t i = 0; i < best.n; i++)
        if (best.branch[i].mass >= LEAST * total)
            TRY(add_guess(a, s, &best.branch[i]));
    return 0;
}

static void remove_guess(struct bytes_slot *s, size_t i)
{
    s->guess[i] = s->guess[--s->n_guesses];
}

void bytes_ahead_take(struct bytes_adapter *a, struct bytes_slot *s)
{
    for (size_t i = s->n_guesses; i-- > 0;) {
        const struct bytes_guess *g = &s->guess[i];
        size_t n, from = s->node[g->parent].end;
        const uint8_t *text = space_text(a->vocab.space, g->token, &n);
        if (s->at - from < n && text[s->at - from] == s->text[s->at])
            continue;
        lm_drop(a->tokens, g->slot);
        remove_guess(s, i);
    }
}

void bytes_ahead_move(struct bytes_adapter *a, struct bytes_slot *s, const uint32_t number[])
{
    for (size_t i = s->n_guesses; i-- > 0;) {
        s->guess[i].parent = number[s->guess[i].parent];
        if (s->guess[i].parent != BYTES_NONE)
            continue;
        lm_drop(a->tokens, s->guess[i].slot);
        remove_guess(s, i);
    }
}

void bytes_ahead_adopt(struct bytes_slot *s, struct bytes_node *n)
{
    for (size_t i = 0; i < s->n_guesses; i++)
        if (s->guess[i].parent == n->parent && s->guess[i].token == n->token) {
            n->slot = s->guess[i].slot;
            n->is_counted = true;
            remove_guess(s, i);
            return;
        }
}

void bytes_ahead_forget(struct bytes_adapter *a, struct bytes_slot *s)
{
    while (s->n_guesses > 0)
        lm_drop(a->tokens, s->guess[--s->n_guesses].slot);
}
