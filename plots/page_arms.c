/* The table of arms, and what each metric tells apart. */
#include "base/mem.h"
#include "plots/page.h"
#include <math.h>
#include <stdlib.h>

#define LEAST_P 1e-20 /* below, a p says no more about anything */

static void cell(struct text *out, const struct figure_data *d, const struct summary_metric *m, size_t arm)
{
    const struct interval *i = &m->arms[arm];
    if (isnan(i->mean)) {
        text_add(out, "<td data-v=\"\">&ndash;</td>");
        return;
    }
    text_add(out, "<td data-v=\"");
    if (isfinite(i->mean)) {
        text_add_real(out, i->mean);
        text_addf(out, "\">%.4g", i->mean);
    } else {
        text_add(out, i->mean > 0 ? "Infinity\">&infin;" : "-Infinity\">-&infin;");
    }
    if (isfinite(i->low))
        text_addf(out, "<span class=\"i\">%.4g&hairsp;&ndash;&hairsp;%.4g</span>", i->low, i->high);
    struct text few = { 0 };
    figure_items(&few, d, m, arm, "");
    if (few.len > 0)
        text_addf(out, "<span class=\"i\">%s</span>", few.s);
    text_free(&few);
    text_add(out, "</td>");
}

static void row(struct text *out, const struct figure_data *d, const struct summary_metric *const order[], size_t arm)
{
    size_t n;
    const struct results_arm *a = &results_arms(d->results, &n)[arm];
    text_addf(out, "<tr><td data-v=\"%zu\">%s</td><td class=\"l\">", arm,
              d->frontier[arm] ? "<span class=\"star\" role=\"img\" aria-label=\"on the frontier\" title=\"on the "
                                 "frontier\">&#9733;</span>"
                               : "");
    page_name(out, a->lm);
    text_add(out, "</td><td class=\"l\"><code>");
    page_name(out, figure_setting(d, arm));
    text_add(out, "</code></td>");
    for (size_t m = 0; m < d->summary->n_metrics; m++)
        cell(out, d, order[m], arm);
    text_add(out, "</tr>\n");
}

static void heading(struct text *out, const struct results_metric *metric)
{
    text_add(out, "<th title=\"");
    page_name(out, metric->meaning);
    text_add(out, "\">");
    page_name(out, metric->name);
    text_add(out, metric->direction > 0 ? " &uarr;</th>" : metric->direction < 0 ? " &darr;</th>" : "</th>");
}

void page_arms(struct text *out, const struct figure_data *d)
{
    text_add(
        out,
        "<h2 id=\"arms\">Arms</h2>\n<p class=\"dim small\">Means over items with 95 % bootstrap intervals; click a "
        "heading to sort. &#9733;: on the creativity-control frontier.</p>\n");
    page_arms_table(out, d);
}

void page_arms_table(struct text *out, const struct figure_data *d)
{
    const struct summary_metric **order = mem_alloc(d->summary->n_metrics, sizeof *order);
    size_t chosen[PAGE_ARMS], n = figure_choose(d, PAGE_ARMS, chosen);
    figure_order(d, order);
    page_left_out(out, n, d->summary->n_arms);
    text_addf(out,
              "<div class=\"scroll%s\"><table class=\"sort\"><thead><tr><th>&#9733;</th><th "
              "class=\"l\">lm</th><th class=\"l\">setting</th>",
              d->summary->n_metrics > PAGE_PAPER_METRICS ? " wide" : "");
    for (size_t m = 0; m < d->summary->n_metrics; m++)
        heading(out, order[m]->metric);
    text_add(out, "</tr></thead><tbody>\n");
    for (size_t i = 0; i < n; i++)
        row(out, d, order, chosen[i]);
    text_add(out, "</tbody></table></div>\n");
    free(order);
}

