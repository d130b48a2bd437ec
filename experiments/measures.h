/* The metrics of a run, computed as its units go by: item by item, arm by arm.  Of the texts, one item's draws are alive
 * at a time, and those of one arm where a metric is of the arm. */
#ifndef EXPERIMENTS_MEASURES_H
#define EXPERIMENTS_MEASURES_H

#include "evalsets/metric.h"
#include "experiments/unit.h"

struct measures;

/* Where the script has selections, each metric of texts that it names for an axis is also measured of the text that each
 * selection chooses among all draws of an item: "coverage@mbr(bleu)", of level item. */

struct measures *measures_alloc(const struct plan *p); /* NULL + what the script of a reward says */
void measures_free(struct measures *m);

/* One record of an item: what metrics see, and its trace. */
struct measures_record {
    struct sample sample;
    const struct unit_record *trace;
    double reward; /* measures_reward(); NAN: none */
};

/* All draws of one item under one arm, each (arm, item) once, arms one after the other. */
struct measures_item {
    uint32_t arm, item;
    const struct measures_record *records; /* those of draw d are first[d] .. first[d + 1] - 1; none: it is missing */
    const size_t *first;                   /* (draws + 1,) */
};
/* Fills the record's reward, the number by which best(by=reward) chooses (reward.h).  0, or what a script's function says. */
int measures_reward(const struct measures *m, struct measures_record *r);
/* Appends what the reward is; nothing where there is none. */
void measures_reward_meaning(const struct measures *m, struct text *out);
void measures_item(struct measures *m, const struct measures_item *item);
/* The arm whose items went by is complete. */
void measures_arm(struct measures *m, uint32_t arm);

struct measure {
    const char *name, *unit, *meaning;
    enum metric_level level;
    int direction;
    double min, max;
    double *value; /* by level: (n_arms, n_items, draws), (n_arms, n_items), (n_arms) */
};
/* Those that are defined for at least one unit, by name; valid until the next call on m. */
const struct measure *measures_list(struct measures *m, size_t *n);

#endif
