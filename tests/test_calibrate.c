/* Temperature fits and reliability, against scipy and numpy (tests/fixtures/calibrate/temperature.py prints the numbers)
 * and the published LeNet-5 predictions on CIFAR-10. */
#include "base/err.h"
#include "base/text.h"
#include "ensemble/calibrate.h"
#include "tests/lib/check.h"
#include "tests/lib/classes.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const float small[6][4] = { { 2, -1, 0.5f, 0 }, { 0.1f, 1.9f, -0.3f, 0.7f }, { -2, 0.4f, 0.3f, 1.1f },
                                   { 3, 2.5f, -4, 0 }, { 0, 0.2f, 0.4f, 0.6f },     { -1, 4, 0, 1 } };
static const sym_t small_labels[6] = { 0, 1, 1, 0, 3, 3 };

static int add(struct calibrate *c, const float score[], uint32_t n, sym_t label)
{
    float copy[16];
    memcpy(copy, score, n * sizeof *copy);
    struct row r = row_over(copy, n);
    check(row_measure(&r) == 0, "row measures");
    return calibrate_add(c, &r, label);
}

static void against_scipy(void)
{
    struct calibrate *c = calibrate_alloc();
    struct calibrate_fit fit;
    struct calibrate_bin bins[5];
    for (size_t i = 0; i < 6; i++)
        check(add(c, small[i], 4, small_labels[i]) == 0, "a position is added");
    check(calibrate_count(c) == 6 && calibrate_temperature(c, &fit) == 0, "six positions are fitted");
    /* the scores are floats here, doubles there: 1e-7 */
    check_near(fit.temperature, 1.540586392583, 1e-6, "temperature");
    check_near(fit.error, 0.661342397135, 1e-6, "its standard error");
    check_near(fit.nll_before, 1.145859042443, 1e-7, "NLL before");
    check_near(fit.nll_after, 1.100528178288, 1e-7, "NLL after");
    check(fit.n == 6 && !fit.bounded, "six positions, inside the bounds");
    check_near(calibrate_nll(c, fit.temperature), fit.nll_after, 1e-15, "NLL at the fit");
    check(calibrate_nll(c, fit.temperature * 1.01) > fit.nll_after &&
              calibrate_nll(c, fit.temperature / 1.01) > fit.nll_after,
          "the fit is a minimum");
    check_near(calibrate_reliability(c, 1, bins, 5), 0.525991351, 1e-7, "ECE of five bins");
    check(bins[0].n == 0 && isnan(bins[0].confidence) && isnan(bins[0].accuracy), "an empty bin has no mean");
    check(bins[3].n == 3, "three in (0.6, 0.8]");
    check_near(bins[3].confidence, 0.649170971, 1e-7, "their confidence");
    check_near(bins[3].accuracy, 1, 0, "their accuracy");
    check_near(bins[4].accuracy, 0, 0, "sure and wrong");
    calibrate_free(c);
}

/* Every class of every row, against numpy. */
static void full_ece(void)
{
    struct calibrate *c = calibrate_alloc();
    struct calibrate_bin bins[15];
    static struct classes data;
    classes_read(&data);
    for (size_t t = 0; t < CLASSES_ROWS; t++) {
        float score[CLASSES];
        for (size_t i = 0; i < CLASSES; i++)
            score[i] = (float)data.logp[t][i];
        check(add(c, score, CLASSES, data.label[t]) == 0, "%s", err_text());
    }
    check_near(calibrate_full_ece(c, 1, 15), data.full_ece, 1e-7, "Full-ECE");
    check_near(calibrate_reliability(c, 1, bins, 15), data.top_ece, 1e-7, "ECE of the best");
    check(calibrate_full_ece(c, 1.5, 15) < data.full_ece, "a higher temperature helps the over-confident");
    if (data.maps)
        fclose(data.maps);
    calibrate_free(c);
}

static void bounds_and_errors(void)
{
    struct calibrate *c = calibrate_alloc();
    struct calibrate_fit fit;
    check(calibrate_temperature(c, &fit) == ERR_DATA && strstr(err_text(), "no labelled positions"),
          "nothing to fit: %s", err_text());
    const float masked[4] = { 0, -INFINITY, 1, 2 }, dead[4] = { -INFINITY, -INFINITY, -INFINITY, -INFINITY };
    check(add(c, masked, 4, 1) == ERR_DATA && strstr(err_text(), "label 1 probability 0"), "masked label: %s",
          err_text());
    check(add(c, dead, 4, 0) == ERR_DATA && strstr(err_text(), "dead row"), "dead row: %s", err_text());
    check(calibrate_count(c) == 0, "refused positions are not kept");
    check(add(c, masked, 4, 3) == 0 && calibrate_temperature(c, &fit) == 0, "one position, its best symbol");
    check(fit.bounded && fit.temperature == CALIBRATE_MIN && isnan(fit.error), "the label is always best: cold");
    check(add(c, masked, 4, 0) == 0 && add(c, masked, 4, 0) == 0 && calibrate_temperature(c, &fit) == 0,
          "worse than chance");
    check(fit.bounded && fit.temperature == CALIBRATE_MAX, "labels worse than chance: hot");
    calibrate_free(c);
    c = calibrate_alloc();
    const float flat[4] = { 1, 1, 1, 1 };
    check(add(c, flat, 4, 2) == 0 && calibrate_temperature(c, &fit) == 0 && fit.temperature == 1,
          "nothing to learn from a flat row");
    calibrate_free(c);
}

