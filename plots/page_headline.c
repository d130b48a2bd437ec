/* The head of the page: what there is, what the axes are, and who is best on them. */
#include "plots/page.h"
#include <math.h>
#include <string.h>

static void fact(struct text *out, size_t n, const char *what)
{
    text_addf(out, "<div><b>%zu</b>%s%s</div>\n", n, what, n == 1 ? "" : "s");
}

static void add_mean(struct text *out, const struct figure_data *d, const struct summary_metric *m, size_t arm)
{
    const struct interval *i = &m->arms[arm];
    page_name(out, m->metric->name);
    text_addf(out, " = %.4g", i->mean);
    if (isfinite(i->low))
        text_addf(out, " [%.4g, %.4g]", i->low, i->high);
    figure_items(out, d, m, arm, " over ");
}

/* The best arm on one axis, and what it comes to on the other (NULL: there is none). */
static void best(struct text *out, const struct figure_data *d, const struct summary_metric *m,
                 const struct summary_metric *other, const char *axis)
{
    size_t n, i = figure_best(m, other, d->summary->n_arms);
    if (i == d->summary->n_arms)
        return;
    const struct results_arm *arm = &results_arms(d->results, &n)[i];
    text_addf(out, "<li>Most %s: <b>", axis);
    page_name(out, arm->lm);
    text_add(out, "</b> with <code>");
    page_name(out, figure_setting(d, i));
    text_add(out, "</code>: ");
    add_mean(out, d, m, i);
    if (other && isfinite(other->arms[i].mean)) {
        text_add(out, "; its ");
        add_mean(out, d, other, i);
    }
    text_add(out, ".</li>\n");
}

static void told_apart(struct text *out, const struct summary_metric *m, const char *after)
{
    text_addf(out, "%zu of %zu by ", m->n_separated, m->n_pairs);
    page_name(out, m->metric->name);
    text_add(out, after);
}

/* What of the headline is more than chance. */
static void pairs(struct text *out, const struct summary_metric *creativity, const struct summary_metric *control)
{
    bool first = creativity && creativity->n_pairs > 0, second = control && control->n_pairs > 0;
    if (!first && !second)
        return;
    text_add(out, "<li>Pairs of arms that are told apart (sign-flip test by item, Holm at 5 %): ");
    if (first)
        told_apart(out, creativity, second ? ", " : "");
    if (second)
        told_apart(out, control, "");
    text_add(out, ".</li>\n");
}

/* The metrics that the script named for an axis, of which no arm has a value. */
static void no_values(struct text *out, const char *const names[], size_t n, const char *axis)
{
    if (n == 0)
        return;
    text_addf(out, "<li>%s: no arm has a value of ", axis);
    for (size_t i = 0; i < n; i++) {
        text_add(out, i == 0 ? "<b>" : "</b>, <b>");
        page_name(out, names[i]);
    }
    text_add(out, "</b>.</li>\n");
}

/* "Creativity is distinct_2: ..." */
static void meaning(struct text *out, const struct summary_metric *m, const char *axis)
{
    text_addf(out, "<li>%s is <b>", axis);
    page_name(out, m->metric->name);
    text_add(out, "</b>: ");
    page_name(out, m->metric->meaning);
    text_add(out, m->metric->direction > 0   ? "; more is better.</li>\n"
                  : m->metric->direction < 0 ? "; less is better.</li>\n"
                                             : ".</li>\n");
}

/* How many arms of each lm stand on the frontier. */
static void frontier(struct text *out, const struct figure_data *d)
{
    size_t lms[FIGURE_LMS], n = figure_choose_lms(d, lms);
    text_add(out, "<li>On the frontier (no other arm is better on one axis and at least as good on the other): ");
    for (size_t i = 0; i < n; i++) {
        size_t all, on = figure_count_frontier(d, lms[i], &all);
        text_add(out, i == 0 ? "" : ", ");
        page_name(out, d->lms[lms[i]]);
        text_addf(out, " <b>%zu</b> of %zu", on, all);
    }
    text_add(out, " arms");
    if (n < d->n_lms)
        text_addf(out, "; %zu more lms", d->n_lms - n);
    text_add(out, ".</li>\n");
}

static void add_facts(struct text *out, const struct figure_data *d)
{
    size_t n_items, n_records;
    struct text missing = { 0 };
    results_items(d->results, &n_items);
    results_records(d->results, &n_records);
    text_add(out, "<div class=\"facts\">");
    fact(out, d->n_lms, "lm");
    fact(out, d->summary->n_arms, "arm");
    fact(out, n_items, "item");
    fact(out, results_draws(d->results), "draw");
    fact(out, n_records, "record");
    figure_missing(&missing, d->results);
    text_add(out, "</div>\n");
    if (missing.len > 0)
        text_addf(out, "<p><b>%s</b>: means are over what is there.</p>\n", missing.s);
    text_add(out,
             "<p class=\"dim small\">An arm is an lm (a language model, or an ensemble of several) under a setting "
             "(how its next symbol is chosen). All arms are given the same items; a draw is one of several texts "
             "for an item.</p>\n");
    text_free(&missing);
}

/* Links to what is on the page. */
static void add_nav(struct text *out, const struct figure_data *d)
{
    size_t n_items, n_fits;
    const struct results_item *items = results_items(d->results, &n_items);
    bool tasks = false, texts = false;
    results_fits(d->results, &n_fits);
    for (size_t i = 0; i < n_items; i++) {
        tasks |= strcmp(items[i].task, items[0].task) != 0;
        texts |= strcmp(items[i].kind, "generate") == 0;
    }
    text_add(out, "<nav aria-label=\"this page\"><a href=\"#figures\">figures</a> <a href=\"#arms\">arms</a> ");
    text_add(out, tasks ? "<a href=\"#tasks\">tasks</a> " : "");
    text_add(out, "<a href=\"#metrics\">metrics</a> ");
    text_add(out, texts ? "<a href=\"#texts-side\">generations</a> " : "");
    text_add(out, n_fits > 0 ? "<a href=\"#fits\">fits</a> " : "");
    text_add(out, "<a href=\"#provenance\">provenance</a> <a href=\"#cost\">cost</a></nav>");
}

void page_headline(struct text *out, const struct figure_data *d)
{
    const struct summary_metric *creativity = figure_creativity(d), *control = figure_control(d);
    const char *name = json_string_value(json_object_get(json_object_get(results_plan(d->results), "what"), "name"));
    text_add(out, "<header><p class=\"dim small\">Chorale report</p><h1>");
    page_name(out, name ? name : "run");
    text_add(out, "</h1>\n");
    add_nav(out, d);
    text_add(out, "</header>\n");
    add_facts(out, d);
    text_add(out, "<ul>\n");
    size_t n;
    const char *const *names = results_creativity(d->results, &n);
    creativity ? meaning(out, creativity, "Creativity") : no_values(out, names, n, "Creativity");
    names = results_control(d->results, &n);
    control ? meaning(out, control, "Control") : no_values(out, names, n, "Control");
    best(out, d, creativity, control, "creative");
    best(out, d, control, creativity, "controlled");
    if (creativity && control)
        frontier(out, d);
    pairs(out, creativity, control);
    text_add(out, "</ul>\n");
}
