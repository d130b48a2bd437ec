/* Tensors on their way into another file: a name, a type and an order of values, made row by row from what a tensor holds or
 * from a seed, so that a checkpoint of any size passes through one row of memory (one matrix, where it is turned). */
#ifndef MODEL_RECAST_H
#define MODEL_RECAST_H

#include "model/save_file.h"
#include "model/tensor.h"
#include <stdbool.h>

/* What becomes of the rows of a matrix, or of the values of a vector.  Rotary positions turn pairs of rows of a head: (i,
 * i + d/2) in a folder, (2i, 2i + 1) in a GGUF llama.  Queries, keys and values in one lie head by head, or part by part. */
enum recast_order {
    RECAST_SAME,
    RECAST_TO_PAIRS,
    RECAST_FROM_PAIRS,
    RECAST_TO_PARTS, /* [head][q, k, v][head_dim] to [q, k, v][head][head_dim] */
    RECAST_FROM_PARTS,
    RECAST_TURNED, /* a matrix (k, n) becomes (n, k) */
};

struct recast {
    struct tensor to;          /* name (owned), type, dims, bytes; no data */
    const struct tensor *from; /* as many values; one without data stands for random ones */
    const struct tensor *const
        *stack;     /* (n_stack,) copied, of the array that from is in: to is these one behind the other */
    size_t n_stack; /* 0: from alone */
    enum recast_order order;
    uint64_t head_dim; /* of order */
    float offset;      /* is added to each value */
    uint64_t seed;     /* random values: uniform, centre +- spread */
    float centre, spread;
};

struct recast_list {
    struct recast *r; /* (n,) in the order of the file */
    size_t n, cap;
};

/* Appends a copy, its name too, to.bytes filled in.  0; ERR_DATA: the shape does not fit the type. */
int recast_add(struct recast_list *l, const char *where, const struct recast *r);
void recast_list_free(struct recast_list *l);

/* Writes to.bytes bytes.  0; ERR_DATA naming the tensor and row: a value is not finite or beyond the type; ERR_IO. */
int recast_write(const struct recast *r, const char *where, struct save_file *f);

/* Whether the values of a vector come back, bit for bit, from what is written: the type holds them and the offset loses
 * nothing. */
bool recast_is_exact(const struct recast *r);

#endif
