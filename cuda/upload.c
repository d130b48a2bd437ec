#include "cuda/upload.h"
#include "cuda/layout.h"
#include <stdlib.h>

#define STAGE ((size_t)32 << 20) /* bytes of rows that are on their way at a time, unless one row takes more */

struct upload {
    struct device_context *c;
    char *stage[2]; /* device: rows as in the file; rows in the device's layout, of a type that is widened then */
    size_t bytes[2];
};

/* Rows of one matrix on their way: from a file's memory into to. */
struct way {
    const struct device_matrix *from;
    const struct weightmap_matrix *map;
    char *to;
};

int upload_open(struct device_context *c, struct upload **out, struct device_error *error)
{
    *out = calloc(1, sizeof **out);
    if (!*out)
        return card_say(DEVICE_NO_MEMORY, error, "this machine has no memory to load weights");
    (*out)->c = c;
    return DEVICE_OK;
}

void upload_close(struct upload *u)
{
    if (!u)
        return;
    cudaFree(u->stage[0]);
    cudaFree(u->stage[1]);
    free(u);
}

static int reserve(struct upload *u, int which, size_t bytes, struct device_error *error)
{
    if (bytes <= u->bytes[which])
        return DEVICE_OK;
    CARD_TRY(card_wait(u->c, "loading weights", error));
    cudaFree(u->stage[which]);
    u->stage[which] = NULL;
    u->bytes[which] = 0;
    CARD_TRY(card_ok(u->c, cudaMalloc((void **)&u->stage[which], bytes), "memory to load weights through", error));
    u->bytes[which] = bytes;
    return DEVICE_OK;
}

static const char *row_of(const struct device_matrix *m, uint64_t j)
{
    return (const char *)m->data + (m->gap > 0 ? j + j / m->group * m->gap : j) * m->row_bytes;
}

/* Rows [first, first + n), which lie one after the other in the file. */
static int send(struct upload *u, const struct way *w, uint64_t first, uint64_t n, struct device_error *error)
{
    cudaError_t e = cudaMemcpyAsync(u->stage[0], row_of(w->from, first), n * w->from->row_bytes, cudaMemcpyHostToDevice,
                                    u->c->stream);
    int widen = w->from->type != w->map->type;
    uint64_t laid = layout_row_bytes(w->from->type, w->from->k);
    struct cuda_repack_args r = { .from = u->stage[0],
                                  .to = widen ? u->stage[1] : w->to + first * w->map->row_bytes,
                                  .type = w->from->type,
                                  .n = (uint32_t)n,
                                  .k = (uint32_t)w->from->k };
    if (e == cudaSuccess)
        e = launch_repack(&r, (struct launch_on){ .stream = u->c->stream });
    struct cuda_dequantise_args d = {
        .w = { .data = u->stage[1], .row_bytes = laid, .type = w->from->type, .n = r.n, .k = r.k },
        .out = w->to + first * w->map->row_bytes,
        .n = r.n,
        .stride = (uint32_t)(w->map->row_bytes / sizeof(float)),
        .type = CUDA_F32
    };
    if (e == cudaSuccess && widen)
        e = launch_dequantise(&d, (struct launch_on){ .stream = u->c->stream });
    CARD_TRY(card_ok(u->c, e, "loading weights", error));
    return card_wait(u->c, "loading weights", error);
}

static int send_matrix(struct upload *u, const struct device_matrix *from, const struct weightmap_matrix *map, void *to,
                       struct device_error *error)
{
    const struct way w = { from, map, to };
    if (map->n == 0)
        return DEVICE_OK;
    uint64_t laid = layout_row_bytes(from->type, from->k), row = laid > from->row_bytes ? laid : from->row_bytes;
    uint64_t most = STAGE / row > 0 ? STAGE / row : 1, n;
    most = most < map->n ? most : map->n;
    CARD_TRY(reserve(u, 0, most * row, error));
    if (from->type != map->type)
        CARD_TRY(reserve(u, 1, most * row, error));
    for (uint64_t j = 0; j < map->n; j += n) {
        n = map->n - j < most ? map->n - j : most;
        if (from->gap > 0 && from->group - j % from->group < n)
            n = from->group - j % from->group;
        CARD_TRY(send(u, &w, j, n, error));
    }
    return DEVICE_OK;
}