static void frontier_row(struct text *out, const struct figure_data *d, size_t arm)
{
    size_t n;
    const struct summary_metric *const axes[] = { figure_control(d), figure_creativity(d) };
    text_addf(out, "<tr><td>%zu</td><td class=\"l\">", d->arm_setting[arm] + 1);
    page_name(out, results_arms(d->results, &n)[arm].lm);
    text_add(out, "</td><td class=\"l\"><code>");
    page_name(out, figure_setting(d, arm));
    text_add(out, "</code></td>");
    for (size_t i = 0; i < 2; i++)
        cell(out, d, axes[i], arm);
    text_add(out, "</tr>\n");
}

void page_frontier(struct text *out, const struct figure_data *d)
{
    size_t n = 0;
    const struct summary_metric *control = figure_control(d), *creativity = figure_creativity(d);
    size_t *best = mem_alloc(d->summary->n_arms, sizeof *best);
    figure_rank(control, d->summary->n_arms, best);
    for (size_t i = 0; i < d->summary->n_arms; i++)
        if (d->frontier[best[i]])
            best[n++] = best[i];
    text_add(out, "<h3>The frontier, from control to creativity</h3>\n");
    if (n > PAGE_FRONTIER)
        text_addf(out, "<p class=\"dim small\">The first %d of %zu arms; those of the table of arms have a star.</p>\n",
                  PAGE_FRONTIER, n);
    text_add(out, "<div class=\"scroll narrow\"><table><thead><tr><th>point</th><th class=\"l\">lm</th><th "
                  "class=\"l\">setting</th>");
    heading(out, control->metric);
    heading(out, creativity->metric);
    text_add(out, "</tr></thead><tbody>\n");
    for (size_t i = 0; i < n && i < PAGE_FRONTIER; i++)
        frontier_row(out, d, best[i]);
    text_add(out, "</tbody></table></div>\n");
    free(best);
}

void page_metrics(struct text *out, const struct figure_data *d)
{
    size_t n;
    const struct results_arm *arms = results_arms(d->results, &n);
    const struct summary_metric **order = mem_alloc(d->summary->n_metrics, sizeof *order);
    figure_order(d, order);
    text_add(out,
             "<h2 id=\"metrics\">What each metric tells apart</h2>\n<p class=\"dim small\">Pairs of arms whose paired "
             "difference by item is significant (sign-flip permutation, Holm's correction over all pairs in which two "
             "items differ, at 5 %).</p>\n"
             "<div class=\"scroll\"><table class=\"sort\"><thead><tr><th class=\"l\">metric</th><th "
             "class=\"l\">meaning</th><th>pairs</th><th>told apart</th><th>least p</th><th class=\"l\">the clearest "
             "pair</th></tr></thead><tbody>\n");
    for (size_t i = 0; i < d->summary->n_metrics; i++) {
        const struct summary_metric *m = order[i];
        text_add(out, "<tr><td class=\"l\">");
        page_name(out, m->metric->name);
        text_add(out, "</td><td class=\"l w\">");
        page_name(out, m->metric->meaning);
        text_addf(out, "</td><td data-v=\"%zu\">%zu</td><td data-v=\"%zu\">%zu</td>", m->n_pairs, m->n_pairs,
                  m->n_separated, m->n_separated);
        if (m->n_pairs == 0 || !(m->least_p < 1)) { /* no pair is clearer than another */
            text_add(out, m->n_pairs > 0 && m->least_p == 1 ? "<td data-v=\"1\">1" : "<td data-v=\"\">&ndash;");
            text_add(out, "</td><td class=\"l\"></td></tr>\n");
            continue;
        }
        text_addf(out, "<td data-v=\"%g\">", m->least_p);
        text_addf(out, m->least_p < LEAST_P ? "&lt; %.0e" : "%.2g", m->least_p < LEAST_P ? LEAST_P : m->least_p);
        text_add(out, "</td><td class=\"l\">");
        page_name(out, arms[m->best_a].name);
        text_add(out, " / ");
        page_name(out, arms[m->best_b].name);
        text_add(out, "</td></tr>\n");
    }
    text_add(out, "</tbody></table></div>\n");
    free(order);
}
