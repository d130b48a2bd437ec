#include "model/recast.h"
#include "base/err.h"
#include "base/hash.h"
#include "base/mem.h"
#include "model/quant_pack.h"
#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* The values of a vector that change places are rows of one. */
static bool is_scattered(const struct recast *r)
{
    return r->to.n_dims == 1 && r->order != RECAST_SAME;
}

int recast_add(struct recast_list *l, const char *where, const struct recast *r)
{
    struct recast copy = *r;
    TRY(tensor_measure(where, &copy.to, &copy.to.bytes));
    if (is_scattered(r) && (dtype_block(r->to.type) > 1 || dtype_block(r->from->type) > 1))
        return err_set(ERR_DATA, "%s: tensor '%s' is a vector of a type with blocks, want f32, f16 or bf16", where,
                       r->to.name);
    mem_grow(&l->r, &l->cap, l->n + 1, sizeof *l->r);
    copy.to.name = mem_string(r->to.name);
    if (r->n_stack > 0)
        copy.stack = mem_copy(r->stack, r->n_stack * sizeof *r->stack);
    l->r[l->n++] = copy;
    return 0;
}

void recast_list_free(struct recast_list *l)
{
    for (size_t i = 0; i < l->n; i++) {
        free((void *)(uintptr_t)l->r[i].to.name);
        if (l->r[i].n_stack > 0)
            free((void *)(uintptr_t)l->r[i].stack);
    }
    free(l->r);
    *l = (struct recast_list){ 0 };
}

static uint64_t row_length(const struct recast *r)
{
    return r->to.n_dims > 0 && !is_scattered(r) ? r->to.dims[r->to.n_dims - 1] : 1;
}

static uint64_t count_rows(const struct recast *r)
{
    uint64_t n = is_scattered(r) ? r->to.dims[0] : 1;
    for (uint32_t i = 0; i + 1 < r->to.n_dims; i++)
        n *= r->to.dims[i];
    return n;
}

/* The source's row that becomes row i. */
static uint64_t source_row(const struct recast *r, uint64_t i)
{
    uint64_t d = r->head_dim, half = d / 2, n = count_rows(r) / 3;
    switch (r->order) {
    case RECAST_TO_PAIRS: return i / d * d + i % d % 2 * half + i % d / 2;
    case RECAST_FROM_PAIRS: return i / d * d + i % d % half * 2 + i % d / half;
    case RECAST_TO_PARTS: return (i % n / d * 3 + i / n) * d + i % d;
    case RECAST_FROM_PARTS: return i / d % 3 * n + i / d / 3 * d + i % d;
    default: return i;
    }
}

/* The tensor that row i is of, and its row there. */
static const struct tensor *find_row(const struct recast *r, uint64_t i, uint64_t *row)
{
    *row = source_row(r, i);
    if (r->n_stack == 0)
        return r->from;
    uint64_t each = count_rows(r) / r->n_stack;
    const struct tensor *t = r->stack[*row / each];
    *row %= each;
    return t;
}

/* Row `row` of a tensor as floats: what it holds, or random values, whose seed follows from its place among the others. */
static void read_row(const struct recast *r, const struct tensor *t, uint64_t row, size_t n, float *x)
{
    uint64_t seed = r->seed + (uint64_t)(t - r->from);
    if (t->data)
        dtype_to_f32(t->type, (const char *)t->data + row * dtype_row_bytes(t->type, n), n, x);
    for (size_t i = 0; !t->data && i < n; i++) {
        uint64_t at = row * n + i;
        double u = (double)(hash_bytes(&at, sizeof at, seed) >> 11) * 0x1p-52 - 1;
        x[i] = r->centre + r->spread * (float)u;
    }
}

static int check_finite(const struct recast *r, const char *where, uint64_t row, const float *x)
{
    for (uint64_t i = 0; i < row_length(r); i++)
        if (!isfinite(x[i]))
            return err_set(ERR_DATA, "%s: tensor '%s' holds a NaN or an infinity in row %llu", where, r->from->name,
                           (unsigned long long)row);
    return 0;
}

