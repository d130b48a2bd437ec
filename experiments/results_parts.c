/* Symbol spaces and cost of a results file. */
#include "base/err.h"
#include "base/mem.h"
#include "experiments/results_inside.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

static int read_space(struct results *r, struct results_space *s)
{
    struct text path = { 0 };
    struct h5_dims d, e;
    text_addf(&path, "/space/%s/bytes", s->hash);
    int rc = h5_get(r->file, text_s(&path), H5T_NATIVE_UINT8, &d, &s->bytes);
    text_clear(&path);
    text_addf(&path, "/space/%s/offsets", s->hash);
    rc = rc < 0 ? rc : h5_get(r->file, text_s(&path), H5T_NATIVE_UINT64, &e, &s->offsets);
    if (rc == 0 && (d.rank != 1 || e.rank != 1 || e.n[0] < 1))
        rc = err_set(ERR_DAMAGED, "the results file: '%s' is no symbol space", text_s(&path));
    s->n = rc == 0 ? (size_t)e.n[0] - 1 : 0;
    for (size_t i = 0; i < s->n && rc == 0; i++)
        if (s->offsets[i] > s->offsets[i + 1] || s->offsets[i + 1] > d.n[0])
            rc = err_set(ERR_DAMAGED, "the results file: '%s' does not fit its bytes", text_s(&path));
    text_free(&path);
    return rc;
}

int results_read_spaces(struct results *r)
{
    char **hash;
    size_t n;
    int rc = 0;
    TRY(h5_get_strings(r->file, "/arm_space", &n, &hash));
    r->spaces = mem_alloc(n, sizeof *r->spaces);
    r->arm_space = mem_alloc(r->n_arms, sizeof *r->arm_space);
    for (size_t i = 0; i < n; i++) {
        size_t k = 0;
        while (k < r->n_spaces && strcmp(r->spaces[k].hash, hash[i]) != 0)
            k++;
        if (k == r->n_spaces) {
            r->spaces[r->n_spaces++].hash = mem_string(hash[i]);
            rc = rc < 0 ? rc : read_space(r, &r->spaces[k]);
        }
        if (i < r->n_arms)
            r->arm_space[i] = k;
        free(hash[i]);
    }
    free(hash);
    return rc < 0 || n == r->n_arms ? rc : err_set(ERR_DAMAGED, "the results file: '/arm_space' does not fit '/arm'");
}

static int read_sum(struct results *r, const char *path, double *sum, size_t *n)
{
    struct h5_dims d;
    double *x;
    TRY(h5_get(r->file, path, H5T_NATIVE_DOUBLE, &d, &x));
    *n = d.rank == 1 ? (size_t)d.n[0] : 0;
    *sum = 0;
    for (size_t i = 0; i < *n; i++)
        *sum += x[i];
    free(x);
    return 0;
}

int results_read_cost(struct results *r)
{
    struct results_cost *c = &r->cost;
    struct h5_dims d, e;
    double sum;
    size_t n;
    TRY(read_sum(r, "/cost/session_seconds", &c->seconds, &n));
    c->sessions = n;
    uint64_t *const to[] = { &c->positions, &c->rounds, &c->wanted, &c->asked };
    static const char *const paths[] = { "/cost/session_computed", "/cost/session_rounds", "/cost/session_wanted",
                                         "/cost/session_asked" };
    for (size_t i = 0; i < 4; i++) {
        TRY(read_sum(r, paths[i], &sum, &n));
        *to[i] = sum > 0 ? (uint64_t)fmin(sum, 0x1p63) : 0;
    }
    double *symbols, *seconds;
    TRY(h5_get(r->file, "/cost/arm_symbols", H5T_NATIVE_DOUBLE, &d, &symbols));
    c->arm_symbols = symbols;
    TRY(h5_get(r->file, "/cost/arm_seconds", H5T_NATIVE_DOUBLE, &e, &seconds));
    c->arm_seconds = seconds;
    return d.rank == 1 && e.rank == 1 && d.n[0] == r->n_arms && e.n[0] == r->n_arms
               ? 0
               : err_set(ERR_DAMAGED, "the results file: '/cost' does not fit '/arm'");
}
