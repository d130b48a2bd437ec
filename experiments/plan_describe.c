#include "base/columns.h"
#include "base/err.h"
#include "base/mem.h"
#include "evalsets/metric.h"
#include "experiments/choices.h"
#include "experiments/jobs.h"
#include "experiments/plan.h"
#include "experiments/plan_there.h"
#include "experiments/run.h"
#include "experiments/trace_cost.h"
#include "experiments/trace_metric.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Rough on purpose, and on the safe side: what one core of a small machine does in practice on these shapes, the bytes of
 * text in one symbol, the bytes a logged symbol takes in the journal and the results file together. */
#define PLAN_FLOPS       2e10
#define BYTES_PER_SYMBOL 3
#define DISK_PER_SYMBOL  64
#define WORKING_BYTES    (512ull << 20)

static const char *field(const json_t *o, const char *key)
{
    const char *s = json_string_value(json_object_get(o, key));
    return s ? s : "";
}

/* Parameters that a symbol passes through under a node: its leaves' together. */
static double parameters(const struct plan *p, const char *id)
{
    const json_t *node = plan_lm(p, id), *voices = json_object_get(node, "voices");
    double sum = voices ? 0 : (double)json_integer_value(json_object_get(node, "parameters"));
    for (size_t i = 0; i < json_array_size(voices); i++)
        sum += parameters(p, field(json_array_get(voices, i), "lm"));
    return sum;
}

/* Symbols of a generated text at most. */
static double symbols_limit(const struct stop *s)
{
    double most = 4096;
    if (s->max_symbols)
        most = fmin(most, s->max_symbols);
    if (s->max_bytes)
        most = fmin(most, ceil(s->max_bytes / BYTES_PER_SYMBOL));
    if (s->max_chars)
        most = fmin(most, s->max_chars);
    return most;
}

/* What one symbol of an arm, or of what it becomes for a task, costs, judged or not. */
struct arm_cost {
    uint64_t leaves;
    double flops;
    size_t trace;     /* bytes */
    uint32_t prompts; /* that the choices of a question are scored after */
};

static uint32_t prompts_of(const char *choices)
{
    struct choices_rule rule;
    if (choices_parse(choices, &rule) < 0)
        return 1; /* who runs it says so */
    uint32_t n = 1 + (uint32_t)rule.type->n_blank(&rule);
    choices_fini(&rule);
    return n;
}

static struct arm_cost *arm_costs(const struct plan *p)
{
    size_t *trace = trace_cost(p);
    if (!trace)
        return NULL;
    struct arm_cost *cost = mem_alloc(p->n_choices, sizeof *cost);
    double judge = p->judge ? 2 * parameters(p, p->judge) : 0;
    for (size_t i = 0; i < p->n_choices; i++) {
        const char *draft = p->arms[i].draft;
        cost[i].leaves = plan_leaves(p, p->arms[i].lm) + (p->judge != NULL) + (draft ? plan_leaves(p, draft) : 0);
        cost[i].flops = 2 * parameters(p, p->arms[i].lm) + judge + (draft ? 2 * parameters(p, draft) : 0);
        cost[i].trace = trace[i];
        cost[i].prompts = prompts_of(p->arms[i].choices);
    }
    free(trace);
    return cost;
}

