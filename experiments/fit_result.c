#include "experiments/fit_result.h"
#include "base/err.h"
#include "experiments/lms.h"
#include <math.h>
#include <string.h>

static const char *field(const json_t *o, const char *key)
{
    const char *s = json_string_value(json_object_get(o, key));
    return s ? s : "";
}

static int check_value(const json_t *doc, const json_t *result)
{
    double x;
    TRY(doc_real(result, field(doc, "id"), "value", &x));
    return isfinite(x) && x > 0 ? 0
                                : err_set(ERR_DATA, "fit '%s': its value is %g, want one above 0", field(doc, "id"), x);
}

static int check_weights(const json_t *doc, const json_t *result)
{
    json_t *weights, *w;
    double sum = 0;
    size_t i;
    TRY(doc_array(result, field(doc, "id"), "weights", &weights));
    json_array_foreach(weights, i, w)
    {
        double x = json_number_value(w);
        if (!json_is_number(w) || !(x >= 0) || !isfinite(x))
            return err_set(ERR_DATA, "fit '%s': weight %zu is no number of 0 or more", field(doc, "id"), i + 1);
        sum += x;
    }
    return sum > 0 && i <= LM_MAX_VOICES
               ? 0
               : err_set(ERR_DATA, "fit '%s': %zu weights of sum %g", field(doc, "id"), i, sum);
}

static json_t *guess_value(const json_t *what, const json_t *doc)
{
    (void)what;
    (void)doc;
    return json_pack("{s:f}", "value", 1.0);
}

static json_t *guess_weights(const json_t *what, const json_t *doc)
{
    json_t *weights = json_array();
    size_t n = json_array_size(json_object_get(lms_node(what, field(doc, "lm")), "voices"));
    for (size_t i = 0; i < n; i++)
        json_array_append_new(weights, json_real(1));
    return json_pack("{s:o}", "weights", weights);
}

static const struct {
    const char *what;
    int (*check)(const json_t *doc, const json_t *result);
    json_t *(*guess)(const json_t *what, const json_t *doc);
} kinds[] = { { "temperature", check_value, guess_value }, { "weights", check_weights, guess_weights } };

enum { N_KINDS = sizeof kinds / sizeof *kinds };

static size_t kind_of(const json_t *doc)
{
    size_t i = 0;
    while (i < N_KINDS && strcmp(kinds[i].what, field(doc, "what")) != 0)
        i++;
    return i;
}

int fit_result_check(const json_t *doc, const json_t *result)
{
    size_t i = kind_of(doc);
    return i < N_KINDS ? kinds[i].check(doc, result)
                       : err_set(ERR_DATA, "fit '%s': nothing is known of '%s'", field(doc, "id"), field(doc, "what"));
}

json_t *fit_result_guess(const json_t *what, const json_t *doc)
{
    size_t i = kind_of(doc);
    return i < N_KINDS ? kinds[i].guess(what, doc) : json_object();
}
