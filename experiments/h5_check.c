/* Reading back what was written. */
#include "base/err.h"
#include "base/hash.h"
#include "base/mem.h"
#include "experiments/h5_inside.h"
#include <stdlib.h>
#include <string.h>

void h5_check_add(struct h5 *h, const char *path, hid_t type, uint64_t n, uint64_t hash)
{
    mem_grow(&h->checks, &h->cap_checks, h->n_checks + 1, sizeof *h->checks);
    h->checks[h->n_checks++] = (struct h5_check){ mem_string(path), type, n, hash };
}

uint64_t h5_hash(uint64_t before, const void *data, uint64_t n, size_t size)
{
    const char *s = data;
    for (uint64_t at = 0; at < n; at += H5_BLOCK) {
        uint64_t k = n - at < H5_BLOCK ? n - at : H5_BLOCK;
        before = hash_bytes(s + at * size, (size_t)k * size, before);
    }
    return before;
}

uint64_t h5_hash_strings(const char *const s[], size_t n)
{
    uint64_t hash = 0;
    for (size_t i = 0; i < n; i++)
        hash = hash_bytes(s[i], strlen(s[i]) + 1, hash);
    return hash;
}

static int strings_hash(hid_t file, const struct h5_check *c, uint64_t *hash)
{
    char **list;
    size_t n;
    TRY(h5_get_strings(file, c->path, &n, &list));
    *hash = h5_hash_strings((const char *const *)list, n);
    for (size_t i = 0; i < n; i++)
        free(list[i]);
    free(list);
    return n == c->n ? 0 : ERR_DAMAGED;
}

/* By blocks, where the array has rank 1: columns may be longer than memory. */
static int column_hash(hid_t file, const struct h5_check *c, uint64_t *hash)
{
    size_t size = H5Tget_size(c->type);
    void *block = mem_alloc(H5_BLOCK, size);
    int rc = 0;
    *hash = 0;
    for (uint64_t at = 0; at < c->n && rc == 0; at += H5_BLOCK) {
        uint64_t k = c->n - at < H5_BLOCK ? c->n - at : H5_BLOCK;
        rc = h5_get_part(file, c->path, c->type, at, k, block);
        if (rc == 0)
            *hash = h5_hash(*hash, block, k, size);
    }
    free(block);
    return rc;
}

static int array_hash(hid_t file, const struct h5_check *c, uint64_t *hash)
{
    void *all;
    struct h5_dims d;
    TRY(h5_get(file, c->path, c->type, &d, &all));
    uint64_t n = 1;
    for (int i = 0; i < d.rank; i++)
        n *= d.n[i];
    if (n == c->n)
        *hash = h5_hash(0, all, n, H5Tget_size(c->type));
    free(all);
    return n == c->n ? 0 : ERR_DAMAGED;
}

static bool rank_is_one(hid_t file, const char *path)
{
    hid_t set = H5Dopen2(file, path, H5P_DEFAULT), space = set < 0 ? set : H5Dget_space(set);
    bool one = space >= 0 && H5Sget_simple_extent_ndims(space) == 1;
    if (space >= 0)
        H5Sclose(space);
    if (set >= 0)
        H5Dclose(set);
    return one;
}

static bool reads_back(hid_t file, const struct h5_check *c)
{
    uint64_t hash = 0;
    int rc;
    if (c->type == H5_STRINGS)
        rc = strings_hash(file, c, &hash);
    else if (rank_is_one(file, c->path))
        rc = column_hash(file, c, &hash);
    else
        rc = array_hash(file, c, &hash);
    return rc == 0 && hash == c->hash;
}

int h5_check_all(const struct h5 *h)
{
    hid_t file = H5Fopen(h->path, H5F_ACC_RDONLY, H5P_DEFAULT);
    const char *bad = file < 0 ? "/" : NULL;
    for (size_t i = 0; i < h->n_checks && !bad; i++)
        if (!reads_back(file, &h->checks[i]))
            bad = h->checks[i].path;
    if (file >= 0)
        H5Fclose(file);
    return bad ? err_set(ERR_DAMAGED, "%s, just written: '%s' does not read back as it was", h->path, bad) : 0;
}
