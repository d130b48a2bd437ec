/* The metrics that exist, by the file that defines them; metric.c puts them in one table. */
#ifndef EVALSETS_METRIC_LIST_H
#define EVALSETS_METRIC_LIST_H

#include "evalsets/metric.h"

/* metric_diversity.c: how different the draws of an item are, and how much a text repeats itself */
extern const struct metric_type metric_distinct_1, metric_distinct_2, metric_distinct_3, metric_distinct_4;
extern const struct metric_type metric_ead, metric_self_bleu, metric_spread, metric_compression;
extern const struct metric_type metric_repetition, metric_diversity;

/* metric_control.c: whether a text does what was asked */
extern const struct metric_type metric_coverage, metric_form_validity, metric_form_exact;
extern const struct metric_type metric_length_chars, metric_length_words;

/* metric_likelihood.c: what models make of a text */
extern const struct metric_type metric_judge_bpb, metric_bits_per_byte, metric_sampler_bpb, metric_surprisal;

/* metric_choice.c: choices by likelihood, and how far their probabilities can be trusted */
extern const struct metric_type metric_accuracy, metric_accuracy_norm, metric_nll_choice, metric_brier, metric_ece;
extern const struct metric_type metric_ece_classwise;

#endif