int plan_cost(const struct plan *p, size_t threads, struct plan_cost *out)
{
    struct jobs jobs;
    struct arm_cost *choices = arm_costs(p);
    double flops = 0, trace = 0, widest = 0;
    *out = (struct plan_cost){ 0 };
    if (!choices)
        return err_code();
    jobs_plan(&jobs, p, 0, 0);
    out->units = jobs.n_units;
    out->records = jobs.n_records;
    for (size_t i = 0; i < jobs.n_units; i++) {
        const struct job *j = &jobs.units[i];
        const struct plan_arm *choice = plan_choice(p, j->arm, j->item);
        const struct arm_cost *cost = &choices[choice - p->arms];
        enum item_kind kind = p->items[j->item].item->kind;
        bool generates = kind == ITEM_GENERATE;
        double n = generates ? symbols_limit(&choice->stop) : kind == ITEM_CHOICE ? 64 * cost->prompts : 64;
        double of_unit = generates ? n * (double)cost->trace : 0;
        trace += of_unit;
        widest = fmax(widest, of_unit);
        out->symbols += (uint64_t)n;
        out->positions += (uint64_t)n * cost->leaves;
        flops += n * cost->flops;
    }
    jobs_fini(&jobs);
    free(choices);
    const json_t *lms = json_object_get(p->what, "lms");
    out->memory_bytes = WORKING_BYTES;
    for (size_t i = 0; i < json_array_size(lms); i++)
        out->memory_bytes += (uint64_t)json_integer_value(json_object_get(json_array_get(lms, i), "bytes"));
    out->trace_bytes = (uint64_t)(2 * trace);
    out->disk_bytes = out->symbols * DISK_PER_SYMBOL + out->trace_bytes;
    out->memory_bytes += (uint64_t)(widest * fmin(RUN_BATCH, (double)out->units));
    out->seconds = flops / (PLAN_FLOPS * (double)(threads ? threads : 1));
    return 0;
}

/* Names come from scripts, and this goes to a terminal. */
static void shown(struct text *out, const char *before, const char *name)
{
    text_add(out, before);
    text_add_shown(out, name, strlen(name));
}

/* A text that is a template may have lines: it is shown as one string. */
static void describe_template(const json_t *node, struct text *out)
{
    const char *name = field(node, "template");
    if (!*name)
        return;
    text_add(out, "; template ");
    if (strchr(name, '{'))
        text_add_json(out, name, strlen(name));
    else
        shown(out, "", name);
}

static void describe_bytes(const json_t *node, struct text *out)
{
    static const char *const keys[] = { "covers", "beam", "lazy", "ahead" };
    shown(out, " of ", field(json_array_get(json_object_get(node, "voices"), 0), "lm"));
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        const json_t *value = json_object_get(node, keys[i]);
        if (json_is_string(value))
            shown(out, ", ", json_string_value(value));
        else if (value)
            text_addf(out, ", %s %g", keys[i], json_number_value(value));
    }
}

static void describe_lms(const struct plan *p, struct text *out)
{
    const json_t *lms = json_object_get(p->what, "lms"), *fits = json_object_get(p->what, "fits");
    text_addf(out, "lms (%zu)\n", json_array_size(lms));
    for (size_t i = 0; i < json_array_size(lms); i++) {
        const json_t *n = json_array_get(lms, i);
        json_int_t parameters_of = json_integer_value(json_object_get(n, "parameters"));
        size_t at = out->len;
        shown(out, "  ", field(n, "id"));
        columns_pad(out, at, 26);
        text_addf(out, " %s", field(n, "kind"));
        if (parameters_of > 0) {
            shown(out, " ", field(n, "name"));
            text_addf(out, ", %.1f M parameters, %.12s", (double)parameters_of / 1e6, field(n, "hash"));
            shown(out, *field(n, "positions") ? "; " : "", field(n, "positions"));
        }
        if (strcmp(field(n, "kind"), "bytes") == 0)
            describe_bytes(n, out);
        else if (json_object_get(n, "voices"))
            text_addf(out, " %s of %zu voices", field(n, "rule"), json_array_size(json_object_get(n, "voices")));
        describe_template(n, out);
        text_add(out, "\n");
    }
    for (size_t i = 0; i < json_array_size(fits); i++)
        shown(out, i > 0 ? "\n  fit: " : "  fit: ", field(json_array_get(fits, i), "id"));
    text_add(out, json_array_size(fits) > 0 ? "\n" : "");
}

static void describe_task(const struct plan_arm *t, struct text *out)
{
    shown(out, "    <task:", t->task);
    shown(out, ">  ", t->lm);
    shown(out, ": ", *t->chain ? t->chain : "as it is");
    shown(out, " | ", t->search);
    if (t->draft)
        shown(out, " | draft ", t->draft);
    text_add(out, t->repeats ? "  [one draw, counted as all]\n" : "\n");
}

