#include "cuda/products.h"
#include "cuda/layout.h"

int products_few(const struct device_model *m, uint32_t n_rows)
{
    return m->c->deterministic || n_rows <= MODEL_FEW;
}

uint32_t products_wants(const struct device_model *m, uint32_t type, uint32_t n_rows)
{
    if (type <= CUDA_BF16)
        return type;
    return products_few(m, n_rows) ? CUDA_F32 : CUDA_BF16;
}

struct cuda_matrix products_matrix(const struct weightmap_matrix *w, const char *base)
{
    struct cuda_matrix m = { .row_bytes = w->row_bytes, .type = w->type, .n = w->n, .k = w->k };
    m.data = w->n > 0 ? base + w->at : NULL;
    return m;
}

const float *products_vector(const struct weightmap_vector *v, const char *base)
{
    return v->n > 0 ? (const float *)(const void *)(base + v->at) : NULL;
}

struct cuda_norm products_norm(const struct weightmap_norm *n, const char *base)
{
    return (struct cuda_norm){ products_vector(&n->weight, base), products_vector(&n->bias, base) };
}

static int run_few(struct device_model *m, const struct cuda_matrix *w, const struct products *p,
                   struct device_error *error)
{
    struct cuda_product_args a = { .w = *w,
                                   .x = p->x,
                                   .out = p->out,
                                   .m = p->m,
                                   .x_stride = p->x_stride,
                                   .out_type = CUDA_F32,
                                   .out_stride = p->out_stride,
                                   .per = 1 };
    return card_ok(m->c, launch_product(&a, m->on), "a product of few rows", error);
}

/* Rows of a matrix with blocks, widened to bf16 a tile at a time: the tile stays in the card's cache. */
static int run_tiles(struct device_model *m, const struct cuda_matrix *w, const struct products *p,
                     struct device_error *error)
{
    uint32_t stride = (w->k + 31) / 32 * 32, most = (uint32_t)(m->b.tile_bytes / (stride * sizeof(uint16_t)));
    most = most > 32 ? most / 32 * 32 : most; /* the outputs of each tile start as well aligned as the first's */
    for (uint32_t from = 0; from < w->n; from += most) {
        uint32_t n = w->n - from < most ? w->n - from : most;
        struct cuda_dequantise_args a = {
            .w = *w, .out = m->b.tile, .from = from, .n = n, .stride = stride, .type = CUDA_BF16
        };
        CARD_TRY(card_ok(m->c, launch_dequantise(&a, m->on), "widening weights", error));
        const struct gemm g = { m->b.tile, p->x,      p->out + from, n,           w->k,
                                p->m,      CUDA_BF16, stride,        p->x_stride, p->out_stride };
        CARD_TRY(gemm_run(m->c, m->plans, &g, error));
    }
    return DEVICE_OK;
}

int products_run(struct device_model *m, const struct cuda_matrix *w, const struct products *p,
                 struct device_error *error)
{
    if (p->m == 0)
        return DEVICE_OK;
    if (products_few(m, p->m) && (w->type <= CUDA_BF16 || p->x_type == CUDA_F32))
        return run_few(m, w, p, error);
    if (w->type > CUDA_BF16)
        return run_tiles(m, w, p, error);
    uint32_t size = w->type == CUDA_F32 ? 4 : 2;
    const struct gemm g = { w->data,     p->x,         p->out,  w->n,
                            w->k,        p->m,         w->type, (uint32_t)(w->row_bytes / size),
                            p->x_stride, p->out_stride };
    return gemm_run(m->c, m->plans, &g, error);
}
