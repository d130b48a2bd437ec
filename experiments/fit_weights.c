/* The weights of an ensemble's voices.  The fit's lm is the linear pool of the same voices, with equal weights: it has
 * every voice's row at every position, after the voice's own transforms. */
#include "base/err.h"
#include "ensemble/ensemble.h"
#include "ensemble/weights_fit.h"
#include "experiments/fit_types.h"
#include <math.h>
#include <string.h>

#define KEPT_BYTES (WEIGHTS_FIT_BYTES / 4) /* of rows: fewer positions where the vocabulary is large */

static const struct {
    const char *pool; /* the rule's name; its weights say what they say to `rule` */
    enum weights_fit_rule rule;
} rules[] = {
    { "linear", WEIGHTS_LINEAR }, { "sampled", WEIGHTS_LINEAR }, { "log", WEIGHTS_LOG }, { "product", WEIGHTS_PRODUCT }
};

static int rule_find(const char *pool, enum weights_fit_rule *rule)
{
    for (size_t i = 0; pool && i < sizeof rules / sizeof *rules; i++)
        if (strcmp(rules[i].pool, pool) == 0) {
            *rule = rules[i].rule;
            return 0;
        }
    return err_set(ERR_DATA, "the weights of rule '%s' cannot be fitted", pool ? pool : "");
}

static const char *rule_of(const struct fit *f)
{
    return json_string_value(json_object_get(f->doc, "rule"));
}

static int weights_open(struct fit *f, size_t *most)
{
    enum weights_fit_rule rule;
    TRY(rule_find(rule_of(f), &rule));
    if (f->lm->n_voices == 0 || !ensemble_asks_all(f->lm))
        return err_set(ERR_DATA, "weights want the linear pool of some voices, and '%s' is none", f->lm_id);
    size_t room = KEPT_BYTES / ((size_t)f->lm->n_voices * f->lm->space->n * sizeof(float));
    *most = room < *most ? room + 1 : *most;
    f->kept = weights_fit_alloc(f->lm->n_voices, f->lm->space->n);
    return 0;
}

static void weights_close(struct fit *f)
{
    weights_fit_free(f->kept);
}

static int weights_keep(struct fit *f, const struct row *r, const struct score_place *place)
{
    struct row rows[LM_MAX_VOICES];
    (void)r;
    TRY(ensemble_voices(f->lm, place->slot, place->back, rows));
    return weights_fit_add(f->kept, rows, place->label);
}

/* What is infinite (a voice alone that excludes a label) is null: JSON has no other word. */
static json_t *number(double x)
{
    return isfinite(x) ? json_real(x) : json_null();
}

static int weights_result(struct fit *f, json_t *out)
{
    enum weights_fit_rule rule;
    struct weights_fitted w;
    double sum = 0;
    TRY(rule_find(rule_of(f), &rule));
    TRY(weights_fit(f->kept, rule, &w));
    json_t *weights = json_array(), *alone = json_array(), *names = json_array();
    for (uint32_t k = 0; k < f->lm->n_voices; k++) {
        json_array_append_new(weights, json_real(w.weight[k]));
        json_array_append_new(alone, number(w.nll_voice[k]));
        json_array_append_new(names, json_string(f->lm->voices[k]));
        sum += w.weight[k];
    }
    json_object_set_new(out, "rule", json_string(rule_of(f)));
    json_object_set_new(out, "weights", weights);
    json_object_set_new(out, "nll_voices", alone);
    json_object_set_new(out, "voices", names);
    json_object_set_new(out, "n", json_integer((json_int_t)w.n));
    json_object_set_new(out, "nll_before", number(w.nll_equal));
    json_object_set_new(out, "nll_after", number(w.nll));
    return sum > 0 ? 0
                   : err_set(ERR_DATA, "the best weights of '%s' are all 0: no voice says anything of the split",
                             rule_of(f));
}

const struct fit_type fit_weights = {
    .name = "weights",
    .open = weights_open,
    .close = weights_close,
    .keep = weights_keep,
    .result = weights_result,
};
