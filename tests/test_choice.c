/* Choices by likelihood and their reliability: rules and published values of lm-eval, p-lambda and LeNet-5 on CIFAR-10. */
#include "base/text.h"
#include "evalsets/metric.h"
#include "evalsets/reliability.h"
#include "tests/lib/check.h"
#include "tests/lib/classes.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

static double score(const char *metric, const struct sample s[], size_t n)
{
    const struct metric_type *m = metric_find(metric);
    check(m != NULL, "metric %s exists", metric);
    return m ? m->score(s, n) : NAN;
}

static void test_choices(void)
{
    static const char *const three[] = { "ab", "cdef", "g" };
    struct item item = { .kind = ITEM_CHOICE, .choices = three, .n_choices = 3, .gold = 1 };
    struct sample s = { .item = &item };
    s.choice_logp = (double[]){ -2, -1, -3 };
    check_near(score("accuracy", &s, 1), 1, 0, "lm-eval: -2 -1 -3, gold 1");
    s.choice_logp = (double[]){ -1, -2, -3 };
    check_near(score("accuracy", &s, 1), 0, 0, "lm-eval: -1 -2 -3, gold 1");
    check_near(score("accuracy_norm", &s, 1), 0, 0, "-1/2, -2/4, -3: a tie goes to the earlier");
    s.choice_logp = (double[]){ -1, -1, -3 };
    check_near(score("accuracy", &s, 1), 0, 0, "a tie goes to the first, which is not gold");
    s.choice_logp = (double[]){ -1, -1.9, -3 };
    check_near(score("accuracy_norm", &s, 1), 1, 0, "per byte the longer one wins");
    s.corrected = true;
    check(isnan(score("accuracy_norm", &s, 1)) && score("accuracy", &s, 1) == 0,
          "a score that is no likelihood has no length to be divided by");
    s.corrected = false;
    s.choice_logp = (double[]){ log(0.02), log(0.05), log(0.03) };
    check_near(score("nll_choice", &s, 1), log(2), 1e-12, "half of the choices' mass");
    check_near(score("brier", &s, 1), 0.04 + 0.25 + 0.09, 1e-12, "Brier");
    s.choice_logp = (double[]){ -INFINITY, -1e6, -INFINITY };
    check_near(score("nll_choice", &s, 1), 0, 0, "far below the range of exp()");
    check_near(score("brier", &s, 1), 0, 0, "certain and right");
    s.choice_logp = (double[]){ -1, -INFINITY, -2 };
    check(isinf(score("nll_choice", &s, 1)), "gold impossible");
    s.choice_logp = (double[]){ -INFINITY, -INFINITY, -INFINITY };
    check(isnan(score("accuracy", &s, 1)) && isnan(score("brier", &s, 1)) && isnan(score("ece", &s, 1)),
          "nothing possible: not defined");
    s.choice_logp = (double[]){ -1, NAN, -2 };
    check(isnan(score("accuracy", &s, 1)) && isnan(score("accuracy_norm", &s, 1)), "no number: not defined");
}

static void test_reliability(void)
{
    /* p-lambda util_test.py: one value a bin */
    static const double p[] = { .5, .5, .5, .6, .5, .6, .6, .6, .6 };
    static const bool right[] = { 0, 1, 0, 1, 0, 1, 1, 1, 0 };
    struct reliability bins[RELIABILITY_BINS];
    reliability_fill(bins, 10, p, right, 9);
    check_near(reliability_ece(bins, 10), 4.0 / 9 * .25 + 5.0 / 9 * .2, 1e-12, "p-lambda, p = 1");
    check_near(reliability_rmsce(bins, 10), 0.223607, 5e-7, "p-lambda, p = 2");
    check_near(reliability_mce(bins, 10), 0.25, 1e-12, "p-lambda, largest");
    reliability_fill(bins, 15, (double[]){ .3, .6 }, (bool[]){ true, false }, 2);
    check_near(reliability_ece(bins, 15), 0.65, 1e-12, "plugin_ce, p = 1");
    check_near(reliability_rmsce(bins, 15), 0.6519202405, 5e-11, "plugin_ce, p = 2");
    check(reliability_bin(0, 15) == 0 && reliability_bin(1, 15) == 14, "ends of the range");
    for (size_t n = 1; n <= RELIABILITY_BINS; n++)
        for (size_t b = 0; b < n; b++) {
            double edge = (double)(b + 1) / (double)n;
            check(reliability_bin(edge, n) == b, "%zu bins: %zu/%zu is in bin %zu", n, b + 1, n, b);
            check(reliability_bin(nextafter(edge, 2), n) == (b + 1 < n ? b + 1 : b), "%zu bins: above the edge", n);
        }
    reliability_fill(bins, 15, NULL, NULL, 0);
    check(isnan(reliability_ece(bins, 15)) && isnan(reliability_mce(bins, 15)), "nothing predicted");
}

