/* A report by task: each task's table is of its items alone, each has a frontier; a run of one task has neither.  And what the
 * tables of every report say of arms: their searches, and items that some lack. */
#include "base/err.h"
#include "base/folder.h"
#include "base/text.h"
#include "experiments/init.h"
#include "experiments/results.h"
#include "plots/page.h"
#include "plots/report.h"
#include "plots/report_tables.h"
#include "plots/report_tasks.h"
#include "tests/lib/check.h"
#include "tests/lib/results_file.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char home[] = "/tmp/chorale-tasks-XXXXXX";

static const char *at(const char *name)
{
    static char path[4][200];
    static size_t i;
    i = (i + 1) % 4;
    snprintf(path[i], sizeof path[i], "%s/%s", home, name);
    return path[i];
}

static struct results *results_of(const struct results_file *f)
{
    check(results_file_write(at("results.h5"), f) == 0, "%s", err_text());
    struct results *r = results_open(at("results.h5"));
    check(r != NULL, "%s", err_text());
    return r;
}

static struct results *results_with(uint32_t n_tasks, uint32_t n_items)
{
    return results_of(&(struct results_file){
        .n_arms = 4, .n_items = n_items, .n_draws = 2, .n_lms = 2, .symbols = 3, .n_tasks = n_tasks });
}

/* The mean over the items of task k of the mean over draws. */
static double mean_of(const struct results *r, const struct results_metric *m, uint32_t arm, size_t k, size_t n_tasks)
{
    size_t n_items, n = 0;
    double x[64], sum = 0;
    results_items(r, &n_items);
    results_by_item(r, m, arm, x);
    for (size_t i = k; i < n_items; i += n_tasks, n++)
        sum += x[i];
    return sum / (double)n;
}

static void test_summaries(const struct results *r, size_t n_tasks)
{
    struct report_tasks t;
    report_tasks_init(&t, r);
    check(t.n == n_tasks && !t.more, "%zu tasks", t.n);
    for (size_t k = 0; k < t.n; k++) {
        const struct summary *s = &t.task[k].summary;
        char name[32];
        snprintf(name, sizeof name, "task-%zu", k);
        check(strcmp(t.task[k].name, name) == 0 && t.task[k].n_items == 10, "task %zu: '%s', %zu items", k,
              t.task[k].name, t.task[k].n_items);
        check(s->n_metrics > 5 && s->n_arms == 4, "%zu metrics", s->n_metrics);
        for (size_t m = 0; m < s->n_metrics; m++)
            for (uint32_t arm = 0; arm < 4; arm++) {
                const struct interval *i = &s->metrics[m].arms[arm];
                check_near(i->mean, mean_of(r, s->metrics[m].metric, arm, k, n_tasks), 1e-12, "%s",
                           s->metrics[m].metric->name);
                check(i->n == 10 && i->low <= i->mean && i->mean <= i->high, "its interval is over its items");
            }
    }
    report_tasks_fini(&t);
}

/* bug: the page pointed at parts that a run without generated texts, or with tasks, does not have, or did not point at them */
static void test_links(const char *page)
{
    static const char link[] = "<a href=\"#";
    size_t n = 0;
    for (const char *at = strstr(page, link); at; at = strstr(at + 1, link), n++) {
        const char *name = at + strlen(link), *end = strchr(name, '"');
        struct text id = { 0 };
        text_addf(&id, " id=\"%.*s\"", (int)(end - name), name);
        check(strstr(page, text_s(&id)) != NULL, "a link leads to%s", text_s(&id));
        text_free(&id);
    }
    check(n >= 5, "%zu links", n);
    check((strstr(page, "#tasks\"") != NULL) == (strstr(page, "id=\"tasks\"") != NULL),
          "tasks are linked where they are");
}

