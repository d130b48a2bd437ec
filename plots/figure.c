#include "plots/figure.h"
#include "base/mem.h"
#include "plots/plot.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

extern const struct figure_type figure_frontier, figure_quality, figure_bars, figure_reliability, figure_regret,
    figure_uncertainty;

const struct figure_type *const *figure_types(size_t *n)
{
    static const struct figure_type *const types[] = { &figure_frontier,    &figure_quality, &figure_bars,
                                                       &figure_reliability, &figure_regret,  &figure_uncertainty };
    *n = sizeof types / sizeof *types;
    return types;
}

struct named {
    const char *name;
    size_t arm;
};

static int name_order(const void *a, const void *b)
{
    const struct named *x = a, *y = b;
    int order = strcmp(x->name, y->name);
    return order != 0 ? order : (x->arm > y->arm) - (x->arm < y->arm);
}

/* How many distinct names there are; index (n_arms,) of each arm's, in the order of the arms.  names[] is sorted. */
static size_t distinct(struct named names[], size_t n_arms, size_t index[])
{
    size_t n = 0;
    for (size_t i = 0; i < n_arms; i++)
        names[i].arm = i;
    if (n_arms > 1)
        qsort(names, n_arms, sizeof *names, name_order);
    for (size_t i = 0, first = 0; i < n_arms; i++) {
        first = strcmp(names[first].name, names[i].name) == 0 ? first : i;
        index[names[i].arm] = names[first].arm;
    }
    for (size_t i = 0; i < n_arms; i++) {
        bool is_first = index[i] == i;
        index[i] = is_first ? n : index[index[i]];
        n += is_first;
    }
    return n;
}

/* Whether the mean of b is at least as good as that of a (>= 0), and better (> 0). */
static double better(const struct summary_metric *m, size_t a, size_t b)
{
    double sign = m->metric->direction < 0 ? -1 : 1;
    return sign * (m->arms[b].mean - m->arms[a].mean);
}

static bool on_frontier(const struct figure_data *d, const struct summary_metric *x, const struct summary_metric *y,
                        size_t arm)
{
    if (!x || !y || !isfinite(x->arms[arm].mean) || !isfinite(y->arms[arm].mean))
        return false;
    for (size_t other = 0; other < d->summary->n_arms; other++) {
        double dx = better(x, arm, other), dy = better(y, arm, other);
        if (dx >= 0 && dy >= 0 && (dx > 0 || dy > 0))
            return false;
    }
    return true;
}

static void add_part(struct text *t, const char *before, const char *what)
{
    if (what)
        text_addf(t, " | %s%s", before, what);
}

static const char *member(const json_t *o, const char *key)
{
    return json_string_value(json_object_get(o, key));
}

/* What the fit of an id is of: "isotonic". */
static const char *fit_what(const json_t *what, const char *id)
{
    size_t i;
    json_t *fit;
    json_array_foreach(json_object_get(what, "fits"), i, fit)
    {
        if (id && member(fit, "id") && strcmp(member(fit, "id"), id) == 0)
            return member(fit, "what");
    }
    return NULL;
}

/* "top_p=0.9", "(no chain) | beam=3 | by task": all that the plan says of an arm besides its lm, the values of fits in their
 * places.  Without its search, or what it does for tasks, an arm would be taken for another. */
static char *setting_of(const struct results_arm *arm, const json_t *what, size_t i)
{
    struct text t = { 0 };
    const json_t *planned = json_array_get(json_object_get(what, "arms"), i);
    text_add(&t, *arm->chain ? arm->chain : "(no chain)");
    if (strcmp(arm->search, "sample") != 0)
        add_part(&t, "", arm->search);
    add_part(&t, "draft ", member(planned, "draft"));
    add_part(&t, "", json_object_get(planned, "tasks") ? "by task" : NULL);
    add_part(&t, "choices by ", member(planned, "choices"));
    add_part(&t, "", fit_what(what, member(planned, "calibration")));
    return t.s;
}

