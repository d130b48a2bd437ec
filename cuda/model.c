#include "cuda/model.h"
#include "cuda/capture.h"
#include "cuda/rows_launch.h"
#include "cuda/steps.h"
#include "cuda/upload.h"
#include <stdlib.h>
#include <string.h>

#define HOST_ROWS ((uint64_t)16 << 20) /* bytes of rows on their way to the host at a time, unless one takes more */

/* Matrices of one layer's experts lie side by side: they are of one type.  Gate and up share their packed rows. */
static int check(const struct device_spec *s, struct device_error *error)
{
    for (uint32_t i = 0; i < s->n_layers; i++)
        for (uint32_t k = 0; s->layers[i].experts && k < s->n_experts; k++) {
            const struct device_expert *e = s->layers[i].experts;
            if (e->gate.type != e->up.type)
                return card_say(DEVICE_CANNOT, error, "layer %u: an expert's gate and up have weights of two types", i);
            if (e[k].gate.type != e->gate.type || e[k].up.type != e->up.type || e[k].down.type != e->down.type)
                return card_say(DEVICE_CANNOT, error, "layer %u: expert %u has weights of another type than expert 0",
                                i, k);
        }
    return DEVICE_OK;
}

static int copy_numbers(struct device_model *m, const struct device_spec *s, struct device_error *error)
{
    m->s = *s;
    m->layers = calloc(s->n_layers, sizeof *m->layers);
    m->windows = calloc(s->n_layers, sizeof *m->windows);
    m->tables = calloc(s->n_layers, sizeof *m->tables);
    m->plans = gemm_plans_alloc();
    m->capture = capture_alloc();
    if (!m->layers || !m->windows || !m->tables || !m->plans || !m->capture)
        return card_say(DEVICE_NO_MEMORY, error, "this machine has no memory for a model's lists");
    weightmap_top(s, &m->top);
    for (uint32_t i = 0; i < s->n_layers; i++) {
        weightmap_layer(s, i, &m->layers[i]);
        m->windows[i] = s->layers[i].window;
        m->tables[i] = s->layers[i].table;
    }
    return DEVICE_OK;
}

static int open_top(struct device_model *m, struct device_error *error)
{
    struct upload *u = NULL;
    CARD_TRY(card_ok(m->c, cudaMalloc((void **)&m->top_base, m->top.bytes), "memory for weights", error));
    int rc = upload_open(m->c, &u, error);
    if (rc == DEVICE_OK)
        rc = upload_top(u, &m->s, &m->top, m->top_base, error);
    upload_close(u);
    return rc;
}

static int open_blocks(struct device_model *m, struct device_error *error)
{
    struct device_context *c = m->c;
    uint64_t bytes = model_blocks_lay(&m->s, &m->b, &m->e, NULL), row = (uint64_t)m->b.scores_stride * sizeof(float);
    row = row > m->b.dim * sizeof(float) ? row : m->b.dim * sizeof(float);
    CARD_TRY(card_ok(c, cudaMalloc(&m->b.slab, bytes), "memory for activations", error));
    model_blocks_lay(&m->s, &m->b, &m->e, m->b.slab);
    /* what pads hold is multiplied by pads: no NaN may be there */
    CARD_TRY(card_ok(c, cudaMemsetAsync(m->b.slab, 0, bytes, c->stream), "clearing activations", error));
    m->host_rows_bytes = HOST_ROWS > row ? HOST_ROWS / row * row : row;
    if (m->host_rows_bytes > m->b.rows * row)
        m->host_rows_bytes = m->b.rows * row;
    CARD_TRY(card_ok(c, cudaHostAlloc((void **)&m->host_rows, m->host_rows_bytes, cudaHostAllocDefault),
                     "pinned memory for rows", error));
    CARD_TRY(card_ok(c, cudaHostAlloc((void **)&m->flags, (m->s.n_layers + 1) * sizeof *m->flags, cudaHostAllocDefault),
                     "pinned memory for flags", error));
    if (m->s.n_experts > 0)
        CARD_TRY(card_ok(c,
                         cudaHostAlloc((void **)&m->e.host_first, (m->s.n_experts + 1) * sizeof *m->e.host_first,
                                       cudaHostAllocDefault),
                         "pinned memory for a router's choice", error));
    return batch_open(c, m->s.max_tokens, &m->batch, error);
}

