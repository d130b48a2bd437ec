/* Rows of a NumPy file (.npy, versions 1 to 3): a matrix of float32 or float64, or one row, read row by row, so that a file
 * may be larger than memory.
 *
 * The file is not trusted: a header has at most NPY_MOST_HEADER bytes and is what numpy.lib.format writes, a row at most
 * NPY_MOST_COLUMNS numbers, and memory for a row grows with the bytes that are there.  Numbers are as they are in the file,
 * NaN and infinities too. */
#ifndef BASE_NPY_H
#define BASE_NPY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define NPY_MOST_HEADER  65536u
#define NPY_MOST_COLUMNS (1u << 24)
#define NPY_FIRST_BYTE   0x93 /* of the magic: no text begins with it */

struct npy {
    FILE *in;         /* borrowed */
    const char *name; /* borrowed; for messages */
    uint64_t n_rows, n_columns;
    uint64_t row;           /* the next, from 0 */
    bool is_double, is_big; /* float64; big-endian */
    uint8_t *bytes;
    size_t cap_bytes;
    double *x; /* (n_columns,) the last row */
    size_t cap_x;
};

/* Reads the header; a is empty after a failure.  0; ERR_DATA "FILE: ..."; ERR_IO. */
int npy_open(struct npy *a, FILE *in, const char *name);
/* 1: a->x is the next row; 0: there is none; ERR_DATA: the file ends within it, or goes on after the last; ERR_IO. */
int npy_next(struct npy *a);
void npy_close(struct npy *a);

#endif
