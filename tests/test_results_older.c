/* results.h5 of an older schema: columns that it lacks read NaN, a report is made of it; columns of another length are
 * damage that is named. */
#include "base/err.h"
#include "experiments/h5.h"
#include "experiments/init.h"
#include "experiments/regret.h"
#include "plots/figure.h"
#include "tests/lib/check.h"
#include "tests/lib/results_file.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char path[] = "/tmp/chorale-test-older-XXXXXX";

static const char *const late[] = { "/tokens/data_entropy", "/tokens/epkl", "/tokens/rmi", "/tokens/agreement",
                                    "/tokens/voice_weight" };
enum { N_LATE = sizeof late / sizeof *late };

static void make(void)
{
    struct results_file f = { .n_arms = 2, .n_items = 3, .n_draws = 1, .n_lms = 2, .symbols = 6, .voices = 2 };
    check(results_file_write(path, &f) == 0, "the file is written: %s", err_text());
}

/* Without the column; with one of `n` numbers in its stead, where n > 0. */
static void replace(const char *column, hsize_t n)
{
    static const float none[16];
    hid_t file = H5Fopen(path, H5F_ACC_RDWR, H5P_DEFAULT);
    check(file >= 0 && H5Ldelete(file, column, H5P_DEFAULT) >= 0, "%s is taken out", column);
    if (n > 0) {
        hid_t space = H5Screate_simple(1, &n, NULL);
        hid_t set = H5Dcreate2(file, column, H5T_IEEE_F32LE, space, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
        check(H5Dwrite(set, H5T_NATIVE_FLOAT, H5S_ALL, H5S_ALL, H5P_DEFAULT, none) >= 0, "%s is put in", column);
        H5Dclose(set);
        H5Sclose(space);
    }
    H5Fclose(file);
}

static void check_tokens(const struct results_tokens *t, bool whole)
{
    check(t->n == 6 && t->n_voices == 2, "%zu symbols of %u voices", t->n, t->n_voices);
    for (size_t i = 0; i < t->n; i++) {
        const float x[] = { t->data_entropy[i], t->epkl[i], t->rmi[i], t->agreement[i], t->voice_weight[2 * i + 1] };
        for (size_t k = 0; k < N_LATE; k++)
            check(isnan(x[k]) == !whole, "%s of symbol %zu: %g", late[k], i, (double)x[k]);
        check(!isnan(t->disagreement[i]) && !isnan(t->logp[i]) && !isnan(t->voice_share[2 * i]), "what it has");
    }
}

static void opened(bool whole)
{
    struct results *r = results_open(path);
    struct results_tokens t;
    struct regret curves[REGRET_LMS];
    size_t n;
    check(r != NULL, "it opens: %s", err_text());
    if (!r)
        return;
    const struct results_record *records = results_records(r, &n);
    for (size_t i = 0; i < n; i++) {
        check(results_tokens(r, &records[i], &t) == 0, "%s", err_text());
        check_tokens(&t, whole);
    }
    check(n == 6 && regret_of(r, curves, &n) == 0, "curves: %s", err_text());
    for (size_t i = 0; i < n; i++)
        check(isfinite(curves[i].over_voice[1]) && isnan(curves[i].data[1]) == !whole && curves[i].mutual[1] >= 0,
              "a curve of what there is: data entropy %g", curves[i].data[1]);
    results_close(r);
}

static void damaged(const char *column, hsize_t n)
{
    replace(column, n);
    struct results *r = results_open(path);
    check(!r && err_code() == ERR_DAMAGED && strstr(err_text(), column), "%s of %d: %s", column, (int)n, err_text());
    results_close(r);
}

/* Counts that no integer holds: a reliability is drawn of what is left of them. */
static void counts(void)
{
    static const double n[RESULTS_BINS] = { 1e300, 0x1p64, INFINITY, NAN, -1, 3, 0x1p53 };
    struct results_file f = { .n_arms = 1, .n_items = 1, .n_draws = 1, .n_lms = 1, .symbols = 1, .n_fits = 1 };
    check(results_file_write(path, &f) == 0, "%s", err_text());
    hid_t file = H5Fopen(path, H5F_ACC_RDWR, H5P_DEFAULT);
    hid_t set = H5Dopen2(file, "/calibration/fit_000/before_n", H5P_DEFAULT);
    check(set >= 0 && H5Dwrite(set, H5T_NATIVE_DOUBLE, H5S_ALL, H5S_ALL, H5P_DEFAULT, n) >= 0, "counts are written");
    H5Dclose(set);
    H5Fclose(file);
    struct results *r = results_open(path);
    size_t n_fits = 0;
    const struct results_fit *fit = r ? results_fits(r, &n_fits) : NULL;
    check(n_fits == 1, "a fit: %s", err_text());
    static const uint64_t want[] = { 1ull << 53, 1ull << 53, 1ull << 53, 0, 0, 3, 1ull << 53 };
    for (size_t i = 0; i < 7 && n_fits == 1; i++)
        check(fit->before[i].n == want[i], "%g: %llu", n[i], (unsigned long long)fit->before[i].n);
    struct text script = { 0 };
    size_t n_types;
    const struct figure_type *const *types = figure_types(&n_types);
    for (size_t i = 0; i < n_types && n_fits == 1; i++)
        if (strcmp(types[i]->name, "reliability") == 0)
            check(types[i]->draw(&(struct figure_data){ .results = r }, &script) == 0, "the figure is drawn");
    check(strstr(text_s(&script), " 9007199254740992 ") != NULL, "with the count in it");
    text_free(&script);
    results_close(r);
}

int main(void)
{
    int fd = mkstemp(path);
    init_libraries();
    if (fd < 0)
        check_skip("results_older", "no temporary file");
    close(fd);
    make();
    opened(true);
    for (size_t i = 0; i < N_LATE; i++)
        replace(late[i], 0);
    opened(false);
    for (size_t i = 0; i < N_LATE; i++) {
        make();
        damaged(late[i], 5);
    }
    make();
    damaged("/tokens/disagreement", 0);
    counts();
    unlink(path);
    return check_done("results_older");
}