/* Only numbers of the spec are used after this. */
static void forget_host(struct device_spec *s)
{
    s->layers = NULL;
    s->embedding.data = s->head.data = s->positions.data = NULL;
    s->slope = NULL;
}

int model_open(struct device_context *c, const struct device_spec *s, struct device_model **out,
               struct device_error *error)
{
    *out = NULL;
    CARD_TRY(card_enter(c, error));
    CARD_TRY(check(s, error));
    struct device_model *m = calloc(1, sizeof *m);
    if (!m)
        return card_say(DEVICE_NO_MEMORY, error, "this machine has no memory for a model");
    m->c = c;
    int rc = copy_numbers(m, s, error);
    if (rc == DEVICE_OK)
        rc = open_top(m, error);
    if (rc == DEVICE_OK)
        rc = open_blocks(m, error);
    if (rc == DEVICE_OK)
        rc = swap_open(c, s, m->layers, &m->swap, error);
    forget_host(&m->s);
    m->on = (struct launch_on){ .stream = c->stream,
                                .overlaps = c->overlaps && rc == DEVICE_OK && swap_is_whole(m->swap),
                                .n_multiprocessors = c->n_multiprocessors };
    if (rc == DEVICE_OK)
        *out = m;
    else
        model_close(m);
    return rc;
}

void model_close(struct device_model *m)
{
    if (!m)
        return;
    struct device_error error;
    if (card_enter(m->c, &error) == DEVICE_OK)
        cudaStreamSynchronize(m->c->stream);
    capture_free(m->capture);
    gemm_plans_free(m->plans);
    swap_close(m->swap);
    batch_close(m->batch);
    for (int i = 0; i < (int)DEVICE_TABLES; i++)
        for (int k = 0; k < 2; k++)
            cudaFree(m->table[i][k]);
    cudaFree(m->top_base);
    cudaFree(m->b.slab);
    cudaFree(m->b.partial);
    cudaFreeHost(m->host_rows);
    cudaFreeHost(m->flags);
    cudaFreeHost(m->e.host_first);
    free(m->layers);
    free(m->windows);
    free(m->tables);
    free(m);
}

int model_table(struct device_model *m, uint32_t table, uint64_t n_positions, const float *const cos_sin[2],
                struct device_error *error)
{
    uint64_t bytes = n_positions * m->s.n_turning * sizeof(float);
    float *there[2] = { NULL, NULL };
    CARD_TRY(card_enter(m->c, error));
    int rc = DEVICE_OK;
    for (int i = 0; i < 2 && rc == DEVICE_OK; i++) {
        rc = card_ok(m->c, cudaMalloc((void **)&there[i], bytes), "memory for rotary positions", error);
        if (rc == DEVICE_OK)
            rc = card_ok(m->c, cudaMemcpyAsync(there[i], cos_sin[i], bytes, cudaMemcpyHostToDevice, m->c->stream),
                         "sending rotary positions", error);
    }
    if (rc == DEVICE_OK)
        rc = card_wait(m->c, "sending rotary positions", error);
    for (int i = 0; i < 2; i++) {
        cudaFree(rc == DEVICE_OK ? m->table[table][i] : there[i]);
        if (rc == DEVICE_OK)
            m->table[table][i] = there[i];
    }
    m->batch->moved++; /* what was recorded reads the old ones */
    return rc;
}

/* Rows on their way out. */
struct delivery {
    struct steps *s;
};

/* How many rows from first on follow each other in one slab of row blocks: one copy for all.  Slabs may be further
 * apart than a copy's pitch may be. */
static uint64_t neighbours(const struct steps *s, uint64_t first, uint64_t n, uint64_t pitch)
{
    const struct device_row *a = batch_row(s->m->batch, s->d, first);
    uint64_t i = 1;
    for (; i < n; i++) {
        const struct device_row *b = batch_row(s->m->batch, s->d, first + i);
        if (!b->device || (uintptr_t)b->device - (uintptr_t)a->device != pitch || b->tap != a->tap)
            break;
        a = b;
    }
    return i;
}

