/* All covers: a beam of states (Vieira et al.).
 *
 * A state is some complete tokens and the tokens that begin with the bytes behind them; its weight is the probability of
 * the first, the mass of its covers that times the mass of the second.  A byte narrows the second; a token that is complete
 * with it gives a new state besides.  The `beam` states of greatest mass stay (ties: the earlier). */
#include "base/mem.h"
#include "base/num.h"
#include "base/row_math.h"
#include "ensemble/bytes_slot.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

static void all_begin(struct bytes_adapter *a, struct bytes_slot *s)
{
    (void)a;
    s->log_mass = 0;
}

static int all_gather(struct bytes_adapter *a, struct bytes_slot *s)
{
    for (uint32_t i = 0; s->at <= s->ended && i < s->n_nodes; i++)
        bytes_ask(a, s, i);
    return 0;
}

static double largest(const struct bytes_slot *s)
{
    double top = -INFINITY;
    for (size_t i = 0; i < s->n_nodes; i++)
        top = fmax(top, s->node[i].logp);
    return top;
}

static struct bytes_sum sum_of(struct bytes_adapter *a, const struct bytes_node *n, double top)
{
    return (struct bytes_sum){ .adapter = a, .row = n->row, .factor = math_exp64(n->logp - top) };
}

static void make_row(struct bytes_adapter *a, struct bytes_slot *s)
{
    double mass[BYTES_N] = { 0 }, top = largest(s);
    const uint64_t *none[256];
    for (unsigned b = 0; b < 256; b++)
        none[b] = a->never;
    for (size_t i = 0; i < s->n_nodes && top > -INFINITY; i++) {
        const struct bytes_node *n = &s->node[i];
        struct bytes_sum f = sum_of(a, n, top);
        if (n->end < s->at) {
            bytes_sum_next(&f, n->range, (uint32_t)(s->at - n->end), mass);
            continue;
        }
        bytes_sum_first(&f, none, mass);
        mass[BYTES_END] += bytes_sum_ends(&f);
    }
    bytes_add_row(a, s, mass, top > -INFINITY ? s->log_mass - top : 0);
}

static void add_next(struct bytes_adapter *a, size_t *n, const struct bytes_node *node)
{
    mem_grow(&a->next, &a->cap_next, *n + 1, sizeof *a->next);
    a->next[(*n)++] = *node;
}

/* What becomes of a state with the next byte, behind *n others; returns the mass over exp(top).  Of those made here
 * `mark` says which state they come from, and row is NULL. */
static double take_state(struct bytes_adapter *a, const struct bytes_slot *s, uint32_t i, double top, size_t *n)
{
    struct bytes_node node = s->node[i];
    struct bytes_sum f = sum_of(a, &node, top);
    uint32_t depth = (uint32_t)(s->at - node.end);
    struct bytes_range begun = bytes_vocab_narrow(&a->vocab, node.range, depth, s->text[s->at]);
    struct bytes_range longer = bytes_vocab_longer(&a->vocab, begun, depth + 1);
    double stays = bytes_sum_range(&f, longer), mass = stays;
    node.mark = i;
    for (uint32_t k = begun.from; k < longer.from; k++) {
        double logp = node.logp + row_logp(node.row, a->vocab.id[k]);
        if (logp == -INFINITY)
            continue;
        mass += math_exp64(logp - top);
        add_next(a, n,
                 &(struct bytes_node){ .parent = BYTES_NONE,
                                       .token = a->vocab.id[k],
                                       .has_token = true,
                                       .end = s->at + 1,
                                       .range = { 0, a->vocab.n },
                                       .mark = i,
                                       .slot = -1,
                                       .logp = logp,
                                       .weight = logp });
    }
    node.range = longer;
    node.weight = stays > 0 ? top + num_log(stays) : -INFINITY;
    if (stays > 0)
        add_next(a, n, &node);
    return mass;
}

static int by_weight(const void *x, const void *y)
{
    const struct bytes_node *a = x, *b = y;
    if (a->weight != b->weight)
        return a->weight > b->weight ? -1 : 1;
    if (a->end != b->end)
        return a->end < b->end ? -1 : 1;
    if (a->mark != b->mark)
        return a->mark < b->mark ? -1 : 1;
    return (a->token > b->token) - (a->token < b->token);
}

/* The chosen states take the place of the old ones; each that is new forks its parent's slot. */
static int replace(struct bytes_adapter *a, struct bytes_slot *s, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        struct bytes_node *to = &a->next[i];
        int parent = s->node[to->mark].slot;
        to->row = NULL;
        if (to->slot >= 0)
            continue;
        to->slot = lm_fork(a->tokens, parent, lm_length(a->tokens, parent));
        if (to->slot < 0)
            return to->slot;
        int rc = lm_push(a->tokens, to->slot, &to->token, 1, NULL);
        if (rc < 0)
            return rc;
    }
    for (size_t i = 0; i < s->n_nodes; i++) {
        bool stays = false;
        for (size_t k = 0; k < n && !stays; k++)
            stays = a->next[k].slot == s->node[i].slot;
        if (!stays)
            lm_drop(a->tokens, s->node[i].slot);
    }
    mem_grow(&s->node, &s->cap_nodes, n, sizeof *s->node);
    if (n > 0)
        memcpy(s->node, a->next, n * sizeof *s->node);
    s->n_nodes = n;
    return 0;
}

static int take_byte(struct bytes_adapter *a, struct bytes_slot *s)
{
    size_t n = 0;
    double top = largest(s), mass = 0;
    for (uint32_t i = 0; i < s->n_nodes; i++)
        mass += take_state(a, s, i, top, &n);
    s->log_mass = mass > 0 ? top + num_log(mass) : -INFINITY;
    if (n > 0)
        qsort(a->next, n, sizeof *a->next, by_weight);
    s->at++;
    return replace(a, s, n < a->beam ? n : a->beam);
}

/* The row here, if it is wanted; then the next byte, whose states have to be read first. */
static int all_settle(struct bytes_adapter *a, struct bytes_slot *s)
{
    if (s->at == s->row_from + s->n_rows)
        make_row(a, s);
    while (s->at == s->ended && s->row_from + s->n_rows <= s->until)
        bytes_add_row(a, s, NULL, 0);
    return s->at < s->until && s->at < s->ended ? take_byte(a, s) : 0;
}

const struct bytes_kind bytes_all = { "all", all_begin, all_gather, all_settle };
