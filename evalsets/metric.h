/* Metrics: numbers of texts, items and arms.  Rows of a table; pure functions of what they are handed.
 *
 * Values are raw: draws of an item count alike (log_weight is for the statistics above), and nothing is clipped to the
 * range.  NAN says that a metric is not defined for what it was given: no samples, no words, no judge. */
#ifndef EVALSETS_METRIC_H
#define EVALSETS_METRIC_H

#include "evalsets/evalset.h"
#include <stdbool.h>
#include <stddef.h>

enum metric_level {
    METRIC_RECORD, /* one text (or one choice question) */
    METRIC_ITEM,   /* all draws of one item under one arm */
    METRIC_ARM,    /* everything of one arm */
};
extern const char *const metric_levels[METRIC_ARM + 1]; /* their names: "record", "item", "arm" */

enum metric_needs {
    NEEDS_TEXT = 1,    /* sample.text of GENERATE items */
    NEEDS_JUDGE = 2,   /* sample.judge_nll */
    NEEDS_CHOICES = 4, /* sample.choice_logp of CHOICE items */
    NEEDS_KEYWORDS = 8,
    NEEDS_FORM = 16,
    NEEDS_SCORE = 32, /* sample.nll of TEXT items */
};

/* One record as metrics see it. */
struct sample {
    const struct item *item;
    const char *text; /* (n_text bytes) generated, or the TEXT item's */
    size_t n_text;
    size_t n_symbols;
    double nll;       /* nats, of the text under the arm's lm (TEXT), or of the draw under its chain (GENERATE) */
    double judge_nll; /* nats, of the text given the prompt, under the judge; NAN without a judge */
    const double *choice_logp; /* (item->n_choices,) nats */
    bool corrected;            /* choice_logp are scores of another rule, or calibrated: no log-likelihoods of texts */
    double log_weight;
};

struct metric_type {
    const char *name; /* "distinct_3" */
    enum metric_level level;
    unsigned needs;
    int direction;   /* +1 more is better, -1 less is better, 0 neither: it describes */
    double min, max; /* range, for axes and for the 5 %..95 % test; INFINITY where unbounded */
    const char *unit;
    const char *meaning; /* one line */
    const char *source;
    /* s[n]: 1 sample (RECORD), the draws of one item (ITEM), all of an arm (ARM).  NAN: not defined for these. */
    double (*score)(const struct sample s[], size_t n);
};

const struct metric_type *const *metric_types(size_t *n);
const struct metric_type *metric_find(const char *name); /* NULL + ERR_USAGE that lists and suggests */
bool metric_applies(const struct metric_type *m, const struct item *item);

#endif
