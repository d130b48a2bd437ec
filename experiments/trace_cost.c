#include "experiments/trace_cost.h"
#include "base/err.h"
#include "base/mem.h"
#include "experiments/fit_result.h"
#include "experiments/lua_transforms.h"
#include "experiments/plan.h"
#include "model/checkpoint.h"
#include <stdlib.h>
#include <string.h>

/* The first leaf below a node: its space is the node's. */
static const json_t *leaf_of(const struct plan *p, const char *id)
{
    const json_t *node = plan_lm(p, id), *voices = json_object_get(node, "voices");
    return voices ? leaf_of(p, json_string_value(json_object_get(json_array_get(voices, 0), "lm"))) : node;
}

/* Symbols of a leaf's space. */
static int symbols_of(const json_t *leaf, uint32_t *n)
{
    *n = (uint32_t)json_integer_value(json_object_get(leaf, "n"));
    if (strcmp(json_string_value(json_object_get(leaf, "kind")), "table") == 0)
        return 0;
    struct checkpoint *c = checkpoint_open_vocab(json_string_value(json_object_get(leaf, "name")));
    if (!c)
        return err_code();
    *n = vocab_space(c->vocab)->n;
    checkpoint_close(c);
    return 0;
}

/* Of every choice; those of one lm, and of one leaf, are looked up once. */
static int all_symbols(const struct plan *p, uint32_t n[])
{
    const json_t **leaf = mem_alloc(p->n_choices, sizeof *leaf);
    int rc = 0;
    for (size_t i = 0; i < p->n_choices && rc == 0; i++) {
        size_t k = 0;
        leaf[i] = leaf_of(p, p->arms[i].lm);
        while (leaf[k] != leaf[i])
            k++;
        rc = k < i ? 0 : symbols_of(leaf[i], &n[i]);
        n[i] = n[k];
    }
    free(leaf);
    return rc;
}

static int chain_steps(const struct plan *p, const struct lua_transforms *transforms, const struct plan_arm *arm,
                       size_t *n)
{
    struct text text = { 0 };
    fit_result_guess_chain(p, arm->fit, arm->chain, &text);
    struct chain *c = lua_transforms_chain(transforms, text_s(&text));
    text_free(&text);
    if (!c)
        return ERR_USAGE;
    *n = chain_length(c);
    chain_free(c);
    return 0;
}

size_t *trace_cost(const struct plan *p)
{
    uint32_t *n = mem_alloc(p->n_choices, sizeof *n);
    size_t *bytes = mem_alloc(p->n_choices, sizeof *bytes), steps = 0;
    struct lua_transforms *transforms;
    int rc = lua_transforms_load(p->doc, "the plan", &transforms);
    if (rc == 0 && p->trace.kind >= TRACE_TOPK)
        rc = all_symbols(p, n);
    for (size_t i = 0; i < p->n_choices && rc == 0; i++) {
        rc = chain_steps(p, transforms, &p->arms[i], &steps);
        bytes[i] = trace_step_bytes(p->trace, steps, n[i]);
    }
    free(n);
    lua_transforms_close(transforms);
    if (rc == 0)
        return bytes;
    free(bytes);
    return NULL;
}
