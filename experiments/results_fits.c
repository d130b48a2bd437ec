/* Fits in a results file: written from the journal's results, read back. */
#include "base/err.h"
#include "base/mem.h"
#include "decode/conformal.h"
#include "experiments/fit_place.h"
#include "experiments/results_inside.h"
#include "experiments/results_parts.h"
#include "model/lm.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

static const char *const numbers[] = { "value", "nll_before", "nll_after", "ece_before", "ece_after" };
static const char *const names[] = { "id", "what", "lm", "on" };
static const char *const sides[] = { "before", "after" };
static const char *const columns[] = { "confidence", "accuracy", "n" };

enum { N_NUMBERS = 5, N_NAMES = 4, N_COLUMNS = 3 };

static double number(const json_t *x)
{
    return json_is_number(x) ? json_number_value(x) : (double)NAN;
}

static void path_in(struct text *path, size_t fit, const char *name)
{
    text_clear(path);
    text_addf(path, "/calibration/fit_%03zu%s%s", fit, *name ? "/" : "", name);
}

static void put(struct h5 *h, const struct text *path, hid_t type, size_t n, const void *data)
{
    h5_put(h, &(struct h5_array){ .path = path->s, .type = type, .rank = 1, .dims = { n }, .data = data });
}

static void write_bins(struct h5 *h, const json_t *fit, size_t i, size_t side)
{
    const json_t *bins = json_object_get(fit, sides[side]);
    struct text path = { 0 }, name = { 0 };
    for (size_t c = 0; c < N_COLUMNS && json_is_array(bins); c++) {
        double x[RESULTS_BINS] = { 0 };
        for (size_t b = 0; b < RESULTS_BINS; b++)
            x[b] = json_number_value(json_object_get(json_array_get(bins, b), columns[c]));
        text_clear(&name);
        text_addf(&name, "%s_%s", sides[side], columns[c]);
        path_in(&path, i, text_s(&name));
        put(h, &path, H5T_IEEE_F64LE, RESULTS_BINS, x);
    }
    text_free(&name);
    text_free(&path);
}

static void write_weights(struct h5 *h, const json_t *fit, size_t i)
{
    const json_t *weights = json_object_get(fit, "weights"), *alone = json_object_get(fit, "nll_voices");
    double w[LM_MAX_VOICES], nll[LM_MAX_VOICES];
    const char *voices[LM_MAX_VOICES];
    size_t n = json_array_size(weights);
    struct text path = { 0 };
    if (n == 0 || n > LM_MAX_VOICES)
        return;
    for (size_t k = 0; k < n; k++) {
        const char *name = json_string_value(json_array_get(json_object_get(fit, "voices"), k));
        w[k] = number(json_array_get(weights, k));
        nll[k] = number(json_array_get(alone, k));
        voices[k] = name ? name : "";
    }
    path_in(&path, i, "weights");
    put(h, &path, H5T_IEEE_F64LE, n, w);
    path_in(&path, i, "nll_voices");
    put(h, &path, H5T_IEEE_F64LE, n, nll);
    path_in(&path, i, "voices");
    put(h, &path, H5_STRINGS, n, voices);
    text_free(&path);
}

/* The numbers of fitted maps, the first of all, then those of the folds; and how choices were scored. */
static void write_maps(struct h5 *h, const json_t *fit, size_t i)
{
    const json_t *maps = json_object_get(fit, "maps");
    const char *choices = json_string_value(json_object_get(fit, "choices"));
    struct text path = { 0 }, name = { 0 };
    path_in(&path, i, "");
    if (choices)
        h5_text(h, text_s(&path), "choices", choices);
    for (size_t k = 0; k < json_array_size(maps); k++) {
        const json_t *list = json_array_get(maps, k);
        size_t n = json_array_size(list);
        double *x = mem_alloc(n, sizeof *x);
        for (size_t j = 0; j < n; j++)
            x[j] = number(json_array_get(list, j));
        text_clear(&name);
        text_addf(&name, "map_%02zu", k);
        path_in(&path, i, text_s(&name));
        put(h, &path, H5T_IEEE_F64LE, n, x);
        free(x);
    }
    text_free(&path);
    text_free(&name);
}

/* What other fits say besides. */
static void write_chain(struct h5 *h, const json_t *fit, size_t i)
{
    static const char *const extra[] = {
        "target",     "entropy",         "entropy_from",   "entropy_to",        "alpha",           "folds",
        "nll_fitted", "full_ece_before", "full_ece_after", "consistent_before", "consistent_after"
    };
    static const char *const lists[] = { "edges", "mass" };
    const char *chain = json_string_value(json_object_get(fit, "chain"));
    struct text path = { 0 };
    path_in(&path, i, "");
    for (size_t k = 0; k < sizeof extra / sizeof *extra; k++)
        if (json_is_number(json_object_get(fit, extra[k])))
            h5_real(h, text_s(&path), extra[k], json_number_value(json_object_get(fit, extra[k])));
    if (chain)
        h5_text(h, text_s(&path), "chain", chain);
    for (size_t k = 0; k < sizeof lists / sizeof *lists; k++) {
        double x[CONFORMAL_MAX_BINS];
        const json_t *list = json_object_get(fit, lists[k]);
        size_t n = json_array_size(list);
        for (size_t b = 0; b < n && n <= CONFORMAL_MAX_BINS; b++)
            x[b] = number(json_array_get(list, b));
        path_in(&path, i, lists[k]);
        if (n > 0 && n <= CONFORMAL_MAX_BINS)
            put(h, &path, H5T_IEEE_F64LE, n, x);
    }
    text_free(&path);
}

