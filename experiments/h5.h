/* Writing HDF5: one array at a time, dimension scales, attributes; the same bytes from the same calls.
 *
 * Calls after a failure do nothing; h5_close() tells the first.  One thread. */
#ifndef EXPERIMENTS_H5_H
#define EXPERIMENTS_H5_H

#include "base/text.h"
#include <hdf5.h>

#define H5_RANK 3

struct h5_array {
    const char *path; /* groups on the way are made */
    hid_t type;       /* of memory and file: H5T_IEEE_F64LE, ...; H5_STRINGS: data is const char *const[] */
    int rank;
    hsize_t dims[H5_RANK];
    const void *data;
    const char *unit, *meaning;  /* attributes units and long_name; NULL: none */
    const char *scales[H5_RANK]; /* paths of dimension scales; NULL: none */
};

#define H5_STRINGS ((hid_t)-2) /* variable-length UTF-8 */

/* The library must not print: before anything of it is used.  Not at the start of the program: it takes some thousand
 * allocations, and most verbs never need it.  0 or ERR_MEMORY. */
int h5_quiet(void);

struct h5;

struct h5 *h5_create(const char *path);              /* NULL + ERR_IO, ERR_MEMORY */
void h5_put(struct h5 *h, const struct h5_array *a); /* floating-point arrays have fill value NaN */
void h5_group(struct h5 *h, const char *path);       /* made where it is not there yet */
void h5_scale(struct h5 *h, const char *path);       /* makes an array of rank 1 a dimension scale, named by its path */
/* Attributes of an object ("/" is the file). */
void h5_text(struct h5 *h, const char *path, const char *name, const char *value);
void h5_real(struct h5 *h, const char *path, const char *name, double value);
void h5_int(struct h5 *h, const char *path, const char *name, int64_t value);
/* Writes what is left, closes, and reads every array back, comparing it with the hash of what was put.  0; ERR_IO with the
 * path of the first array that failed; ERR_DAMAGED: one does not read back. */
int h5_close(struct h5 *h);

/* An array of rank 1 that grows: what is added is written in blocks, so that no length is known beforehand and no array is
 * ever whole in memory.  data of add: (n,) elements of the type. */
struct h5_column;
struct h5_column *h5_column_open(struct h5 *h, const char *path, hid_t type);
void h5_column_add(struct h5_column *c, const void *data, size_t n);
void h5_column_close(struct h5_column *c); /* before h5_close(); frees */

/* Reading, also of files from strangers: sizes are bounded by the file's bytes before anything is allocated; links and
 * data that lead out of the file are refused.  The library itself may crash or hang on a damaged file: read where that
 * cannot hurt (cli/guard.h).
 * h5_get reads a whole array of 1 to H5_RANK dimensions into *data (for free()), converting to the memory type; dims may
 * be NULL.  0, or ERR_DAMAGED naming the array. */
struct h5_dims {
    int rank;
    hsize_t n[H5_RANK];
};
int h5_get(hid_t file, const char *path, hid_t type, struct h5_dims *dims, void *data);
int h5_get_strings(hid_t file, const char *path, size_t *n, char ***out); /* each, and the list, for free() */
bool h5_has(hid_t file, const char *path); /* whether there is a member of that name, of whatever kind */
int h5_get_size(hid_t file, const char *path, uint64_t *n); /* elements of an array of rank 1, without reading them */
int h5_get_names(hid_t file, const char *group, size_t *n,
                 char ***out); /* of a group's members, in order; for free() */
/* n elements from the place `first` of an array of rank 1 into caller memory. */
int h5_get_part(hid_t file, const char *path, hid_t type, hsize_t first, hsize_t n, void *out);
int h5_get_text(hid_t file, const char *path, const char *name, char **out);
int h5_get_real(hid_t file, const char *path, const char *name, double *out);

#endif