/* Against numpy; in the first rows the last class is missing. */
static void test_classwise(void)
{
    static const char *const names[CLASSES] = { "a", "b", "c", "d", "e" };
    static struct classes data;
    static struct item items[CLASSES_ROWS];
    static struct sample s[CLASSES_ROWS];
    size_t n_missing = 0;
    classes_read(&data);
    for (size_t t = 0; t < CLASSES_ROWS; t++) {
        bool missing = data.logp[t][CLASSES - 1] == -INFINITY;
        items[t] = (struct item){
            .kind = ITEM_CHOICE, .choices = names, .n_choices = missing ? CLASSES - 1 : CLASSES, .gold = data.label[t]
        };
        s[t] = (struct sample){ .item = &items[t], .choice_logp = data.logp[t] };
        n_missing += missing;
    }
    check(n_missing == 20, "%zu questions of four choices", n_missing);
    check_near(score("ece_classwise", s, CLASSES_ROWS), data.classwise, 1e-12, "classwise ECE");
    check_near(score("ece", s, CLASSES_ROWS), data.top_ece, 1e-12, "ECE of the best");
    check(isnan(score("ece_classwise", s, 0)), "nothing answered");
    if (data.maps)
        fclose(data.maps);
}

#define LENET_N 10000

/* The data behind the k-th stored .npy in an .npz (a zip without compression); NULL when it is not of that size. */
static const char *npy(const struct text *zip, int k, size_t bytes)
{
    const char *s = text_s(zip), *end = s + zip->len;
    for (; (s = memmem(s, (size_t)(end - s), "\x93NUMPY\x01", 7)); s += 7) {
        size_t header = (unsigned char)s[8] | (size_t)(unsigned char)s[9] << 8;
        if (k-- == 0)
            return s + 10 + header + bytes <= end ? s + 10 + header : NULL;
    }
    return NULL;
}

static void test_lenet(void)
{
    const char *shared = check_shared();
    struct text path = { 0 }, zip = { 0 };
    text_addf(&path, "%s/data/evalsets/calibration/lenet-5-cifar-10.npz", shared ? shared : "");
    bool there = shared && text_read_file(&zip, text_s(&path), 1 << 20) == 0;
    if (!there)
        printf("choice: LeNet-5 values skipped: no shared folder with its predictions\n");
    const char *labels = there ? npy(&zip, 0, LENET_N * 8) : NULL, *probs = there ? npy(&zip, 1, LENET_N * 40) : NULL;
    static const char *const names[] = { "0", "1", "2", "3", "4", "5", "6", "7", "8", "9" };
    static struct item items[LENET_N];
    static struct sample s[LENET_N];
    static double logp[LENET_N][10], confidence[LENET_N];
    static bool right[LENET_N];
    double mean_accuracy = 0, mean_nll = 0, mean_brier = 0;
    for (size_t i = 0; i < LENET_N && labels && probs; i++) {
        int64_t label;
        float p[10];
        memcpy(&label, labels + 8 * i, 8);
        memcpy(p, probs + 40 * i, 40);
        for (size_t c = 0; c < 10; c++) {
            logp[i][c] = log((double)p[c]);
            confidence[i] = fmax(confidence[i], (double)p[c]);
        }
        items[i] = (struct item){ .kind = ITEM_CHOICE, .choices = names, .n_choices = 10, .gold = (size_t)label };
        s[i] = (struct sample){ .item = &items[i], .choice_logp = logp[i] };
        right[i] = score("accuracy", &s[i], 1) == 1;
        mean_accuracy += right[i] / (double)LENET_N;
        mean_nll += score("nll_choice", &s[i], 1) / LENET_N;
        mean_brier += score("brier", &s[i], 1) / LENET_N;
    }
    if (labels && probs) {
        struct reliability bins[10];
        reliability_fill(bins, 10, confidence, right, LENET_N);
        check_near(mean_accuracy, .5308, 1e-9, "LeNet-5 accuracy");
        check_near(mean_nll, 1.369868, 1e-6, "LeNet-5 NLL");
        check_near(mean_brier, .614152, 1e-6, "LeNet-5 Brier");
        check_near(score("ece", s, LENET_N), .107888, 1e-6, "LeNet-5 ECE, 15 bins");
        check_near(reliability_ece(bins, 10), .107888, 1e-6, "LeNet-5 ECE, 10 bins");
        check_near(reliability_rmsce(bins, 10), .112655, 1e-6, "LeNet-5 RMSCE, 10 bins");
        check_near(reliability_mce(bins, 10), .185821, 1e-6, "LeNet-5 MCE, 10 bins");
    }
    check(labels ? probs != NULL : !there, "LeNet-5 predictions can be read");
    text_free(&path);
    text_free(&zip);
}

int main(void)
{
    test_choices();
    test_reliability();
    test_classwise();
    test_lenet();
    return check_done("choice");
}
