/* Rewards: the number by which best(by=reward) chooses among the texts of an item.
 *
 * The script names a metric of single texts (or of their traces): reward = "coverage", of which more is better, and of a metric
 * of which less is better the negative; one of which neither is better is refused.  Or it has a function (lua_reward.h).
 * NAN, of an item that the metric does not apply to or a text that was not judged: such a text cannot be chosen. */
#ifndef EXPERIMENTS_REWARD_H
#define EXPERIMENTS_REWARD_H

#include "experiments/lua_reward.h"
#include "experiments/trace_metric.h"

struct reward { /* one of them, or none */
    const struct metric_type *text;
    const struct trace_metric *trace;
    struct lua_reward *lua;
};

/* A metric: 0; ERR_USAGE: no such, or one of many texts, or without a direction. */
int reward_find(const char *name, struct reward *out);
int reward_open(const struct plan *p, struct reward *out); /* that of a checked plan; 0 or what its script says */
void reward_close(struct reward *r);
int reward_of(const struct reward *r, const struct measures_record *x, double *out); /* 0, or what its script says */
void reward_meaning(const struct reward *r, struct text *out); /* "coverage (share): ..."; appended */

#endif