static void describe_arm(const struct plan *p, size_t arm, struct text *out)
{
    const char *why = plan_there_refusal(p, &p->arms[arm]);
    shown(out, "  ", p->arms[arm].name);
    text_add(out, p->arms[arm].repeats ? "  [one draw, counted as all]" : "");
    if (why)
        text_addf(out, "  [rows come to the host: %s]", why);
    text_add(out, "\n");
    for (size_t i = 0; i < p->arms[arm].n_tasks; i++)
        describe_task(&p->arms[p->arms[arm].tasks + i], out);
}

/* Whether an item of the plan, and its judge, are what a metric measures; NULL: a number of a trace. */
static bool is_measured(const struct plan *p, const struct metric_type *m)
{
    bool applies = !m;
    for (size_t i = 0; i < p->n_items && !applies; i++)
        applies = metric_applies(m, p->items[i].item);
    return applies && (p->judge || !m || !(m->needs & NEEDS_JUDGE));
}

/* An axis that will have no value is told before the run. */
static void describe_axis(const struct plan *p, const char *axis, struct text *out)
{
    size_t i;
    json_t *x;
    json_array_foreach(json_object_get(p->what, axis), i, x)
    {
        struct text name = { 0 };
        const char *whole = json_string_value(x) ? json_string_value(x) : "";
        text_addn(&name, whole, strcspn(whole, "@"));
        const struct metric_type *m = trace_metric_find(text_s(&name)) ? NULL : metric_find(text_s(&name));
        if (!is_measured(p, m)) {
            shown(out, axis, ": no text will have ");
            shown(out, "", whole);
            text_add(out, m->needs & NEEDS_JUDGE && !p->judge ? ", for there is no judge\n" : "\n");
        }
        text_free(&name);
    }
}

static void describe_work(const struct plan *p, struct text *out)
{
    const json_t *sets = json_object_get(p->what, "evalsets");
    text_addf(out, "arms (%zu)\n", p->n_arms);
    for (size_t i = 0; i < p->n_arms; i++)
        describe_arm(p, i, out);
    text_addf(out, "items (%zu)\n", p->n_items);
    for (size_t i = 0; i < json_array_size(sets); i++) {
        const char *name = field(json_array_get(sets, i), "as");
        size_t n = 0;
        for (size_t k = 0; k < p->n_sets; k++)
            for (size_t m = 0; m < p->n_items && k == i; m++)
                n += p->items[m].set == p->sets[k];
        size_t at = out->len;
        shown(out, "  ", name);
        size_t width = out->len - at;
        text_addf(out, "%*s %zu\n", width < 26 ? (int)(26 - width) : 0, "", n);
    }
    text_addf(out, "draws %u, seed %llu", p->draws, (unsigned long long)p->seed);
    shown(out, ", judge ", p->judge ? p->judge : "none");
    text_add(out, ", trace ");
    trace_level_text(p->trace, out);
    text_add(out, "\n");
    describe_axis(p, "creativity", out);
    describe_axis(p, "control", out);
}

int plan_describe(const struct plan *p, size_t threads, struct text *out)
{
    struct plan_cost c;
    TRY(plan_cost(p, threads, &c));
    shown(out, "plan ", p->name);
    text_addf(out, "  (%.12s)\n", p->hash);
    describe_lms(p, out);
    describe_work(p, out);
    text_addf(out, "units %llu (for %llu texts)\n", (unsigned long long)c.units, (unsigned long long)c.records);
    text_addf(
        out,
        "at most: %llu symbols, %llu positions through checkpoints, %.0f MiB of memory, %.0f MiB on disk (%.0f of them "
        "traces), %.0f s\n",
        (unsigned long long)c.symbols, (unsigned long long)c.positions, (double)c.memory_bytes / 1048576,
        (double)c.disk_bytes / 1048576, (double)c.trace_bytes / 1048576, c.seconds);
    return 0;
}
