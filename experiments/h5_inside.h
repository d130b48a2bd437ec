/* The inside of struct h5, for h5_write.c, h5_column.c and h5_check.c. */
#ifndef EXPERIMENTS_H5_INSIDE_H
#define EXPERIMENTS_H5_INSIDE_H

#include "experiments/h5.h"

#define H5_BLOCK 65536u /* elements of a chunk and of a column's block */

/* One use of a scale: what the scale's own REFERENCE_LIST must name. */
struct h5_use {
    char *scale, *array;
    uint32_t dimension;
};

/* What an array must read back as. */
struct h5_check {
    char *path;
    hid_t type; /* H5_STRINGS too */
    uint64_t n, hash;
};

struct h5 {
    hid_t file;
    char *path, *failed; /* failed: the first array or attribute that could not be written */
    int cause;           /* errno then; 0: unknown */
    struct h5_use *uses;
    size_t n_uses, cap_uses;
    struct h5_check *checks;
    size_t n_checks, cap_checks;
};

void h5_fail(struct h5 *h, const char *what);

/* The groups on the way to an array, made here rather than by the library, which would note the time in them. */
void h5_make_groups(struct h5 *h, const char *path);

/* Notes what an array must read back as. */
void h5_check_add(struct h5 *h, const char *path, hid_t type, uint64_t n, uint64_t hash);
/* The hash of n elements of `size` bytes, in blocks of H5_BLOCK, after those that gave `before` (0 at first); a column's
 * blocks are hashed one after the other. */
uint64_t h5_hash(uint64_t before, const void *data, uint64_t n, size_t size);
uint64_t h5_hash_strings(const char *const s[], size_t n);
/* Opens the closed file and compares.  0 or ERR_DAMAGED. */
int h5_check_all(const struct h5 *h);

#endif
