/* cuBLASLt's products (include/cublasLt.h): what the backend asks for, out = a^T b in float32; anything else is
 * refused. */
#include "cuda/dialect.h"
#include <cublasLt.h>
#include <stdlib.h>

struct emulate_products {
    int unused;
};

struct emulate_product {
    cublasOperation_t turned;
};

struct emulate_layout {
    cudaDataType_t type;
    uint64_t rows, cols, ld;
};

/* Bytes that pointers are promised to be aligned to: of a, b, c and out. */
struct emulate_wish {
    uint32_t aligned[4];
};

/* A product as a stream does it. */
struct job {
    struct emulate_layout a, b, out;
    const void *from[2];
    float *to;
};

static cublasStatus_t made(void *p)
{
    return p ? CUBLAS_STATUS_SUCCESS : CUBLAS_STATUS_ALLOC_FAILED;
}

cublasStatus_t cublasLtCreate(cublasLtHandle_t *h)
{
    return made(*h = calloc(1, sizeof **h));
}

cublasStatus_t cublasLtDestroy(cublasLtHandle_t h)
{
    free(h);
    return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasLtMatmulDescCreate(cublasLtMatmulDesc_t *d, cublasComputeType_t compute, cudaDataType_t scale)
{
    if (compute != CUBLAS_COMPUTE_32F || scale != CUDA_R_32F)
        return CUBLAS_STATUS_NOT_SUPPORTED;
    return made(*d = calloc(1, sizeof **d));
}

cublasStatus_t cublasLtMatmulDescDestroy(cublasLtMatmulDesc_t d)
{
    free(d);
    return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasLtMatmulDescSetAttribute(cublasLtMatmulDesc_t d, cublasLtMatmulDescAttributes_t a, const void *x,
                                              size_t bytes)
{
    if (a != CUBLASLT_MATMUL_DESC_TRANSA || bytes != sizeof d->turned)
        return CUBLAS_STATUS_NOT_SUPPORTED;
    memcpy(&d->turned, x, bytes);
    return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasLtMatrixLayoutCreate(cublasLtMatrixLayout_t *l, cudaDataType_t type, uint64_t rows, uint64_t cols,
                                          int64_t ld)
{
    if (ld < (int64_t)rows)
        return CUBLAS_STATUS_INVALID_VALUE;
    *l = calloc(1, sizeof **l);
    if (*l)
        **l = (struct emulate_layout){ type, rows, cols, (uint64_t)ld };
    return made(*l);
}

cublasStatus_t cublasLtMatrixLayoutDestroy(cublasLtMatrixLayout_t l)
{
    free(l);
    return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasLtMatmulPreferenceCreate(cublasLtMatmulPreference_t *p)
{
    *p = calloc(1, sizeof **p);
    for (int i = 0; *p && i < 4; i++)
        (*p)->aligned[i] = 256;
    return made(*p);
}

cublasStatus_t cublasLtMatmulPreferenceDestroy(cublasLtMatmulPreference_t p)
{
    free(p);
    return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasLtMatmulPreferenceSetAttribute(cublasLtMatmulPreference_t p,
                                                    cublasLtMatmulPreferenceAttributes_t a, const void *x, size_t bytes)
{
    if (a == CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES)
        return bytes == 8 ? CUBLAS_STATUS_SUCCESS : CUBLAS_STATUS_INVALID_VALUE;
    if (bytes != 4)
        return CUBLAS_STATUS_INVALID_VALUE;
    memcpy(&p->aligned[a - CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES], x, bytes);
    return CUBLAS_STATUS_SUCCESS;
}

static int fits(const struct emulate_product *d, const struct emulate_layout *a, const struct emulate_layout *b,
                const struct emulate_layout *out)
{
    return d->turned == CUBLAS_OP_T && a->type == b->type && out->type == CUDA_R_32F && a->rows == b->rows &&
           out->rows == a->cols && out->cols == b->cols;
}

cublasStatus_t cublasLtMatmulAlgoGetHeuristic(cublasLtHandle_t h, cublasLtMatmulDesc_t d, cublasLtMatrixLayout_t a,
                                              cublasLtMatrixLayout_t b, cublasLtMatrixLayout_t c,
                                              cublasLtMatrixLayout_t out, cublasLtMatmulPreference_t p, int asked,
                                              cublasLtMatmulHeuristicResult_t found[], int *n)
{
    (void)h, (void)c;
    *n = asked > 0 && fits(d, a, b, out);
    if (*n)
        memcpy(found[0].algo.data, p->aligned, sizeof p->aligned);
    return *n ? CUBLAS_STATUS_SUCCESS : CUBLAS_STATUS_NOT_SUPPORTED;
}

static float value(cudaDataType_t type, const void *x, size_t i)
{
    if (type == CUDA_R_32F)
        return ((const float *)x)[i];
    uint16_t h = ((const uint16_t *)x)[i];
    return type == CUDA_R_16BF ? cuda_from_bf16(h) : cuda_from_f16(h);
}

static void run(const void *ctx)
{
    const struct job *j = ctx;
    for (uint64_t m = 0; m < j->out.cols; m++)
        for (uint64_t n = 0; n < j->out.rows; n++) {
            float sum = 0;
            for (uint64_t k = 0; k < j->a.rows; k++)
                sum += value(j->a.type, j->from[0], n * j->a.ld + k) * value(j->b.type, j->from[1], m * j->b.ld + k);
            j->to[m * j->out.ld + n] = sum;
        }
}

/* Whether pointers keep what the algorithm was promised. */
static int aligned(const cublasLtMatmulAlgo_t *algorithm, const void *const p[4])
{
    uint32_t want[4];
    memcpy(want, algorithm->data, sizeof want);
    for (int i = 0; i < 4; i++)
        if ((uintptr_t)p[i] % want[i] != 0)
            return 0;
    return 1;
}

cublasStatus_t cublasLtMatmul(cublasLtHandle_t h, cublasLtMatmulDesc_t d, const void *alpha, const void *a,
                              cublasLtMatrixLayout_t la, const void *b, cublasLtMatrixLayout_t lb, const void *beta,
                              const void *c, cublasLtMatrixLayout_t lc, void *out, cublasLtMatrixLayout_t lout,
                              const cublasLtMatmulAlgo_t *algorithm, void *work, size_t work_bytes, cudaStream_t s)
{
    float scale[2];
    (void)h, (void)lc, (void)work, (void)work_bytes;
    if (!aligned(algorithm, (const void *const[]){ a, b, c, out }))
        return CUBLAS_STATUS_INVALID_VALUE;
    memcpy(&scale[0], alpha, sizeof scale[0]);
    memcpy(&scale[1], beta, sizeof scale[1]);
    if (!fits(d, la, lb, lout) || scale[0] < 1 || scale[0] > 1 || scale[1] < 0 || scale[1] > 0)
        return CUBLAS_STATUS_NOT_SUPPORTED;
    const struct job j = { *la, *lb, *lout, { a, b }, out };
    return emulate_submit(s, run, &j, sizeof j) == cudaSuccess ? CUBLAS_STATUS_SUCCESS : CUBLAS_STATUS_EXECUTION_FAILED;
}