/* What follows the lm in its name; all of a name that the script gave. */
static char *rest_of_name(const struct results_arm *arm)
{
    size_t n = strlen(arm->lm);
    bool made = strncmp(arm->name, arm->lm, n) == 0 && strncmp(arm->name + n, ": ", 2) == 0 && arm->name[n + 2];
    return mem_string(made ? arm->name + n + 2 : arm->name);
}

struct labelled {
    const struct results_arm *arm;
    const char *setting;
};

static int label_order(const void *a, const void *b)
{
    const struct labelled *x = a, *y = b;
    int order = strcmp(x->arm->lm, y->arm->lm);
    order = order != 0 ? order : strcmp(x->setting, y->setting);
    return order != 0 ? order : (x->arm > y->arm) - (x->arm < y->arm);
}

static bool is_alike(const struct labelled *x, const struct labelled *y)
{
    return strcmp(x->arm->lm, y->arm->lm) == 0 && strcmp(x->setting, y->setting) == 0;
}

/* Where arms of one lm have the same (they differ in what they do for which tasks), what their names say. */
static char **settings_of(const struct results_arm arms[], size_t n, const json_t *what)
{
    char **settings = mem_alloc(n, sizeof *settings);
    struct labelled *all = mem_alloc(n, sizeof *all);
    bool *alike = mem_alloc(n, sizeof *alike);
    for (size_t i = 0; i < n; i++)
        all[i] = (struct labelled){ &arms[i], settings[i] = setting_of(&arms[i], what, i) };
    if (n > 1)
        qsort(all, n, sizeof *all, label_order);
    for (size_t i = 1; i < n; i++)
        if (is_alike(&all[i - 1], &all[i]))
            alike[all[i - 1].arm - arms] = alike[all[i].arm - arms] = true;
    free(all);
    for (size_t i = 0; i < n; i++) {
        if (!alike[i])
            continue;
        free(settings[i]);
        settings[i] = rest_of_name(&arms[i]);
    }
    free(alike);
    return settings;
}

void figure_data_init(struct figure_data *d, const struct results *r, const struct summary *s)
{
    size_t n_arms;
    const struct results_arm *arms = results_arms(r, &n_arms);
    const char **lms = mem_alloc(n_arms, sizeof *lms), **settings = mem_alloc(n_arms, sizeof *settings);
    size_t *arm_lm = mem_alloc(n_arms, sizeof *arm_lm), *arm_setting = mem_alloc(n_arms, sizeof *arm_setting);
    bool *frontier = mem_alloc(n_arms, sizeof *frontier);
    struct named *names = mem_alloc(n_arms, sizeof *names);
    char **own = settings_of(arms, n_arms, json_object_get(results_plan(r), "what"));
    *d = (struct figure_data){ .results = r,
                               .summary = s,
                               .lms = lms,
                               .settings = settings,
                               .arm_lm = arm_lm,
                               .arm_setting = arm_setting,
                               .frontier = frontier };
    for (size_t i = 0; i < n_arms; i++)
        names[i].name = arms[i].lm;
    d->n_lms = distinct(names, n_arms, arm_lm);
    for (size_t i = 0; i < n_arms; i++)
        names[i].name = own[i];
    d->n_settings = distinct(names, n_arms, arm_setting);
    for (size_t i = 0; i < n_arms; i++) {
        lms[arm_lm[i]] = arms[i].lm;
        if (settings[arm_setting[i]])
            free(own[i]);
        else
            settings[arm_setting[i]] = own[i];
    }
    free(own);
    const struct summary_metric *x = figure_control(d), *y = figure_creativity(d);
    for (size_t i = 0; i < n_arms; i++)
        frontier[i] = on_frontier(d, x, y, i);
    free(names);
}

void figure_data_fini(struct figure_data *d)
{
    const void *const all[] = { d->lms, d->settings, d->arm_lm, d->arm_setting, d->frontier };
    for (size_t i = 0; i < d->n_settings; i++)
        free((void *)(uintptr_t)d->settings[i]);
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        free((void *)(uintptr_t)all[i]);
}

