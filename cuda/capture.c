#include "cuda/capture.h"
#include <stdlib.h>
#include <string.h>

#define N_GRAPHS 48u

/* What a recorded pass has been recorded for. */
struct shape {
    uint32_t n_tokens, n_full, n_rows, n_spans, most_positions, moved;
};

struct recorded {
    struct shape shape;    /* n_tokens 0: empty */
    cudaGraphExec_t graph; /* NULL: has been run once */
    int never;             /* there is no memory for its graph */
    uint64_t used;
};

struct capture {
    struct recorded list[N_GRAPHS];
    uint64_t now;
};

struct capture *capture_alloc(void)
{
    return calloc(1, sizeof(struct capture));
}

static void clear(struct recorded *r)
{
    if (r->graph)
        cudaGraphExecDestroy(r->graph);
    memset(r, 0, sizeof *r);
}

void capture_free(struct capture *k)
{
    if (!k)
        return;
    for (size_t i = 0; i < N_GRAPHS; i++)
        clear(&k->list[i]);
    free(k);
}

/* A decode step: each token a path of its own, rows of the last layer alone.  Copies are as many as they are, swapped
 * layers lie where they lie, and many tokens among experts wait for the host. */
static int repeats(const struct steps *s)
{
    const struct device_model *m = s->m;
    const struct device_batch *d = s->d;
    if (d->n_tokens == 0 || d->n_tokens > MODEL_ROWS || d->n_rows == 0 || d->n_rows > m->b.rows || d->n_copies > 0 ||
        m->batch->most_tokens > 1 || !swap_is_whole(m->swap))
        return 0;
    if (m->s.n_experts > 0 && !m->c->deterministic && d->n_tokens > MODEL_FEW)
        return 0;
    for (uint64_t i = 0; i < d->n_rows; i++)
        if (d->rows[i].after != m->s.n_layers || d->rows[i].tap != DEVICE_SCORES)
            return 0;
    return 1;
}

/* A multiple of 256 positions: a graph serves as many steps. */
static struct shape shape_of(const struct steps *s)
{
    struct shape shape;
    memset(&shape, 0, sizeof shape);
    shape.n_tokens = (uint32_t)s->d->n_tokens;
    shape.n_full = (uint32_t)s->d->n_full;
    shape.n_rows = (uint32_t)s->d->n_rows;
    shape.n_spans = s->m->batch->n_spans;
    shape.most_positions = (s->m->batch->most_positions + 255) / 256 * 256;
    shape.moved = s->m->batch->moved;
    return shape;
}

static struct recorded *find(struct capture *k, const struct shape *shape)
{
    for (size_t i = 0; i < N_GRAPHS; i++)
        if (memcmp(&k->list[i].shape, shape, sizeof *shape) == 0)
            return &k->list[i];
    return NULL;
}

static int record(const struct steps *pass, struct recorded *r)
{
    struct steps own = *pass, *s = &own; /* the pass itself is as it was if this fails */
    struct device_context *c = s->m->c;
    cudaGraph_t graph = NULL;
    const struct steps_rows none = { NULL, NULL };
    CARD_TRY(
        card_ok(c, cudaStreamBeginCapture(c->stream, cudaStreamCaptureModeThreadLocal), "recording a pass", s->error));
    int rc = steps_run(s, &none);
    cudaError_t e = cudaStreamEndCapture(c->stream, &graph);
    if (rc == DEVICE_OK)
        rc = card_ok(c, e, "recording a pass", s->error);
    else if (e != cudaSuccess)
        cudaGetLastError(); /* of what has failed before */
    if (rc == DEVICE_OK)
        rc = card_ok(c, cudaGraphInstantiate(&r->graph, graph, 0), "recording a pass", s->error);
    if (rc != DEVICE_OK)
        r->graph = NULL;
    if (graph)
        cudaGraphDestroy(graph);
    c->counts.graphs += rc == DEVICE_OK;
    return rc;
}

int capture_run(struct capture *k, struct steps *s, int *done)
{
    struct device_context *c = s->m->c;
    *done = 0;
    if (!repeats(s))
        return DEVICE_OK;
    struct shape shape = shape_of(s);
    struct recorded *r = find(k, &shape);
    s->most_positions = shape.most_positions; /* also of the pass that only makes room for what is recorded next */
    if (!r)
        return DEVICE_OK;
    r->used = ++k->now;
    if (r->never)
        return DEVICE_OK;
    int rc = r->graph ? DEVICE_OK : record(s, r);
    if (rc == DEVICE_OK)
        rc = card_ok(c, cudaGraphLaunch(r->graph, c->stream), "replaying a pass", s->error);
    *done = rc == DEVICE_OK;
    c->counts.replays += rc == DEVICE_OK;
    r->never = rc == DEVICE_NO_MEMORY; /* the pass itself may do without */
    return r->never ? DEVICE_OK : rc;
}

void capture_seen(struct capture *k, const struct steps *s)
{
    if (!repeats(s))
        return;
    struct shape shape = shape_of(s); /* that of now: the pass may have moved what it reads */
    struct recorded *r = find(k, &shape), *oldest = &k->list[0];
    if (r)
        return;
    for (size_t i = 1; i < N_GRAPHS; i++)
        if (k->list[i].used < oldest->used)
            oldest = &k->list[i];
    clear(oldest);
    oldest->shape = shape;
    oldest->used = ++k->now;
}
