#include "model/device_try.h"
#include "base/err.h"
#include "base/mem.h"
#include "model/forward_cpu.h"
#include "model/lm.h"
#include <math.h>
#include <stdlib.h>

#define NATIVE_SHARE 2e-2
#define EXACT_SHARE  1e-3

/* One prefix of few symbols, and where its hidden states after the first layer go. */
struct trial {
    const struct forward_parts *p;
    struct checkpoint first; /* of one layer */
    struct weights weights;
    size_t n, dim, stride;
    float *reference, *there; /* (n, stride) */
};

static sym_t symbol_of(const struct trial *t, size_t i)
{
    return (sym_t)((i * 7919 + 11) % t->p->n_scores);
}

static void begin(struct trial *t, const struct forward_parts *p)
{
    *t = (struct trial){ .p = p, .first = *p->checkpoint, .weights = *p->weights, .n = DEVICE_TRY_TOKENS };
    t->first.config.n_layers = 1;
    t->weights.n_layers = 1;
    if (t->n > p->planned)
        t->n = p->planned;
    if (t->n > p->max_tokens)
        t->n = p->max_tokens;
    t->dim = t->first.config.dim;
    t->stride = kernel_pad(t->dim);
    t->reference = mem_aligned(t->n * t->stride, sizeof *t->reference);
    t->there = mem_aligned(t->n * t->stride, sizeof *t->there);
}

static void end(struct trial *t)
{
    free(t->reference);
    free(t->there);
}

/* Keys and values in the type that the device keeps. */
static int run_here(struct trial *t)
{
    const struct config *c = &t->first.config;
    struct kv_shape shape = { 1, c->n_kv_heads, c->head_dim, t->p->kv_type };
    struct tree *tree = tree_alloc();
    struct kv *kv = kv_alloc(tree, &shape, 0, NULL);
    void *page = mem_aligned(1, kv_page_bytes(&shape));
    const void *pages[] = { page };
    struct forward_token tokens[DEVICE_TRY_TOKENS];
    struct forward_row rows[DEVICE_TRY_TOKENS];
    struct forward_parts parts = *t->p;
    parts.checkpoint = &t->first;
    parts.weights = &t->weights;
    parts.kv = kv;
    parts.mode = KERNEL_F32;
    parts.max_tokens = t->n;
    for (size_t i = 0; i < t->n; i++) {
        tokens[i] = (struct forward_token){ symbol_of(t, i), (uint32_t)i, pages, page };
        rows[i] = (struct forward_row){ i, LM_TAP_HIDDEN, t->reference + i * t->stride, NULL };
    }
    struct forward *f = forward_alloc(&forward_cpu, &parts);
    int rc = f ? forward_run(f, &(struct forward_batch){ tokens, t->n, t->n, rows, t->n, NULL, 0 }) : err_code();
    forward_free(f);
    free(page);
    kv_free(kv);
    tree_free(tree);
    return rc;
}

static int run_batch(struct trial *t, struct device *d, struct device_model *model, void *page)
{
    const void *pages[] = { page };
    struct device_token tokens[DEVICE_TRY_TOKENS];
    struct device_row rows[DEVICE_TRY_TOKENS];
    struct device_error e = { 0 };
    for (size_t i = 0; i < t->n; i++) {
        tokens[i] = (struct device_token){ symbol_of(t, i), (uint32_t)i, pages, page };
        rows[i] = (struct device_row){ i, 1, DEVICE_HIDDEN, t->there + i * t->stride, NULL };
    }
    struct device_batch b = { .tokens = tokens, .rows = rows, .n_tokens = t->n, .n_full = t->n, .n_rows = t->n };
    int rc = d->api->model_run(model, &b, &e);
    if (rc == DEVICE_NUMBERS)
        return weights_blame(t->p->checkpoint, e.layer);
    return rc == DEVICE_OK ? 0 : device_fail(d, rc, &e);
}

static int run_there(struct trial *t, struct device *d, struct device_model *model)
{
    const struct config *c = &t->p->checkpoint->config;
    struct kv_shape shape = { c->n_layers, c->n_kv_heads, c->head_dim, t->p->kv_type };
    struct device_error e = { 0 };
    struct device_pool *pool = NULL;
    int rc = d->api->pool_open(d->context, kv_page_bytes(&shape), &pool, &e);
    if (rc != DEVICE_OK)
        return device_fail(d, rc, &e);
    void *page = d->api->pool_take(pool);
    rc = page ? run_batch(t, d, model, page)
              : err_set(ERR_MEMORY, "device %s: no memory for a page of %u positions, %zu bytes", d->name, DEVICE_PAGE,
                        kv_page_bytes(&shape));
    d->api->pool_close(pool);
    return rc;
}

static int compare(const struct trial *t, const struct device *d)
{
    double share = t->p->mode == KERNEL_F32 ? EXACT_SHARE : NATIVE_SHARE, most = 0;
    for (size_t i = 0; i < t->n; i++)
        for (size_t k = 0; k < t->dim; k++)
            most = fmax(most, fabs((double)t->reference[i * t->stride + k]));
    for (size_t i = 0; i < t->n; i++)
        for (size_t k = 0; k < t->dim; k++) {
            double want = (double)t->reference[i * t->stride + k], seen = (double)t->there[i * t->stride + k];
            if (!(fabs(seen - want) <= share * (most + fabs(want))))
                return err_set(ERR_MEMORY,
                               "device %s (%s) does not compute what the reference does: the first layer of %s gives "
                               "%g at position %zu, dimension %zu, want %g within %g",
                               d->name, d->info.name, t->p->checkpoint->name, seen, i, k, want,
                               share * (most + fabs(want)));
        }
    return 0;
}

int device_try(struct device *d, struct device_model *model, const struct forward_parts *p)
{
    struct trial t;
    begin(&t, p);
    int rc = run_here(&t);
    if (rc == 0)
        rc = run_there(&t, d, model);
    if (rc == 0)
        rc = compare(&t, d);
    end(&t);
    return rc;
}
