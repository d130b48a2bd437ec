#include "experiments/trace_metric.h"
#include "base/err.h"
#include "base/mem.h"
#include "evalsets/metric.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

static double mean(const float x[], size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += (double)x[i];
    return n > 0 ? sum / (double)n : NAN;
}

static double entropy(const struct unit_record *r)
{
    return mean(r->entropy, r->n_steps);
}

static double entropy_final(const struct unit_record *r)
{
    return mean(r->entropy_final, r->n_steps);
}

static double kept_mass(const struct unit_record *r)
{
    return mean(r->mass, r->n_steps);
}

static double kept_log2(const struct unit_record *r)
{
    double sum = 0;
    for (size_t i = 0; i < r->n_steps; i++)
        sum += log2(r->kept[i] > 0 ? (double)r->kept[i] : 1);
    return r->n_steps > 0 ? sum / (double)r->n_steps : NAN;
}

/* Over the steps that the voices have told of: all but those that were pushed unread. */
static double mean_told(const struct unit_record *r, const float x[])
{
    double sum = 0;
    size_t n = 0;
    for (size_t i = 0; i < r->n_steps && r->n_voices > 0; i++) {
        sum += isnan(x[i]) ? 0 : (double)x[i];
        n += isnan(x[i]) ? 0 : 1;
    }
    return n > 0 ? sum / (double)n : NAN;
}

static double data_entropy(const struct unit_record *r)
{
    return mean_told(r, r->data_entropy);
}

static double disagreement(const struct unit_record *r)
{
    return mean_told(r, r->disagreement);
}

static double agreement(const struct unit_record *r)
{
    return mean_told(r, r->agreement);
}

/* A voice that was not computed has no log-probability. */
static double voices_asked(const struct unit_record *r)
{
    size_t n = 0, all = r->n_steps * r->n_voices;
    for (size_t i = 0; i < all; i++)
        n += isnan(r->voice_logp[i]) ? 0 : 1;
    return all > 0 ? (double)n / (double)r->n_steps : NAN;
}

static double ended(const struct unit_record *r)
{
    return r->end == HYP_SYMBOL || r->end == HYP_STRING ? 1 : 0;
}

static double accepted_length(const struct unit_record *r)
{
    return r->passes > 0 ? (double)r->accepted / r->passes : NAN;
}

static double passes_per_symbol(const struct unit_record *r)
{
    return r->passes > 0 && r->n_steps > 0 ? (double)r->passes / (double)r->n_steps : NAN;
}

const struct trace_metric *trace_metrics(size_t *n)
{
    static const struct trace_metric table[] = {
        { "entropy", "nats", "entropy of the lm's distribution, mean over symbols", 0, 0, INFINITY, entropy },
        { "entropy_final", "nats", "entropy of what the chain left, mean over symbols", 0, 0, INFINITY, entropy_final },
        { "kept_mass", "share", "probability that the chain kept, mean over symbols", 0, 0, 1, kept_mass },
        { "kept_log2", "bits", "log2 of the number of symbols the chain kept, mean over symbols", 0, 0, INFINITY,
          kept_log2 },
        { "agreement", "share", "weight of the largest party of voices with one best symbol, mean over symbols", 0, 0,
          1, agreement },
        { "data_entropy", "nats", "mean entropy of the voices: what no further voice would take away", 0, 0, INFINITY,
          data_entropy },
        { "disagreement", "nats", "how far the voices differ: entropy of their mean less their mean entropy", 0, 0,
          INFINITY, disagreement },
        { "voices_asked", "voices", "voices that were computed, mean over symbols: gates and draws leave voices out", 0,
          0, INFINITY, voices_asked },
        { "ended", "share", "texts that end by themselves (end symbol or stop string), not at a limit", 0, 0, 1,
          ended },
        { "accepted_length", "symbols", "proposed symbols that held, of each pass of an lm with a draft", 1, 0,
          INFINITY, accepted_length },
        { "passes_per_symbol", "passes", "passes of an lm with a draft for each symbol; none without one", -1, 0,
          INFINITY, passes_per_symbol },
    };
    *n = sizeof table / sizeof *table;
    return table;
}

const struct trace_metric *trace_metric_find(const char *name)
{
    size_t n;
    const struct trace_metric *all = trace_metrics(&n);
    for (size_t i = 0; i < n; i++)
        if (strcmp(all[i].name, name) == 0)
            return &all[i];
    return NULL;
}

int trace_metric_unknown(const char *name)
{
    size_t n_texts, n;
    const struct metric_type *const *texts = metric_types(&n_texts);
    const struct trace_metric *traces = trace_metrics(&n);
    const char **names = mem_alloc(n_texts + n, sizeof *names);
    for (size_t i = 0; i < n_texts; i++)
        names[i] = texts[i]->name;
    for (size_t i = 0; i < n; i++)
        names[n_texts + i] = traces[i].name;
    int rc = err_unknown(ERR_USAGE, "metric", name, names, n_texts + n);
    free(names);
    return rc;
}
