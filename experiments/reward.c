#include "experiments/reward.h"
#include "base/err.h"
#include <math.h>
#include <string.h>

int reward_find(const char *name, struct reward *out)
{
    size_t n;
    const struct trace_metric *traces = trace_metrics(&n);
    *out = (struct reward){ 0 };
    for (size_t i = 0; i < n; i++)
        if (strcmp(traces[i].name, name) == 0) {
            out->trace = &traces[i];
            return 0;
        }
    out->text = metric_find(name);
    if (!out->text)
        return ERR_USAGE;
    if (out->text->level == METRIC_RECORD)
        return 0;
    return err_set(ERR_USAGE, "reward: '%s' is a number of several texts, want a metric of one", name);
}

double reward_of(const struct reward *r, const struct measures_record *x)
{
    int direction = r->text ? r->text->direction : r->trace->direction;
    double value = NAN;
    if (r->text && metric_applies(r->text, x->sample.item))
        value = r->text->score(&x->sample, 1);
    if (r->trace && x->sample.item->kind == ITEM_GENERATE)
        value = r->trace->value(x->trace);
    return direction < 0 ? -value : value;
}

void reward_meaning(const struct reward *r, struct text *out)
{
    int direction = r->text ? r->text->direction : r->trace->direction;
    text_addf(out, "%s%s (%s): %s", direction < 0 ? "- " : "", r->text ? r->text->name : r->trace->name,
              r->text ? r->text->unit : r->trace->unit, r->text ? r->text->meaning : r->trace->meaning);
}
