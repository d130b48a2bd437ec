/* A fit of a plan and a result of it as a journal may hold them, {"fit": {...}, "result": {...}}: what is accepted can be used,
 * maps of rows and of answers among it, or fails in a message; and how a fit says that choices are scored. */
#include "base/doc.h"
#include "base/err.h"
#include "experiments/choices.h"
#include "experiments/fit_maps.h"
#include "experiments/fit_result.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void must(bool ok)
{
    if (!ok)
        abort();
}

static void use_answers(const struct fit_maps *m, const char *hash)
{
    double score[3] = { -1, -80, -INFINITY };
    int rc = fit_maps_answer(m, hash, score, 3);
    must(rc == 0 || *err_text());
    for (size_t i = 0; i < 3 && rc == 0; i++)
        must(score[i] <= 1e-6);
}

static void use_rows(const struct calibration *c)
{
    float score[16];
    uint32_t n = calibration_classes(c) > 0 ? calibration_classes(c) : 3;
    if (n > 16)
        return;
    for (uint32_t i = 0; i < n; i++)
        score[i] = i == 2 ? -INFINITY : (float)i * 7;
    struct row r = row_over(score, n);
    must(row_measure(&r) == 0);
    must(calibration_apply(c, &r) == 0 || *err_text());
}

static void use_rule(const char *text)
{
    struct choices_rule rule, again;
    struct text canonical = { 0 };
    if (choices_parse(text, &rule) < 0) {
        must(*err_text());
        return;
    }
    choices_text(&rule, &canonical);
    must(choices_parse(text_s(&canonical), &again) == 0 && again.type == rule.type);
    text_free(&canonical);
    choices_fini(&again);
    choices_fini(&rule);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    json_t *all = doc_read("input", (const char *)data, n);
    const json_t *fit = json_object_get(all, "fit"), *result = json_object_get(all, "result");
    if (json_is_object(fit) && json_is_object(result)) {
        const char *choices = json_string_value(json_object_get(fit, "choices"));
        if (fit_result_check(fit, result) < 0) {
            must(*err_text());
        } else if (fit_maps_are_wanted(fit)) {
            struct fit_maps *m = fit_maps_read(fit, result);
            must(m != NULL);
            use_rows(fit_maps_all(m));
            use_answers(m, "one");
            use_answers(m, "two");
            fit_maps_free(m);
        }
        if (choices)
            use_rule(choices);
    }
    json_decref(all);
    return 0;
}
