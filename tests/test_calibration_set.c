/* The CIFAR-10 softmax outputs of a LeNet-5 in shared/data/evalsets/calibration: their published measures, and that a
 * temperature fitted on one half makes the other half better. */
#include "base/err.h"
#include "base/text.h"
#include "ensemble/calibrate.h"
#include "evalsets/brier.h"
#include "evalsets/reliability_mass.h"
#include "evalsets/selective.h"
#include "tests/lib/check.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { N = 10000, CLASSES = 10 };

static int64_t label[N];
static float predicted[N][CLASSES];
static double p[N][CLASSES], confidence[N];
static bool right[N];

/* The data of the i-th array: an .npz is a zip whose entries are stored as they are. */
static const char *array(const struct text *t, int i)
{
    for (size_t at = 0; at + 10 < t->len; at++) {
        unsigned header;
        if (memcmp(t->s + at, "\x93NUMPY", 6) != 0 || i-- > 0)
            continue;
        header = (unsigned char)t->s[at + 8] | (unsigned)(unsigned char)t->s[at + 9] << 8;
        return t->s + at + 10 + header;
    }
    return NULL;
}

static void load(void)
{
    struct text path = { 0 }, file = { 0 };
    if (!check_shared())
        check_skip("calibration_set", "no shared/");
    text_addf(&path, "%s/data/evalsets/calibration/lenet-5-cifar-10.npz", check_shared());
    if (text_read_file(&file, text_s(&path), 1 << 20) < 0)
        check_skip("calibration_set", err_text());
    const char *labels = array(&file, 0), *rows = array(&file, 1);
    check(labels && rows && rows + sizeof predicted <= file.s + file.len, "two arrays");
    if (labels && rows) {
        memcpy(label, labels, sizeof label);
        memcpy(predicted, rows, sizeof predicted);
    }
    text_free(&path);
    text_free(&file);
}

static void measures(void)
{
    struct reliability bins[RELIABILITY_BINS];
    double accuracy = 0, nll = 0, brier = 0;
    for (size_t i = 0; i < N; i++) {
        size_t best = 0;
        for (size_t c = 0; c < CLASSES; c++) {
            p[i][c] = (double)predicted[i][c];
            best = p[i][c] > p[i][best] ? c : best;
        }
        confidence[i] = p[i][best];
        right[i] = best == (size_t)label[i];
        accuracy += right[i];
        nll -= log(p[i][label[i]]);
        brier += brier_classes(p[i], CLASSES, (size_t)label[i]);
    }
    check_near(accuracy / N, .5308, 1e-12, "accuracy");
    check_near(nll / N, 1.369868, 1e-6, "NLL");
    check_near(brier / N, .614152, 1e-6, "Brier");
    reliability_fill(bins, RELIABILITY_BINS, confidence, right, N);
    check_near(reliability_ece(bins, RELIABILITY_BINS), .107888, 1e-6, "ECE of 15 bins");
    reliability_fill_mass(bins, RELIABILITY_BINS, confidence, right, N);
    check_near(reliability_ece(bins, RELIABILITY_BINS), .107888, 1e-6, "ECE of 15 bins of equal mass");
    reliability_fill(bins, 10, confidence, right, N);
    check_near(reliability_rmsce(bins, 10), .112655, 1e-6, "RMSCE of 10 bins");
    check_near(reliability_mce(bins, 10), .185821, 1e-6, "MCE of 10 bins");
    check_near(selective_aurc(confidence, right, N), .271543, 1e-6, "AURC");
    check_near(selective_excess_aurc(confidence, right, N), .138512, 1e-6, "E-AURC");
    struct reliability_test t;
    reliability_test(confidence, right, N, RELIABILITY_BINS, 1, &t);
    check(t.p == .001, "it is not calibrated: p %g, by chance an ECE of %g", t.p, t.mean);
}

static struct calibrate *half(size_t from)
{
    struct calibrate *c = calibrate_alloc();
    float score[CLASSES];
    for (size_t i = from; i < from + N / 2; i++) {
        for (size_t k = 0; k < CLASSES; k++)
            score[k] = (float)log((double)predicted[i][k]);
        struct row r = row_over(score, CLASSES);
        check(row_measure(&r) == 0 && calibrate_add(c, &r, (sym_t)label[i]) == 0, "%s", err_text());
    }
    return c;
}

static void a_temperature_helps(void)
{
    struct calibrate_bin bins[RELIABILITY_BINS];
    struct calibrate_fit fit;
    struct calibrate *c[2] = { half(0), half(N / 2) };
    for (int i = 0; i < 2; i++) {
        check(calibrate_temperature(c[i], &fit) == 0 && !fit.bounded, "%s", err_text());
        const struct calibrate *other = c[1 - i];
        double nll = calibrate_nll(other, 1), ece = calibrate_reliability(other, 1, bins, RELIABILITY_BINS);
        double nll_after = calibrate_nll(other, fit.temperature);
        double ece_after = calibrate_reliability(other, fit.temperature, bins, RELIABILITY_BINS);
        check(nll_after < nll, "held out: NLL %g -> %g at temperature %g", nll, nll_after, fit.temperature);
        check(ece_after < ece, "held out: ECE %g -> %g at temperature %g", ece, ece_after, fit.temperature);
        printf("fitted on half %d: temperature %.4f; held out: NLL %.4f -> %.4f, ECE %.4f -> %.4f\n", i + 1,
               fit.temperature, nll, nll_after, ece, ece_after);
    }
    calibrate_free(c[0]);
    calibrate_free(c[1]);
}

int main(void)
{
    load();
    measures();
    a_temperature_helps();
    return check_done("calibration_set");
}
