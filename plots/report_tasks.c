#include "plots/report_tasks.h"
#include "base/err.h"
#include "plots/page.h"
#include "plots/report_figure.h"
#include "plots/report_tables.h"
#include <string.h>

static const char *shown(const struct report_task *t)
{
    return *t->name ? t->name : "no task";
}

/* The distinct tasks in the order of the items; only the first few are remembered. */
static void find_tasks(struct report_tasks *t, const struct results *r)
{
    size_t n;
    const struct results_item *items = results_items(r, &n);
    for (size_t i = 0; i < n; i++) {
        size_t k = 0;
        while (k < t->n && strcmp(t->task[k].name, items[i].task) != 0)
            k++;
        if (k == t->n && t->n < REPORT_TASKS)
            t->task[t->n++] = (struct report_task){ .name = items[i].task };
        if (k < t->n)
            t->task[k].n_items++;
        else
            t->more = true;
    }
}

void report_tasks_init(struct report_tasks *t, const struct results *r)
{
    *t = (struct report_tasks){ 0 };
    find_tasks(t, r);
    if (t->n < 2)
        t->n = 0;
    for (size_t i = 0; i < t->n; i++) {
        summary_of_task(r, t->task[i].name, &t->task[i].summary);
        figure_data_init(&t->task[i].data, r, &t->task[i].summary);
    }
}

void report_tasks_fini(struct report_tasks *t)
{
    for (size_t i = 0; i < t->n; i++) {
        figure_data_fini(&t->task[i].data);
        summary_fini(&t->task[i].summary);
    }
    t->n = 0;
}

void report_tasks_csv(struct text *out, const struct report_tasks *t)
{
    text_add(out, "task,");
    report_csv_head(out);
    for (size_t i = 0; i < t->n; i++)
        report_csv_rows(out, &t->task[i].data, t->task[i].name);
}

void report_tasks_markdown(struct text *out, const struct report_tasks *t)
{
    for (size_t i = 0; i < t->n; i++) {
        text_add(out, i > 0 ? "\n## " : "## ");
        report_markdown_cell(out, shown(&t->task[i]));
        text_add(out, "\n\n");
        report_markdown(out, &t->task[i].data);
    }
}

void report_tasks_figure(size_t i, struct text *out)
{
    text_clear(out);
    text_addf(out, "frontier-task-%zu", i + 1);
}

static int add_figure(struct text *page, const struct report_tasks *t, size_t i, const char *folder)
{
    size_t n;
    const struct figure_type *const *types = figure_types(&n), *frontier = NULL;
    struct text name = { 0 }, title = { 0 };
    for (size_t k = 0; k < n; k++)
        if (strcmp(types[k]->name, "frontier") == 0)
            frontier = types[k];
    report_tasks_figure(i, &name);
    text_addf(&title, "%s: ", frontier->title);
    figure_short(&title, shown(&t->task[i]), PAGE_NAME);
    struct figure_type own = *frontier;
    own.name = text_s(&name);
    own.title = text_s(&title);
    int rc = report_figure(page, &own, &t->task[i].data, folder);
    text_free(&name);
    text_free(&title);
    return rc < 0 ? rc : 0; /* 1: nothing to draw */
}

int report_tasks_page(struct text *page, const struct report_tasks *t, const char *folder)
{
    int rc = 0;
    if (t->n > 0)
        text_add(page, "<div id=\"tasks\"></div>\n");
    if (t->more)
        text_addf(page, "<p class=\"dim small\">The first %zu tasks are shown.</p>\n", t->n);
    for (size_t i = 0; i < t->n && rc == 0; i++) {
        rc = add_figure(page, t, i, folder);
        text_add(page, "<h3>Arms: ");
        page_name(page, shown(&t->task[i]));
        text_addf(page, ", %zu items</h3>\n", t->task[i].n_items);
        page_arms_table(page, &t->task[i].data);
    }
    return rc;
}
