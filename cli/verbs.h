/* The verbs of the command line: one file each, one row each of the table in cli/main.c. */
#ifndef CLI_VERBS_H
#define CLI_VERBS_H

#include "cli/options.h"

extern const struct verb verb_run, verb_report, verb_compare, verb_generate, verb_score, verb_logits, verb_dist,
    verb_pool, verb_fit, verb_tokenize, verb_detokenize, verb_inspect, verb_list, verb_bench, verb_convert, verb_plan,
    verb_replay, verb_audit, verb_detect;

#endif
