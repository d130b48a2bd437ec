#include "cuda/swap.h"
#include <stdlib.h>

struct swap {
    struct device_context *c;
    const struct weightmap_layer *layers;
    uint32_t n_layers, n_resident;
    char **slab;                  /* (n_layers,) of resident layers the card's, of others pinned memory of the host */
    char *place[2];               /* where layers come to, by turns */
    cudaEvent_t here[2], used[2]; /* it has come; what was computed with it is done */
    uint32_t last;                /* the layer that was asked for last, or n_layers */
};

/* Lays a layer out on the card in `place` and takes it away. */
static int pin(struct swap *w, struct upload *u, const struct device_spec *s, uint32_t layer,
               struct device_error *error)
{
    const struct weightmap_layer *m = &w->layers[layer];
    CARD_TRY(card_ok(w->c, cudaHostAlloc((void **)&w->slab[layer], m->bytes, cudaHostAllocDefault),
                     "pinned memory for weights", error));
    CARD_TRY(upload_layer(u, s, layer, m, w->place[0], error));
    CARD_TRY(card_ok(w->c, cudaMemcpyAsync(w->slab[layer], w->place[0], m->bytes, cudaMemcpyDeviceToHost, w->c->stream),
                     "pinning weights", error));
    return card_wait(w->c, "pinning weights", error);
}

static int open_places(struct swap *w, uint64_t largest, struct device_error *error)
{
    for (int i = 0; i < 2 && w->n_resident < w->n_layers; i++) {
        CARD_TRY(card_ok(w->c, cudaMalloc((void **)&w->place[i], largest), "memory for swapped weights", error));
        CARD_TRY(
            card_ok(w->c, cudaEventCreateWithFlags(&w->here[i], cudaEventDisableTiming), "making an event", error));
        CARD_TRY(
            card_ok(w->c, cudaEventCreateWithFlags(&w->used[i], cudaEventDisableTiming), "making an event", error));
    }
    return DEVICE_OK;
}

static int load(struct swap *w, struct upload *u, const struct device_spec *s, struct device_error *error)
{
    struct weightmap_sizes sizes;
    weightmap_sizes(s, &sizes);
    w->n_resident = sizes.n_resident;
    CARD_TRY(open_places(w, sizes.largest, error));
    for (uint32_t i = 0; i < w->n_resident; i++) {
        CARD_TRY(card_ok(w->c, cudaMalloc((void **)&w->slab[i], w->layers[i].bytes), "memory for weights", error));
        CARD_TRY(upload_layer(u, s, i, &w->layers[i], w->slab[i], error));
    }
    for (uint32_t i = w->n_resident; i < w->n_layers; i++)
        CARD_TRY(pin(w, u, s, i, error));
    return DEVICE_OK;
}

int swap_open(struct device_context *c, const struct device_spec *s, const struct weightmap_layer layers[],
              struct swap **out, struct device_error *error)
{
    struct upload *u = NULL;
    struct swap *w = *out = calloc(1, sizeof *w);
    if (w)
        w->slab = calloc(s->n_layers, sizeof *w->slab);
    if (!w || !w->slab)
        return card_say(DEVICE_NO_MEMORY, error, "this machine has no memory for a list of layers");
    w->c = c;
    w->layers = layers;
    w->n_layers = w->n_resident = s->n_layers;
    int rc = upload_open(c, &u, error);
    if (rc == DEVICE_OK)
        rc = load(w, u, s, error);
    upload_close(u);
    return rc;
}

void swap_close(struct swap *w)
{
    if (!w)
        return;
    for (uint32_t i = 0; i < w->n_layers && w->slab; i++)
        if (i < w->n_resident)
            cudaFree(w->slab[i]);
        else
            cudaFreeHost(w->slab[i]);
    for (int i = 0; i < 2; i++) {
        cudaFree(w->place[i]);
        if (w->here[i])
            cudaEventDestroy(w->here[i]);
        if (w->used[i])
            cudaEventDestroy(w->used[i]);
    }
    free(w->slab);
    free(w);
}

int swap_is_whole(const struct swap *w)
{
    return w->n_resident == w->n_layers;
}

/* Layer n_resident + i comes to place[i % 2], once what used that place is done. */
static int bring(struct swap *w, uint32_t layer, struct device_error *error)
{
    uint32_t at = (layer - w->n_resident) % 2;
    if (layer >= w->n_layers)
        return DEVICE_OK;
    cudaError_t e = cudaStreamWaitEvent(w->c->carrier, w->used[at], 0);
    if (e == cudaSuccess)
        e = cudaMemcpyAsync(w->place[at], w->slab[layer], w->layers[layer].bytes, cudaMemcpyHostToDevice,
                            w->c->carrier);
    if (e == cudaSuccess)
        e = cudaEventRecord(w->here[at], w->c->carrier);
    w->c->counts.swapped += w->layers[layer].bytes;
    return card_ok(w->c, e, "bringing weights over", error);
}

/* The places are free when all that was given is done, which the end of a pass waits for. */
int swap_begin(struct swap *w, struct device_error *error)
{
    w->last = w->n_layers;
    if (swap_is_whole(w))
        return DEVICE_OK;
    for (int i = 0; i < 2; i++)
        CARD_TRY(card_ok(w->c, cudaEventRecord(w->used[i], w->c->stream), "recording an event", error));
    CARD_TRY(bring(w, w->n_resident, error));
    return bring(w, w->n_resident + 1, error);
}

/* The last layer has been used: its place is the next but one's. */
static int leave(struct swap *w, struct device_error *error)
{
    if (w->last >= w->n_layers || w->last < w->n_resident)
        return DEVICE_OK;
    uint32_t at = (w->last - w->n_resident) % 2;
    CARD_TRY(card_ok(w->c, cudaEventRecord(w->used[at], w->c->stream), "recording an event", error));
    return bring(w, w->last + 2, error);
}

int swap_layer(struct swap *w, uint32_t layer, const char **base, struct device_error *error)
{
    uint32_t at = (layer - w->n_resident) % 2;
    CARD_TRY(leave(w, error));
    w->last = layer;
    *base = layer < w->n_resident ? w->slab[layer] : w->place[at];
    if (layer < w->n_resident)
        return DEVICE_OK;
    return card_ok(w->c, cudaStreamWaitEvent(w->c->stream, w->here[at], 0), "waiting for weights", error);
}

int swap_end(struct swap *w, struct device_error *error)
{
    return leave(w, error);
}