static void test_files(struct results *r)
{
    struct text csv = { 0 }, page = { 0 }, markdown = { 0 };
    check(report_write(r, at("report")) == 0, "%s", err_text());
    check(text_read_file(&csv, at("report/tasks.csv"), 1 << 20) == 0 &&
              strncmp(text_s(&csv), "task,arm,lm,chain,search,metric,mean,low,high,items\n\"task-0\",", 60) == 0,
          "%.80s", text_s(&csv));
    check(strstr(text_s(&csv), "\n\"task-2\",") != NULL, "a row of the last task");
    check(text_read_file(&markdown, at("report/tasks.md"), 1 << 20) == 0 &&
              strstr(text_s(&markdown), "\n## task-1\n\n| lm | setting |"),
          "%.80s", text_s(&markdown));
    check(text_read_file(&page, at("report/index.html"), 8 << 20) == 0 &&
              strstr(text_s(&page), "<h2>Creativity against control: task-1</h2>") &&
              strstr(text_s(&page), "<h3>Arms: task-2, 10 items</h3>"),
          "the page's sections");
    test_links(text_s(&page));
    check(access(at("report/figures/frontier-task-3.svg"), F_OK) == 0 &&
              access(at("report/figures/frontier-task-4.svg"), F_OK) != 0,
          "a figure each");
    text_free(&csv);
    text_free(&page);
    text_free(&markdown);
}

/* bug: the mean of an arm that lacks items stood beside the others' as if it were of the same, and an infinite one was blank */
static void test_few(void)
{
    struct results *r = results_with(0, 30);
    struct summary s;
    struct figure_data d;
    struct text markdown = { 0 }, csv = { 0 }, page = { 0 }, lines = { 0 };
    summary_of(r, &s);
    const struct summary_metric *first = summary_find(&s, "coverage"), *other = summary_find(&s, "accuracy");
    check(first && other, "metrics");
    for (size_t arm = 1; arm < 4; arm++)
        first->arms[arm] = (struct interval){ 0.25, NAN, NAN, 30 };
    first->arms[0] = (struct interval){ 0.5, 0.25, 0.75, 12 };
    other->arms[1] = (struct interval){ INFINITY, NAN, NAN, 30 };
    figure_data_init(&d, r, &s);
    report_markdown(&markdown, &d);
    report_csv(&csv, &d);
    page_arms_table(&page, &d);
    page_headline(&page, &d);
    report_summary(r, &s, &lines);
    check(strstr(text_s(&markdown), " 0.5 [0.25, 0.75], 12 of 30 items |") && strstr(text_s(&markdown), "| inf |"),
          "%s", text_s(&markdown));
    check(strstr(text_s(&csv), "\"coverage\",0.5,0.25,0.75,12\n") && strstr(text_s(&csv), "\"accuracy\",inf,,,30\n"),
          "%s", text_s(&csv));
    check(strstr(text_s(&page), "</span><span class=\"i\">12 of 30 items</span></td>") &&
              strstr(text_s(&page), "<td data-v=\"Infinity\">&infin;</td>") &&
              strstr(text_s(&page), "coverage = 0.5 [0.25, 0.75] over 12 of 30 items; "),
          "%s", text_s(&page));
    check(strstr(text_s(&lines), "; coverage = 0.5 [0.25, 0.75] over 12 of 30 items\n") != NULL, "%s", text_s(&lines));
    text_free(&markdown);
    text_free(&csv);
    text_free(&page);
    text_free(&lines);
    figure_data_fini(&d);
    summary_fini(&s);
    results_close(r);
}

/* bugs: a report named an arm by its lm and chain alone, so that nothing told sampling and the searches apart; one that does
 * something else for its tasks was shown under its chain and search, which are those of no task */
