/* The runtime's calls about streams: what they do, or record. */
#include "tests/emulate/runtime.h"
#include "tests/emulate/stale.h"
#include <stdlib.h>
#include <time.h>

struct emulate_graph {
    struct runtime_op *first, **last;
    unsigned shares;
};

struct emulate_stream {
    struct emulate_graph *capture;
};

struct emulate_event {
    struct timespec at;
};

static int no_graphs;
static _Thread_local unsigned n_captures;

void emulate_set_graphs(int may)
{
    no_graphs = !may;
}

int runtime_records(void)
{
    return n_captures > 0;
}

struct runtime_op *runtime_op(void (*run)(const void *ctx), size_t bytes)
{
    struct runtime_op *op = calloc(1, sizeof *op + bytes);
    if (op)
        op->run = run;
    return op;
}

cudaError_t runtime_submit(cudaStream_t s, struct runtime_op *op)
{
    cudaError_t e = runtime_outcome(op ? cudaSuccess : cudaErrorMemoryAllocation);
    if (e == cudaSuccess && s && s->capture) {
        *s->capture->last = op;
        s->capture->last = &op->next;
        return cudaSuccess;
    }
    if (e == cudaSuccess)
        op->run(op->ctx);
    free(op);
    return e;
}

cudaError_t emulate_submit(cudaStream_t s, void (*run)(const void *ctx), const void *ctx, size_t bytes)
{
    struct runtime_op *op = runtime_op(run, bytes);
    if (op)
        memcpy(op->ctx, ctx, bytes);
    return runtime_submit(s, op);
}

struct copy {
    char *to;
    const char *from;
    size_t to_pitch, from_pitch, width, height;
    int sends; /* from the host */
};

static void run_copy(const void *ctx)
{
    const struct copy *c = ctx;
    if (c->sends && c->height == 1) {
        stale_copy(c->to, c->from, c->width);
        return;
    }
    for (size_t i = 0; i < c->height; i++)
        memmove(c->to + i * c->to_pitch, c->from + i * c->from_pitch, c->width);
}

/* A copy may not go from one allocation of the card into another, though that be the next. */
static int is_whole(const void *p, size_t pitch, size_t width, size_t height)
{
    return width == 0 || height == 0 || runtime_holds(p, (height - 1) * pitch + width);
}

cudaError_t cudaMemcpy2DAsync(void *to, size_t to_pitch, const void *from, size_t from_pitch, size_t width,
                              size_t height, enum cudaMemcpyKind kind, cudaStream_t s)
{
    struct copy c = { to, from, to_pitch, from_pitch, width, height, kind == cudaMemcpyHostToDevice };
    if (width > to_pitch || width > from_pitch || (height > 1 && (to_pitch > INT32_MAX || from_pitch > INT32_MAX)))
        return runtime_outcome(cudaErrorInvalidValue);
    if ((kind != cudaMemcpyDeviceToHost && !is_whole(to, to_pitch, width, height)) ||
        (kind != cudaMemcpyHostToDevice && !is_whole(from, from_pitch, width, height)))
        return runtime_outcome(cudaErrorInvalidValue);
    return emulate_submit(s, run_copy, &c, sizeof c);
}

cudaError_t cudaMemcpyAsync(void *to, const void *from, size_t bytes, enum cudaMemcpyKind kind, cudaStream_t s)
{
    return cudaMemcpy2DAsync(to, bytes, from, bytes, bytes, bytes > 0, kind, s);
}

cudaError_t cudaMemcpy(void *to, const void *from, size_t bytes, enum cudaMemcpyKind kind)
{
    return cudaMemcpyAsync(to, from, bytes, kind, NULL);
}

struct fill {
    void *p;
    int value;
    size_t bytes;
};

static void run_fill(const void *ctx)
{
    const struct fill *f = ctx;
    memset(f->p, f->value, f->bytes);
}

cudaError_t cudaMemsetAsync(void *p, int value, size_t bytes, cudaStream_t s)
{
    struct fill f = { p, value, bytes };
    if (!is_whole(p, 0, bytes, 1))
        return runtime_outcome(cudaErrorInvalidValue);
    return emulate_submit(s, run_fill, &f, sizeof f);
}

cudaError_t cudaMemset(void *p, int value, size_t bytes)
{
    return cudaMemsetAsync(p, value, bytes, NULL);
}

cudaError_t cudaStreamCreateWithFlags(cudaStream_t *s, unsigned flags)
{
    (void)flags;
    *s = calloc(1, sizeof **s);
    return runtime_outcome(*s ? cudaSuccess : cudaErrorMemoryAllocation);
}

