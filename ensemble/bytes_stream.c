/* What the kinds share: nodes, their token slots, what is asked for, rows made. */
#include "base/err.h"
#include "base/mem.h"
#include "ensemble/bytes_slot.h"
#include <math.h>
#include <string.h>

void bytes_forget(struct bytes_adapter *a, struct bytes_slot *s)
{
    for (size_t i = 0; i < s->n_nodes; i++)
        if (s->node[i].slot >= 0)
            lm_drop(a->tokens, s->node[i].slot);
    bytes_ahead_forget(a, s);
    s->n_nodes = s->n_past = s->n_shots = s->n_covers = 0;
    s->begun = false;
}

uint32_t bytes_add_node(struct bytes_slot *s, const struct bytes_node *n)
{
    mem_grow(&s->node, &s->cap_nodes, s->n_nodes + 1, sizeof *s->node);
    s->node[s->n_nodes] = *n;
    return (uint32_t)s->n_nodes++;
}

static int root_slot(struct bytes_adapter *a, const struct bytes_slot *s)
{
    int slot = lm_fork(a->tokens, LM_EMPTY, 0);
    TRY(slot);
    int rc = lm_push(a->tokens, slot, s->prompt.s, s->n_root, NULL);
    if (rc < 0)
        lm_drop(a->tokens, slot);
    return rc < 0 ? rc : slot;
}

/* Of a node whose parent has one, or of the root. */
static int make_slot(struct bytes_adapter *a, struct bytes_slot *s, struct bytes_node *n)
{
    if (n->parent == BYTES_NONE)
        return root_slot(a, s);
    int parent = s->node[n->parent].slot, slot = lm_fork(a->tokens, parent, lm_length(a->tokens, parent));
    TRY(slot);
    int rc = lm_push(a->tokens, slot, &n->token, 1, NULL);
    if (rc < 0)
        lm_drop(a->tokens, slot);
    return rc < 0 ? rc : slot;
}

int bytes_token_slot(struct bytes_adapter *a, struct bytes_slot *s, uint32_t node)
{
    while (s->node[node].slot < 0) {
        uint32_t first = node;
        while (s->node[first].parent != BYTES_NONE && s->node[s->node[first].parent].slot < 0)
            first = s->node[first].parent;
        int slot = make_slot(a, s, &s->node[first]);
        TRY(slot);
        s->node[first].slot = slot;
    }
    return s->node[node].slot;
}

void bytes_ask(struct bytes_adapter *a, struct bytes_slot *s, uint32_t node)
{
    for (size_t i = a->n_asks; i-- > 0 && a->ask[i].slot == s;)
        if (a->ask[i].node == node)
            return;
    mem_grow(&a->ask, &a->cap_asks, a->n_asks + 1, sizeof *a->ask);
    a->ask[a->n_asks++] = (struct bytes_ask){ s, node };
    a->counts.states += !s->node[node].is_counted;
    s->node[node].is_counted = true;
}

void bytes_add_row(struct bytes_adapter *a, struct bytes_slot *s, const double mass[BYTES_N], double log_mass)
{
    mem_grow(&s->score, &s->cap_score, (s->n_rows + 1) * BYTES_N, sizeof *s->score);
    mem_grow(&s->log_weight, &s->cap_weight, s->n_rows + 1, sizeof *s->log_weight);
    float *score = s->score + s->n_rows * BYTES_N;
    double weight = 0;
    if (mass) {
        double kept = bytes_scores(mass, score);
        weight = isinf(kept) ? -INFINITY : kept - log_mass;
    } else {
        for (size_t b = 0; b < BYTES_N; b++)
            score[b] = b == BYTES_END ? 0 : -INFINITY;
    }
    s->log_weight[s->n_rows++] = weight;
    a->counts.rows++;
    a->counts.lost -= isinf(weight) ? 0 : weight;
}
