/* A GGUF file of a known architecture: its keys as a config, its tensors under canonical names. */
#include "base/err.h"
#include "model/architecture.h"
#include "model/checkpoint_files.h"
#include "model/config_gguf.h"
#include "model/vocab_gguf.h"
#include <stdlib.h>
#include <string.h>

/* Experts lie in one tensor (expert, n, k): each under its canonical name. */
static int add_experts(struct checkpoint *c, const struct tensor *t, struct architecture_place *p)
{
    if (t->n_dims != 3 || t->dims[0] != c->config.n_experts)
        return err_set(ERR_DATA, "%s: tensor '%s' has %u dimensions, the first %llu; want 3, %u", c->path, t->name,
                       t->n_dims, (unsigned long long)t->dims[0], c->config.n_experts);
    for (p->expert = 0; p->expert < c->config.n_experts; p->expert++) {
        char name[ARCHITECTURE_NAME_BYTES];
        uint64_t bytes = t->bytes / t->dims[0];
        architecture_name(p, name);
        const struct tensor one = { .name = name,
                                    .type = t->type,
                                    .n_dims = 2,
                                    .dims = { t->dims[1], t->dims[2] },
                                    .data = (const char *)t->data + p->expert * bytes,
                                    .bytes = bytes };
        TRY(tensor_list_add(&c->files->tensors, c->path, &one));
    }
    return 0;
}

static int add_tensor(struct checkpoint *c, const struct tensor *t)
{
    static const char *const read[] = { "rope_freqs.weight", "rope_factors_short.weight", "rope_factors_long.weight" };
    struct architecture_place p;
    char name[ARCHITECTURE_NAME_BYTES];
    for (size_t i = 0; i < sizeof read / sizeof *read; i++)
        if (strcmp(t->name, read[i]) == 0 &&
            (c->config.rope.scaling == SCALING_FACTORS || (i == 0 && c->config.rope.scaling == SCALING_LLAMA3)))
            return 0;
    if (!architecture_place_gguf(&c->config, t->name, &p))
        return err_set(ERR_DATA, "%s: tensor '%s' has no place in the %s architecture", c->path, t->name,
                       c->config.architecture);
    if (p.stacked)
        return add_experts(c, t, &p);
    architecture_name(&p, name);
    struct tensor named = *t;
    named.name = name;
    return tensor_list_add(&c->files->tensors, c->path, &named);
}

static int read_tensors(struct checkpoint *c)
{
    const struct tensor_list *from = &c->files->gguf->tensors;
    if (from->n == 0)
        return err_set(ERR_DATA, "%s: there are no tensors in it (a vocabulary only)", c->path);
    for (size_t i = 0; i < from->n; i++)
        TRY(add_tensor(c, &from->t[i]));
    return tensor_list_sort(&c->files->tensors, c->path);
}

/* What the tensors say: rows of the embedding, and whether the head is the embedding. */
static int read_shapes(struct checkpoint *c)
{
    const struct tensor *embedding = tensor_list_find(&c->files->gguf->tensors, "token_embd.weight");
    if (!embedding || embedding->n_dims != 2 || embedding->dims[0] > CONFIG_DIM_MAX)
        return err_set(ERR_DATA, "%s: 'token_embd.weight' is missing or no matrix", c->path);
    c->config.n_vocab = (uint32_t)embedding->dims[0];
    c->config.tied_head = !tensor_list_find(&c->files->gguf->tensors, "output.weight");
    return 0;
}

static int read_hyperparameters(struct checkpoint *c, const struct checkpoint_want *want)
{
    const struct gguf *g = c->files->gguf;
    TRY(gguf_maybe_string(g, "general.architecture", &c->files->architecture));
    const char *type = c->files->architecture;
    if (!type)
        return err_set(ERR_DATA, "%s: 'general.architecture' is missing", c->path);
    const struct architecture *a = config_gguf_architecture(g, type);
    if (want->weights)
        return a ? config_gguf_read(g, a, &c->config) : ERR_DATA;
    if (!a || config_gguf_read(g, a, &c->config) < 0) /* a vocabulary needs none of it */
        c->config = (struct config){ .architecture = type };
    return 0;
}

/* The whole tokenizer.json of a Hugging Face folder, where the file has it and it is one that is read here: it says what
 * the keys beside it cannot (flags of added tokens, normalisers, any pre-tokeniser).  NULL: it is not. */
static struct vocab *read_json(const struct gguf *g)
{
    const struct gguf_value *text = gguf_find(g, "tokenizer.huggingface.json");
    sym_t ends[VOCAB_GGUF_ENDS];
    size_t n_ends;
    uint32_t bos = UINT32_MAX;
    if (!text || text->type != GGUF_STRING || vocab_gguf_ends(g, ends, &n_ends) < 0 ||
        gguf_maybe_u32(g, "tokenizer.ggml.bos_token_id", &bos) < 0)
        return NULL;
    struct vocab *v = vocab_read_json(g->where, (const char *)text->data, (size_t)text->n, ends, n_ends);
    if (v && vocab_bos(v) < 0 && bos < vocab_space(v)->n)
        vocab_set_bos(v, bos);
    return v;
}

static int read_vocab(struct checkpoint *c)
{
    const struct gguf *g = c->files->gguf;
    char *model;
    if ((c->vocab = read_json(g)))
        return 0;
    TRY(gguf_maybe_string(g, "tokenizer.ggml.model", &model));
    bool none = model && strcmp(model, "none") == 0;
    free(model);
    if (none && gguf_find(g, "tokenizer.huggingface.json"))
        return ERR_DATA; /* what is wrong with it */
    return (c->vocab = vocab_read_gguf(g)) ? 0 : ERR_DATA;
}

int checkpoint_read_gguf(struct checkpoint *c, const struct checkpoint_want *want)
{
    const struct map_file *m = &c->files->part[0].map;
    c->format = "gguf";
    if (!(c->files->gguf = gguf_read(m->path, m->bytes, m->size)))
        return ERR_DATA;
    TRY(checkpoint_read_parts(c, want));
    TRY(checkpoint_read_sampling(c));
    TRY(read_hyperparameters(c, want));
    TRY(gguf_maybe_string(c->files->gguf, "tokenizer.chat_template", &c->files->chat_template));
    c->chat_template = c->files->chat_template;
    if (want->vocab)
        TRY(read_vocab(c));
    if (!want->weights)
        return 0;
    TRY(read_tensors(c));
    return read_shapes(c);
}
