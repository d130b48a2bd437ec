/* gated(tau, rule): the leader (voice 0) alone where its most probable symbol has probability tau or more; otherwise all
 * voices under `rule`.  The others are not computed where the gate is shut, so a sure leader costs one voice.
 *
 * The leader's own probability is compared with tau, whatever its weight.  A dead leader is not sure: the gate opens.
 * -inf table: gate shut, the leader's row; gate open, that of `rule` (pool_power.c). */
#include "base/err.h"
#include "base/row_math.h"
#include "ensemble/pool_rules.h"
#include "model/lm.h"
#include <math.h>
#include <string.h>

enum { TAU, RULE };

static int gated_check(struct pool *p)
{
    static const char *const rules[] = { "linear", "log" };
    const char *rule = p->value[RULE].text;
    p->r = rule && strcmp(rule, "log") == 0 ? 0 : 1;
    if (rule && p->r == 1 && strcmp(rule, "linear") != 0)
        return err_add(err_unknown(ERR_USAGE, "rule", rule, rules, 2), "gated");
    if (p->r == 1)
        p->value[RULE].text = NULL; /* the default: one canonical text */
    return 0;
}

static bool gated_others(const struct pool *p, const struct row *leader)
{
    return row_dead(leader) || math_exp64(row_max(leader) - leader->log_z) < p->value[TAU].number;
}

static double gated_apply(const struct pool *p, struct row *out, const struct row rows[], const double weight[],
                          size_t n)
{
    if (!gated_others(p, &rows[0]))
        return pool_only(out, &rows[0]);
    return pool_mean(out, rows, weight, n, p->r);
}

static const struct param gated_params[] = {
    { .name = "tau",
      .kind = PARAM_REAL,
      .min = 0,
      .max = 1,
      .min_open = true,
      .required = true,
      .meaning = "probability of the leader's best symbol from which it speaks alone" },
    { .name = "rule", .kind = PARAM_TEXT, .meaning = "pool below tau: linear or log" },
};

const struct pool_type pool_gated = {
    .name = "gated",
    .params = gated_params,
    .n_params = 2,
    .weighted = true,
    .sums_to_one = true,
    .min_voices = 1,
    .max_voices = LM_MAX_VOICES,
    .meaning = "the first voice alone where it is sure, all voices where it is not",
    .source = "Yu et al. 2024 (GaC, thresholded)",
    .check = gated_check,
    .apply = gated_apply,
    .value = NULL,
    .others = gated_others,
};