cudaError_t cudaStreamCreate(cudaStream_t *s)
{
    return cudaStreamCreateWithFlags(s, cudaStreamDefault);
}

cudaError_t cudaStreamDestroy(cudaStream_t s)
{
    free(s);
    return cudaSuccess;
}

cudaError_t cudaStreamSynchronize(cudaStream_t s)
{
    return runtime_outcome(s && s->capture ? cudaErrorStreamCaptureUnsupported : cudaSuccess);
}

cudaError_t cudaStreamQuery(cudaStream_t s)
{
    return cudaStreamSynchronize(s);
}

cudaError_t cudaStreamWaitEvent(cudaStream_t s, cudaEvent_t e, unsigned flags)
{
    (void)s, (void)e, (void)flags;
    return runtime_outcome(cudaSuccess);
}

struct call {
    cudaHostFn_t f;
    void *ctx;
};

static void run_call(const void *ctx)
{
    const struct call *c = ctx;
    c->f(c->ctx);
}

cudaError_t cudaLaunchHostFunc(cudaStream_t s, cudaHostFn_t f, void *ctx)
{
    struct call c = { f, ctx };
    return emulate_submit(s, run_call, &c, sizeof c);
}

cudaError_t cudaEventCreateWithFlags(cudaEvent_t *e, unsigned flags)
{
    (void)flags;
    *e = calloc(1, sizeof **e);
    return runtime_outcome(*e ? cudaSuccess : cudaErrorMemoryAllocation);
}

cudaError_t cudaEventCreate(cudaEvent_t *e)
{
    return cudaEventCreateWithFlags(e, cudaEventDefault);
}

cudaError_t cudaEventDestroy(cudaEvent_t e)
{
    free(e);
    return cudaSuccess;
}

cudaError_t cudaEventRecord(cudaEvent_t e, cudaStream_t s)
{
    (void)s;
    clock_gettime(CLOCK_MONOTONIC, &e->at);
    return runtime_outcome(cudaSuccess);
}

cudaError_t cudaEventSynchronize(cudaEvent_t e)
{
    (void)e;
    return runtime_outcome(cudaSuccess);
}

cudaError_t cudaEventQuery(cudaEvent_t e)
{
    return cudaEventSynchronize(e);
}

cudaError_t cudaEventElapsedTime(float *ms, cudaEvent_t from, cudaEvent_t to)
{
    double s = (double)(to->at.tv_sec - from->at.tv_sec);
    *ms = (float)(1e3 * s + 1e-6 * (double)(to->at.tv_nsec - from->at.tv_nsec));
    return runtime_outcome(cudaSuccess);
}

cudaError_t cudaStreamBeginCapture(cudaStream_t s, enum cudaStreamCaptureMode mode)
{
    (void)mode;
    if (!s || s->capture)
        return runtime_outcome(cudaErrorStreamCaptureUnsupported);
    s->capture = calloc(1, sizeof *s->capture);
    if (!s->capture)
        return runtime_outcome(cudaErrorMemoryAllocation);
    s->capture->last = &s->capture->first;
    s->capture->shares = 1;
    n_captures++;
    return runtime_outcome(cudaSuccess);
}

cudaError_t cudaStreamEndCapture(cudaStream_t s, cudaGraph_t *g)
{
    *g = s->capture;
    n_captures -= s->capture != NULL;
    s->capture = NULL;
    return runtime_outcome(*g ? cudaSuccess : cudaErrorInvalidValue);
}

cudaError_t cudaGraphInstantiate(cudaGraphExec_t *x, cudaGraph_t g, unsigned long long flags)
{
    (void)flags;
    cudaError_t e = runtime_outcome(no_graphs ? cudaErrorMemoryAllocation : cudaSuccess);
    g->shares += e == cudaSuccess;
    *x = e == cudaSuccess ? g : NULL;
    return e;
}

cudaError_t cudaGraphLaunch(cudaGraphExec_t x, cudaStream_t s)
{
    for (const struct runtime_op *op = x->first; op; op = op->next) {
        cudaError_t e = s && s->capture ? cudaErrorStreamCaptureUnsupported : runtime_outcome(cudaSuccess);
        if (e != cudaSuccess)
            return e;
        op->run(op->ctx);
    }
    return cudaSuccess;
}

cudaError_t cudaGraphDestroy(cudaGraph_t g)
{
    if (--g->shares > 0)
        return cudaSuccess;
    for (struct runtime_op *op = g->first, *next; op; op = next) {
        next = op->next;
        free(op);
    }
    free(g);
    return cudaSuccess;
}

cudaError_t cudaGraphExecDestroy(cudaGraphExec_t x)
{
    return cudaGraphDestroy(x);
}