void results_write_fits(struct h5 *h, const struct ledger *l)
{
    struct text path = { 0 };
    for (size_t i = 0; i < json_array_size(l->fits); i++) {
        const json_t *fit = json_array_get(l->fits, i);
        if (json_is_null(fit))
            continue;
        write_bins(h, fit, i, 0);
        write_bins(h, fit, i, 1);
        write_weights(h, fit, i);
        path_in(&path, i, "");
        h5_group(h, text_s(&path));
        for (size_t k = 0; k < N_NUMBERS; k++)
            h5_real(h, text_s(&path), numbers[k], number(json_object_get(fit, numbers[k])));
        h5_int(h, text_s(&path), "n", json_integer_value(json_object_get(fit, "n")));
        for (size_t k = 0; k < N_NAMES; k++) {
            const char *s = json_string_value(json_object_get(fit, names[k]));
            h5_text(h, text_s(&path), names[k], s ? s : "");
        }
        write_chain(h, fit, i);
        write_maps(h, fit, i);
    }
    text_free(&path);
}

/* x: (n,), n 0 for any, then what there is. */
static int read_array(struct results *r, const char *path, size_t n, double **x, size_t *found)
{
    struct h5_dims d;
    TRY(h5_get(r->file, path, H5T_NATIVE_DOUBLE, &d, x));
    if (d.rank == 1 && (n == 0 || d.n[0] == n)) {
        *found = (size_t)d.n[0];
        return 0;
    }
    free(*x);
    *x = NULL;
    return err_set(ERR_DAMAGED, "the results file: '%s' has no %zu numbers", path, n);
}

/* The file says what it will; beyond 2^53 doubles count no more. */
static uint64_t count_of(double x)
{
    return x > 0 ? (uint64_t)fmin(x, 0x1p53) : 0;
}

static int read_bins(struct results *r, size_t fit, size_t side, struct results_bin bins[RESULTS_BINS])
{
    for (size_t c = 0; c < N_COLUMNS; c++) {
        struct text path = { 0 }, name = { 0 };
        double *x = NULL;
        size_t n;
        text_addf(&name, "%s_%s", sides[side], columns[c]);
        path_in(&path, fit, text_s(&name));
        int rc = h5_has(r->file, text_s(&path)) ? read_array(r, text_s(&path), RESULTS_BINS, &x, &n) : 0;
        for (size_t b = 0; b < RESULTS_BINS && x; b++) {
            if (c == 0)
                bins[b].confidence = x[b];
            else if (c == 1)
                bins[b].accuracy = x[b];
            else
                bins[b].n = count_of(x[b]);
        }
        free(x);
        text_free(&name);
        text_free(&path);
        TRY(rc);
    }
    return 0;
}

static int read_weights(struct results *r, size_t i, struct results_fit *f)
{
    struct text path = { 0 };
    size_t n = 0, n_names = 0;
    path_in(&path, i, "weights");
    if (!h5_has(r->file, text_s(&path))) {
        text_free(&path);
        return 0;
    }
    int rc = read_array(r, text_s(&path), 0, &f->weights, &n);
    if (rc == 0 && n > LM_MAX_VOICES)
        rc = err_set(ERR_DAMAGED, "the results file: '%s' has %zu weights, want at most %d", text_s(&path), n,
                     LM_MAX_VOICES);
    f->n_voices = n;
    path_in(&path, i, "nll_voices");
    rc = rc < 0 ? rc : read_array(r, text_s(&path), n, &f->nll_voices, &n);
    path_in(&path, i, "voices");
    rc = rc < 0 ? rc : h5_get_strings(r->file, text_s(&path), &n_names, &f->voices);
    for (size_t k = n; k < n_names; k++)
        free(f->voices[k]);
    if (rc == 0 && n_names < n) {
        for (size_t k = 0; k < n_names; k++)
            free(f->voices[k]);
        free(f->voices);
        f->voices = NULL;
        rc = err_set(ERR_DAMAGED, "the results file: '%s' has %zu names for %zu weights", text_s(&path), n_names, n);
    }
    text_free(&path);
    return rc;
}

