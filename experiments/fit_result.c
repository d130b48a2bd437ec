#include "experiments/fit_result.h"
#include "base/err.h"
#include "decode/conformal.h"
#include "experiments/fit_maps.h"
#include "experiments/fit_place.h"
#include "experiments/plan.h"
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

static int check_number(const json_t *doc, const json_t *result)
{
    double x;
    TRY(doc_real(result, field(doc, "id"), "value", &x));
    return isfinite(x) ? 0 : err_set(ERR_DATA, "fit '%s': its value is %g", field(doc, "id"), x);
}

static int check_list(const json_t *doc, const json_t *result, const char *key, size_t *n)
{
    json_t *list, *x;
    size_t i;
    TRY(doc_array(result, field(doc, "id"), key, &list));
    json_array_foreach(list, i, x)
    {
        if (!json_is_number(x) || !isfinite(json_number_value(x)) || json_number_value(x) < 0)
            return err_set(ERR_DATA, "fit '%s': %s[%zu] is no number of 0 or more", field(doc, "id"), key, i);
    }
    *n = i;
    return 0;
}

/* The step itself checks what it is given. */
static int check_table(const json_t *doc, const json_t *result)
{
    size_t n_edges = 0, n = 0;
    TRY(check_list(doc, result, "edges", &n_edges));
    TRY(check_list(doc, result, "mass", &n));
    return n > 0 && n <= CONFORMAL_MAX_BINS && n_edges + 1 == n
               ? 0
               : err_set(ERR_DATA, "fit '%s': %zu masses for %zu edges", field(doc, "id"), n, n_edges);
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

static int check_maps(const json_t *doc, const json_t *result)
{
    struct fit_maps *m = fit_maps_read(doc, result);
    int rc = m ? 0 : ERR_DATA;
    fit_maps_free(m);
    return rc;
}

/* Maps that change nothing. */
static json_t *guess_maps(const json_t *lm, const json_t *doc)
{
    json_t *maps = json_array();
    json_int_t folds = json_object_get(doc, "choices") ? json_integer_value(json_object_get(doc, "folds")) : 0;
    (void)lm;
    for (json_int_t i = 0; i < 1 + (folds < 2 ? 0 : folds) && i <= FIT_MOST_FOLDS; i++)
        json_array_append_new(maps, json_array());
    return json_pack("{s:i, s:o}", "classes", 1, "maps", maps);
}

static json_t *guess_value(const json_t *lm, const json_t *doc)
{
    (void)lm;
    (void)doc;
    return json_pack("{s:f}", "value", 1.0);
}

static json_t *guess_weights(const json_t *lm, const json_t *doc)
{
    (void)doc;
    json_t *weights = json_array();
    size_t n = json_array_size(json_object_get(lm, "voices"));
    for (size_t i = 0; i < n; i++)
        json_array_append_new(weights, json_real(1));
    return json_pack("{s:o}", "weights", weights);
}

static json_t *guess_number(const json_t *lm, const json_t *doc)
{
    double from = json_number_value(json_object_get(doc, "from")), to = json_number_value(json_object_get(doc, "to"));
    (void)lm;
    return json_pack("{s:f}", "value", from / 2 + to / 2);
}

static json_t *guess_table(const json_t *lm, const json_t *doc)
{
    (void)lm;
    (void)doc;
    return json_pack("{s:[], s:[f]}", "edges", "mass", 1.0);
}

/* Of what leaves no maps. */
static const struct kind {
    const char *what;
    int (*check)(const json_t *doc, const json_t *result);
    json_t *(*guess)(const json_t *lm, const json_t *doc);
} kinds[] = { { "temperature", check_value, guess_value },
              { "weights", check_weights, guess_weights },
              { "entropy", check_number, guess_number },
              { "conformal", check_table, guess_table } };

enum { N_KINDS = sizeof kinds / sizeof *kinds };

/* NULL: unknown. */
static const struct kind *kind_of(const json_t *doc)
{
    static const struct kind maps = { "", check_maps, guess_maps };
    if (fit_maps_are_wanted(doc))
        return &maps;
    for (size_t i = 0; i < N_KINDS; i++)
        if (strcmp(kinds[i].what, field(doc, "what")) == 0)
            return &kinds[i];
    return NULL;
}

int fit_result_check(const json_t *doc, const json_t *result)
{
    const struct kind *k = kind_of(doc);
    return k ? k->check(doc, result)
             : err_set(ERR_DATA, "fit '%s': nothing is known of '%s'", field(doc, "id"), field(doc, "what"));
}

json_t *fit_result_guess(const json_t *lm, const json_t *doc)
{
    const struct kind *k = kind_of(doc);
    return k ? k->guess(lm, doc) : json_object();
}

void fit_result_guess_chain(const struct plan *p, const char *fit, const char *chain, struct text *out)
{
    const json_t *doc = plan_fit(p, fit);
    if (!doc) {
        text_add(out, chain);
        return;
    }
    json_t *guess = fit_result_guess(plan_lm(p, field(doc, "lm")), doc);
    fit_place_fill(chain, guess, out);
    json_decref(guess);
}