const char *figure_setting(const struct figure_data *d, size_t arm)
{
    return d->settings[d->arm_setting[arm]];
}

size_t figure_count_frontier(const struct figure_data *d, size_t lm, size_t *all)
{
    size_t on = 0;
    *all = 0;
    for (size_t arm = 0; arm < d->summary->n_arms; arm++)
        if (d->arm_lm[arm] == lm) {
            on += d->frontier[arm];
            (*all)++;
        }
    return on;
}

static const struct summary_metric *headline(const struct figure_data *d)
{
    const struct summary_metric *m = figure_creativity(d);
    return m ? m : figure_control(d);
}

struct ranked {
    double value; /* the better the larger */
    size_t arm;
};

static int rank_order(const void *a, const void *b)
{
    const struct ranked *x = a, *y = b;
    if (x->value != y->value)
        return x->value > y->value ? -1 : 1;
    return (x->arm > y->arm) - (x->arm < y->arm);
}

void figure_rank(const struct summary_metric *m, size_t n_arms, size_t out[])
{
    struct ranked *r = mem_alloc(n_arms, sizeof *r);
    double sign = m && m->metric->direction < 0 ? -1 : 1;
    for (size_t i = 0; i < n_arms; i++)
        r[i] = (struct ranked){ m && isfinite(m->arms[i].mean) ? sign * m->arms[i].mean : -INFINITY, i };
    if (n_arms > 1)
        qsort(r, n_arms, sizeof *r, rank_order);
    for (size_t i = 0; i < n_arms; i++)
        out[i] = r[i].arm;
    free(r);
}

size_t figure_choose(const struct figure_data *d, size_t max, size_t out[])
{
    size_t n = d->summary->n_arms, count = 0, k = 0;
    size_t *best = mem_alloc(n, sizeof *best); /* by the first headline metric */
    bool *chosen = mem_alloc(n, sizeof *chosen);
    figure_rank(headline(d), n, best);
    for (size_t i = 0; i < n && count < (n <= max ? max : max / 4); i++)
        if (n <= max || d->frontier[best[i]]) {
            chosen[best[i]] = true;
            count++;
        }
    for (size_t i = 0; i < n && count < max * 3 / 4; i++) {
        count += !chosen[best[i]];
        chosen[best[i]] = true;
    }
    for (size_t i = n; i-- > 0 && count < max;) {
        count += !chosen[best[i]];
        chosen[best[i]] = true;
    }
    for (size_t i = 0; i < n; i++)
        if (chosen[i])
            out[k++] = i;
    free(chosen);
    free(best);
    return k;
}

size_t figure_choose_lms(const struct figure_data *d, size_t out[])
{
    size_t n = 0;
    bool *chosen = mem_alloc(d->n_lms, sizeof *chosen);
    for (int pass = 0; pass < 2; pass++) { /* those on the frontier; any, where they all fit or none is */
        bool any = d->n_lms <= FIGURE_LMS || (pass == 1 && n == 0);
        for (size_t arm = 0; arm < d->summary->n_arms && n < FIGURE_LMS && d->n_lms > 0; arm++)
            if (!chosen[d->arm_lm[arm]] && (any || d->frontier[arm])) {
                chosen[d->arm_lm[arm]] = true;
                n++;
            }
    }
    n = 0;
    for (size_t lm = 0; lm < d->n_lms; lm++)
        if (chosen[lm])
            out[n++] = lm;
    free(chosen);
    return n;
}

size_t figure_line(const struct figure_data *d, size_t lm)
{
    size_t lms[FIGURE_LMS], n = figure_choose_lms(d, lms), i = 0;
    while (i < n && lms[i] != lm)
        i++;
    return i < n ? i + 1 : PLOT_LINES + 1;
}

