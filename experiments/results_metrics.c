#include "base/mem.h"
#include "experiments/results_tables.h"
#include "experiments/trace_metric.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

static size_t unit_at(const struct tables *t, size_t arm, size_t item, size_t draw)
{
    return (arm * t->plan->n_items + item) * t->plan->draws + draw;
}

/* A number for each record of a unit becomes the unit's: their mean under the normalised weights of the records. */
struct weighted {
    double sum, weight, top;
};

static void weighted_add(struct weighted *w, double value, double log_weight, double top)
{
    double x = exp(log_weight - top);
    if (isnan(value) || !(x > 0))
        return;
    w->sum += x * value;
    w->weight += x;
}

static double top_weight(const struct tables *t, size_t at)
{
    double top = -INFINITY;
    for (uint32_t k = 0; k < t->count[at]; k++)
        top = fmax(top, t->records[t->first[at] + k].record->log_weight);
    return top;
}

static double record_value(const struct tables *t, size_t at, const struct metric_type *m,
                           const struct trace_metric *trace)
{
    struct weighted w = { 0 };
    double top = top_weight(t, at);
    for (uint32_t k = 0; k < t->count[at]; k++) {
        const struct tables_record *r = &t->records[t->first[at] + k];
        double value = NAN;
        if (m && metric_applies(m, r->sample.item))
            value = m->score(&r->sample, 1);
        if (trace && r->sample.item->kind == ITEM_GENERATE)
            value = trace->value(r->record);
        weighted_add(&w, value, r->record->log_weight, top);
    }
    return w.weight > 0 ? w.sum / w.weight : NAN;
}

/* The samples of items [from, to) of an arm that a metric applies to, every draw of them. */
static size_t gather(const struct tables *t, size_t arm, size_t from, size_t to, const struct metric_type *m,
                     struct sample **samples, size_t *cap)
{
    size_t n = 0;
    for (size_t item = from; item < to; item++) {
        if (!metric_applies(m, t->plan->items[item].item))
            continue;
        for (size_t draw = 0; draw < t->plan->draws; draw++) {
            size_t at = unit_at(t, arm, item, draw);
            for (uint32_t k = 0; k < t->count[at]; k++) {
                mem_grow(samples, cap, n + 1, sizeof **samples);
                (*samples)[n++] = t->records[t->first[at] + k].sample;
            }
        }
    }
    return n;
}

static size_t values_of(const struct tables *t, enum metric_level level)
{
    size_t n = t->plan->n_arms;
    if (level != METRIC_ARM)
        n *= t->plan->n_items;
    return level == METRIC_RECORD ? n * t->plan->draws : n;
}

static void fill_records(const struct tables *t, struct tables_metric *out, const struct metric_type *m,
                         const struct trace_metric *trace)
{
    for (size_t at = 0; at < values_of(t, METRIC_RECORD); at++)
        out->value[at] = t->count[at] > 0 ? record_value(t, at, m, trace) : NAN;
}

/* An item whose draws are not all there has no value yet: fewer draws would give another. */
static bool whole(const struct tables *t, size_t arm, size_t from, size_t to)
{
    for (size_t at = unit_at(t, arm, from, 0); at < unit_at(t, arm, to, 0); at++)
        if (t->count[at] == 0)
            return false;
    return true;
}

static void fill_groups(const struct tables *t, struct tables_metric *out, const struct metric_type *m)
{
    struct sample *samples = NULL;
    size_t cap = 0, n_items = t->plan->n_items, step = m->level == METRIC_ARM ? n_items : 1, at = 0;
    for (size_t arm = 0; arm < t->plan->n_arms; arm++)
        for (size_t item = 0; item < n_items; item += step) {
            size_t n = whole(t, arm, item, item + step) ? gather(t, arm, item, item + step, m, &samples, &cap) : 0;
            out->value[at++] = n > 0 ? m->score(samples, n) : NAN;
        }
    free(samples);
}

static bool any_number(const struct tables *t, const struct tables_metric *m)
{
    for (size_t i = 0; i < values_of(t, m->level); i++)
        if (!isnan(m->value[i]))
            return true;
    return false;
}

static int name_order(const void *a, const void *b)
{
    return strcmp(((const struct tables_metric *)a)->name, ((const struct tables_metric *)b)->name);
}

struct tables_metric *tables_metrics(const struct tables *t, size_t *n)
{
    size_t n_types, n_traces;
    const struct metric_type *const *types = metric_types(&n_types);
    const struct trace_metric *traces = trace_metrics(&n_traces);
    struct tables_metric *out = mem_alloc(n_types + n_traces, sizeof *out);
    *n = 0;
    for (size_t i = 0; i < n_types + n_traces; i++) {
        const struct metric_type *m = i < n_types ? types[i] : NULL;
        const struct trace_metric *trace = m ? NULL : &traces[i - n_types];
        struct tables_metric *o = &out[*n];
        *o = m ? (struct tables_metric){ m->name, m->unit, m->meaning, m->level, m->direction, m->min, m->max, NULL }
               : (struct tables_metric){ trace->name,      trace->unit, trace->meaning, METRIC_RECORD,
                                         trace->direction, trace->min,  trace->max,     NULL };
        o->value = mem_alloc(values_of(t, o->level), sizeof(double));
        if (o->level == METRIC_RECORD)
            fill_records(t, o, m, trace);
        else
            fill_groups(t, o, m);
        if (any_number(t, o))
            ++*n;
        else
            free(o->value);
    }
    if (*n > 1)
        qsort(out, *n, sizeof *out, name_order);
    return out;
}

void tables_metrics_fini(struct tables_metric *m, size_t n)
{
    for (size_t i = 0; i < n; i++)
        free(m[i].value);
    free(m);
}
