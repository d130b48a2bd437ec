#include "experiments/measures.h"
#include "base/mem.h"
#include "experiments/reward.h"
#include "experiments/selected.h"
#include "experiments/trace_metric.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* A metric of texts, or of traces; of every record, or of the one that a selection chooses. */
struct kind {
    const struct metric_type *text;
    const struct trace_metric *trace;
    size_t select; /* an index into the plan's selections + 1; 0: of every record */
};

struct measures {
    const struct plan *plan;
    struct kind *kinds;  /* (n,) */
    struct measure *all; /* (n,) value NULL: not defined for anything yet */
    size_t n;
    struct measure *list; /* (n,) what measures_list() gives */
    struct sample *arm;   /* (n_arm,) samples of the present arm, with texts of their own; those of its metrics */
    size_t n_arm, cap_arm;
    bool arm_whole;
    struct sample *item; /* scratch: samples of one item */
    size_t cap_item;
    struct reward reward;
    struct selected *selected;
    size_t *chosen; /* (plan->n_select,) records of the present item */
    char **owned;   /* (n_owned,) names and meanings of what is of selections */
    size_t n_owned;
};

/* Numbers of one record of a text, in the order of the table; of "coverage@best" those of coverage. */
static const struct metric_type *record_metric(const char *name)
{
    size_t n, length = strcspn(name, "@");
    const struct metric_type *const *types = metric_types(&n);
    for (size_t i = 0; i < n; i++)
        if (types[i]->level == METRIC_RECORD && strncmp(types[i]->name, name, length) == 0 &&
            types[i]->name[length] == '\0')
            return types[i];
    return NULL;
}

static char *own(struct measures *m, const char *a, const char *between, const char *b)
{
    struct text t = { 0 };
    text_addf(&t, "%s%s%s", a, between, b);
    return m->owned[m->n_owned++] = t.s;
}

static bool has_kind(const struct measures *m, const struct metric_type *t, size_t select)
{
    for (size_t i = 0; i < m->n; i++)
        if (m->kinds[i].text == t && m->kinds[i].select == select)
            return true;
    return false;
}

static void add_selected(struct measures *m, const char *const axis[], size_t n_axis)
{
    const struct plan *p = m->plan;
    for (size_t i = 0; i < n_axis; i++) {
        const struct metric_type *t = record_metric(axis[i]);
        for (size_t k = 0; t && k < p->n_select; k++) {
            if (has_kind(m, t, k + 1))
                continue;
            m->kinds[m->n] = (struct kind){ .text = t, .select = k + 1 };
            m->all[m->n++] = (struct measure){ .name = own(m, t->name, "@", p->select[k]),
                                               .unit = t->unit,
                                               .meaning = own(m, t->meaning, ", of the text chosen by ", p->select[k]),
                                               .level = METRIC_ITEM,
                                               .direction = t->direction,
                                               .min = t->min,
                                               .max = t->max };
        }
    }
}

struct measures *measures_alloc(const struct plan *p)
{
    size_t n_types, n_traces;
    const struct metric_type *const *types = metric_types(&n_types);
    const struct trace_metric *traces = trace_metrics(&n_traces);
    struct measures *m = mem_alloc(1, sizeof *m);
    *m = (struct measures){ .plan = p, .n = n_types + n_traces, .arm_whole = true };
    size_t most = m->n + (p->n_creativity + p->n_control) * p->n_select;
    m->kinds = mem_alloc(most, sizeof *m->kinds);
    m->all = mem_alloc(most, sizeof *m->all);
    m->list = mem_alloc(most, sizeof *m->list);
    m->owned = mem_alloc(2 * (most - m->n), sizeof(char *));
    m->selected = selected_alloc(p->select, p->n_select);
    m->chosen = mem_alloc(p->n_select, sizeof *m->chosen);
    for (size_t i = 0; i < n_types; i++) {
        const struct metric_type *t = types[i];
        m->kinds[i].text = t;
        m->all[i] = (struct measure){ t->name, t->unit, t->meaning, t->level, t->direction, t->min, t->max, NULL };
    }
    for (size_t i = 0; i < n_traces; i++) {
        const struct trace_metric *t = &traces[i];
        m->kinds[n_types + i].trace = t;
        m->all[n_types + i] =
            (struct measure){ t->name, t->unit, t->meaning, METRIC_RECORD, t->direction, t->min, t->max, NULL };
    }
    add_selected(m, p->creativity, p->n_creativity);
    add_selected(m, p->control, p->n_control);
    if (reward_open(p, &m->reward) == 0)
        return m;
    measures_free(m);
    return NULL;
}

static void forget_arm(struct measures *m)
{
    for (size_t i = 0; i < m->n_arm; i++) {
        free((void *)(uintptr_t)m->arm[i].text);
        free((void *)(uintptr_t)m->arm[i].choice_logp);
    }
    m->n_arm = 0;
    m->arm_whole = true;
}

void measures_free(struct measures *m)
{
    if (!m)
        return;
    forget_arm(m);
    for (size_t i = 0; i < m->n; i++)
        free(m->all[i].value);
    for (size_t i = 0; i < m->n_owned; i++)
        free(m->owned[i]);
    selected_free(m->selected);
    reward_close(&m->reward);
    free(m->owned);
    free(m->chosen);
    free(m->kinds);
    free(m->all);
    free(m->list);
    free(m->arm);
    free(m->item);
    free(m);
}

