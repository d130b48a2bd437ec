/* prompt(tau, per, last): weights by how likely each voice finds the prompt.  The state is w (n_voices,), which stays.
 *
 * A mean over symbols or bytes, as perplexity is, so that long prompts do not decide by their length; tau 1 and equal weights
 * are PackLLM's.  A voice that gives its prompt probability 0 has weight 0, unless all do, or there is no prompt: then the
 * weights given stay. */
#include "base/err.h"
#include "base/row_math.h"
#include "ensemble/weighting_types.h"
#include "model/lm.h"
#include <math.h>
#include <string.h>

enum { TAU, PER, LAST };
enum { PER_SYMBOL, PER_BYTE };

/* Every voice must be asked, also where the rule alone would not. */
static int prompt_check(const struct weighting *w, const struct pool *p)
{
    (void)w;
    return p->type->others
               ? err_set(ERR_USAGE, "weighting prompt: the rule %s does not compute all voices", p->type->name)
               : 0;
}

static size_t prompt_size(const struct weighting *w, size_t n_voices)
{
    (void)w;
    return n_voices;
}

static void prompt_start(const struct weighting *w, const double prior[], size_t n_voices, double state[])
{
    (void)w;
    memcpy(state, prior, n_voices * sizeof *state);
}

static void prompt_weigh(const struct weighting *w, const double state[], size_t n_voices, double weight[])
{
    (void)w;
    memcpy(weight, state, n_voices * sizeof *weight);
}

static void prompt_update(const struct weighting *w, const struct weighting_step *s, const double prior[],
                          double state[])
{
    (void)w;
    (void)s;
    (void)prior;
    (void)state;
}

static uint32_t prompt_reads(const struct weighting *w)
{
    return (uint32_t)w->value[LAST].number;
}

static void prompt_read(const struct weighting *w, const struct weighting_prompt prompt[], const double prior[],
                        size_t n_voices, double state[])
{
    double x[LM_MAX_VOICES], top = -INFINITY, sum = 0, total = 0;
    for (size_t k = 0; k < n_voices; k++) {
        double n = (double)(w->value[PER].number == PER_BYTE ? prompt[k].bytes : prompt[k].n_symbols);
        x[k] = prior[k] > 0 ? math_log64(prior[k]) - (n > 0 ? prompt[k].nll / n / w->value[TAU].number : 0) : -INFINITY;
        top = fmax(top, x[k]);
        total += prior[k];
    }
    for (size_t k = 0; k < n_voices && top > -INFINITY; k++)
        sum += math_exp64(x[k] - top);
    /* of the sum that the weights given have: 1, but for a rule whose weights are free */
    for (size_t k = 0; k < n_voices && top > -INFINITY; k++)
        state[k] = total * math_exp64(x[k] - top) / sum;
}

static const char *const per[] = { "symbol", "byte", NULL };

static const struct param params[] = {
    { .name = "tau",
      .kind = PARAM_REAL,
      .min = 0,
      .min_open = true,
      .max = 1e6,
      .value = 1,
      .meaning = "nats that count as one: small is sharp, large leaves the weights given" },
    { .name = "per", .kind = PARAM_WORD, .words = per, .meaning = "what the mean is over: symbol or byte" },
    { .name = "last",
      .kind = PARAM_INT,
      .min = 1,
      .max = 4096,
      .value = 128,
      .meaning = "symbols of the prompt that are read, its last ones: their rows are held at once" },
};

const struct weighting_type weighting_prompt = {
    .name = "prompt",
    .params = params,
    .n_params = 3,
    .meaning = "each voice by how likely it finds the prompt, for the whole text",
    .source = "Mavromatis, Karypis & Karypis 2024 (PackLLM-sim), arXiv 2404.11531",
    .check = prompt_check,
    .size = prompt_size,
    .start = prompt_start,
    .weigh = prompt_weigh,
    .update = prompt_update,
    .reads = prompt_reads,
    .read = prompt_read,
};
