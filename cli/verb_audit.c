/* audit: draws of a strategy against the distribution that it claims, on lms whose strings can all be enumerated. */
#include "base/err.h"
#include "cli/console.h"
#include "cli/script_steps.h"
#include "cli/verbs.h"
#include "decode/audit.h"
#include "model/table.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Sharp, flat, and with an end that comes late. */
static const char *const usual[] = {
    "table:n=4,length=4,seed=1",
    "table:n=3,length=6,seed=2,sharpness=2",
    "table:n=9,length=3,seed=3,sharpness=0.5",
    "table:n=27,length=2,seed=4,sharpness=1.5",
};

struct job {
    const struct args *args;
    struct lua_transforms *transforms; /* of --script; NULL: none */
    struct chain *chain;
    const char *search;
    uint32_t draws, max_symbols;
    uint64_t seed;
    double alpha;
    size_t biased;
};

static void print_json(const struct job *j, const char *lm, const struct audit *r)
{
    struct text t = { 0 };
    text_add(&t, "{\"lm\":");
    text_add_json(&t, lm, strlen(lm));
    text_add(&t, ",\"chain\":");
    text_add_json(&t, chain_text(j->chain), strlen(chain_text(j->chain)));
    text_add(&t, ",\"search\":");
    text_add_json(&t, j->search, strlen(j->search));
    text_addf(&t, ",\"claim\":\"%s\",\"strings\":%zu,\"draws\":%u", audit_claim_name(r->claim), r->strings, r->draws);
    const struct {
        const char *key;
        double x;
    } numbers[] = { { "tv", r->tv }, { "tv_low", r->tv_low },   { "tv_high", r->tv_high }, { "noise", r->noise },
                    { "p", r->p },   { "outside", r->outside }, { "dead", r->dead },       { "gap", r->gap } };
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        console_member(&t, numbers[i].key, numbers[i].x);
    text_add(&t, "}");
    puts(text_s(&t));
    text_free(&t);
}

/* Least p: one of the repetitions that it is counted among.  A search for the best string that misses it is not wrong. */
static bool is_biased(const struct job *j, const struct audit *r)
{
    return r->outside > 0 || (r->claim != AUDIT_BEST && r->p <= j->alpha);
}

static void print_verdict(const struct job *j, const struct audit *r)
{
    bool biased = is_biased(j, r), missed = !biased && r->gap > 0;
    printf("%s%s%s\n",
           console_colour(biased   ? CONSOLE_RED
                          : missed ? CONSOLE_YELLOW
                                   : CONSOLE_GREEN),
           biased   ? "biased"
           : missed ? "missed"
                    : "as claimed",
           console_colour(CONSOLE_PLAIN));
}

static void print_line(const struct job *j, const char *lm, const struct audit *r)
{
    printf("%-42s %8zu %8u  %.4f  [%.4f, %.4f]  %.4f  %6.3f  ", lm, r->strings, r->draws, r->tv, r->tv_low, r->tv_high,
           r->noise, r->p);
    print_verdict(j, r);
    if (r->outside > 0)
        printf("    %g of its weight is on strings that the chain cannot make\n", r->outside);
    if (r->gap > 0)
        printf("    the %s string is better than what was found by %.4f of the search's score\n",
               audit_claim_name(r->claim), r->gap);
    if (r->dead > 0)
        printf("    %g of the claimed probability ends without support\n", r->dead);
}

static int audit_one(struct job *j, const char *name)
{
    struct table_options options;
    struct audit result;
    TRY(table_parse(name, &options));
    struct lm *lm = table_open(&options);
    struct core *core = core_alloc();
    const struct prompt prompt = { 0 };
    int bound = chain_bind(j->chain, lm->space);
    const struct audit_args args = { .on = { .lm = lm,
                                             .core = core,
                                             .chain = j->chain,
                                             .prompt = &prompt,
                                             .max_symbols = j->max_symbols,
                                             .address = { .seed = j->seed } },
                                     .search = j->search,
                                     .draws = j->draws,
                                     .confidence = 1 - j->alpha };
    int rc = bound < 0 ? bound : audit_run(&args, &result);
    if (rc == 0 && j->args->json)
        print_json(j, name, &result);
    else if (rc == 0)
        print_line(j, name, &result);
    j->biased += rc == 0 && is_biased(j, &result);
    core_free(core);
    lm_free(lm);
    return rc;
}

static int read_options(const struct args *a, struct job *j)
{
    int64_t draws = 0, limit = 0, seed = 0;
    TRY(options_int(a, "draws", 100, 10000000, &draws));
    TRY(options_int(a, "max-symbols", 0, 64, &limit));
    TRY(options_int(a, "seed", 0, INT64_MAX, &seed));
    TRY(options_real(a, "alpha", 0.001, 0.5, &j->alpha));
    j->draws = (uint32_t)draws;
    j->max_symbols = (uint32_t)limit;
    j->seed = (uint64_t)seed;
    j->search = options_text(a, "search");
    TRY(script_steps_open(a, &j->transforms));
    j->chain = lua_transforms_chain(j->transforms, options_text(a, "chain"));
    return j->chain ? 0 : ERR_USAGE;
}

static int run_audit(const struct args *a)
{
    struct job j = { .args = a };
    bool given = a->n_operands > 0;
    size_t n = given ? a->n_operands : sizeof usual / sizeof *usual;
    int rc = read_options(a, &j);
    if (rc == 0 && !a->json)
        printf("%-42s %8s %8s  %-6s  %-16s  %-6s  %6s\n", "lm", "strings", "draws", "TV", "interval", "noise", "p");
    for (size_t i = 0; rc == 0 && i < n; i++)
        rc = audit_one(&j, given ? a->operand[i] : usual[i]);
    if (rc == 0 && j.biased > 0)
        rc = err_set(ERR_GATE, "%zu of %zu lms: '%s' by %s does not follow what it claims", j.biased, n,
                     chain_text(j.chain), j.search);
    chain_free(j.chain);
    lua_transforms_close(j.transforms);
    return rc;
}

static const struct option_row options[] = {
    { "chain", "TEXT", "", "transforms (see chorale list strategies)" },
    { "search", "TEXT", "sample", "search (see chorale list searches)" },
    { "draws", "N", "50000", "draws for each lm; the noise falls as 1 / sqrt(N)" },
    { "max-symbols", "N", "0", "limit in symbols; 0: none" },
    { "seed", "N", "1", "of the draws" },
    SCRIPT_STEPS_OPTIONS,
    { "alpha", "X", "0.001", "p up to this is called biased; the interval has confidence 1 - alpha" },
};

const struct verb verb_audit = {
    .name = "audit",
    .operands = "[TABLE...]",
    .max_operands = 64,
    .summary = "compares a strategy with the distribution that it claims, on lms that can be enumerated",
    .details =
        "TABLE is an exact lm like table:n=4,length=5,seed=3,sharpness=1; without one, four usual ones.\n"
        "Every string is enumerated; N draws are compared with it. TV is the total variation measured, noise what the\n"
        "claim itself would show on average, p how often the claim shows as much. Exit status 10: biased.\n"
        "beam and best_first claim the string that is best by their own score (ln p over their length\n"
        "penalties); a narrow beam may miss it, which is told and is no bias. Of a search with weighted texts\n"
        "(stochastic_beam) p sees the strings that are expected 20 times apart, and the others as one.",
    .options = options,
    .n_options = sizeof options / sizeof *options,
    .run = run_audit,
};
