#include "model/experts.h"
#include "base/mem.h"
#include "base/row_math.h"
#include "model/block.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

struct choice {
    uint32_t expert;
    float weight;
};

struct experts {
    const struct config *config;
    const struct kernels *k;
    struct multiplier *mul;
    struct block score; /* (max_tokens, n_experts) */
    struct block in, gate, up,
        back;               /* (max_tokens, dim), (, expert_ffn) twice, (, dim) of those that chose an expert */
    struct choice *choices; /* (max_tokens, n_chosen) by expert */
    size_t *token;          /* (max_tokens,) which token a row of `in` is */
    float *weight;          /* (max_tokens,) of it */
};

struct experts *experts_alloc(const struct config *c, const struct kernels *k, struct multiplier *mul,
                              size_t max_tokens)
{
    if (c->n_experts == 0)
        return NULL;
    struct experts *e = mem_alloc(1, sizeof *e);
    *e = (struct experts){ .config = c, .k = k, .mul = mul };
    e->score = block_alloc(max_tokens, c->n_experts);
    e->in = block_alloc(max_tokens, c->dim);
    e->gate = block_alloc(max_tokens, c->expert_ffn);
    e->up = block_alloc(max_tokens, c->expert_ffn);
    e->back = block_alloc(max_tokens, c->dim);
    e->choices = mem_alloc(max_tokens * c->n_chosen, sizeof *e->choices);
    e->token = mem_alloc(max_tokens, sizeof *e->token);
    e->weight = mem_alloc(max_tokens, sizeof *e->weight);
    return e;
}

void experts_free(struct experts *e)
{
    if (!e)
        return;
    struct block *blocks[] = { &e->score, &e->in, &e->gate, &e->up, &e->back };
    for (size_t i = 0; i < sizeof blocks / sizeof *blocks; i++)
        block_free(blocks[i]);
    free(e->choices);
    free(e->token);
    free(e->weight);
    free(e);
}

size_t experts_token_bytes(const struct config *c)
{
    if (c->n_experts == 0)
        return 0;
    return (kernel_pad(c->n_experts) + 2 * kernel_pad(c->dim) + 2 * kernel_pad(c->expert_ffn)) * sizeof(float) +
           c->n_chosen * sizeof(struct choice);
}

/* The n_chosen largest of a row of scores, which are marked with -inf, then sorted by expert. */
static void choose(const struct config *c, float score[], struct choice out[])
{
    double sum = 0, largest = -INFINITY, shared = 0;
    for (uint32_t i = 0; i < c->n_experts; i++)
        largest = fmax(largest, (double)score[i]);
    for (uint32_t i = 0; i < c->n_experts; i++)
        sum += math_exp64((double)score[i] - largest);
    for (uint32_t n = 0; n < c->n_chosen; n++) {
        uint32_t best = 0, at = n;
        for (uint32_t i = 1; i < c->n_experts; i++)
            if (score[i] > score[best])
                best = i;
        struct choice found = { best, (float)(math_exp64((double)score[best] - largest) / sum) };
        shared += (double)found.weight;
        score[best] = -INFINITY;
        for (; at > 0 && out[at - 1].expert > best; at--)
            out[at] = out[at - 1];
        out[at] = found;
    }
    for (uint32_t n = 0; n < c->n_chosen && c->expert_share; n++)
        out[n].weight = (float)((double)out[n].weight / shared);
}

/* The tokens that chose the expert, in their order; how many. */
static size_t gather(struct experts *e, uint32_t expert, const struct block *x, size_t m)
{
    size_t n = 0, n_chosen = e->config->n_chosen;
    for (size_t i = 0; i < m; i++)
        for (size_t k = 0; k < n_chosen; k++) {
            const struct choice *chosen = &e->choices[i * n_chosen + k];
            if (chosen->expert != expert)
                continue;
            memcpy(e->in.row[n], x->row[i], x->width * sizeof(float));
            e->token[n] = i;
            e->weight[n++] = chosen->weight;
        }
    return n;
}

static void activate(void *ctx, size_t i, size_t worker)
{
    const struct experts *e = ctx;
    (void)worker;
    e->k->activate[e->config->activation](e->gate.row[i], e->gate.width);
    e->k->times(e->gate.row[i], e->up.row[i], e->gate.width);
}

static void run_expert(struct experts *e, const struct expert_weights *w, float *const out[], size_t n)
{
    multiply(e->mul, &e->in, (struct product[]){ { &w->gate, e->gate.row, n }, { &w->up, e->up.row, n } }, 2);
    multiply_each(e->mul, n, 8 * n * e->gate.width, activate, e);
    multiply(e->mul, &e->gate, &(struct product){ &w->down, e->back.row, n }, 1);
    for (size_t i = 0; i < n; i++)
        for (size_t d = 0; d < e->back.width; d++)
            out[e->token[i]][d] += e->weight[i] * e->back.row[i][d];
}

bool experts_run(struct experts *e, const struct layer_weights *w, const struct block *x, float *const out[], size_t m)
{
    multiply(e->mul, x, &(struct product){ &w->router, e->score.row, m }, 1);
    for (size_t i = 0; i < m; i++) {
        if (!e->k->finite(e->score.row[i], e->score.width))
            return false;
        choose(e->config, e->score.row[i], e->choices + i * e->config->n_chosen);
        memset(out[i], 0, e->back.width * sizeof(float));
    }
    for (uint32_t i = 0; i < e->config->n_experts; i++) {
        size_t n = gather(e, i, x, m);
        if (n > 0)
            run_expert(e, &w->experts[i], out, n);
    }
    return true;
}
