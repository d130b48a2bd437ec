/* Columns: arrays of rank 1 that grow by blocks. */
#include "base/mem.h"
#include "experiments/h5_inside.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

struct h5_column {
    struct h5 *h;
    char *path;
    hid_t type, set; /* set: < 0 until the first block is full */
    size_t size;     /* bytes of an element */
    char *block;     /* (H5_BLOCK,) elements, allocated with the first */
    size_t n_block;
    uint64_t n, hash; /* of the blocks that are written */
};

struct h5_column *h5_column_open(struct h5 *h, const char *path, hid_t type)
{
    struct h5_column *c = mem_alloc(1, sizeof *c);
    *c = (struct h5_column){ .h = h, .path = mem_string(path), .type = type, .set = -1, .size = H5Tget_size(type) };
    c->block = mem_alloc(H5_BLOCK, c->size);
    return c;
}

static void create(struct h5_column *c)
{
    hsize_t none = 0, any = H5S_UNLIMITED, chunk = H5_BLOCK;
    hid_t space = H5Screate_simple(1, &none, &any), list = H5Pcreate(H5P_DATASET_CREATE);
    double fill = NAN;
    H5Pset_obj_track_times(list, 0);
    if (H5Tget_class(c->type) == H5T_FLOAT)
        H5Pset_fill_value(list, H5T_NATIVE_DOUBLE, &fill);
    H5Pset_chunk(list, 1, &chunk);
    H5Pset_shuffle(list);
    H5Pset_deflate(list, 4);
    H5Pset_fletcher32(list);
    h5_make_groups(c->h, c->path);
    c->set = H5Dcreate2(c->h->file, c->path, c->type, space, H5P_DEFAULT, list, H5P_DEFAULT);
    H5Pclose(list);
    H5Sclose(space);
}

static int write_block(struct h5_column *c)
{
    hsize_t n = c->n_block, at = c->n, all = c->n + c->n_block;
    if (c->set < 0)
        create(c);
    if (c->set < 0 || H5Dset_extent(c->set, &all) < 0)
        return -1;
    hid_t file = H5Dget_space(c->set), memory = H5Screate_simple(1, &n, NULL);
    int rc = H5Sselect_hyperslab(file, H5S_SELECT_SET, &at, NULL, &n, NULL) < 0 ||
                     H5Dwrite(c->set, c->type, memory, file, H5P_DEFAULT, c->block) < 0
                 ? -1
                 : 0;
    H5Sclose(memory);
    H5Sclose(file);
    return rc;
}

static void flush(struct h5_column *c)
{
    if (!c->h->failed && write_block(c) < 0)
        h5_fail(c->h, c->path);
    c->hash = h5_hash(c->hash, c->block, c->n_block, c->size);
    c->n += c->n_block;
    c->n_block = 0;
}

void h5_column_add(struct h5_column *c, const void *data, size_t n)
{
    const char *s = data;
    while (n > 0) {
        size_t room = H5_BLOCK - c->n_block, k = n < room ? n : room;
        memcpy(c->block + c->n_block * c->size, s, k * c->size);
        c->n_block += k;
        s += k * c->size;
        n -= k;
        if (c->n_block == H5_BLOCK)
            flush(c);
    }
}

/* One that never filled a block has just its own length. */
void h5_column_close(struct h5_column *c)
{
    if (c->n == 0)
        h5_put(c->h, &(struct h5_array){
                         .path = c->path, .type = c->type, .rank = 1, .dims = { c->n_block }, .data = c->block });
    else if (c->n_block > 0)
        flush(c);
    if (c->n > 0)
        h5_check_add(c->h, c->path, c->type, c->n, c->hash);
    if (c->set >= 0 && H5Dclose(c->set) < 0)
        h5_fail(c->h, c->path);
    free(c->block);
    free(c->path);
    free(c);
}
