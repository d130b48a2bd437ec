#include "model/recast.h"
#include "base/err.h"
#include "base/hash.h"
#include "base/mem.h"
#include "model/quant_pack.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

int recast_add(struct recast_list *l, const char *where, const struct recast *r)
{
    struct recast copy = *r;
    TRY(tensor_measure(where, &copy.to, &copy.to.bytes));
    mem_grow(&l->r, &l->cap, l->n + 1, sizeof *l->r);
    copy.to.name = mem_string(r->to.name);
    l->r[l->n++] = copy;
    return 0;
}

void recast_list_free(struct recast_list *l)
{
    for (size_t i = 0; i < l->n; i++)
        free((void *)(uintptr_t)l->r[i].to.name);
    free(l->r);
    *l = (struct recast_list){ 0 };
}

static uint64_t row_length(const struct tensor *t)
{
    return t->n_dims > 0 ? t->dims[t->n_dims - 1] : 1;
}

static uint64_t count_rows(const struct tensor *t)
{
    uint64_t n = 1;
    for (uint32_t i = 0; i + 1 < t->n_dims; i++)
        n *= t->dims[i];
    return n;
}

/* The source's row that becomes row i. */
static uint64_t source_row(const struct recast *r, uint64_t i)
{
    if (r->order == RECAST_SAME)
        return i;
    uint64_t half = r->head_dim / 2, head = i / r->head_dim * r->head_dim, at = i % r->head_dim;
    return head + (r->order == RECAST_TO_PAIRS ? at % 2 * half + at / 2 : at % half * 2 + at / half);
}

static void random_row(const struct recast *r, uint64_t row, size_t n, float *x)
{
    for (size_t i = 0; i < n; i++) {
        uint64_t at = row * n + i;
        double u = (double)(hash_bytes(&at, sizeof at, r->seed) >> 11) * 0x1p-52 - 1;
        x[i] = r->centre + r->spread * (float)u;
    }
}

static int check_finite(const struct recast *r, const char *where, uint64_t row, const float *x)
{
    for (uint64_t i = 0; i < row_length(&r->to); i++)
        if (!isfinite(x[i]))
            return err_set(ERR_DATA, "%s: tensor '%s' holds a NaN or an infinity in row %llu", where,
                           r->from ? r->from->name : r->to.name, (unsigned long long)row);
    return 0;
}

/* Row i, packed: bytes. */
static int make_row(const struct recast *r, const char *where, uint64_t i, float *x, void *bytes)
{
    size_t n = (size_t)row_length(&r->to);
    uint64_t row = source_row(r, i);
    if (r->from)
        dtype_to_f32(r->from->type, (const char *)r->from->data + row * dtype_row_bytes(r->from->type, n), n, x);
    else
        random_row(r, row, n, x);
    TRY(check_finite(r, where, row, x));
    if (!quant_pack(r->to.type, x, n, bytes))
        return err_set(ERR_DATA, "%s: tensor '%s' has a value in row %llu that %s cannot hold", where, r->to.name,
                       (unsigned long long)row, dtype_name(r->to.type));
    return 0;
}

int recast_write(const struct recast *r, const char *where, struct save_file *f)
{
    uint64_t rows = count_rows(&r->to);
    size_t n = (size_t)row_length(&r->to), bytes = dtype_row_bytes(r->to.type, n);
    int rc = 0;
    if (r->from && r->from->type == r->to.type) { /* as it is, also in types that cannot be packed */
        for (uint64_t i = 0; rc == 0 && i < rows; i++)
            rc = save_file_write(f, (const char *)r->from->data + source_row(r, i) * bytes, bytes);
        return rc;
    }
    float *x = mem_alloc(n, sizeof *x);
    void *packed = mem_aligned(bytes, 1);
    for (uint64_t i = 0; rc == 0 && i < rows; i++) {
        rc = make_row(r, where, i, x, packed);
        if (rc == 0)
            rc = save_file_write(f, packed, bytes);
    }
    free(x);
    free(packed);
    return rc;
}

bool recast_is_exact(const struct tensor *t, enum dtype type)
{
    size_t n = (size_t)row_length(t), bytes = dtype_row_bytes(t->type, n);
    float *x = mem_alloc(n, sizeof *x), *y = mem_alloc(n, sizeof *y);
    void *packed = mem_aligned(n * sizeof *x, 1);
    bool exact = dtype_block(type) == 1;
    for (uint64_t i = 0; exact && i < count_rows(t); i++) {
        dtype_to_f32(t->type, (const char *)t->data + i * bytes, n, x);
        exact = quant_pack(type, x, n, packed);
        dtype_to_f32(type, packed, n, y);
        exact = exact && memcmp(x, y, n * sizeof *x) == 0;
    }
    free(x);
    free(y);
    free(packed);
    return exact;
}
