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
    .details = "reads   {\"id\":\"a\",\"rule\":\"log\",\"weights\":[...],\"probs\":[[...],[...]]}\n"
               "writes  {\"id\":\"a\",\"probs\":[...],\"log_z\":-0.1,\"entropy\":0.8,\"dead\":false}\n"
               "        or {\"id\":\"a\",\"error\":\"...\"}, and then exit status 1.",
    .options = options,
    .n_options = sizeof options / sizeof *options,
    .run = run_pool,
};
