#include "base/err.h"
#include "base/mem.h"
#include "experiments/h5_inside.h"
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

void h5_fail(struct h5 *h, const char *what)
{
    if (h->failed)
        return;
    h->failed = mem_string(what);
    h->cause = errno;
}

int h5_quiet(void)
{
    return H5Eset_auto2(H5E_DEFAULT, NULL, NULL) < 0 ? err_set(ERR_MEMORY, "no memory for the HDF5 library") : 0;
}

struct h5 *h5_create(const char *path)
{
    if (h5_quiet() < 0)
        return NULL;
    struct h5 *h = mem_alloc(1, sizeof *h);
    errno = 0; /* the library does not clear it, and leaves that of the call that failed */
    hid_t access = H5Pcreate(H5P_FILE_ACCESS), create = H5Pcreate(H5P_FILE_CREATE);
    h->path = mem_string(path);
    /* no times anywhere: equal content gives equal bytes; the oldest format that has what is used, for every reader */
    H5Pset_obj_track_times(create, 0);
    H5Pset_libver_bounds(access, H5F_LIBVER_V18, H5F_LIBVER_V18);
    h->file = H5Fcreate(path, H5F_ACC_TRUNC, create, access);
    H5Pclose(create);
    H5Pclose(access);
    if (h->file >= 0)
        return h;
    err_set(ERR_IO, "%s: cannot create the file: %s", path, strerror(errno));
    free(h->path);
    free(h);
    return NULL;
}

static hid_t string_type(void)
{
    hid_t t = H5Tcopy(H5T_C_S1);
    H5Tset_size(t, H5T_VARIABLE);
    H5Tset_cset(t, H5T_CSET_UTF8);
    return t;
}

static hid_t creation_of(const struct h5_array *a)
{
    hid_t create = H5Pcreate(H5P_DATASET_CREATE);
    hsize_t chunk[H5_RANK], total = 1;
    H5Pset_obj_track_times(create, 0);
    for (int i = 0; i < a->rank; i++)
        total *= a->dims[i];
    if (H5Tget_class(a->type) == H5T_FLOAT) {
        double fill = NAN;
        H5Pset_fill_value(create, H5T_NATIVE_DOUBLE, &fill);
    }
    if (total == 0 || a->type == H5_STRINGS)
        return create;
    /* whole trailing dimensions while they fit, then a part of one, then ones */
    hsize_t room = H5_BLOCK;
    for (int i = a->rank; i-- > 0;) {
        chunk[i] = a->dims[i] < room ? a->dims[i] : room;
        room = room / chunk[i] > 0 ? room / chunk[i] : 1;
    }
    H5Pset_chunk(create, a->rank, chunk);
    H5Pset_shuffle(create);
    H5Pset_deflate(create, 4);
    H5Pset_fletcher32(create);
    return create;
}