static void test_searches(void)
{
    struct results *r = results_of(
        &(struct results_file){ .n_arms = 10, .n_items = 4, .n_draws = 2, .n_lms = 2, .symbols = 3, .searches = true });
    struct text markdown = { 0 }, page = { 0 };
    check(report_write(r, at("searches")) == 0, "%s", err_text());
    check(text_read_file(&markdown, at("searches/arms.md"), 1 << 20) == 0 &&
              text_read_file(&page, at("searches/index.html"), 8 << 20) == 0,
          "%s", err_text());
    static const char *const rows[] = { "`(no chain)`", "`(no chain) \\| beam=1`", "`(no chain) \\| beam=2`",
                                        "`(no chain) \\| beam=3`", "`(no chain) \\| beam=3 \\| by task`" };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct text row = { 0 };
        text_addf(&row, "\n| lm-1 | %s |", rows[i]);
        check(strstr(text_s(&markdown), text_s(&row)) != NULL, "want %s in:\n%s", text_s(&row), text_s(&markdown));
        text_free(&row);
    }
    check(strstr(text_s(&page), "</b> with <code>(no chain) | beam=3 | by task</code>") != NULL,
          "the best arm is told");
    check(strstr(text_s(&page), "<code>(no chain) | beam=2</code></td><td") != NULL, "a row of the table");
    check(strstr(text_s(&page), "<td>5</td><td class=\"l\"><code>(no chain) | beam=3 | by task</code>") != NULL,
          "its own point");
    check(strstr(text_s(&page), "\"chain\":\"(no chain) | beam=1\"") != NULL, "over its texts");
    text_free(&markdown);
    text_free(&page);
    results_close(r);
}

/* Results of four arms with these means of creativity and control, and what figures draw of them. */
static void with_means(const struct results *r, const double creativity[4], const double control[4], struct summary *s,
                       struct figure_data *d)
{
    summary_of(r, s);
    figure_data_init(d, r, s);
    const struct summary_metric *x = figure_creativity(d), *y = figure_control(d);
    figure_data_fini(d);
    for (size_t arm = 0; arm < 4; arm++) {
        x->arms[arm].mean = creativity[arm];
        y->arms[arm].mean = control[arm];
    }
    figure_data_init(d, r, s); /* whose frontier is of them */
}

/* bug: of arms that are equally creative the first was called the most creative, though another had more control: one that is
 * not on the frontier */
static void test_ties(void)
{
    static const double x[] = { 1, 1, 1, 0.5 }, y[] = { 0.25, 0.75, NAN, 0.75 };
    struct results *r = results_with(0, 30);
    struct summary s;
    struct figure_data d;
    with_means(r, x, y, &s, &d);
    const struct summary_metric *creativity = figure_creativity(&d), *control = figure_control(&d);
    size_t best = figure_best(creativity, control, 4), other = figure_best(control, creativity, 4);
    check(best == 1 && other == 1 && d.frontier[1], "arms %zu and %zu", best, other);
    check(figure_best(creativity, NULL, 4) == 0 && figure_best(NULL, control, 4) == 4, "the first; none");
    figure_data_fini(&d);
    summary_fini(&s);
    results_close(r);
}

/* The arms that no other beats, from the most control to the most creativity. */
static void test_frontier(void)
{
    static const double x[] = { 0.5, 0.9, 0.2, 0.7 },
                        y[] = { 0.5, 0.25, 0.4, 0.375 }; /* the third is beaten by the first */
    struct results *r = results_with(0, 30);
    struct summary s;
    struct figure_data d;
    struct text page = { 0 };
    with_means(r, x, y, &s, &d);
    page_frontier(&page, &d);
    const char *at = text_s(&page);
    for (const char *const *value = (const char *const[]){ ">0.5<", ">0.375<", ">0.25<", NULL }; *value && at; value++)
        at = strstr(at, *value);
    check(at && !strstr(text_s(&page), ">0.2<"), "%s", text_s(&page));
    text_free(&page);
    figure_data_fini(&d);
    summary_fini(&s);
    results_close(r);
}

