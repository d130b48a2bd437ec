/* Symbol spaces, fits and cost of a results file. */
#include "base/err.h"
#include "base/mem.h"
#include "experiments/results_inside.h"
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

static int read_bins(struct results *r, const char *group, const char *side, struct results_bin bins[RESULTS_BINS])
{
    static const char *const columns[] = { "confidence", "accuracy", "n" };
    for (size_t c = 0; c < 3; c++) {
        struct text path = { 0 };
        struct h5_dims d;
        double *x = NULL;
        text_addf(&path, "%s/%s_%s", group, side, columns[c]);
        int rc = h5_get(r->file, text_s(&path), H5T_NATIVE_DOUBLE, &d, &x);
        if (rc == 0 && (d.rank != 1 || d.n[0] != RESULTS_BINS))
            rc = err_set(ERR_DAMAGED, "the results file: '%s' has no %d bins", text_s(&path), RESULTS_BINS);
        for (size_t b = 0; b < RESULTS_BINS && rc == 0; b++) {
            if (c == 0)
                bins[b].confidence = x[b];
            else if (c == 1)
                bins[b].accuracy = x[b];
            else
                bins[b].n = x[b] > 0 ? (uint64_t)x[b] : 0;
        }
        free(x);
        text_free(&path);
        TRY(rc);
    }
    return 0;
}

static int read_fit(struct results *r, const char *group, struct results_fit *f)
{
    char *text[4] = { 0 };
    static const char *const names[] = { "id", "what", "lm", "on" };
    static const char *const numbers[] = { "value", "nll_before", "nll_after", "ece_before", "ece_after" };
    double *const to[] = { &f->value, &f->nll_before, &f->nll_after, &f->ece_before, &f->ece_after };
    int rc = 0;
    for (size_t i = 0; i < 4; i++)
        rc = rc < 0 ? rc : h5_get_text(r->file, group, names[i], &text[i]);
    f->id = text[0];
    f->what = text[1];
    f->lm = text[2];
    f->on = text[3];
    for (size_t i = 0; i < 5; i++)
        rc = rc < 0 ? rc : h5_get_real(r->file, group, numbers[i], to[i]);
    rc = rc < 0 ? rc : read_bins(r, group, "before", f->before);
    return rc < 0 ? rc : read_bins(r, group, "after", f->after);
}

int results_read_fits(struct results *r)
{
    size_t n = json_array_size(json_object_get(json_object_get(r->plan, "what"), "fits"));
    int rc = 0;
    r->fits = mem_alloc(n, sizeof *r->fits);
    for (size_t i = 0; i < n && rc == 0; i++) {
        struct text group = { 0 };
        text_addf(&group, "/calibration/fit_%03zu", i);
        /* a run that was stopped before its fits has none yet */
        if (H5Lexists(r->file, "/calibration", H5P_DEFAULT) > 0 && H5Lexists(r->file, text_s(&group), H5P_DEFAULT) > 0)
            rc = read_fit(r, text_s(&group), &r->fits[r->n_fits++]);
        text_free(&group);
    }
    return rc;
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
        *to[i] = sum > 0 ? (uint64_t)sum : 0;
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
