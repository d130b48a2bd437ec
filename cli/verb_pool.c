/* pool: a pool rule applied to distributions, without a model. */
#include "cli/lines.h"
#include "cli/verbs.h"
#include "ensemble/pool_line.h"

static int answer(void *rule, const char *line, size_t n, struct text *out)
{
    return pool_line(line, n, rule, out);
}

static int run_pool(const struct args *a)
{
    return lines_run(a, answer, (void *)(uintptr_t)options_text(a, "rule"));
}

static const struct option_row options[] = {
    { "rule", "TEXT", NULL,
      "pool rule for lines that name none, like \"log\" or \"power(0.5)\" (see chorale list rules)" },
};

const struct verb verb_pool = {
    .name = "pool",
    .operands = "[FILE]",
    .max_operands = 1,
    .summary = "applies a pool rule to distributions given as JSON lines",
    .details =
        "reads   {\"id\":\"a\",\"rule\":\"log\",\"weights\":[...],\"probs\":[[...],[...]]}\n"
        "        (\"logits\" for \"probs\"; null is -inf; no weights: equal ones; \"prefix\":[...] of a rule with "
        "mode=global:\n"
        "        ln p of the prefix under each voice)\n"
        "writes  {\"id\":\"a\",\"probs\":[...],\"log_z\":-0.1,\"entropy\":0.8,\"data_entropy\":0.7,"
        "\"disagreement\":0.1,\n"
        "        \"epkl\":0.2,\"rmi\":0.1,\"agreement\":0.5,\"dead\":false}\n"
        "        or {\"id\":\"a\",\"error\":\"...\"}, and then exit status 1.",
    .options = options,
    .n_options = sizeof options / sizeof *options,
    .run = run_pool,
};
