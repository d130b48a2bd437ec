/* /trace of results files that were tampered with: one message that names what does not fit, whatever is changed. */
#include "base/err.h"
#include "experiments/h5.h"
#include "experiments/replay.h"
#include "experiments/run.h"
#include "tests/lib/check.h"
#include "tests/lib/letters.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char script[] =
    "experiment { name = 'r', seed = 11, draws = 3, limit = { bytes = 12 }, trace = '%s', evalsets = { 'DIR/gen' },\n"
    "  arms = { { lm = model 'table:n=12,length=24,seed=3,sharpness=2.5', chain = 'temperature=0.8|top_p=0.9' } } }\n";

static void make(const char *level, const char *name)
{
    char text[1024];
    struct run_outcome outcome;
    snprintf(text, sizeof text, script, level);
    struct plan *p = letters_plan(text, NULL);
    check(p && run_execute(p, letters_path(name), &(struct run_options){ .threads = 1 }, &outcome) == 0, "%s: %s", name,
          err_text());
    plan_free(p);
}

static void refused(const char *folder, const char *why)
{
    struct results *r = results_open(letters_path(folder));
    struct replay *x = r ? replay_open(r, NULL, NULL) : NULL;
    struct replay_record record;
    int rc = x ? 1 : err_code();
    while (x && rc > 0)
        rc = replay_next(x, &record);
    check(rc == ERR_DAMAGED && strstr(err_text(), why), "%s: %d, want '%s' in: %s", folder, rc, why, err_text());
    replay_close(x);
    results_close(r);
}

/* Changes to a copy of a results file. */
static void copy_file(const char *from, const char *to)
{
    struct text t = { 0 };
    check(text_read_file(&t, letters_path(from), 1 << 26) == 0 && text_write_file(letters_path(to), t.s, t.len) == 0,
          "%s", err_text());
    text_free(&t);
}

/* Element i of an array becomes x. */
static void set_number(const char *path, hsize_t i, double x)
{
    hsize_t one = 1;
    hid_t file = H5Fopen(letters_path("bad.h5"), H5F_ACC_RDWR, H5P_DEFAULT), set = H5Dopen2(file, path, H5P_DEFAULT);
    hid_t space = H5Dget_space(set), memory = H5Screate_simple(1, &one, NULL);
    H5Sselect_hyperslab(space, H5S_SELECT_SET, &i, NULL, &one, NULL);
    check(H5Dwrite(set, H5T_NATIVE_DOUBLE, memory, space, H5P_DEFAULT, &x) >= 0, "%s is written", path);
    H5Sclose(memory);
    H5Sclose(space);
    H5Dclose(set);
    H5Fclose(file);
}

static void damaged(const char *folder, const char *path, hsize_t i, double x, const char *why)
{
    char from[64];
    snprintf(from, sizeof from, "%s/results.h5", folder);
    copy_file(from, "bad.h5");
    set_number(path, i, x);
    refused("bad.h5", why);
}

static void removed(const char *folder, const char *path, const char *why)
{
    char from[64];
    snprintf(from, sizeof from, "%s/results.h5", folder);
    copy_file(from, "bad.h5");
    hid_t file = H5Fopen(letters_path("bad.h5"), H5F_ACC_RDWR, H5P_DEFAULT);
    check(H5Ldelete(file, path, H5P_DEFAULT) >= 0, "%s is removed", path);
    H5Fclose(file);
    refused("bad.h5", why);
}

static void test_damage(void)
{
    damaged("full", "/trace/full/score", 3, NAN, "row 0 of record 0");
    damaged("full", "/trace/full/score", 3, 1e30, "row 0 of record 0");
    damaged("full", "/trace/full/score", 3, 40, "row 0 of record 0");
    damaged("full", "/trace/rows/log_z", 1, NAN, "row 1 of record 0");
    damaged("full", "/trace/rows/log_z", 1, INFINITY, "row 1 of record 0");
    damaged("full", "/trace/rows/offsets", 1, 1, "does not fit the other arrays");
    damaged("full", "/trace/rows/offsets", 2, 1, "'/trace/rows/offsets' does not fit");
    damaged("full", "/trace/full/offsets", 1, 5, "does not fit the other arrays");
    damaged("full", "/trace/full/offsets", 0, 5, "'/trace/full/offsets' does not fit");
    damaged("full", "/tokens/ids", 2, 4e9, "'/tokens/ids' does not fit");
    damaged("full", "/record/prompt", 2, 4e9, "'/record/prompt' does not fit");
    damaged("full", "/prompt/offsets", 1, 1e15, "'/prompt/offsets' does not fit");
    damaged("top", "/trace/top/ids", 2, 12, "row 0 of record 0");
    damaged("top", "/trace/top/ids", 2, 4294967295., "row 0 of record 0");
    damaged("top", "/trace/top/score", 2, 100, "row 0 of record 0");
    damaged("top", "/trace/top/score", 2, -INFINITY, "row 0 of record 0");
    damaged("top", "/trace/top/tail", 0, -0.5, "row 0 of record 0");
    damaged("top", "/trace/top/tail", 0, 0.99, "row 0 of record 0");
    damaged("top", "/trace/top/tail", 0, NAN, "row 0 of record 0");
    damaged("top", "/trace/top/chosen", 0, NAN, "row 0 of record 0");
    damaged("top", "/trace/top/chosen", 0, 1000, "row 0 of record 0");
    removed("top", "/trace/rows/log_z", "/trace/rows/log_z");
    removed("top", "/trace/top/tail", "/trace/top/tail");
    removed("full", "/prompt/ids", "/prompt/ids");
    removed("full", "/trace/full/score", "/trace/full/score");
    struct results *r = results_open(letters_path("full"));
    char path[128];
    hid_t file = H5Fopen(letters_path("full/results.h5"), H5F_ACC_RDONLY, H5P_DEFAULT);
    char **names = NULL;
    size_t n = 0;
    check(h5_get_names(file, "/space", &n, &names) == 0 && n == 1, "one space");
    H5Fclose(file);
    results_close(r);
    snprintf(path, sizeof path, "/space/%s/special", n > 0 ? names[0] : "");
    damaged("full", path, 0, 1, "does not have that hash");
    snprintf(path, sizeof path, "/space/%s/ends", n > 0 ? names[0] : "");
    damaged("full", path, 0, 0, "does not have that hash");
    for (size_t i = 0; i < n; i++)
        free(names[i]);
    free(names);
}

int main(void)
{
    letters_open();
    check(h5_quiet() == 0, "quiet");
    make("full", "full");
    make("topk=6", "top");
    test_damage();
    letters_close();
    return check_done("replay_damage");
}
