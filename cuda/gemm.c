#include "cuda/gemm.h"
#include <stdlib.h>
#include <string.h>

#define N_PLANS 512u /* shapes that are kept; a power of two */

/* What an algorithm is chosen by. */
struct shape {
    uint32_t n, k, m, type, w_stride, x_stride, out_stride;
    uint32_t w_aligned, x_aligned, out_aligned; /* bytes, at most 16: what rows start at */
};

struct plan {
    struct shape shape; /* n 0: empty */
    cublasLtMatmulDesc_t what;
    cublasLtMatrixLayout_t w, x, out;
    cublasLtMatmulAlgo_t algorithm;
};

struct gemm_plans {
    struct plan plan[N_PLANS];
};

struct gemm_plans *gemm_plans_alloc(void)
{
    return calloc(1, sizeof(struct gemm_plans));
}

static void clear(struct plan *p)
{
    if (p->w)
        cublasLtMatrixLayoutDestroy(p->w);
    if (p->x)
        cublasLtMatrixLayoutDestroy(p->x);
    if (p->out)
        cublasLtMatrixLayoutDestroy(p->out);
    if (p->what)
        cublasLtMatmulDescDestroy(p->what);
    memset(p, 0, sizeof *p);
}

void gemm_plans_free(struct gemm_plans *p)
{
    if (!p)
        return;
    for (size_t i = 0; i < N_PLANS; i++)
        clear(&p->plan[i]);
    free(p);
}

static cudaDataType_t type_of(uint32_t type)
{
    return type == CUDA_F32 ? CUDA_R_32F : type == CUDA_F16 ? CUDA_R_16F : CUDA_R_16BF;
}

/* Column-major: the rows of w, x and out are columns of matrices (k, n), (k, m) and (n, m). */
static cublasStatus_t describe(struct plan *p, const struct shape *s)
{
    cublasOperation_t turned = CUBLAS_OP_T;
    cudaDataType_t type = type_of(s->type);
    cublasStatus_t e = cublasLtMatmulDescCreate(&p->what, CUBLAS_COMPUTE_32F, CUDA_R_32F);
    if (e == CUBLAS_STATUS_SUCCESS)
        e = cublasLtMatmulDescSetAttribute(p->what, CUBLASLT_MATMUL_DESC_TRANSA, &turned, sizeof turned);
    if (e == CUBLAS_STATUS_SUCCESS)
        e = cublasLtMatrixLayoutCreate(&p->w, type, s->k, s->n, s->w_stride);
    if (e == CUBLAS_STATUS_SUCCESS)
        e = cublasLtMatrixLayoutCreate(&p->x, type, s->k, s->m, s->x_stride);
    if (e == CUBLAS_STATUS_SUCCESS)
        e = cublasLtMatrixLayoutCreate(&p->out, CUDA_R_32F, s->n, s->m, s->out_stride);
    return e;
}

static uint32_t aligned(const void *p)
{
    uintptr_t bits = (uintptr_t)p | 16;
    return (uint32_t)(bits & -bits);
}

static cublasStatus_t limit(cublasLtMatmulPreference_t wish, const struct shape *s)
{
    static const cublasLtMatmulPreferenceAttributes_t of[] = { CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES,
                                                               CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES,
                                                               CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES,
                                                               CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES };
    const uint64_t work = CARD_WORK;
    const uint32_t bytes[] = { s->w_aligned, s->x_aligned, s->out_aligned, s->out_aligned };
    cublasStatus_t e =
        cublasLtMatmulPreferenceSetAttribute(wish, CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES, &work, sizeof work);
    for (size_t i = 0; i < 4 && e == CUBLAS_STATUS_SUCCESS; i++)
        e = cublasLtMatmulPreferenceSetAttribute(wish, of[i], &bytes[i], sizeof bytes[i]);
    return e;
}

static cublasStatus_t choose(struct device_context *c, struct plan *p, const struct shape *s)
{
    cublasLtMatmulPreference_t wish = NULL;
    cublasLtMatmulHeuristicResult_t found;
    int n = 0;
    memset(&found, 0, sizeof found);
    cublasStatus_t e = cublasLtMatmulPreferenceCreate(&wish);
    if (e == CUBLAS_STATUS_SUCCESS)
        e = limit(wish, s);
    if (e == CUBLAS_STATUS_SUCCESS)
        e = cublasLtMatmulAlgoGetHeuristic(c->products, p->what, p->w, p->x, p->out, p->out, wish, 1, &found, &n);
    if (e == CUBLAS_STATUS_SUCCESS && n == 0)
        e = CUBLAS_STATUS_NOT_SUPPORTED;
    p->algorithm = found.algo;
    if (wish)
        cublasLtMatmulPreferenceDestroy(wish);
    return e;
}

/* The plan of a shape, in the place that its hash has: another shape there is forgotten. */
static int plan_of(struct device_context *c, struct gemm_plans *plans, const struct shape *s, struct plan **out,
                   struct device_error *error)
{
    uint64_t h = 0;
    const uint32_t parts[] = { s->n,        s->k,          s->m,         s->type,      s->w_stride,
                               s->x_stride, s->out_stride, s->w_aligned, s->x_aligned, s->out_aligned };
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        h = (h ^ parts[i]) * 0x9e3779b97f4a7c15u;
    struct plan *p = &plans->plan[h >> 32 & (N_PLANS - 1)];
    *out = p;
    if (memcmp(&p->shape, s, sizeof *s) == 0)
        return DEVICE_OK;
    clear(p);
    cublasStatus_t e = describe(p, s);
    if (e == CUBLAS_STATUS_SUCCESS)
        e = choose(c, p, s);
    if (e == CUBLAS_STATUS_SUCCESS)
        p->shape = *s;
    return card_product_ok(c, e, "choosing a product's algorithm", error);
}

int gemm_run(struct device_context *c, struct gemm_plans *plans, const struct gemm *g, struct device_error *error)
{
    const float one = 1, zero = 0;
    const struct shape s = { g->n,        g->k,          g->m,          g->type,       g->w_stride,
                             g->x_stride, g->out_stride, aligned(g->w), aligned(g->x), aligned(g->out) };
    struct plan *p;
    CARD_TRY(plan_of(c, plans, &s, &p, error));
    cublasStatus_t e = cublasLtMatmul(c->products, p->what, &one, g->w, p->w, g->x, p->x, &zero, g->out, p->out, g->out,
                                      p->out, &p->algorithm, c->work, CARD_WORK, c->stream);
    return card_product_ok(c, e, "a product", error);
}