/* Whether arm b comes before a: by m, of equals by `then`. */
static bool comes_before(const struct summary_metric *m, const struct summary_metric *then, size_t a, size_t b)
{
    double more = better(m, a, b);
    if (more != 0 || !then || !isfinite(then->arms[b].mean))
        return more > 0;
    return !isfinite(then->arms[a].mean) || better(then, a, b) > 0;
}

size_t figure_best(const struct summary_metric *m, const struct summary_metric *then, size_t n_arms)
{
    size_t best = n_arms;
    for (size_t i = 0; m && i < n_arms; i++)
        if (isfinite(m->arms[i].mean) && (best == n_arms || comes_before(m, then, best, i)))
            best = i;
    return best;
}

void figure_missing(struct text *t, const struct results *r)
{
    const json_t *p = results_provenance(r);
    json_int_t units = json_integer_value(json_object_get(p, "units")),
               missing = json_integer_value(json_object_get(p, "missing")),
               failed = json_integer_value(json_object_get(p, "failed"));
    if (missing <= 0 || missing > units)
        return;
    text_addf(t, "%lld of %lld results are missing", (long long)missing, (long long)units);
    if (failed > 0 && failed <= missing)
        text_addf(t, ", %lld of them failed", (long long)failed);
}

void figure_items(struct text *t, const struct figure_data *d, const struct summary_metric *m, size_t arm,
                  const char *before)
{
    size_t most = 0;
    for (size_t i = 0; i < d->summary->n_arms; i++)
        most = m->arms[i].n > most ? m->arms[i].n : most;
    if (m->arms[arm].n > 0 && m->arms[arm].n < most)
        text_addf(t, "%s%zu of %zu items", before, m->arms[arm].n, most);
}

void figure_short(struct text *t, const char *s, size_t max)
{
    size_t n = strlen(s);
    text_addn(t, s, n <= max ? n : text_utf8_ready(s, max));
    text_add(t, n <= max ? "" : "\xe2\x80\xa6");
}

void figure_label(struct text *t, const struct results_metric *m)
{
    figure_short(t, m->name, 48);
    if (m->unit && *m->unit) {
        text_add(t, " [");
        figure_short(t, m->unit, 32);
        text_add(t, "]");
    }
    if (m->direction != 0)
        text_add(t, m->direction > 0 ? ", more is better" : ", less is better");
}

static bool has_values(const struct summary_metric *m, size_t n_arms)
{
    for (size_t i = 0; m && i < n_arms; i++)
        if (isfinite(m->arms[i].mean))
            return true;
    return false;
}

static const struct summary_metric *first(const struct figure_data *d, const char *const names[], size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const struct summary_metric *m = summary_find(d->summary, names[i]);
        if (has_values(m, d->summary->n_arms))
            return m;
    }
    return NULL;
}

const struct summary_metric *figure_creativity(const struct figure_data *d)
{
    size_t n;
    const char *const *names = results_creativity(d->results, &n);
    return first(d, names, n);
}

const struct summary_metric *figure_control(const struct figure_data *d)
{
    size_t n;
    const char *const *names = results_control(d->results, &n);
    return first(d, names, n);
}

static size_t take(const struct figure_data *d, const char *const names[], size_t n, size_t at,
                   const struct summary_metric *out[])
{
    for (size_t i = 0; i < n; i++) {
        const struct summary_metric *m = summary_find(d->summary, names[i]);
        for (size_t k = 0; k < at && m; k++)
            m = out[k] == m ? NULL : m;
        if (m)
            out[at++] = m;
    }
    return at;
}

void figure_order(const struct figure_data *d, const struct summary_metric *out[])
{
    size_t n, at;
    const char *const *names = results_creativity(d->results, &n);
    at = take(d, names, n, 0, out);
    names = results_control(d->results, &n);
    at = take(d, names, n, at, out);
    for (size_t i = 0; i < d->summary->n_metrics; i++) {
        const char *name = d->summary->metrics[i].metric->name;
        at = take(d, &name, 1, at, out);
    }
}
