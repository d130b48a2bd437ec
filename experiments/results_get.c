/* The plain getters of a results file. */
#include "base/err.h"
#include "base/mem.h"
#include "experiments/results_inside.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

const json_t *results_plan(const struct results *r)
{
    return r->plan;
}

const json_t *results_provenance(const struct results *r)
{
    return r->provenance;
}

uint32_t results_draws(const struct results *r)
{
    return r->draws;
}

const struct results_arm *results_arms(const struct results *r, size_t *n)
{
    *n = r->n_arms;
    return r->arms;
}

const struct results_item *results_items(const struct results *r, size_t *n)
{
    *n = r->n_items;
    return r->items;
}

const struct results_metric *results_metrics(const struct results *r, size_t *n)
{
    *n = r->n_metrics;
    return r->metrics;
}

const struct results_metric *results_metric(const struct results *r, const char *name)
{
    const char **names = mem_alloc(r->n_metrics, sizeof *names);
    const struct results_metric *found = NULL;
    for (size_t i = 0; i < r->n_metrics; i++) {
        names[i] = r->metrics[i].name;
        if (strcmp(names[i], name) == 0)
            found = &r->metrics[i];
    }
    if (!found)
        err_unknown(ERR_USAGE, "metric of these results", name, names, r->n_metrics);
    free(names);
    return found;
}

const char *const *results_creativity(const struct results *r, size_t *n)
{
    *n = r->n_creativity;
    return r->creativity;
}

const char *const *results_control(const struct results *r, size_t *n)
{
    *n = r->n_control;
    return r->control;
}

const struct results_record *results_records(const struct results *r, size_t *n)
{
    *n = r->n_records;
    return r->records;
}

const struct results_record *results_unit(const struct results *r, uint32_t arm, uint32_t item, uint32_t draw,
                                          size_t *n)
{
    size_t at = ((size_t)arm * r->n_items + item) * r->draws + draw;
    *n = r->unit_count[at];
    return *n > 0 ? &r->records[r->unit_record[at]] : NULL;
}

const char *results_piece(const struct results *r, uint32_t arm, sym_t id, size_t *n)
{
    const struct results_space *s = &r->spaces[r->arm_space[arm]];
    *n = 0;
    if (id >= s->n)
        return NULL;
    *n = (size_t)(s->offsets[id + 1] - s->offsets[id]);
    return (const char *)s->bytes + s->offsets[id];
}

const char *const *results_voices(const struct results *r, uint32_t arm, size_t *n)
{
    *n = r->voices[arm].n;
    return r->voices[arm].names;
}

const struct results_fit *results_fits(const struct results *r, size_t *n)
{
    *n = r->n_fits;
    return r->fits;
}

const struct results_cost *results_cost(const struct results *r)
{
    return &r->cost;
}

void results_by_item(const struct results *r, const struct results_metric *m, uint32_t arm, double out[])
{
    for (size_t item = 0; item < r->n_items; item++) {
        size_t at = (size_t)arm * r->n_items + item, k = 0;
        double sum = 0;
        out[item] = NAN;
        if (m->level == METRIC_ITEM)
            out[item] = m->value[at];
        for (uint32_t draw = 0; draw < r->draws && m->level == METRIC_RECORD; draw++) {
            double x = m->value[at * r->draws + draw];
            sum += isnan(x) ? 0 : x;
            k += isnan(x) ? 0 : 1;
        }
        if (k > 0)
            out[item] = sum / (double)k;
    }
}
