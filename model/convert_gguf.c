/* To GGUF: names, keys and the order of values as llama.cpp has them. */
#include "base/err.h"
#include "model/architecture.h"
#include "model/convert_inside.h"
#include "model/gguf_write.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COUNT(a) (sizeof(a) / sizeof *(a))

/* The experts of a layer, whose first is c->tensors[i], become one tensor. */
static int stack_experts(const struct conversion *v, const struct architecture_place *p, const struct tensor **stack,
                         struct recast *r)
{
    const struct tensor_list list = { .t = (struct tensor *)(uintptr_t)v->c->tensors, .n = v->c->n_tensors };
    struct architecture_place each = *p;
    for (; each.expert < v->c->config.n_experts; each.expert++) {
        char name[ARCHITECTURE_NAME_BYTES];
        architecture_name(&each, name);
        const struct tensor *t = tensor_list_find(&list, name);
        bool same = t && t->n_dims == 2 && t->dims[0] == r->to.dims[0] && t->dims[1] == r->to.dims[1];
        if (!same)
            return err_set(ERR_DATA, "%s: tensor '%s' is missing or of another shape than '%s'", v->from, name,
                           r->from->name);
        stack[each.expert] = t;
    }
    r->stack = stack;
    r->n_stack = v->c->config.n_experts;
    r->to.n_dims = 3;
    r->to.dims[2] = r->to.dims[1];
    r->to.dims[1] = r->to.dims[0];
    r->to.dims[0] = v->c->config.n_experts;
    return 0;
}

static int add_placed(struct conversion *v, size_t i, const struct architecture_place *p, const struct config *to)
{
    struct recast r;
    char name[ARCHITECTURE_NAME_BYTES];
    const struct tensor *stack[CONFIG_EXPERT_MAX];
    TRY(convert_place(v, i, p, to, &r));
    if (architecture_is_expert(p->tensor->role) && !p->bias)
        TRY(stack_experts(v, p, stack, &r));
    architecture_name_gguf(p, name);
    r.to.name = name;
    r.to.type = r.to.n_dims > 1 ? convert_type(v, p, r.from, r.to.dims[r.to.n_dims - 1]) : DTYPE_F32;
    v->n_rounded += r.offset != 0 && !recast_is_exact(&r);
    return recast_add(&v->tensors, v->to, &r);
}

static int add_tensors(struct conversion *v)
{
    const struct config *c = &v->c->config;
    struct config to = *c;
    architecture_lay_out_gguf(&to);
    for (size_t i = 0; i < v->c->n_tensors; i++) {
        const char *name = v->c->tensors[i].name;
        struct architecture_place p;
        if (architecture_idle(c, name))
            continue;
        if (!architecture_place(c, name, &p))
            return err_set(ERR_DATA, "%s: tensor '%s' has no place in a %s decoder of %u layers", v->from, name,
                           c->architecture, c->n_layers);
        if (p.tensor->role == ROLE_HEAD && c->tied_head) {
            text_addf(v->remarks, "%s: tensor '%s' is left out: the head is the embedding\n", v->from, name);
            continue;
        }
        if (!architecture_is_expert(p.tensor->role) || p.expert == 0)
            TRY(add_placed(v, i, &p, &to));
    }
    return 0;
}

/* general.file_type (enum llama_ftype of llama.h): what most matrices are. */
static uint32_t file_type(const struct conversion *v)
{
    static const struct {
        enum dtype type;
        uint32_t stored;
    } known[] = {
        { DTYPE_F32, 0 },   { DTYPE_F16, 1 },   { DTYPE_BF16, 32 }, { DTYPE_Q8_0, 7 },  { DTYPE_Q4_0, 2 },
        { DTYPE_Q4_1, 3 },  { DTYPE_Q5_0, 8 },  { DTYPE_Q5_1, 9 },  { DTYPE_Q2_K, 10 }, { DTYPE_Q3_K, 11 },
        { DTYPE_Q4_K, 14 }, { DTYPE_Q5_K, 16 }, { DTYPE_Q6_K, 18 },
    };
    size_t n[DTYPE_COUNT] = { 0 }, most = 0;
    for (size_t i = 0; i < v->tensors.n; i++)
        n[v->tensors.r[i].to.type] += v->tensors.r[i].to.n_dims > 1;
    for (size_t i = 1; i < COUNT(known); i++)
        if (n[known[i].type] > n[known[most].type])
            most = i;
    return known[most].stored;
}

/* Of a GGUF file: every key but those that speak of the file itself. */
static void copy_keys(const struct conversion *v, struct gguf_keys *k)
{
    const struct gguf *g = v->c->files->gguf;
    static const char *const own[] = { "general.alignment", "general.file_type", "general.quantization_version",
                                       "split.no",          "split.count",       "split.tensors.count" };
    for (size_t i = 0; i < g->n_pairs; i++) {
        size_t j = 0;
        while (j < COUNT(own) && strcmp(g->pairs[i].key, own[j]) != 0)
            j++;
        if (j == COUNT(own))
            gguf_write_value(k, g->pairs[i].key, &g->pairs[i].value);
    }
    gguf_write_u32(k, "general.file_type", file_type(v));
    gguf_write_u32(k, "general.quantization_version", 2);
}

static int copy_tensors(struct conversion *v)
{
    const struct tensor_list *l = &v->c->files->gguf->tensors;
    for (size_t i = 0; i < l->n; i++) {
        const struct tensor *t = &l->t[i];
        struct recast r = { .to = *t, .from = t };
        struct architecture_place p;
        bool placed = architecture_place_gguf(&v->c->config, t->name, &p);
        if (t->n_dims > 1)
            r.to.type = convert_type(v, placed ? &p : NULL, t, t->dims[t->n_dims - 1]);
        TRY(recast_add(&v->tensors, v->to, &r));
    }
    return 0;
}

static int fill(struct conversion *v, struct gguf_keys *k)
{
    if (v->c->files && v->c->files->gguf) {
        TRY(copy_tensors(v));
        copy_keys(v, k);
        return 0;
    }
    TRY(add_tensors(v));
    TRY(convert_add_config(v, k));
    gguf_write_u32(k, "general.file_type", file_type(v));
    gguf_write_u32(k, "general.quantization_version", 2);
    convert_add_generation(v, k);
    convert_tell_templates(v);
    return convert_add_tokenizer(v, k);
}

int convert_to_gguf(struct conversion *v)
{
    struct gguf_keys keys = { 0 };
    int rc = fill(v, &keys);
    if (rc == 0)
        rc = gguf_write_file(v->to, &keys, &v->tensors, v->options->signal);
    text_free(&keys.bytes);
    return rc;
}
