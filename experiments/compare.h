/* Paired comparison of two results, or of two arms of one, aligned by item name. */
#ifndef EXPERIMENTS_COMPARE_H
#define EXPERIMENTS_COMPARE_H

#include "experiments/results.h"
#include "experiments/stats.h"

struct compare_row {
    const char *metric;
    int direction;
    const char *arm_a, *arm_b;
    struct interval a, b;          /* of each, over the items that both have a number for */
    struct interval delta;         /* b - a, paired by item */
    double p, p_holm, p_bh;        /* sign-flip permutation; corrected over all rows */
    size_t flips_to_b, flips_to_a; /* items where a 0/1 metric changed; else 0 */
    double p_mcnemar;              /* of the flips; NAN where the metric is not 0/1 */
    size_t unmatched; /* items of which b - a is no number: one side lacks them or theirs, or both are infinite */
};

struct compare {
    struct compare_row *rows;
    size_t n, cap;
    size_t unmatched_arms; /* arms only one side has */
    size_t bare;           /* arms that both have, with no row: nothing of them is in both, as where all units failed */
    size_t changed;        /* items of one name that ask something else on the other side; they are compared */
};

/* One arm of each.  0, or ERR_USAGE when nothing matches. */
int compare_arms(const struct results *a, uint32_t arm_a, const struct results *b, uint32_t arm_b, struct compare *out);
/* Every arm that both have, by name; p-values corrected over all. */
int compare_runs(const struct results *a, const struct results *b, struct compare *out);
void compare_fini(struct compare *c);

/* Index of an arm by its name, or by a part of it that only one arm has.  ERR_USAGE, listing. */
int compare_find_arm(const struct results *r, const char *name);

/* A gate: "accuracy<-0.5%", "judge_bpb>0.02": true deltas that fail it.  The number of rows that fail, or ERR_USAGE. */
int compare_gate(const struct compare *c, const char *gate, struct text *why);

#endif
