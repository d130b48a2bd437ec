#include "base/err.h"
#include "base/mem.h"
#include "experiments/h5.h"
#include <stdlib.h>
#include <string.h>

#define MAX_ELEMENTS (1ull << 34)

static int damaged(const char *path)
{
    return err_set(ERR_DAMAGED, "the results file: cannot read '%s'", path);
}

static int extent(hid_t set, struct h5_dims *dims, hsize_t *total)
{
    hid_t space = H5Dget_space(set);
    *dims = (struct h5_dims){ 0 };
    int rank = space < 0 ? -1 : H5Sget_simple_extent_ndims(space), rc = 0;
    if (rank < 0 || rank > H5_RANK || H5Sget_simple_extent_dims(space, dims->n, NULL) < 0)
        rc = -1;
    dims->rank = rank;
    *total = 1;
    for (int i = 0; i < rank && rc == 0; i++) {
        *total *= dims->n[i];
        if (dims->n[i] > MAX_ELEMENTS || *total > MAX_ELEMENTS)
            rc = -1;
    }
    if (space >= 0)
        H5Sclose(space);
    return rc;
}

int h5_get(hid_t file, const char *path, hid_t type, struct h5_dims *dims, void *data)
{
    struct h5_dims own;
    hsize_t total;
    hid_t set = H5Dopen2(file, path, H5P_DEFAULT);
    if (set < 0)
        return damaged(path);
    dims = dims ? dims : &own;
    void *out = NULL;
    int rc = extent(set, dims, &total);
    if (rc == 0) {
        out = mem_alloc((size_t)total, H5Tget_size(type));
        if (total > 0 && H5Dread(set, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, out) < 0)
            rc = -1;
    }
    H5Dclose(set);
    if (rc < 0) {
        free(out);
        return damaged(path);
    }
    memcpy(data, &out, sizeof out);
    return 0;
}

static hid_t string_type(void)
{
    hid_t t = H5Tcopy(H5T_C_S1);
    H5Tset_size(t, H5T_VARIABLE);
    H5Tset_cset(t, H5T_CSET_UTF8);
    return t;
}

int h5_get_strings(hid_t file, const char *path, size_t *n, char ***out)
{
    struct h5_dims dims;
    char **list;
    hid_t type = string_type();
    int rc = h5_get(file, path, type, &dims, &list);
    H5Tclose(type);
    if (rc < 0)
        return rc;
    *n = dims.rank == 1 ? (size_t)dims.n[0] : 0;
    for (size_t i = 0; i < *n; i++) {
        char *own = mem_string(list[i] ? list[i] : "");
        H5free_memory(list[i]);
        list[i] = own;
    }
    *out = list;
    return 0;
}

int h5_get_part(hid_t file, const char *path, hid_t type, hsize_t first, hsize_t n, void *out)
{
    if (n == 0)
        return 0;
    hid_t set = H5Dopen2(file, path, H5P_DEFAULT), space = set < 0 ? -1 : H5Dget_space(set);
    hid_t memory = H5Screate_simple(1, &n, NULL);
    int rc = 0;
    if (space < 0 || H5Sget_simple_extent_ndims(space) != 1 ||
        H5Sselect_hyperslab(space, H5S_SELECT_SET, &first, NULL, &n, NULL) < 0 ||
        H5Dread(set, type, memory, space, H5P_DEFAULT, out) < 0)
        rc = damaged(path);
    H5Sclose(memory);
    if (space >= 0)
        H5Sclose(space);
    if (set >= 0)
        H5Dclose(set);
    return rc;
}

/* One value: an array would be read over the end of *out. */
static int attribute(hid_t file, const char *path, const char *name, hid_t type, void *out)
{
    if (H5Aexists_by_name(file, path, name, H5P_DEFAULT) <= 0)
        return damaged(name);
    hid_t at = H5Aopen_by_name(file, path, name, H5P_DEFAULT, H5P_DEFAULT), space = at < 0 ? -1 : H5Aget_space(at);
    int rc = space < 0 || H5Sget_simple_extent_npoints(space) != 1 || H5Aread(at, type, out) < 0 ? damaged(name) : 0;
    if (space >= 0)
        H5Sclose(space);
    if (at >= 0)
        H5Aclose(at);
    return rc;
}

int h5_get_text(hid_t file, const char *path, const char *name, char **out)
{
    char *s = NULL;
    hid_t type = string_type();
    int rc = attribute(file, path, name, type, &s);
    H5Tclose(type);
    if (rc < 0)
        return rc;
    *out = mem_string(s ? s : "");
    H5free_memory(s);
    return 0;
}

int h5_get_real(hid_t file, const char *path, const char *name, double *out)
{
    return attribute(file, path, name, H5T_NATIVE_DOUBLE, out);
}
