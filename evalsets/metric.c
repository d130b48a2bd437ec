#include "evalsets/metric.h"
#include "base/err.h"
#include "evalsets/metric_list.h"
#include <string.h>

static const struct metric_type *const types[] = {
    &metric_distinct_1,    &metric_distinct_2,    &metric_distinct_3,  &metric_distinct_4,   &metric_ead,
    &metric_self_bleu,     &metric_spread,        &metric_compression, &metric_repetition,   &metric_diversity,
    &metric_coverage,      &metric_form_validity, &metric_form_exact,  &metric_length_chars, &metric_length_words,
    &metric_judge_bpb,     &metric_bits_per_byte, &metric_sampler_bpb, &metric_surprisal,    &metric_accuracy,
    &metric_accuracy_norm, &metric_nll_choice,    &metric_brier,       &metric_ece,          &metric_ece_classwise,
};
#define N_TYPES (sizeof types / sizeof *types)

const char *const metric_levels[] = { [METRIC_RECORD] = "record", [METRIC_ITEM] = "item", [METRIC_ARM] = "arm" };

const struct metric_type *const *metric_types(size_t *n)
{
    *n = N_TYPES;
    return types;
}

const struct metric_type *metric_find(const char *name)
{
    const char *names[N_TYPES];
    for (size_t i = 0; i < N_TYPES; i++) {
        names[i] = types[i]->name;
        if (strcmp(names[i], name) == 0)
            return types[i];
    }
    err_unknown(ERR_USAGE, "metric", name, names, N_TYPES);
    return NULL;
}

bool metric_applies(const struct metric_type *m, const struct item *item)
{
    if ((m->needs & NEEDS_TEXT) && item->kind != ITEM_GENERATE)
        return false;
    if ((m->needs & NEEDS_CHOICES) && item->kind != ITEM_CHOICE)
        return false;
    if ((m->needs & NEEDS_SCORE) && item->kind != ITEM_TEXT)
        return false;
    if ((m->needs & NEEDS_KEYWORDS) && item->n_keywords == 0)
        return false;
    return !(m->needs & NEEDS_FORM) || item->n_lines > 0;
}