static void set(struct measures *m, struct measure *x, size_t at, double value)
{
    if (isnan(value))
        return;
    if (!x->value) {
        size_t n = m->plan->n_arms * (x->level == METRIC_ARM ? 1 : m->plan->n_items) *
                   (x->level == METRIC_RECORD ? m->plan->draws : 1);
        x->value = mem_alloc(n, sizeof *x->value);
        for (size_t i = 0; i < n; i++)
            x->value[i] = NAN;
    }
    x->value[at] = value;
}

static double record_value(const struct kind *k, const struct measures_record *r)
{
    if (k->text && metric_applies(k->text, r->sample.item))
        return k->text->score(&r->sample, 1);
    return k->trace && r->sample.item->kind == ITEM_GENERATE ? k->trace->value(r->trace) : NAN;
}

/* A number for each record of a unit becomes the unit's: their mean under the normalised weights of the records. */
static double unit_value(const struct kind *k, const struct measures_record r[], size_t n)
{
    double sum = 0, weight = 0, top = -INFINITY;
    for (size_t i = 0; i < n; i++)
        top = fmax(top, r[i].sample.log_weight);
    for (size_t i = 0; i < n; i++) {
        double value = record_value(k, &r[i]), x = exp(r[i].sample.log_weight - top);
        if (isnan(value) || !(x > 0))
            continue;
        sum += x * value;
        weight += x;
    }
    return weight > 0 ? sum / weight : NAN;
}

static struct sample own_sample(const struct sample *s)
{
    struct sample own = *s;
    own.text = mem_copy(s->text, s->n_text);
    own.choice_logp = s->choice_logp ? mem_copy(s->choice_logp, s->item->n_choices * sizeof(double)) : NULL;
    return own;
}

/* Whether some metric of arms is of such items. */
static bool of_arms(const struct measures *m, const struct item *item)
{
    for (size_t k = 0; k < m->n; k++)
        if (m->all[k].level == METRIC_ARM && metric_applies(m->kinds[k].text, item))
            return true;
    return false;
}

static bool whole(const struct measures *m, const struct measures_item *item)
{
    for (uint32_t d = 0; d < m->plan->draws; d++)
        if (item->first[d] == item->first[d + 1])
            return false;
    return true;
}

int measures_reward(const struct measures *m, struct measures_record *r)
{
    return reward_of(&m->reward, r, &r->reward);
}

void measures_reward_meaning(const struct measures *m, struct text *out)
{
    reward_meaning(&m->reward, out);
}

void measures_item(struct measures *m, const struct measures_item *item)
{
    size_t n = item->first[m->plan->draws], at = (size_t)item->arm * m->plan->n_items + item->item;
    const struct item *what = m->plan->items[item->item].item;
    /* an item whose draws are not all there has no value yet: fewer draws would give another */
    bool all = whole(m, item);
    bool of_arm = of_arms(m, what); /* what no such metric is of can neither be missed nor is kept */
    m->arm_whole &= all || !of_arm;
    mem_grow(&m->item, &m->cap_item, n, sizeof *m->item);
    for (size_t i = 0; i < n; i++)
        m->item[i] = item->records[i].sample;
    bool choose = m->plan->n_select > 0 && all && what->kind == ITEM_GENERATE;
    if (choose)
        selected_choose(m->selected, item->records, n, m->chosen);
    for (size_t k = 0; k < m->n; k++) {
        struct measure *x = &m->all[k];
        if (m->kinds[k].select > 0) {
            size_t c = choose ? m->chosen[m->kinds[k].select - 1] : SELECT_NONE;
            set(m, x, at, c != SELECT_NONE ? record_value(&m->kinds[k], &item->records[c]) : NAN);
            continue;
        }
        for (uint32_t d = 0; d < m->plan->draws && x->level == METRIC_RECORD; d++)
            set(m, x, at * m->plan->draws + d,
                unit_value(&m->kinds[k], n > 0 ? item->records + item->first[d] : NULL,
                           item->first[d + 1] - item->first[d]));
        if (x->level == METRIC_ITEM && all && metric_applies(m->kinds[k].text, what))
            set(m, x, at, m->kinds[k].text->score(m->item, n));
    }
    for (size_t i = 0; i < n && of_arm && m->arm_whole; i++) {
        mem_grow(&m->arm, &m->cap_arm, m->n_arm + 1, sizeof *m->arm);
        m->arm[m->n_arm++] = own_sample(&m->item[i]);
    }
}

void measures_arm(struct measures *m, uint32_t arm)
{
    mem_grow(&m->item, &m->cap_item, m->n_arm, sizeof *m->item);
    for (size_t k = 0; k < m->n && m->arm_whole; k++) {
        size_t n = 0;
        if (m->all[k].level != METRIC_ARM)
            continue;
        for (size_t i = 0; i < m->n_arm; i++)
            if (metric_applies(m->kinds[k].text, m->arm[i].item))
                m->item[n++] = m->arm[i];
        if (n > 0)
            set(m, &m->all[k], arm, m->kinds[k].text->score(m->item, n));
    }
    forget_arm(m);
}

static int name_order(const void *a, const void *b)
{
    return strcmp(((const struct measure *)a)->name, ((const struct measure *)b)->name);
}

const struct measure *measures_list(struct measures *m, size_t *n)
{
    *n = 0;
    for (size_t i = 0; i < m->n; i++)
        if (m->all[i].value)
            m->list[(*n)++] = m->all[i];
    if (*n > 1)
        qsort(m->list, *n, sizeof *m->list, name_order);
    return m->list;
}
