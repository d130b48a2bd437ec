#include "tests/lib/h5same.h"
#include <hdf5.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char difference[256];

const char *h5same_difference(void)
{
    return difference;
}

static bool differ(const char *name, const char *how)
{
    snprintf(difference, sizeof difference, "%s: %s", name, how);
    return false;
}

/* The bytes of a dataset; strings of variable length one after the other, each with its NUL. */
static char *read_bytes(hid_t set, hid_t type, hid_t space, size_t *n)
{
    size_t count = (size_t)H5Sget_simple_extent_npoints(space), size = H5Tget_size(type);
    char *bytes = calloc(count + 1, size);
    *n = count * size;
    if (H5Dread(set, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, bytes) < 0) {
        free(bytes);
        return NULL;
    }
    if (H5Tis_variable_str(type) <= 0)
        return bytes;
    char **strings = (char **)(void *)bytes, *all = NULL;
    FILE *f = open_memstream(&all, n);
    for (size_t i = 0; i < count; i++)
        fwrite(strings[i] ? strings[i] : "", 1, strings[i] ? strlen(strings[i]) + 1 : 1, f);
    fclose(f);
    H5Dvlen_reclaim(type, space, H5P_DEFAULT, bytes);
    free(bytes);
    return all;
}

static bool same_sets(hid_t a, hid_t b, const char *name)
{
    hid_t type_a = H5Dget_type(a), type_b = H5Dget_type(b), space_a = H5Dget_space(a), space_b = H5Dget_space(b);
    bool same = true;
    if (H5Tequal(type_a, type_b) <= 0)
        same = differ(name, "another type");
    else if (H5Sextent_equal(space_a, space_b) <= 0)
        same = differ(name, "another shape");
    else if (H5Tget_class(type_a) != H5T_REFERENCE) {
        size_t n_a, n_b;
        char *x = read_bytes(a, type_a, space_a, &n_a), *y = read_bytes(b, type_b, space_b, &n_b);
        if (!x || !y)
            same = differ(name, "cannot be read");
        else if (n_a != n_b || memcmp(x, y, n_a) != 0)
            same = differ(name, "other values");
        free(x);
        free(y);
    }
    H5Tclose(type_a);
    H5Tclose(type_b);
    H5Sclose(space_a);
    H5Sclose(space_b);
    return same;
}

struct pair {
    hid_t other;
    size_t n;
    bool same;
};

static herr_t visit(hid_t file, const char *name, const H5O_info_t *info, void *ctx)
{
    struct pair *p = ctx;
    if (strncmp(name, "cost", 4) == 0 && (name[4] == 0 || name[4] == '/'))
        return 0;
    p->n++;
    if (strcmp(name, ".") != 0 && H5Lexists(p->other, name, H5P_DEFAULT) <= 0) {
        p->same = differ(name, "absent in the second");
    } else if (info->type == H5O_TYPE_DATASET) {
        hid_t a = H5Dopen2(file, name, H5P_DEFAULT), b = H5Dopen2(p->other, name, H5P_DEFAULT);
        p->same = a >= 0 && b >= 0 ? same_sets(a, b, name) : differ(name, "does not open");
        if (a >= 0)
            H5Dclose(a);
        if (b >= 0)
            H5Dclose(b);
    }
    return p->same ? 0 : 1;
}

static herr_t count(hid_t file, const char *name, const H5O_info_t *info, void *ctx)
{
    (void)file;
    (void)info;
    if (strncmp(name, "cost", 4) != 0 || (name[4] != 0 && name[4] != '/'))
        ++*(size_t *)ctx;
    return 0;
}

bool h5same(const char *path_a, const char *path_b)
{
    struct pair p = { .same = true };
    size_t n_other = 0;
    H5Eset_auto2(H5E_DEFAULT, NULL, NULL);
    difference[0] = 0;
    hid_t a = H5Fopen(path_a, H5F_ACC_RDONLY, H5P_DEFAULT);
    p.other = H5Fopen(path_b, H5F_ACC_RDONLY, H5P_DEFAULT);
    if (a < 0 || p.other < 0)
        p.same = differ(a < 0 ? path_a : path_b, "does not open");
    else if (H5Ovisit(a, H5_INDEX_NAME, H5_ITER_INC, visit, &p) < 0)
        p.same = differ(path_a, "cannot be visited");
    else if (p.same && H5Ovisit(p.other, H5_INDEX_NAME, H5_ITER_INC, count, &n_other) >= 0 && n_other != p.n)
        p.same = differ(path_b, "holds more");
    if (a >= 0)
        H5Fclose(a);
    if (p.other >= 0)
        H5Fclose(p.other);
    return p.same && p.n > 10;
}
