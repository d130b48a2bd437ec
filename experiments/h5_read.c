/* Reading HDF5 that may come from strangers: what a file claims is held against the bytes it has before anything is
 * allocated, and nothing outside the file is read.  Crashes inside the library are the caller's to contain. */
#include "base/err.h"
#include "base/mem.h"
#include "base/num.h"
#include "experiments/h5.h"
#include <stdlib.h>
#include <string.h>

#define MOST_DEFLATED 1040u /* deflate makes at most 1032 bytes of one */
#define SLICE         64u   /* strings read at a time: many may name one large heap object */

static herr_t look_for_memory(unsigned n, const H5E_error2_t *e, void *no_memory)
{
    (void)n;
    if (e->min_num == H5E_NOSPACE || e->min_num == H5E_CANTALLOC)
        *(bool *)no_memory = true;
    return 0;
}

/* The library failed: for want of memory, as its error stack then says, or since the file is not what it should be. */
static int damaged(const char *path)
{
    bool no_memory = false;
    H5Ewalk2(H5E_DEFAULT, H5E_WALK_DOWNWARD, look_for_memory, &no_memory);
    if (no_memory)
        return err_set(ERR_MEMORY, "the results file: no memory to read '%s'", path);
    return err_set(ERR_DAMAGED, "the results file: cannot read '%s'", path);
}

/* A link of another kind may lead out of the file. */
static int check_links(hid_t file, const char *path)
{
    char *part = mem_string(path);
    int rc = 0;
    for (size_t i = 1; path[0] == '/' && path[1] && rc == 0; i++) {
        H5L_info_t info;
        if (path[i] && path[i] != '/')
            continue;
        part[i] = '\0';
        if (H5Lexists(file, part, H5P_DEFAULT) <= 0 || H5Lget_info(file, part, &info, H5P_DEFAULT) < 0)
            rc = damaged(path);
        else if (info.type != H5L_TYPE_HARD)
            rc = err_set(ERR_DAMAGED, "the results file: '%s' is a link to elsewhere, want an object of this file",
                         part);
        part[i] = path[i];
        if (!path[i])
            break;
    }
    free(part);
    return rc;
}

/* Data may lie in other files (external storage, virtual arrays): a report made of a stranger's file must not show ours. */
static int check_storage(hid_t set, const char *path)
{
    hid_t create = H5Dget_create_plist(set);
    if (create < 0)
        return damaged(path);
    H5D_layout_t layout = H5Pget_layout(create);
    bool outside = layout == H5D_VIRTUAL || (layout == H5D_CONTIGUOUS && H5Pget_external_count(create) != 0);
    H5Pclose(create);
    return !outside
               ? 0
               : err_set(ERR_DAMAGED, "the results file: '%s' keeps its data in another file, which is not read", path);
}

static hid_t open_set(hid_t file, const char *path)
{
    if (check_links(file, path) < 0)
        return -1;
    hid_t set = H5Dopen2(file, path, H5P_DEFAULT);
    if (set < 0) {
        damaged(path);
        return -1;
    }
    if (check_storage(set, path) == 0)
        return set;
    H5Dclose(set);
    return -1;
}

/* Whether the file has the bytes for `total` elements. */
static bool has_bytes(hid_t file, hid_t set, uint64_t total)
{
    hid_t type = H5Dget_type(set);
    size_t size = type < 0 ? 0 : H5Tget_size(type);
    hsize_t whole = 0, stored = H5Dget_storage_size(set);
    uint64_t claimed, most;
    if (type >= 0)
        H5Tclose(type);
    return size > 0 && H5Fget_filesize(file, &whole) >= 0 && stored <= whole && num_mul(total, size, &claimed) &&
           num_mul(stored, MOST_DEFLATED, &most) && claimed <= most;
}

static bool extent(hid_t file, hid_t set, struct h5_dims *dims, uint64_t *total)
{
    hid_t space = H5Dget_space(set);
    *dims = (struct h5_dims){ 0 };
    *total = 1;
    bool ok = space >= 0 && H5Sget_simple_extent_type(space) == H5S_SIMPLE;
    dims->rank = ok ? H5Sget_simple_extent_ndims(space) : -1;
    ok = dims->rank >= 1 && dims->rank <= H5_RANK && H5Sget_simple_extent_dims(space, dims->n, NULL) >= 0;
    for (int i = 0; i < dims->rank && ok; i++)
        ok = num_mul(*total, dims->n[i], total);
    if (space >= 0)
        H5Sclose(space);
    return ok && has_bytes(file, set, *total);
}

int h5_get(hid_t file, const char *path, hid_t type, struct h5_dims *dims, void *data)
{
    struct h5_dims own;
    uint64_t total, bytes;
    hid_t set = open_set(file, path);
    if (set < 0)
        return ERR_DAMAGED;
    dims = dims ? dims : &own;
    void *out = NULL;
    bool ok = extent(file, set, dims, &total) && num_mul(total, H5Tget_size(type), &bytes) && bytes <= PTRDIFF_MAX;
    if (ok) {
        out = mem_alloc((size_t)total, H5Tget_size(type));
        ok = total == 0 || H5Dread(set, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, out) >= 0;
    }
    H5Dclose(set);
    if (!ok) {
        free(out);
        return damaged(path);
    }
    memcpy(data, &out, sizeof out);
    return 0;
}

