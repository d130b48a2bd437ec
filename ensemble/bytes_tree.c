/* Covers that the tokenizer can give: a streaming tree (Hayase et al.; the pre-tokeniser's open cuts are followed side by
 * side).
 *
 * At each byte, for each way in which the text so far may be cut, the tokens that the merges make of it are a path from
 * the root; the node at its end is new, the others are there.  A node lives while some token may be under way from it: it
 * begins with the bytes behind the node's end, and no cut lies among these.  The root is what all living nodes come from, so
 * that each byte costs the merging of the few bytes behind it. */
#include "base/err.h"
#include "base/mem.h"
#include "ensemble/bytes_slot.h"
#include <math.h>
#include <string.h>

#define LONG       256u /* bytes of a piece */
#define LONG_UNCUT 64u

void bytes_tree_begin(struct bytes_adapter *a, struct bytes_slot *s)
{
    s->node[s->root].is_in = a->lazy == 0;
    memset(s->may_cut, !s->node[s->root].has_token, sizeof s->may_cut);
    s->node[s->root].may_split = !s->node[s->root].has_token;
}

static struct bytes_range whole_range(const struct bytes_adapter *a)
{
    return (struct bytes_range){ 0, a->vocab.n };
}

/* Tokens that go on with the next byte; those of living nodes are what covers the text before it is split up by what
 * follows.  (Another node may come to life again: a way was not seen.) */
static void take_byte(struct bytes_adapter *a, struct bytes_slot *s)
{
    bytes_ahead_take(a, s);
    uint8_t b = s->text[s->at++];
    s->n_past = 0;
    for (uint32_t i = 0; i < s->n_nodes; i++) {
        struct bytes_node *n = &s->node[i];
        uint32_t depth = (uint32_t)(s->at - n->end);
        n->range = bytes_vocab_narrow(&a->vocab, n->range, depth - 1, b);
        if (n->range.from == n->range.to)
            continue;
        if (n->is_live && n->is_in) {
            mem_grow(&s->past, &s->cap_past, s->n_past + 1, sizeof *s->past);
            s->past[s->n_past++] = (struct bytes_cover){ .node = i,
                                                         .range = n->range,
                                                         .depth = depth,
                                                         .is_past = true,
                                                         .only_added = n->only_added,
                                                         .may_split = n->may_split || (depth == 1 && s->may_cut[b]) };
        }
        n->range = bytes_vocab_longer(&a->vocab, n->range, depth);
    }
}

static uint32_t child_of(struct bytes_adapter *a, struct bytes_slot *s, uint32_t parent, sym_t token)
{
    for (uint32_t i = parent + 1; i < s->n_nodes; i++)
        if (s->node[i].parent == parent && s->node[i].token == token)
            return i;
    size_t length;
    space_text(a->vocab.space, token, &length);
    struct bytes_node n = { .parent = parent,
                            .token = token,
                            .has_token = true,
                            .end = s->node[parent].end + length,
                            .range = whole_range(a),
                            .slot = -1,
                            .is_in = a->lazy == 0,
                            .logp = NAN };
    for (size_t i = n.end; i < s->at && n.range.from < n.range.to; i++) {
        uint32_t depth = (uint32_t)(i - n.end);
        n.range = bytes_vocab_narrow(&a->vocab, n.range, depth, s->text[i]);
        n.range = bytes_vocab_longer(&a->vocab, n.range, depth + 1);
    }
    bytes_ahead_adopt(s, &n);
    return bytes_add_node(s, &n);
}

/* Follows the tokens of a->work from *node, which must give the text up to `to`; false: they do not. */
static bool follow(struct bytes_adapter *a, struct bytes_slot *s, uint32_t *node, size_t to)
{
    for (size_t i = 0; i < a->work.n; i++) {
        size_t length, end = s->node[*node].end;
        if (a->vocab.place[a->work.s[i]] == a->vocab.n)
            return false; /* one that ends, though it has a text */
        const uint8_t *text = space_text(a->vocab.space, a->work.s[i], &length);
        if (length == 0 || length > to - end || memcmp(text, s->text + end, length) != 0)
            return false;
        *node = child_of(a, s, *node, a->work.s[i]);
    }
    return s->node[*node].end == to;
}

/* The path of one way.  *anchor: the node at the last cut; *node: the one at the end of the text, BYTES_NONE: none, as the
 * vocabulary lacks what the last bytes are by themselves (an incomplete character).  false: the text has no such path. */