void h5_make_groups(struct h5 *h, const char *path)
{
    char *s = mem_string(path);
    for (char *slash = strchr(s + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = 0;
        if (H5Lexists(h->file, s, H5P_DEFAULT) <= 0) {
            hid_t create = H5Pcreate(H5P_GROUP_CREATE);
            H5Pset_obj_track_times(create, 0);
            hid_t group = H5Gcreate2(h->file, s, H5P_DEFAULT, create, H5P_DEFAULT);
            if (group < 0 || H5Gclose(group) < 0)
                h5_fail(h, s);
            H5Pclose(create);
        }
        *slash = '/';
    }
    free(s);
}

static int put_data(struct h5 *h, const struct h5_array *a, hid_t type)
{
    hid_t space = H5Screate_simple(a->rank, a->dims, NULL), create = creation_of(a);
    hsize_t total = (hsize_t)H5Sget_simple_extent_npoints(space);
    h5_make_groups(h, a->path);
    hid_t set = H5Dcreate2(h->file, a->path, type, space, H5P_DEFAULT, create, H5P_DEFAULT);
    int rc = set < 0 || (total > 0 && H5Dwrite(set, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, a->data) < 0) ? -1 : 0;
    if (set >= 0 && H5Dclose(set) < 0)
        rc = -1;
    H5Pclose(create);
    H5Sclose(space);
    return rc;
}

/* DIMENSION_LIST: for each dimension a list of references to its scales (HDF5 dimension scale specification). */
static int attach(struct h5 *h, const struct h5_array *a)
{
    hobj_ref_t refs[H5_RANK];
    hvl_t lists[H5_RANK];
    hsize_t rank = (hsize_t)a->rank;
    for (int i = 0; i < a->rank; i++) {
        if (H5Rcreate(&refs[i], h->file, a->scales[i], H5R_OBJECT, -1) < 0)
            return -1;
        lists[i] = (hvl_t){ 1, &refs[i] };
        mem_grow(&h->uses, &h->cap_uses, h->n_uses + 1, sizeof *h->uses);
        h->uses[h->n_uses++] = (struct h5_use){ mem_string(a->scales[i]), mem_string(a->path), (uint32_t)i };
    }
    hid_t type = H5Tvlen_create(H5T_STD_REF_OBJ), space = H5Screate_simple(1, &rank, NULL);
    hid_t at =
        H5Acreate_by_name(h->file, a->path, "DIMENSION_LIST", type, space, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
    int rc = at < 0 || H5Awrite(at, type, lists) < 0 ? -1 : 0;
    if (at >= 0)
        H5Aclose(at);
    H5Sclose(space);
    H5Tclose(type);
    return rc;
}

void h5_put(struct h5 *h, const struct h5_array *a)
{
    if (h->failed)
        return;
    hid_t type = a->type == H5_STRINGS ? string_type() : a->type;
    if (put_data(h, a, type) < 0 || (a->scales[0] && attach(h, a) < 0))
        h5_fail(h, a->path);
    uint64_t n = 1;
    for (int i = 0; i < a->rank; i++)
        n *= a->dims[i];
    h5_check_add(h, a->path, a->type, n,
                 a->type == H5_STRINGS ? h5_hash_strings(a->data, (size_t)n)
                                       : h5_hash(0, a->data, n, H5Tget_size(a->type)));
    if (type != a->type)
        H5Tclose(type);
    if (a->unit)
        h5_text(h, a->path, "units", a->unit);
    if (a->meaning)
        h5_text(h, a->path, "long_name", a->meaning);
}

static void attribute(struct h5 *h, const char *path, const char *name, hid_t type, const void *value)
{
    if (h->failed)
        return;
    hid_t space = H5Screate(H5S_SCALAR);
    hid_t at = H5Acreate_by_name(h->file, path, name, type, space, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
    if (at < 0 || H5Awrite(at, type, value) < 0)
        h5_fail(h, name);
    if (at >= 0)
        H5Aclose(at);
    H5Sclose(space);
}

void h5_text(struct h5 *h, const char *path, const char *name, const char *value)
{
    hid_t type = string_type();
    attribute(h, path, name, type, &value);
    H5Tclose(type);
}

void h5_group(struct h5 *h, const char *path)
{
    struct text inside = { 0 };
    text_addf(&inside, "%s/", path);
    h5_make_groups(h, text_s(&inside));
    text_free(&inside);
}

void h5_real(struct h5 *h, const char *path, const char *name, double value)
{
    attribute(h, path, name, H5T_NATIVE_DOUBLE, &value);
}

void h5_int(struct h5 *h, const char *path, const char *name, int64_t value)
{
    attribute(h, path, name, H5T_NATIVE_INT64, &value);
}

/* Fixed-length strings, as the specification wants them. */
static void scale_text(struct h5 *h, const char *path, const char *name, const char *value)
{
    hid_t type = H5Tcopy(H5T_C_S1);
    H5Tset_size(type, strlen(value) + 1);
    attribute(h, path, name, type, value);
    H5Tclose(type);
}

void h5_scale(struct h5 *h, const char *path)
{
    scale_text(h, path, "CLASS", "DIMENSION_SCALE");
    scale_text(h, path, "NAME", path[0] == '/' ? path + 1 : path);
}

struct reference {
    hobj_ref_t array;
    uint32_t dimension;
};

/* REFERENCE_LIST of one scale: the arrays that use it. */
static void write_uses(struct h5 *h, const char *scale)
{
    struct reference *refs = mem_alloc(h->n_uses, sizeof *refs);
    hsize_t n = 0;
    for (size_t i = 0; i < h->n_uses; i++) {
        if (strcmp(h->uses[i].scale, scale) != 0)
            continue;
        refs[n].dimension = h->uses[i].dimension;
        if (H5Rcreate(&refs[n++].array, h->file, h->uses[i].array, H5R_OBJECT, -1) < 0)
            h5_fail(h, scale);
    }
    hid_t type = H5Tcreate(H5T_COMPOUND, sizeof(struct reference)), space = H5Screate_simple(1, &n, NULL);
    H5Tinsert(type, "dataset", HOFFSET(struct reference, array), H5T_STD_REF_OBJ);
    H5Tinsert(type, "dimension", HOFFSET(struct reference, dimension), H5T_NATIVE_UINT32);
    hid_t packed = H5Tcopy(type);
    H5Tpack(packed);
    hid_t at =
        H5Acreate_by_name(h->file, scale, "REFERENCE_LIST", packed, space, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
    if (at < 0 || H5Awrite(at, type, refs) < 0)
        h5_fail(h, scale);
    if (at >= 0)
        H5Aclose(at);
    H5Tclose(packed);
    H5Tclose(type);
    H5Sclose(space);
    free(refs);
}

int h5_close(struct h5 *h)
{
    for (size_t i = 0; i < h->n_uses && !h->failed; i++) {
        bool first = true;
        for (size_t k = 0; k < i; k++)
            first &= strcmp(h->uses[k].scale, h->uses[i].scale) != 0;
        if (first)
            write_uses(h, h->uses[i].scale);
    }
    if (H5Fclose(h->file) < 0)
        h5_fail(h, "the end of the file");
    int rc = h->failed ? err_set(ERR_IO, "%s: cannot write %s: %s", h->path, h->failed,
                                 h->cause ? strerror(h->cause) : "the HDF5 library does not say why")
                       : h5_check_all(h);
    for (size_t i = 0; i < h->n_uses; i++) {
        free(h->uses[i].scale);
        free(h->uses[i].array);
    }
    for (size_t i = 0; i < h->n_checks; i++)
        free(h->checks[i].path);
    free(h->uses);
    free(h->checks);
    free(h->failed);
    free(h->path);
    free(h);
    return rc;
}
