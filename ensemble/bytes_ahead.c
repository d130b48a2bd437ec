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

#define LEAST  0.1 /* probability of being wanted, about what a state more costs of a batch */
#define INSIDE 2.0 /* what may end inside a token is this much less likely than its first token */
#define DEPTH  64u /* tokens that begin with each other, followed at once */

/* A token that may end and the mass of all that begin with it, or tokens inside one. */
struct branch {
    struct bytes_guess guess;
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
    sym_t token = w->adapter->vocab.id[o->place];
    struct branch b = { { .parent = w->number, .token = { token }, .n = 1, .whole = token }, mass };
    space_text(w->adapter->vocab.space, token, &b.guess.length);
    if (own >= w->lazy * mass)
        offer(w->best, &b);
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

/* Whether the tokens of g lie on the way from its parent to a node of this token behind `parent`. */
static bool leads_to(const struct bytes_slot *s, const struct bytes_guess *g, uint32_t parent, sym_t token)
{
    uint32_t i = g->n;
    for (; token == g->token[i - 1]; token = s->node[parent].token, parent = s->node[parent].parent) {
        if (--i == 0)
            return parent == g->parent;
        if (parent == BYTES_NONE || parent <= g->parent)
            return false;
    }
    return false;
}

static bool same_path(const struct bytes_guess *x, const struct bytes_guess *y)
{
    return x->parent == y->parent && x->n == y->n && memcmp(x->token, y->token, x->n * sizeof *x->token) == 0;
}

static bool is_there(const struct bytes_slot *s, const struct bytes_guess *g)
{
    for (uint32_t i = g->parent + 1; i < s->n_nodes; i++)
        if (s->node[i].parent != BYTES_NONE && leads_to(s, g, s->node[i].parent, s->node[i].token))
            return true;
    for (size_t i = 0; i < s->n_guesses; i++)
        if (same_path(&s->guess[i], g))
            return true;
    return false;
}

static int add_guess(struct bytes_adapter *a, struct bytes_slot *s, const struct bytes_guess *g)
{
    int parent = bytes_token_slot(a, s, g->parent);
    TRY(parent);
    if (is_there(s, g) || lm_room(a->tokens, parent) < g->n)
        return 0;
    int slot = lm_fork(a->tokens, parent, lm_length(a->tokens, parent));
    TRY(slot);
    int rc = lm_push(a->tokens, slot, g->token, g->n, NULL);
    if (rc < 0)
        lm_drop(a->tokens, slot);
    TRY(rc);
    mem_grow(&s->guess, &s->cap_guesses, s->n_guesses + 1, sizeof *s->guess);
    s->guess[s->n_guesses] = *g;
    s->guess[s->n_guesses++].slot = slot;
    a->counts.states++;
    return 0;
}

/* What the merges make of the beginnings of a token that may be under way: a text that goes along it comes to these too, where
 * none of them is a token by itself, and each is as likely as its first token at most. */
static void look_inside(struct bytes_adapter *a, struct bytes_slot *s, const struct branch *b, struct best *inside)
{
    const struct bytes_node *n = &s->node[b->guess.parent];
    const uint8_t *text = space_text(a->vocab.space, b->guess.whole, &(size_t){ 0 });
    double whole = row_logp(n->row, b->guess.whole);
    for (size_t length = s->at - n->end + 1; length < b->guess.length; length++) {
        struct branch x = *b;
        a->work.n = 0;
        if (!vocab_view_merge(a->vocab.vocab, (const char *)text, length, &a->work) || a->work.n < 2 ||
            a->work.n > BYTES_PATH || math_exp64(row_logp(n->row, a->work.s[0]) - whole) < INSIDE * a->lazy)
            continue;
        x.guess.n = (uint32_t)a->work.n;
        x.guess.length = length;
        memcpy(x.guess.token, a->work.s, a->work.n * sizeof *a->work.s);
        bool is_new = true;
        for (uint32_t i = 0; i < inside->n && is_new; i++)
            is_new = !same_path(&inside->branch[i].guess, &x.guess);
        if (is_new)
            offer(inside, &x);
    }
}

int bytes_ahead(struct bytes_adapter *a, struct bytes_slot *s, const struct bytes_shot *shot)
{
    struct best best = { .most = a->ahead }, inside = { .most = a->ahead };
    double top = largest_bound(s, shot);
    if (top == -INFINITY)
        return 0;
    double least = LEAST * find_best(a, s, shot, top, &best);
    for (uint32_t i = 0; i < best.n && best.branch[i].mass >= least; i++)
        TRY(add_guess(a, s, &best.branch[i].guess));
    for (uint32_t i = 0; i < best.n && best.branch[i].mass >= least; i++)
        look_inside(a, s, &best.branch[i], &inside);
    for (uint32_t i = 0; i < inside.n; i++)
        TRY(add_guess(a, s, &inside.branch[i].guess));
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
        size_t from = s->node[g->parent].end;
        const uint8_t *text = space_text(a->vocab.space, g->whole, &(size_t){ 0 });
        if (s->at - from < g->length && text[s->at - from] == s->text[s->at])
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
        if (leads_to(s, &s->guess[i], n->parent, n->token)) {
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
