/* Gates of comparisons: "METRIC < number" or "METRIC > number", with or without %. */
#include "base/err.h"
#include "base/mem.h"
#include "experiments/compare.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

struct gate {
    char *metric;
    bool below;   /* a delta below the limit fails; else one above it */
    bool percent; /* the delta is relative to the first side's mean */
    double limit;
};

static int parse(const char *text, struct gate *g)
{
    size_t n = strcspn(text, "<>");
    struct text number = { 0 };
    if (n == 0 || !text[n])
        return err_set(ERR_USAGE, "gate '%s': want METRIC<NUMBER or METRIC>NUMBER, as in accuracy<-0.5%%", text);
    g->metric = mem_copy(text, n + 1);
    g->metric[n] = 0;
    g->below = text[n] == '<';
    text_add(&number, text + n + 1);
    if (number.len > 0 && number.s[number.len - 1] == '%') {
        g->percent = true;
        number.s[--number.len] = 0;
    }
    bool ok = text_real(text_s(&number), &g->limit);
    text_free(&number);
    if (ok)
        g->limit = g->percent ? g->limit / 100 : g->limit;
    return ok ? 0 : err_set(ERR_USAGE, "gate '%s': '%s' is no number", text, text + n + 1);
}

static bool fails(const struct gate *g, const struct compare_row *row)
{
    double delta = g->percent ? row->delta.mean / fabs(row->a.mean) : row->delta.mean;
    return g->below ? delta < g->limit : delta > g->limit;
}

/* Every metric once: rows repeat them for each pair of arms. */
static size_t add_name(const char *names[], size_t n, const char *name)
{
    for (size_t i = 0; i < n; i++)
        if (strcmp(names[i], name) == 0)
            return n;
    names[n] = name;
    return n + 1;
}

int compare_gate(const struct compare *c, const char *gate, struct text *why)
{
    struct gate g = { 0 };
    int rc = parse(gate, &g), seen = 0, failed = 0;
    size_t n_names = 0;
    const char **names = mem_alloc(c->n, sizeof *names);
    for (size_t i = 0; i < c->n && rc == 0; i++) {
        const struct compare_row *row = &c->rows[i];
        n_names = add_name(names, n_names, row->metric);
        if (strcmp(row->metric, g.metric) != 0)
            continue;
        seen++;
        if (!fails(&g, row))
            continue;
        failed++;
        text_addf(why, "%s: %s -> %s: ", row->metric, row->arm_a, row->arm_b);
        text_add_real(why, row->a.mean);
        text_add(why, " -> ");
        text_add_real(why, row->b.mean);
        text_addf(why, " fails %s\n", gate);
    }
    if (rc == 0 && seen == 0)
        rc = err_unknown(ERR_USAGE, "metric of the gate", g.metric, names, n_names);
    free(names);
    free(g.metric);
    return rc < 0 ? rc : failed;
}
