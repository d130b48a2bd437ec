/* GGUF files, versions 2 and 3: key-value pairs, tensor descriptions, tensor data.
 *
 * The parser is total: every count, length, offset and product is checked against the bytes that are left before it is
 * used, nothing is allocated from a claimed number, and what it returns needs no further checks of bounds.  Beyond
 * that a file must be what writers make: keys and tensor names unique, alignment a power of two, tensors one after the
 * other, each at the next multiple of the alignment. */
#ifndef MODEL_GGUF_H
#define MODEL_GGUF_H

#include "model/tensor.h"
#include <stdbool.h>

enum gguf_type {
    GGUF_U8,
    GGUF_I8,
    GGUF_U16,
    GGUF_I16,
    GGUF_U32,
    GGUF_I32,
    GGUF_F32,
    GGUF_BOOL,
    GGUF_STRING,
    GGUF_ARRAY,
    GGUF_U64,
    GGUF_I64,
    GGUF_F64,
    GGUF_TYPES
};

struct gguf_value {
    enum gguf_type type;
    enum gguf_type element; /* of an ARRAY; arrays of arrays are refused */
    uint64_t n;             /* bytes of a STRING, elements of an ARRAY, 1 */
    const uint8_t *data;    /* in the file, not aligned */
};

struct gguf_pair {
    char *key;
    struct gguf_value value;
};

struct gguf {
    char *where;             /* for messages */
    struct gguf_pair *pairs; /* (n_pairs,) sorted by key */
    size_t n_pairs, cap_pairs;
    struct tensor_list tensors; /* sorted by name; dimensions outer first */
    uint64_t alignment;
};

/* bytes must be aligned to a page or at least to 4096 and outlive the result.  NULL + ERR_DATA. */
struct gguf *gguf_read(const char *where, const uint8_t *bytes, uint64_t size);
void gguf_free(struct gguf *g);

uint32_t gguf_stored_type(enum dtype t); /* the number that tensors of a type have in a file */

const char *gguf_type_name(enum gguf_type t);
uint64_t gguf_type_bytes(enum gguf_type t); /* of one value; 0 for STRING and ARRAY */

const struct gguf_value *gguf_find(const struct gguf *g, const char *key); /* NULL when absent */

/* Optional: *x keeps its value when the key is absent; ERR_DATA when it has another type or does not fit. */
int gguf_maybe_u32(const struct gguf *g, const char *key, uint32_t *x);
int gguf_maybe_real(const struct gguf *g, const char *key, float *x);
int gguf_maybe_bool(const struct gguf *g, const char *key, bool *x);
/* For free(); NULL when absent.  ERR_DATA: another type, or a NUL inside. */
int gguf_maybe_string(const struct gguf *g, const char *key, char **s);

/* The array of that element type at key.  ERR_DATA when absent or of another type. */
int gguf_array(const struct gguf *g, const char *key, enum gguf_type element, const struct gguf_value **a);

/* The string at *at in an array of strings, *at moves on; n bytes, no NUL at the end. */
const char *gguf_next_string(const uint8_t **at, uint64_t *n);

#endif
