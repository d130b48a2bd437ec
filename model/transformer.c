#include "base/err.h"
#include "model/forward_device.h"
#include "model/template.h"
#include "model/transformer_inside.h"
#include <assert.h>
#include <stdlib.h>

static int check_want(const struct transformer *t, const struct want *w)
{
    size_t length = tree_length(t->tree, w->slot);
    uint32_t n_layers = t->c->config.n_layers;
    if (length == 0)
        return err_set(ERR_DATA, "%s: an empty prefix has no next symbol: want at least one symbol before it",
                       t->lm.name);
    assert(w->n_rows >= 1 && w->n_rows <= length);
    assert(w->tap != LM_TAP_THERE || t->remote);
    if (w->tap != LM_TAP_FINAL && w->tap != LM_TAP_HIDDEN && w->tap != LM_TAP_THERE && w->tap >= n_layers)
        return err_set(ERR_USAGE, "%s: early exit after layer %u, want 1 to %u", t->lm.name, w->tap, n_layers - 1);
    return 0;
}

static int transformer_need(void *self, const struct want w[], size_t n, struct queue *q)
{
    struct transformer *t = self;
    for (size_t i = 0; i < n; i++) {
        TRY(check_want(t, &w[i]));
        const uint32_t *end = tree_path(t->tree, w[i].slot) + tree_length(t->tree, w[i].slot);
        bool missing = false;
        for (const uint32_t *node = end - w[i].n_rows; node < end; node++) {
            struct kept_row *r = row_store_find(t->tree, *node, w[i].tap);
            missing |= r == NULL;
            if (r)
                row_store_use(t->store, r, queue_run(q));
        }
        if (missing)
            queue_add(q, &t->leaf, &(struct leaf_want){ w[i].slot, w[i].n_rows, w[i].tap });
    }
    return 0;
}

static int transformer_rows(void *self, const struct want *w, struct row out[])
{
    struct transformer *t = self;
    const uint32_t *node = tree_path(t->tree, w->slot) + tree_length(t->tree, w->slot) - w->n_rows;
    for (uint32_t i = 0; i < w->n_rows; i++) {
        const struct kept_row *r = row_store_find(t->tree, node[i], w->tap);
        assert(r && r->ready); /* the core has run over this want */
        out[i] = r->row;
    }
    return 0;
}

static int transformer_remote(void *self, const struct want *w, struct remote_row *out)
{
    struct transformer *t = self;
    uint32_t node = tree_path(t->tree, w->slot)[tree_length(t->tree, w->slot) - 1];
    const struct kept_row *r = row_store_find(t->tree, node, w->tap);
    assert(w->n_rows == 1 && r && r->ready && r->block);
    *out = (struct remote_row){ .remote = t->remote, .n = 1 };
    out->block[0] = r->block;
    out->measured[0] = &r->measured;
    return 1;
}

static int transformer_push(void *self, int slot, const sym_t s[], size_t n, struct lm_trace *trace)
{
    struct transformer *t = self;
    size_t length = tree_length(t->tree, slot);
    if (n > t->lm.max_length - length)
        return err_set(ERR_DATA, "%s: a prefix of %zu symbols, its context limit is %u (max_position_embeddings)",
                       t->lm.name, length + n, t->lm.max_length);
    for (size_t i = 0; i < n; i++)
        assert(s[i] < t->lm.space->n);
    tree_push(t->tree, slot, s, n);
    if (trace)
        *trace = (struct lm_trace){ 0 };
    return 0;
}

static int transformer_prompt(void *self, int slot, const struct prompt *p, struct symbols *seen)
{
    struct transformer *t = self;
    struct symbols s = { 0 };
    assert(tree_length(t->tree, slot) == 0);
    if (!t->c->vocab)
        return err_set(ERR_DATA, "%s: has no tokenizer: cannot read a prompt", t->lm.name);
    int rc = template_render(t->c->vocab, t->c->chat_template, p, &s);
    int64_t first = vocab_first(t->c->vocab);
    if (rc == 0 && s.n == 0 && first >= 0)
        symbols_add(&s, &(sym_t){ (sym_t)first }, 1);
    if (rc == 0)
        rc = transformer_push(t, slot, s.s, s.n, NULL);
    if (rc == 0 && seen)
        symbols_add(seen, s.s, s.n);
    free(s.s);
    return rc;
}

static int transformer_fork(void *self, int src, size_t len)
{
    struct transformer *t = self;
    return tree_fork(t->tree, src, len);
}

static void transformer_drop(void *self, int slot)
{
    struct transformer *t = self;
    tree_drop(t->tree, slot);
}

static size_t transformer_length(void *self, int slot)
{
    struct transformer *t = self;
    return tree_length(t->tree, slot);
}

static size_t transformer_room(void *self, int slot)
{
    struct transformer *t = self;
    return t->lm.max_length - tree_length(t->tree, slot);
}

static void transformer_free(void *self)
{
    struct transformer *t = self;
    if (t->device)
        device_share_leave(t->device, &t->user);
    pass_free(t->pass);
    forward_free(t->forward);
    row_store_free(t->store);
    remote_close(t->remote);
    kv_free(t->kv);
    device_pages_close(t->pages);
    tree_free(t->tree);
    weights_close(t->weights);
    space_free(t->bare);
    text_free(&t->path);
    text_free(&t->refused);
    text_free(&t->positions);
    free(t);
}

const struct lm_type transformer_type = {
    .name = "transformer",
    .prompt = transformer_prompt,
    .push = transformer_push,
    .fork = transformer_fork,
    .drop = transformer_drop,
    .length = transformer_length,
    .room = transformer_room,
    .need = transformer_need,
    .rows = transformer_rows,
    .remote = transformer_remote,
    .free = transformer_free,
};

const char *transformer_kernels(const struct lm *lm)
{
    const struct transformer *t = lm->self;
    return text_s(&t->path);
}

const struct device_plan *transformer_plan(const struct lm *lm)
{
    const struct transformer *t = lm->self;
    return &t->plan;
}

size_t transformer_kv_bytes(const struct lm *lm)
{
    const struct transformer *t = lm->self;
    return kv_bytes(t->kv);
}

const char *transformer_refused(const struct lm *lm)
{
    const struct transformer *t = lm->self;
    return text_s(&t->refused);
}

const char *transformer_positions(const struct lm *lm)
{
    const struct transformer *t = lm->self;
    return text_s(&t->positions);
}