static int read_table(struct results *r, size_t i, struct results_fit *f)
{
    struct text path = { 0 };
    size_t n = 0;
    int rc = 0;
    path_in(&path, i, "mass");
    if (h5_has(r->file, text_s(&path)))
        rc = read_array(r, text_s(&path), 0, &f->mass, &n);
    if (rc == 0 && n > CONFORMAL_MAX_BINS)
        rc = err_set(ERR_DAMAGED, "the results file: '%s' has %zu numbers, want at most %d", text_s(&path), n,
                     CONFORMAL_MAX_BINS);
    f->n_bins = rc == 0 ? n : 0;
    path_in(&path, i, "edges");
    if (rc == 0 && n > 1)
        rc = read_array(r, text_s(&path), n - 1, &f->edges, &n);
    text_free(&path);
    return rc;
}

/* What files of before have not. */
static int read_maybe(struct results *r, const char *group, const char *name, double *x)
{
    *x = NAN;
    return H5Aexists_by_name(r->file, group, name, H5P_DEFAULT) > 0 ? h5_get_real(r->file, group, name, x) : 0;
}

static int read_fit(struct results *r, size_t i, struct results_fit *f)
{
    double *const to[] = { &f->value, &f->nll_before, &f->nll_after, &f->ece_before, &f->ece_after };
    char *text[N_NAMES] = { 0 };
    struct text group = { 0 };
    int rc = 0;
    path_in(&group, i, "");
    for (size_t k = 0; k < N_NAMES; k++)
        rc = rc < 0 ? rc : h5_get_text(r->file, text_s(&group), names[k], &text[k]);
    f->id = text[0];
    f->what = text[1];
    f->lm = text[2];
    f->on = text[3];
    for (size_t k = 0; k < N_NUMBERS; k++)
        rc = rc < 0 ? rc : h5_get_real(r->file, text_s(&group), numbers[k], to[k]);
    rc = rc < 0 ? rc : read_maybe(r, text_s(&group), "full_ece_before", &f->full_ece_before);
    rc = rc < 0 ? rc : read_maybe(r, text_s(&group), "full_ece_after", &f->full_ece_after);
    rc = rc < 0 ? rc : read_maybe(r, text_s(&group), "consistent_before", &f->consistent_before);
    rc = rc < 0 ? rc : read_maybe(r, text_s(&group), "consistent_after", &f->consistent_after);
    rc = rc < 0 ? rc : read_bins(r, i, 0, f->before);
    rc = rc < 0 ? rc : read_bins(r, i, 1, f->after);
    text_free(&group);
    rc = rc < 0 ? rc : read_weights(r, i, f);
    return rc < 0 ? rc : read_table(r, i, f);
}

int results_read_fits(struct results *r)
{
    size_t n = json_array_size(json_object_get(json_object_get(r->plan, "what"), "fits"));
    int rc = 0;
    r->fits = mem_alloc(n, sizeof *r->fits);
    for (size_t i = 0; i < n && rc == 0; i++) {
        struct text group = { 0 };
        path_in(&group, i, "");
        /* a run that was stopped before its fits has none yet */
        if (H5Lexists(r->file, "/calibration", H5P_DEFAULT) > 0 && H5Lexists(r->file, text_s(&group), H5P_DEFAULT) > 0)
            rc = read_fit(r, i, &r->fits[r->n_fits++]);
        text_free(&group);
    }
    return rc;
}

void results_free_fits(struct results *r)
{
    for (size_t i = 0; i < r->n_fits; i++) {
        struct results_fit *f = &r->fits[i];
        const char *const text[] = { f->id, f->what, f->lm, f->on };
        for (size_t k = 0; k < N_NAMES; k++)
            free((void *)(uintptr_t)text[k]);
        for (size_t k = 0; k < f->n_voices && f->voices; k++)
            free(f->voices[k]);
        free(f->voices);
        free(f->weights);
        free(f->nll_voices);
        free(f->edges);
        free(f->mass);
    }
}

static json_t *numbers_of(const double x[], size_t n)
{
    json_t *list = json_array();
    for (size_t i = 0; i < n; i++)
        json_array_append_new(list, isfinite(x[i]) ? json_real(x[i]) : json_null());
    return list;
}

int results_chain(const struct results *r, const char *fit, const char *chain, struct text *out)
{
    const struct results_fit *f = NULL;
    for (size_t i = 0; fit && i < r->n_fits; i++)
        if (strcmp(r->fits[i].id, fit) == 0)
            f = &r->fits[i];
    if (fit && (!f || (f->n_bins == 0 && !isfinite(f->value))))
        return err_set(ERR_DATA, "chain '%s' waits for fit '%s', of which these results have no value", chain, fit);
    if (!fit) {
        text_add(out, chain);
        return 0;
    }
    json_t *result = json_object();
    if (f->n_bins > 0) {
        json_object_set_new(result, "edges", numbers_of(f->edges, f->n_bins - 1));
        json_object_set_new(result, "mass", numbers_of(f->mass, f->n_bins));
    } else {
        json_object_set_new(result, "value", json_real(f->value));
    }
    fit_place_fill(chain, result, out);
    json_decref(result);
    return 0;
}
