/* dist: a chain applied to distributions, without a model. */
#include "cli/lines.h"
#include "cli/verbs.h"
#include "decode/dist.h"

static int answer(void *dist, const char *line, size_t n, struct text *out)
{
    return dist_line(dist, line, n, out);
}

static int explain(void *dist, const char *line, size_t n, struct text *out)
{
    return dist_explain(dist, line, n, out);
}

static int run_dist(const struct args *a)
{
    struct dist *dist = dist_alloc();
    int rc = lines_run(a, options_flag(a, "explain") ? explain : answer, dist);
    dist_free(dist);
    return rc;
}

static const struct option_row options[] = {
    { "explain", NULL, NULL,
      "a table of what each step keeps, and bars of the most probable symbols, instead of JSON" },
};

const struct verb verb_dist = {
    .name = "dist",
    .operands = "[FILE]",
    .max_operands = 1,
    .summary = "applies a chain to distributions given as JSON lines: what each step keeps, and the result",
    .details =
        "reads   {\"id\":\"a\",\"logits\":[...],\"history\":[...],\"prompt\":[...],\"chain\":\"top_k=3 | "
        "top_p=0.9\",\"seed\":1}\n"
        "        (\"probs\" for \"logits\"; null is -inf; \"draw\":n draws n symbols; \"unnormalised\":true leaves out "
        "the last\n"
        "        renormalisation)\n"
        "writes  "
        "{\"id\":\"a\",\"probs\":[...],\"kept\":3,\"mass\":0.97,\"entropy\":0.8,\"steps\":[...],\"logits\":[...]}\n"
        "        or {\"id\":\"a\",\"error\":\"...\"}, and then exit status 1.\n"
        "\"profile\":\"llamacpp\" (or @llamacpp at the head of the chain) takes that system's rules; list profiles "
        "names "
        "them.",
    .options = options,
    .n_options = sizeof options / sizeof *options,
    .run = run_dist,
};