int h5_get_size(hid_t file, const char *path, uint64_t *n)
{
    struct h5_dims dims;
    hid_t set = open_set(file, path);
    if (set < 0)
        return ERR_DAMAGED;
    bool ok = extent(file, set, &dims, n) && dims.rank == 1;
    H5Dclose(set);
    return ok ? 0 : damaged(path);
}

static int read_part(hid_t set, hid_t type, hsize_t first, hsize_t n, void *out)
{
    hid_t space = H5Dget_space(set), memory = H5Screate_simple(1, &n, NULL);
    bool ok = space >= 0 && memory >= 0 && H5Sget_simple_extent_ndims(space) == 1 &&
              H5Sselect_hyperslab(space, H5S_SELECT_SET, &first, NULL, &n, NULL) >= 0 &&
              H5Dread(set, type, memory, space, H5P_DEFAULT, out) >= 0;
    if (memory >= 0)
        H5Sclose(memory);
    if (space >= 0)
        H5Sclose(space);
    return ok ? 0 : -1;
}

int h5_get_part(hid_t file, const char *path, hid_t type, hsize_t first, hsize_t n, void *out)
{
    if (n == 0)
        return 0;
    hid_t set = open_set(file, path);
    if (set < 0)
        return ERR_DAMAGED;
    int rc = read_part(set, type, first, n, out);
    H5Dclose(set);
    return rc < 0 ? damaged(path) : 0;
}

static hid_t string_type(void)
{
    hid_t t = H5Tcopy(H5T_C_S1);
    H5Tset_size(t, H5T_VARIABLE);
    H5Tset_cset(t, H5T_CSET_UTF8);
    return t;
}

/* The library's strings into our own; *left: bytes that the file can still have for them. */
static bool take_strings(char *list[], size_t n, char *out[], uint64_t *left)
{
    bool ok = true;
    for (size_t i = 0; i < n; i++) {
        size_t length = list[i] ? strlen(list[i]) : 0;
        ok = ok && length <= *left;
        *left -= ok ? length : 0;
        if (ok)
            out[i] = mem_string(list[i] ? list[i] : "");
        H5free_memory(list[i]);
    }
    return ok;
}

static bool read_strings(hid_t set, uint64_t left, size_t n, char *out[])
{
    hid_t type = string_type();
    bool ok = true;
    for (size_t at = 0; at < n && ok; at += SLICE) {
        char *slice[SLICE] = { 0 };
        size_t k = n - at < SLICE ? n - at : SLICE;
        ok = read_part(set, type, at, k, slice) == 0;
        ok = take_strings(slice, k, out + at, &left) && ok;
    }
    H5Tclose(type);
    return ok;
}

int h5_get_strings(hid_t file, const char *path, size_t *n, char ***out)
{
    struct h5_dims dims;
    uint64_t total;
    hsize_t whole = 0;
    hid_t set = open_set(file, path);
    if (set < 0)
        return ERR_DAMAGED;
    char **list = NULL;
    bool ok = extent(file, set, &dims, &total) && dims.rank == 1 && H5Fget_filesize(file, &whole) >= 0;
    if (ok) {
        list = mem_alloc((size_t)total, sizeof *list);
        ok = read_strings(set, whole, (size_t)total, list);
    }
    H5Dclose(set);
    if (ok) {
        *n = (size_t)total;
        *out = list;
        return 0;
    }
    for (size_t i = 0; list && i < total; i++)
        free(list[i]);
    free(list);
    return damaged(path);
}

/* One value: an array would be read over the end of *out. */
static int attribute(hid_t file, const char *path, const char *name, hid_t type, void *out)
{
    TRY(check_links(file, path));
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

struct names {
    char **list;
    size_t n, cap;
};

static herr_t collect_name(hid_t group, const char *name, const H5L_info_t *info, void *ctx)
{
    struct names *names = ctx;
    (void)group;
    (void)info;
    mem_grow(&names->list, &names->cap, names->n + 1, sizeof *names->list);
    names->list[names->n++] = mem_string(name);
    return 0;
}

bool h5_has(hid_t file, const char *path)
{
    return H5Lexists(file, path, H5P_DEFAULT) > 0;
}

int h5_get_names(hid_t file, const char *group, size_t *n, char ***out)
{
    struct names names = { 0 };
    int rc = check_links(file, group);
    if (rc == 0 &&
        H5Literate_by_name(file, group, H5_INDEX_NAME, H5_ITER_INC, NULL, collect_name, &names, H5P_DEFAULT) < 0)
        rc = damaged(group);
    for (size_t i = 0; i < names.n && rc < 0; i++)
        free(names.list[i]);
    if (rc < 0)
        free(names.list);
    *n = rc < 0 ? 0 : names.n;
    *out = rc < 0 ? NULL : names.list;
    return rc;
}
