#include "cuda/expert_steps.h"
#include "cuda/products.h"

static int launched(struct steps *s, cudaError_t e, const char *what)
{
    return card_ok(s->m->c, e, what, s->error);
}

static int route(struct steps *s, const struct weightmap_layer *l, void *const in[])
{
    const struct device_model *m = s->m;
    const struct cuda_matrix router = products_matrix(&l->router, s->base);
    const uint32_t type = products_wants(m, l->router.type, s->full);
    const struct products p = { in[type], m->e.scores, s->full, type, m->b.dim, m->e.stride };
    CARD_TRY(products_run(s->m, &router, &p, s->error));
    struct cuda_route_args a = { .scores = m->e.scores,
                                 .choices = m->e.choices,
                                 .flag = m->flags + s->layer,
                                 .n_tokens = s->full,
                                 .n_experts = m->s.n_experts,
                                 .stride = m->e.stride,
                                 .n_chosen = m->s.n_chosen,
                                 .share = m->s.expert_share };
    return launched(s, launch_route(&a, m->on), "routing");
}

static int combine(struct steps *s, const uint32_t *row)
{
    const struct device_model *m = s->m;
    struct cuda_combine_args a = { .back = m->e.back,
                                   .choices = m->e.choices,
                                   .row = row,
                                   .out = m->b.back,
                                   .dim = m->s.dim,
                                   .stride = m->b.dim,
                                   .n_chosen = m->s.n_chosen };
    return launched(s, launch_combine(&a, s->full, m->on), "adding experts up");
}

/* Row i of the product is choice i, by the matrix of its expert; what is not said is the caller's to set. */
static struct cuda_product_args by_choice(const struct steps *s, const struct weightmap_matrix *w)
{
    const struct device_model *m = s->m;
    return (struct cuda_product_args){ .w = products_matrix(w, s->base),
                                       .which = &m->e.choices->expert,
                                       .which_step = sizeof *m->e.choices / sizeof(uint32_t),
                                       .matrix_bytes = w->bytes,
                                       .m = s->full * m->s.n_chosen,
                                       .per = 1 };
}

/* In the experts' own order. */
static int run_rows(struct steps *s, const struct weightmap_layer *l, void *const in[])
{
    const struct device_model *m = s->m;
    const uint32_t wants = products_wants(m, l->expert_up.type, s->full);
    struct cuda_product_args up = by_choice(s, &l->expert_up), down = by_choice(s, &l->expert_down);
    up.gate = products_matrix(&l->expert_gate, s->base);
    up.gate_bytes = l->expert_gate.bytes;
    up.activation = m->s.activation;
    up.x = in[wants];
    up.x_stride = m->b.dim;
    up.per = m->s.n_chosen;
    up.out = m->e.active;
    up.out_type = products_wants(m, l->expert_down.type, s->full);
    up.out_stride = m->e.ffn;
    down.x = m->e.active;
    down.x_stride = m->e.ffn;
    down.out = m->e.back;
    down.out_type = CUDA_F32;
    down.out_stride = m->b.dim;
    CARD_TRY(launched(s, launch_product(&up, m->on), "experts"));
    CARD_TRY(launched(s, launch_product(&down, m->on), "experts"));
    return combine(s, NULL);
}

static int pack(struct steps *s, uint32_t type, void *const in[])
{
    const struct device_model *m = s->m;
    struct cuda_pack_args p = { m->e.choices, m->e.first, m->e.row, s->full, m->s.n_chosen, m->s.n_experts };
    struct cuda_gather_args g = { in[type], m->e.row, m->e.packed, m->b.dim * (type == CUDA_F32 ? 4u : 2u),
                                  m->s.n_chosen };
    CARD_TRY(launched(s, launch_pack(&p, m->on), "sorting by expert"));
    CARD_TRY(launched(s, launch_gather(&g, s->full, m->on), "sorting by expert"));
    cudaError_t e = cudaMemcpyAsync(m->e.host_first, m->e.first, (m->s.n_experts + 1) * sizeof *m->e.first,
                                    cudaMemcpyDeviceToHost, m->c->stream);
    CARD_TRY(launched(s, e, "asking for the router's choice"));
    return card_wait(m->c, "asking for the router's choice", s->error);
}

/* Rows [first, first + n) of the packed block. */
static int run_expert(struct steps *s, const struct weightmap_layer *l, uint32_t expert, uint32_t first)
{
    const struct device_model *m = s->m;
    const uint32_t n = m->e.host_first[expert + 1] - first, wants = products_wants(m, l->expert_up.type, s->full),
                   active = products_wants(m, l->expert_down.type, s->full);
    struct cuda_matrix gate = products_matrix(&l->expert_gate, s->base), up = products_matrix(&l->expert_up, s->base),
                       down = products_matrix(&l->expert_down, s->base);
    gate.data = (const char *)gate.data + expert * l->expert_gate.bytes;
    up.data = (const char *)up.data + expert * l->expert_up.bytes;
    down.data = (const char *)down.data + expert * l->expert_down.bytes;
    const char *x = (const char *)m->e.packed + (uint64_t)first * m->b.dim * (wants == CUDA_F32 ? 4 : 2);
    char *to = (char *)m->e.active + (uint64_t)first * m->e.ffn * (active == CUDA_F32 ? 4 : 2);
    struct products p = { x, m->e.gate, n, wants, m->b.dim, m->e.ffn };
    CARD_TRY(products_run(s->m, &gate, &p, s->error));
    p.out = m->e.up;
    CARD_TRY(products_run(s->m, &up, &p, s->error));
    struct cuda_activate_args a = { .gate = m->e.gate,
                                    .up = m->e.up,
                                    .out = to,
                                    .width = m->s.expert_ffn,
                                    .stride = m->e.ffn,
                                    .out_stride = m->e.ffn,
                                    .type = active,
                                    .activation = m->s.activation };
    CARD_TRY(launched(s, launch_activate(&a, n, m->on), "an activation"));
    return products_run(s->m, &down,
                        &(struct products){ to, m->e.back + (uint64_t)first * m->b.dim, n, active, m->e.ffn, m->b.dim },
                        s->error);
}

int expert_steps_run(struct steps *s, const struct weightmap_layer *l, void *const in[])
{
    if (s->full == 0)
        return DEVICE_OK;
    CARD_TRY(route(s, l, in));
    if (products_few(s->m, s->full))
        return run_rows(s, l, in);
    CARD_TRY(pack(s, products_wants(s->m, l->expert_up.type, s->full), in));
    for (uint32_t i = 0; i < s->m->s.n_experts; i++)
        if (s->m->e.host_first[i + 1] > s->m->e.host_first[i])
            CARD_TRY(run_expert(s, l, i, s->m->e.host_first[i]));
    return combine(s, s->m->e.row);
}