/* Row i, packed: bytes. */
static int make_row(const struct recast *r, const char *where, uint64_t i, float *x, void *bytes)
{
    size_t n = (size_t)row_length(r);
    uint64_t row = i;
    const struct tensor *t = find_row(r, i, &row);
    read_row(r, t, row, n, x);
    for (size_t k = 0; k < n && r->offset != 0; k++)
        x[k] += r->offset;
    TRY(check_finite(r, where, row, x));
    if (!quant_pack(r->to.type, x, n, bytes))
        return err_set(ERR_DATA, "%s: tensor '%s' has a value in row %llu that %s cannot hold", where, r->to.name,
                       (unsigned long long)row, dtype_name(r->to.type));
    return 0;
}

static int write_rows(const struct recast *r, const char *where, struct save_file *f)
{
    size_t n = (size_t)row_length(r), bytes = dtype_row_bytes(r->to.type, n);
    float *x = mem_alloc(n, sizeof *x);
    void *packed = mem_aligned(bytes, 1);
    int rc = 0;
    for (uint64_t i = 0; rc == 0 && i < count_rows(r); i++) {
        rc = make_row(r, where, i, x, packed);
        if (rc == 0)
            rc = save_file_write(f, packed, bytes);
    }
    free(x);
    free(packed);
    return rc;
}

/* As it is, also in types that cannot be packed. */
static int copy_rows(const struct recast *r, struct save_file *f)
{
    size_t bytes = dtype_row_bytes(r->to.type, (size_t)row_length(r));
    int rc = 0;
    for (uint64_t i = 0; rc == 0 && i < count_rows(r); i++) {
        uint64_t row;
        const struct tensor *t = find_row(r, i, &row);
        rc = save_file_write(f, (const char *)t->data + row * bytes, bytes);
    }
    return rc;
}

static int write_turned(const struct recast *r, const char *where, struct save_file *f)
{
    const struct tensor *t = r->from;
    size_t n = (size_t)t->dims[0], k = (size_t)t->dims[1];
    bool widens = dtype_block(t->type) > 1 || !t->data;
    enum dtype type = widens ? DTYPE_F32 : t->type;
    size_t each = dtype_block_bytes(type);
    const char *from = t->data;
    float *wide = widens ? mem_alloc(n * k, sizeof *wide) : NULL;
    char *data = mem_aligned(n * k, each);
    assert(r->n_stack == 0 && t->n_dims == 2);
    for (size_t i = 0; widens && i < n; i++)
        read_row(r, t, i, k, wide + i * k);
    from = widens ? (const char *)wide : from;
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < k; j++)
            memcpy(data + (j * n + i) * each, from + (i * k + j) * each, each);
    const struct tensor turned = { .name = t->name, .type = type, .n_dims = 2, .dims = { k, n }, .data = data };
    struct recast plain = *r;
    plain.from = &turned;
    plain.order = RECAST_SAME;
    int rc = recast_write(&plain, where, f);
    free(wide);
    free(data);
    return rc;
}

int recast_write(const struct recast *r, const char *where, struct save_file *f)
{
    bool same = r->from->data && r->from->type == r->to.type && r->offset == 0;
    for (size_t i = 0; same && i < r->n_stack; i++)
        same = r->stack[i]->type == r->to.type;
    if (r->order == RECAST_TURNED)
        return write_turned(r, where, f);
    return same ? copy_rows(r, f) : write_rows(r, where, f);
}

bool recast_is_exact(const struct recast *r)
{
    const struct tensor *t = r->from;
    size_t n = t->n_dims > 0 ? (size_t)t->dims[0] : 1;
    assert(t->n_dims <= 1);
    float *x = mem_alloc(n, sizeof *x), *y = mem_alloc(n, sizeof *y);
    void *packed = mem_aligned(n * sizeof *x, 1);
    dtype_to_f32(t->type, t->data, n, x);
    for (size_t i = 0; i < n; i++)
        y[i] = x[i] + r->offset;
    bool exact = dtype_block(r->to.type) == 1 && quant_pack(r->to.type, y, n, packed);
    if (exact)
        dtype_to_f32(r->to.type, packed, n, y);
    for (size_t i = 0; r->offset != 0 && i < n; i++)
        y[i] -= r->offset;
    exact = exact && memcmp(x, y, n * sizeof *x) == 0;
    free(x);
    free(y);
    free(packed);
    return exact;
}