static bool follow_way(struct bytes_adapter *a, struct bytes_slot *s, const struct bytes_way *w, uint32_t *anchor,
                       uint32_t *node)
{
    const struct vocab_cut *cut = a->splits.cut + w->first;
    size_t begin = s->cut; /* of the piece */
    *node = *anchor = s->root;
    for (size_t i = 0; i < w->n; begin = s->cut + cut[i++].to) {
        size_t from = s->node[*node].end, to = s->cut + cut[i].to;
        if (to <= from)
            continue;
        const char *text = (const char *)s->text + from;
        bool is_whole = begin == from && !(begin == s->cut && s->is_inside), ok = true;
        a->work.n = 0;
        if (cut[i].id >= 0 && is_whole)
            symbols_add(&a->work, &(sym_t){ (sym_t)cut[i].id }, 1);
        else
            ok = (is_whole ? vocab_view_piece : vocab_view_merge)(a->vocab.vocab, text, to - from, &a->work);
        if (!ok || !follow(a, s, node, to))
            return false;
        *anchor = *node;
    }
    if (w->is_closed)
        return true;
    size_t from = s->node[*node].end;
    a->work.n = 0;
    bool ok = vocab_view_merge(a->vocab.vocab, (const char *)s->text + from, s->at - from, &a->work) &&
              follow(a, s, node, s->at);
    *node = ok ? *node : BYTES_NONE;
    return true;
}

/* Nodes behind the anchor live under a way whose last piece is open. */
static void revive(struct bytes_slot *s, uint32_t anchor, bool is_cut)
{
    s->node[anchor].may_split |= is_cut;
    for (uint32_t i = 0; i < s->n_nodes; i++) {
        struct bytes_node *n = &s->node[i];
        bool inside = i == anchor || (i > anchor && n->parent != BYTES_NONE && s->node[n->parent].mark == anchor + 1);
        n->mark = inside ? anchor + 1 : 0;
        if (inside && n->range.from < n->range.to)
            n->is_live = true;
    }
}

static void take_way(struct bytes_adapter *a, struct bytes_slot *s, const struct bytes_way *w)
{
    uint32_t anchor, node;
    if (!follow_way(a, s, w, &anchor, &node))
        return;
    if (w->is_final)
        s->last = node;
    if (!w->is_open)
        return;
    if (node != BYTES_NONE)
        s->node[node].is_live = true;
    if (w->is_closed)
        return;
    size_t cut = s->cut + (w->n > 0 ? a->splits.cut[w->first + w->n - 1].to : 0);
    bool is_cut = s->node[anchor].end == cut && !(w->n == 0 && s->is_inside);
    revive(s, anchor, is_cut || !s->node[anchor].has_token);
}

/* An added token is found before the text is cut. */
static bool has_added(const struct bytes_adapter *a, const struct bytes_node *n)
{
    return a->vocab.added_until[n->range.to] > a->vocab.added_until[n->range.from];
}

static uint32_t common(const struct bytes_slot *s, uint32_t x, uint32_t y)
{
    while (x != y)
        if (x > y)
            x = s->node[x].parent;
        else
            y = s->node[y].parent;
    return x;
}

static void move_root(struct bytes_slot *s)
{
    uint32_t root = s->last;
    for (uint32_t i = 0; i < s->n_nodes; i++)
        if (s->node[i].is_live)
            root = root == BYTES_NONE ? i : common(s, root, i);
    s->root = root == BYTES_NONE ? s->root : root;
}

/* A piece may be as long as the text; of one that is too long to be cut anew at each byte, what lies before the root is taken
 * off.  (A pattern that counts the characters of its match would count fewer.) */
static void cut_long(const struct bytes_adapter *a, struct bytes_slot *s)
{
    size_t end = s->node[s->root].end, to = end - bytes_splits_partial(s->text, end);
    if (to < s->cut || to - s->cut <= (a->splits.is_uncut ? LONG_UNCUT : LONG))
        return;
    s->cut = to;
    s->is_inside = true;
}

/* Moves s->cut on to the last cut that all ways have at or before the root's end; some tokenizers cut within characters, but
 * what is cut next must be text. */
static void move_cut(const struct bytes_adapter *a, struct bytes_slot *s)
{
    const struct bytes_splits *p = &a->splits;
    size_t best = 0;
    for (size_t i = 0; p->n > 0 && i < p->way[0].n; i++) {
        size_t to = p->cut[p->way[0].first + i].to, n_have = 1;
        if (s->cut + to > s->node[s->root].end)
            break;
        for (size_t k = 1; k < p->n; k++)
            for (size_t j = 0; j < p->way[k].n; j++)
                n_have += p->cut[p->way[k].first + j].to == to;
        bool is_text = bytes_splits_partial(s->text, s->cut + to) == 0;
        best = n_have == p->n && is_text ? to : best;
    }
    s->is_inside = s->is_inside && best == 0;
    s->cut += best;
    cut_long(a, s);
}