/* Bin edges belong below: (low, high]. */
static void edges(void)
{
    struct calibrate *c = calibrate_alloc();
    struct calibrate_bin bins[4];
    const float halves[2] = { 0, 0 }, sure[2] = { 0, -INFINITY };
    check(add(c, halves, 2, 0) == 0 && add(c, halves, 2, 1) == 0 && add(c, sure, 2, 0) == 0, "three positions");
    check_near(calibrate_reliability(c, 1, bins, 4), 0, 1e-12, "calibrated");
    check(bins[1].n == 2 && bins[1].accuracy == 0.5, "0.5 lies in (0.25, 0.5], its first symbol right once in two");
    check(bins[3].n == 1 && bins[3].confidence == 1, "1 lies in (0.75, 1]");
    calibrate_free(c);
}

/* One array of an .npz whose members are stored, not deflated: the data of the first .npy whose header names descr. */
static const char *npy_data(const struct text *npz, const char *descr)
{
    static const char magic[] = "\x93NUMPY";
    for (const char *at = npz->s, *end = npz->s + npz->len; (at = memmem(at, (size_t)(end - at), magic, 6)); at++) {
        size_t header = (size_t)(unsigned char)at[8] | (size_t)(unsigned char)at[9] << 8;
        if (memmem(at + 10, header, descr, strlen(descr)))
            return at + 10 + header;
    }
    return NULL;
}

static void lenet(void)
{
    const char *shared = check_shared();
    struct text path = { 0 }, npz = { 0 };
    if (!shared) {
        printf("calibrate: LeNet-5 is skipped: no shared data\n");
        return;
    }
    text_addf(&path, "%s/data/evalsets/calibration/lenet-5-cifar-10.npz", shared);
    if (text_read_file(&npz, text_s(&path), 1 << 20) < 0) {
        printf("calibrate: LeNet-5 is skipped: %s\n", err_text());
        text_free(&path);
        return;
    }
    const char *p = npy_data(&npz, "<f4"), *y = npy_data(&npz, "<i8");
    check(p && y, "two arrays in the file");
    struct calibrate *c = calibrate_alloc();
    for (size_t i = 0; p && y && i < 10000; i++) {
        float probs[10];
        int64_t label;
        memcpy(probs, p + i * sizeof probs, sizeof probs);
        memcpy(&label, y + i * sizeof label, sizeof label);
        for (size_t v = 0; v < 10; v++)
            probs[v] = logf(probs[v]);
        check(add(c, probs, 10, (sym_t)label) == 0, "prediction %zu", i);
    }
    struct calibrate_fit fit;
    struct calibrate_bin bins[15];
    check(calibrate_temperature(c, &fit) == 0, "the fit");
    check_near(fit.nll_before, 1.369867728885, 2e-6, "LeNet-5 NLL, published 1.369868");
    check_near(fit.temperature, 1.396778991257, 1e-5, "LeNet-5 temperature, as scipy's");
    check_near(fit.error, 0.010278109332, 1e-6, "LeNet-5 standard error");
    check_near(fit.nll_after, 1.311497437180, 2e-6, "LeNet-5 NLL after");
    check_near(calibrate_reliability(c, 1, bins, 10), 0.107888, 1e-6, "LeNet-5 ECE of 10 bins, published");
    check(bins[9].n == 1653, "1653 predictions above 0.9, got %zu", bins[9].n);
    check_near(bins[9].accuracy, 0.891107078, 1e-8, "their accuracy");
    check_near(calibrate_reliability(c, 1, bins, 15), 0.107888, 1e-6, "LeNet-5 ECE of 15 bins, published");
    check_near(calibrate_reliability(c, fit.temperature, bins, 15), 0.012963145, 1e-5, "LeNet-5 ECE after");
    calibrate_free(c);
    text_free(&npz);
    text_free(&path);
}

/* bug: scores further apart than the largest float gave moments of 0 * inf */
static void wide_rows(void)
{
    float score[3] = { 3e38f, -3e38f, 2.9e38f };
    struct row r = row_over(score, 3);
    struct calibrate *c = calibrate_alloc();
    struct calibrate_fit fit;
    check(row_measure(&r) == 0 && calibrate_add(c, &r, 0) == 0, "a wide row: %s", err_text());
    check(calibrate_temperature(c, &fit) == 0 && isfinite(fit.temperature) && isfinite(fit.nll_before),
          "a wide row is fitted: %g, %g", fit.temperature, fit.nll_before);
    calibrate_free(c);
}

int main(void)
{
    against_scipy();
    full_ece();
    bounds_and_errors();
    edges();
    lenet();
    wide_rows();
    return check_done("calibrate");
}