/* bug: a report of half a run, or of one with failed units, looked like that of a whole one */
static void test_missing(void)
{
    struct results *r = results_with(0, 30);
    struct summary s;
    struct figure_data d;
    struct text page = { 0 }, lines = { 0 };
    json_t *p = (json_t *)(uintptr_t)results_provenance(r);
    summary_of(r, &s);
    figure_data_init(&d, r, &s);
    page_headline(&page, &d);
    check(!strstr(text_s(&page), "missing"), "nothing is");
    json_object_set_new(p, "units", json_integer(24));
    json_object_set_new(p, "missing", json_integer(12));
    json_object_set_new(p, "failed", json_integer(10));
    page_headline(&page, &d);
    report_summary(r, &s, &lines);
    check(strstr(text_s(&page), "<b>12 of 24 results are missing, 10 of them failed</b>") != NULL, "%s", text_s(&page));
    check(strstr(text_s(&lines), "  12 of 24 results are missing, 10 of them failed: ") != NULL, "%s", text_s(&lines));
    text_free(&page);
    text_free(&lines);
    figure_data_fini(&d);
    summary_fini(&s);
    results_close(r);
}

/* Items of one task, or of none: no parts, and those of an older report go. */
static void test_one(uint32_t n_tasks)
{
    struct results *r = results_with(n_tasks, 30);
    struct report_tasks t;
    report_tasks_init(&t, r);
    check(t.n == 0 && !t.more, "%zu tasks", t.n);
    report_tasks_fini(&t);
    check(report_write(r, at("report")) == 0, "%s", err_text());
    check(access(at("report/tasks.csv"), F_OK) != 0 && access(at("report/tasks.md"), F_OK) != 0 &&
              access(at("report/figures/frontier-task-1.svg"), F_OK) != 0,
          "what was of tasks is gone");
    results_close(r);
}

/* A first task without a creativity metric has no figure; it and those after it have their tables. */
static void test_bare(void)
{
    struct results *r = results_of(&(struct results_file){
        .n_arms = 4, .n_items = 30, .n_draws = 2, .n_lms = 2, .symbols = 3, .n_tasks = 3, .bare = true });
    struct text page = { 0 };
    check(report_write(r, at("bare")) == 0, "%s", err_text());
    check(text_read_file(&page, at("bare/index.html"), 8 << 20) == 0, "%s", err_text());
    check(!strstr(text_s(&page), "<h2>Creativity against control: task-0</h2>"), "no figure of the first");
    for (size_t k = 0; k < 3; k++) {
        char name[64];
        snprintf(name, sizeof name, "<h3>Arms: task-%zu, 10 items</h3>", k);
        check(strstr(text_s(&page), name) != NULL, "%s", name);
        snprintf(name, sizeof name, "<h2>Creativity against control: task-%zu</h2>", k);
        check(k == 0 || strstr(text_s(&page), name), "%s", name);
    }
    text_free(&page);
    results_close(r);
}

/* More tasks than are shown. */
static void test_many(void)
{
    struct results *r = results_with(30, 60);
    struct report_tasks t;
    struct text csv = { 0 };
    report_tasks_init(&t, r);
    check(t.n == REPORT_TASKS && t.more, "%zu", t.n);
    report_tasks_csv(&csv, &t);
    check(strstr(text_s(&csv), "\"task-11\",") && !strstr(text_s(&csv), "\"task-12\","), "the first dozen");
    text_free(&csv);
    report_tasks_fini(&t);
    results_close(r);
}

int main(void)
{
    init_libraries();
    if (!mkdtemp(home))
        return 1;
    bool draws = system("command -v gnuplot >/dev/null 2>&1") == 0;
    struct results *r = results_with(3, 30);
    test_summaries(r, 3);
    if (draws)
        test_files(r);
    results_close(r);
    test_many();
    test_few();
    test_ties();
    test_frontier();
    test_missing();
    if (draws) {
        test_one(0);
        test_one(1);
        test_bare();
        test_searches();
    }
    folder_remove(home, 4);
    return check_done("report_tasks");
}
