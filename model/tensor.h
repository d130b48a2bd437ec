/* Tensors of a checkpoint: a name, a shape and a view of mapped bytes; and the list that a file reader fills. */
#ifndef MODEL_TENSOR_H
#define MODEL_TENSOR_H

#include "model/dtype.h"

#define TENSOR_MAX_DIMS 4

struct tensor {
    const char *name;
    enum dtype type;
    uint32_t n_dims;
    uint64_t dims[TENSOR_MAX_DIMS]; /* outer first */
    const void *data;
    uint64_t bytes;
};

struct tensor_list {
    struct tensor *t; /* (n,) */
    size_t n, cap;
};

/* The bytes that a shape needs, in *bytes.  0; ERR_DATA naming where (a file), the tensor and the shape: too many
 * dimensions, one of 0, an overflow, an inner dimension that is no multiple of the block. */
int tensor_measure(const char *where, const struct tensor *t, uint64_t *bytes);

/* Appends a copy (of the name too).  0; ERR_DATA: the shape fails tensor_measure() or does not fit t->bytes; the data
 * are not aligned. */
int tensor_list_add(struct tensor_list *l, const char *where, const struct tensor *t);

/* Sorts by name; ERR_DATA when two tensors have one name. */
int tensor_list_sort(struct tensor_list *l, const char *where);
const struct tensor *tensor_list_find(const struct tensor_list *l, const char *name); /* sorted; NULL when absent */
void tensor_list_free(struct tensor_list *l);

#endif
