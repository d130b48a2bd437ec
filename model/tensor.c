#include "model/tensor.h"
#include "base/err.h"
#include "base/mem.h"
#include "base/num.h"
#include "base/text.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int bad_shape(const char *where, const struct tensor *t, const char *why)
{
    struct text shape = { 0 };
    for (uint32_t i = 0; i < t->n_dims && i < TENSOR_MAX_DIMS; i++)
        text_addf(&shape, "%s%llu", i > 0 ? " x " : "", (unsigned long long)t->dims[i]);
    err_set(ERR_DATA, "%s: tensor '%s' of shape [%s]: %s", where, t->name, text_s(&shape), why);
    text_free(&shape);
    return ERR_DATA;
}

int tensor_measure(const char *where, const struct tensor *t, uint64_t *bytes)
{
    if (t->n_dims > TENSOR_MAX_DIMS)
        return err_set(ERR_DATA, "%s: tensor '%s' has %u dimensions, want at most %d", where, t->name, t->n_dims,
                       TENSOR_MAX_DIMS);
    uint64_t n = 1, inner = t->n_dims > 0 ? t->dims[t->n_dims - 1] : 1;
    for (uint32_t i = 0; i < t->n_dims; i++) {
        if (t->dims[i] == 0)
            return bad_shape(where, t, "a dimension is 0");
        if (!num_mul(n, t->dims[i], &n))
            return bad_shape(where, t, "its size overflows");
    }
    if (inner % dtype_block(t->type) != 0) {
        char why[64];
        snprintf(why, sizeof why, "rows of %s must be a multiple of %zu long", dtype_name(t->type),
                 dtype_block(t->type));
        return bad_shape(where, t, why);
    }
    if (!num_mul(n / dtype_block(t->type), dtype_block_bytes(t->type), bytes))
        return bad_shape(where, t, "its size overflows");
    return 0;
}

int tensor_list_add(struct tensor_list *l, const char *where, const struct tensor *t)
{
    uint64_t want;
    TRY(tensor_measure(where, t, &want));
    if (t->bytes != want)
        return err_set(ERR_DATA, "%s: tensor '%s' has %llu bytes, its shape and type %s want %llu", where, t->name,
                       (unsigned long long)t->bytes, dtype_name(t->type), (unsigned long long)want);
    if ((uintptr_t)t->data % dtype_align(t->type) != 0)
        return err_set(ERR_DATA, "%s: tensor '%s' is not aligned to %zu bytes in the file", where, t->name,
                       dtype_align(t->type));
    mem_grow(&l->t, &l->cap, l->n + 1, sizeof *l->t);
    l->t[l->n] = *t;
    l->t[l->n++].name = mem_string(t->name);
    return 0;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct tensor *)a)->name, ((const struct tensor *)b)->name);
}

int tensor_list_sort(struct tensor_list *l, const char *where)
{
    if (l->n == 0)
        return 0;
    qsort(l->t, l->n, sizeof *l->t, by_name);
    for (size_t i = 1; i < l->n; i++)
        if (strcmp(l->t[i - 1].name, l->t[i].name) == 0)
            return err_set(ERR_DATA, "%s: two tensors are named '%s'", where, l->t[i].name);
    return 0;
}

const struct tensor *tensor_list_find(const struct tensor_list *l, const char *name)
{
    struct tensor key = { .name = name };
    return l->n > 0 ? bsearch(&key, l->t, l->n, sizeof *l->t, by_name) : NULL;
}

void tensor_list_free(struct tensor_list *l)
{
    for (size_t i = 0; i < l->n; i++)
        free((void *)(uintptr_t)l->t[i].name);
    free(l->t);
    *l = (struct tensor_list){ 0 };
}
