#include "experiments/reward.h"
#include "base/err.h"
#include <math.h>

static int direction_of(const struct reward *r)
{
    return r->text ? r->text->direction : r->trace->direction;
}

static int has_direction(const char *name, const struct reward *r)
{
    if (direction_of(r) != 0)
        return 0;
    return err_set(ERR_USAGE, "neither more nor less of '%s' is better, want a metric with a direction or a function",
                   name);
}

int reward_find(const char *name, struct reward *out)
{
    *out = (struct reward){ .trace = trace_metric_find(name) };
    if (out->trace)
        return has_direction(name, out);
    out->text = metric_find(name);
    if (!out->text)
        return trace_metric_unknown(name);
    if (out->text->level == METRIC_RECORD)
        return has_direction(name, out);
    return err_set(ERR_USAGE, "'%s' is a number of several texts, want a metric of one", name);
}

int reward_open(const struct plan *p, struct reward *out)
{
    *out = (struct reward){ 0 };
    if (p->reward)
        return reward_find(p->reward, out);
    if (!json_is_object(json_object_get(p->what, "reward")))
        return 0;
    out->lua = lua_reward_load(p->doc);
    return out->lua ? 0 : err_code();
}

void reward_close(struct reward *r)
{
    lua_reward_close(r->lua);
    *r = (struct reward){ 0 };
}

int reward_of(const struct reward *r, const struct measures_record *x, double *out)
{
    bool generated = x->sample.item->kind == ITEM_GENERATE;
    *out = NAN;
    if (r->lua)
        return generated ? lua_reward_of(r->lua, x, out) : 0;
    if (r->text && metric_applies(r->text, x->sample.item))
        *out = r->text->score(&x->sample, 1);
    if (r->trace && generated)
        *out = r->trace->value(x->trace);
    if ((r->text || r->trace) && direction_of(r) < 0)
        *out = -*out;
    return 0;
}

void reward_meaning(const struct reward *r, struct text *out)
{
    if (r->lua)
        text_addf(out, "what the script's reward gives (SHA-256 %.12s...)", lua_reward_hash(r->lua));
    if (r->text)
        text_addf(out, "%s%s (%s): %s", direction_of(r) < 0 ? "- " : "", r->text->name, r->text->unit,
                  r->text->meaning);
    if (r->trace)
        text_addf(out, "%s%s (%s): %s", direction_of(r) < 0 ? "- " : "", r->trace->name, r->trace->unit,
                  r->trace->meaning);
}