static int send_vector(struct upload *u, const float *x, const struct weightmap_vector *v, char *base,
                       struct device_error *error)
{
    if (v->n == 0)
        return DEVICE_OK;
    cudaError_t e = cudaMemcpyAsync(base + v->at, x, v->n * sizeof *x, cudaMemcpyHostToDevice, u->c->stream);
    CARD_TRY(card_ok(u->c, e, "loading weights", error));
    return card_wait(u->c, "loading weights", error);
}

static int send_norm(struct upload *u, const struct device_norm *x, const struct weightmap_norm *n, char *base,
                     struct device_error *error)
{
    CARD_TRY(send_vector(u, x->weight, &n->weight, base, error));
    return send_vector(u, x->bias, &n->bias, base, error);
}

static int send_whole(struct upload *u, const struct device_matrix *x, const struct weightmap_matrix *m, char *base,
                      struct device_error *error)
{
    CARD_TRY(send_matrix(u, x, m, base + m->at, error));
    return send_vector(u, x->bias, &m->bias, base, error);
}

static int send_experts(struct upload *u, const struct device_spec *s, const struct device_layer *l,
                        const struct weightmap_layer *m, char *base, struct device_error *error)
{
    for (uint32_t i = 0; l->experts && i < s->n_experts; i++) {
        const struct device_expert *e = &l->experts[i];
        const struct device_matrix *from[] = { &e->gate, &e->up, &e->down };
        const struct weightmap_matrix *to[] = { &m->expert_gate, &m->expert_up, &m->expert_down };
        for (int k = 0; k < 3; k++) {
            CARD_TRY(send_matrix(u, from[k], to[k], base + to[k]->at + i * to[k]->bytes, error));
        }
    }
    return DEVICE_OK;
}

int upload_top(struct upload *u, const struct device_spec *s, const struct weightmap_top *m, void *base,
               struct device_error *error)
{
    CARD_TRY(send_whole(u, &s->embedding, &m->embedding, base, error));
    if (s->head.data != s->embedding.data)
        CARD_TRY(send_whole(u, &s->head, &m->head, base, error));
    CARD_TRY(send_whole(u, &s->positions, &m->positions, base, error));
    CARD_TRY(send_norm(u, &s->embedding_norm, &m->embedding_norm, base, error));
    CARD_TRY(send_norm(u, &s->final_norm, &m->final_norm, base, error));
    return send_vector(u, s->slope, &m->slope, base, error);
}

int upload_layer(struct upload *u, const struct device_spec *s, uint32_t layer, const struct weightmap_layer *m,
                 void *base, struct device_error *error)
{
    const struct device_layer *l = &s->layers[layer];
    const struct device_matrix *from[] = { &l->q, &l->k, &l->v, &l->o, &l->gate, &l->up, &l->down, &l->router };
    const struct weightmap_matrix *to[] = { &m->q, &m->k, &m->v, &m->o, &m->gate, &m->up, &m->down, &m->router };
    const struct device_norm *norms[] = { &l->attention_norm, &l->mlp_norm,       &l->q_norm,
                                          &l->k_norm,         &l->attention_post, &l->mlp_post };
    const struct weightmap_norm *places[] = { &m->attention_norm, &m->mlp_norm,       &m->q_norm,
                                              &m->k_norm,         &m->attention_post, &m->mlp_post };
    for (size_t i = 0; i < sizeof from / sizeof *from; i++)
        CARD_TRY(send_whole(u, from[i], to[i], base, error));
    for (size_t i = 0; i < sizeof norms / sizeof *norms; i++)
        CARD_TRY(send_norm(u, norms[i], places[i], base, error));
    return send_experts(u, s, l, m, base, error);
}