static int to_device(struct steps *s, uint64_t first, uint64_t n, uint32_t stride)
{
    struct device_model *m = s->m;
    for (uint64_t i = 0, run; i < n; i += run) {
        const struct device_row *r = batch_row(m->batch, s->d, first + i);
        uint64_t bytes = (r->tap == DEVICE_HIDDEN ? m->s.dim : m->top.head.n) * sizeof(float);
        uint64_t pitch = rows_bytes(m->top.head.n);
        run = 1;
        if (!r->device)
            continue;
        if (bytes <= pitch)
            run = neighbours(s, first + i, n - i, pitch);
        cudaError_t e = cudaMemcpy2DAsync(r->device, run > 1 ? pitch : bytes, m->b.scores + i * stride,
                                          stride * sizeof(float), bytes, run, cudaMemcpyDeviceToDevice, m->c->stream);
        CARD_TRY(card_ok(m->c, e, "keeping rows", s->error));
    }
    return DEVICE_OK;
}

/* Rows [first, first + n) of the order, the `at`-th and on of the scores block, which fit the pinned block. */
static int to_host(struct steps *s, uint64_t first, uint64_t n, uint64_t at, uint32_t stride)
{
    struct device_model *m = s->m;
    cudaError_t e = cudaMemcpyAsync(m->host_rows, m->b.scores + at * stride, n * stride * sizeof(float),
                                    cudaMemcpyDeviceToHost, m->c->stream);
    CARD_TRY(card_ok(m->c, e, "fetching rows", s->error));
    CARD_TRY(card_wait(m->c, "fetching rows", s->error));
    for (uint64_t i = 0; i < n; i++) {
        const struct device_row *r = batch_row(m->batch, s->d, first + i);
        uint64_t width = r->tap == DEVICE_HIDDEN ? m->s.dim : m->top.head.n;
        if (r->host)
            memcpy(r->host, m->host_rows + i * stride, width * sizeof(float));
    }
    return DEVICE_OK;
}

static int deliver(void *ctx, uint64_t first, uint64_t n, uint32_t stride)
{
    const struct delivery *d = ctx;
    struct device_model *m = d->s->m;
    uint64_t fit = m->host_rows_bytes / (stride * sizeof(float));
    int wanted = 0;
    for (uint64_t i = 0; i < n; i++) {
        const struct device_row *r = batch_row(m->batch, d->s->d, first + i);
        wanted |= r->host != NULL;
    }
    CARD_TRY(to_device(d->s, first, n, stride));
    for (uint64_t i = 0; wanted && i < n; i += fit)
        CARD_TRY(to_host(d->s, first + i, n - i < fit ? n - i : fit, i, stride));
    return DEVICE_OK;
}

/* The first layer that has left something that is not finite. */
static int check_flags(struct device_model *m, struct device_error *error)
{
    CARD_TRY(card_wait(m->c, "a pass", error));
    for (uint32_t i = 0; i <= m->s.n_layers; i++)
        if (m->flags[i]) {
            error->layer = i;
            return card_say(DEVICE_NUMBERS, error, "layer %u is not finite", i);
        }
    return DEVICE_OK;
}

/* A pass, or a part of it. */
static int give(struct device_model *m, const struct device_batch *b, struct device_error *error)
{
    struct steps s = { .m = m, .d = b, .error = error };
    struct delivery d = { &s };
    const struct steps_rows rows = { deliver, &d };
    int done = 0;
    CARD_TRY(batch_send(m->batch, b, m->c->deterministic ? BATCH_ALONE : BATCH_JOINED, error));
    s.most_positions = m->batch->most_positions;
    m->c->counts.passes++;
    memset(m->flags, 0, (m->s.n_layers + 1) * sizeof *m->flags); /* no pass is under way */
    CARD_TRY(capture_run(m->capture, &s, &done));
    if (done) {
        CARD_TRY(deliver(&d, 0, b->n_rows, m->b.scores_stride));
    } else {
        CARD_TRY(steps_run(&s, &rows));
        capture_seen(m->capture, &s);
    }
    return DEVICE_OK;
}

int model_run(struct device_model *m, const struct device_batch *b, struct device_error *error)
{
    CARD_TRY(card_enter(m->c, error));
    int rc = give(m, b, error);
    if (rc == DEVICE_OK)
        return check_flags(m, error);
    /* the next batch is written where what was given may still read this one */
    CARD_TRY(card_wait(m->c, "what was given of a pass", error));
    return rc;
}