static void mark_kept(struct bytes_slot *s)
{
    for (uint32_t i = 0; i < s->n_nodes; i++)
        s->node[i].mark = s->node[i].is_live || i == s->root || i == s->base || i == s->last;
    for (size_t i = 0; i < s->n_past; i++)
        s->node[s->past[i].node].mark = 1;
    for (uint32_t i = (uint32_t)s->n_nodes; i-- > s->base + 1;)
        if (s->node[i].mark)
            s->node[s->node[i].parent].mark = 1;
}

/* Removes what neither lives nor leads from the base to what does; no shots are taken. */
static int compact(struct bytes_adapter *a, struct bytes_slot *s)
{
    uint32_t n = 0;
    TRY(bytes_token_slot(a, s, s->base));
    mem_grow(&a->number, &a->cap_number, s->n_nodes, sizeof *a->number);
    mark_kept(s);
    for (uint32_t i = 0; i < s->n_nodes; i++) {
        struct bytes_node *from = &s->node[i];
        a->number[i] = from->mark ? n++ : BYTES_NONE;
        if (!from->mark && from->slot >= 0)
            lm_drop(a->tokens, from->slot);
        if (!from->mark)
            continue;
        from->parent = i == s->base ? BYTES_NONE : a->number[from->parent];
        s->node[a->number[i]] = *from;
    }
    bytes_ahead_move(a, s, a->number);
    for (size_t i = 0; i < s->n_past; i++)
        s->past[i].node = a->number[s->past[i].node];
    s->last = s->last == BYTES_NONE ? BYTES_NONE : a->number[s->last];
    s->root = a->number[s->root];
    s->base = a->number[s->base];
    s->n_nodes = n;
    return 0;
}

int bytes_tree_advance(struct bytes_adapter *a, struct bytes_slot *s)
{
    if (s->n_shots == 0 && s->n_nodes > 48)
        TRY(compact(a, s));
    s->base = s->root;
    take_byte(a, s);
    TRY(bytes_splits_find(&a->splits, a->vocab.vocab, s->text + s->cut, s->at - s->cut));
    for (uint32_t i = 0; i < s->n_nodes; i++) {
        struct bytes_node *n = &s->node[i];
        n->only_added = n->is_live && n->range.from < n->range.to && has_added(a, n);
        n->is_live = n->may_split = false;
    }
    s->last = BYTES_NONE;
    memcpy(s->may_cut, a->splits.may_cut, sizeof s->may_cut);
    for (size_t i = 0; i < a->splits.n; i++)
        take_way(a, s, &a->splits.way[i]);
    for (uint32_t i = 0; i < s->n_nodes; i++) {
        struct bytes_node *n = &s->node[i];
        n->only_added = n->only_added && !n->is_live;
        n->is_live |= n->only_added;
    }
    move_root(s);
    move_cut(a, s);
    return 0;
}

static void add_cover(struct bytes_slot *s, const struct bytes_cover *c)
{
    mem_grow(&s->cover, &s->cap_covers, s->n_covers + 1, sizeof *s->cover);
    s->cover[s->n_covers++] = *c;
}

void bytes_tree_shot(struct bytes_slot *s, size_t at)
{
    mem_grow(&s->shot, &s->cap_shots, s->n_shots + 1, sizeof *s->shot);
    struct bytes_shot *shot = &s->shot[s->n_shots++];
    *shot = (struct bytes_shot){ .at = at, .base = s->base, .last = s->last, .first = s->n_covers };
    shot->is_ended = at > s->ended;
    if (shot->is_ended)
        return;
    shot->is_start = at == s->root_end;
    memcpy(shot->may_cut, s->may_cut, sizeof shot->may_cut);
    for (unsigned b = 0; b < 256; b++)
        shot->allows[b] = bytes_splits_allows(s->text, at, (uint8_t)b);
    for (size_t i = 0; !shot->is_start && i < s->n_past; i++)
        add_cover(s, &s->past[i]);
    for (uint32_t i = 0; i < s->n_nodes; i++) {
        const struct bytes_node *n = &s->node[i];
        if (n->is_live)
            add_cover(s, &(struct bytes_cover){ .node = i,
                                                .range = n->range,
                                                .depth = (uint32_t)(at - n->end),
                                                .only_added = n->only_added,
                                                .may_split = n->may_split });
    }
    shot->n = s->n_covers - shot->first;
}
