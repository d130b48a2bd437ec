#include "plots/report.h"
#include "base/err.h"
#include "plots/page.h"
#include "plots/plot.h"
#include <errno.h>
#include <math.h>
#include <string.h>
#include <sys/stat.h>

#define SVG_MAX ((size_t)64 << 20)

static int make_folder(const char *path)
{
    if (mkdir(path, 0777) == 0 || errno == EEXIST)
        return 0;
    return err_set(ERR_IO, "%s: cannot make the folder: %s", path, strerror(errno));
}

/* Draws a figure and puts it on the page; figures without data are left out. */
static int add_figure(struct text *page, const struct figure_type *f, const struct figure_data *d, const char *folder)
{
    struct text script = { 0 }, path = { 0 }, svg = { 0 };
    int rc = f->draw(d, &script);
    if (rc == 0)
        rc = plot_write(folder, f->name, &script);
    if (rc == 0) {
        text_addf(&path, "%s/%s.svg", folder, f->name);
        rc = text_read_file(&svg, text_s(&path), SVG_MAX);
        if (rc == 0)
            page_figure(page, f, text_s(&svg));
        if (rc == 0 && strcmp(f->name, "frontier") == 0)
            page_chains(page, d);
    }
    text_free(&script);
    text_free(&path);
    text_free(&svg);
    return rc < 0 ? rc : 0;
}

static int add_figures(struct text *page, const struct figure_data *d, const char *folder)
{
    size_t n;
    const struct figure_type *const *types = figure_types(&n);
    struct text path = { 0 };
    text_addf(&path, "%s/figures", folder);
    int rc = make_folder(text_s(&path));
    text_add(page, "<div id=\"figures\"></div>\n");
    for (size_t i = 0; i < n && rc == 0; i++)
        rc = add_figure(page, types[i], d, text_s(&path));
    text_free(&path);
    return rc;
}

static void csv_text(struct text *t, const char *s)
{
    text_add(t, "\"");
    for (; *s; s++)
        text_addf(t, *s == '"' ? "\"\"" : "%c", *s);
    text_add(t, "\"");
}

static int write_csv(const struct figure_data *d, const char *folder)
{
    struct text t = { 0 }, path = { 0 };
    size_t n;
    const struct results_arm *arms = results_arms(d->results, &n);
    text_add(&t, "arm,lm,chain,search,metric,mean,low,high,items\n");
    for (size_t arm = 0; arm < n; arm++)
        for (size_t m = 0; m < d->summary->n_metrics; m++) {
            const struct interval *i = &d->summary->metrics[m].arms[arm];
            const char *const fields[] = { arms[arm].name, arms[arm].lm, arms[arm].chain, arms[arm].search,
                                           d->summary->metrics[m].metric->name };
            const double values[] = { i->mean, i->low, i->high };
            for (size_t k = 0; k < 5; k++) {
                csv_text(&t, fields[k]);
                text_add(&t, ",");
            }
            for (size_t k = 0; k < 3; k++) {
                if (isfinite(values[k]))
                    text_add_real(&t, values[k]);
                text_add(&t, ",");
            }
            text_addf(&t, "%zu\n", i->n);
        }
    text_addf(&path, "%s/arms.csv", folder);
    int rc = text_write_file(text_s(&path), text_s(&t), t.len);
    text_free(&t);
    text_free(&path);
    return rc;
}

/* A cell of a table: a bar would end it. */
static void markdown_text(struct text *t, const char *s)
{
    for (; *s; s++)
        text_addf(t, *s == '|' ? "\\|" : "%c", *s);
}

static int write_markdown(const struct figure_data *d, const char *folder)
{
    struct text t = { 0 }, path = { 0 };
    size_t n, n_metrics = d->summary->n_metrics;
    const struct results_arm *arms = results_arms(d->results, &n);
    text_add(&t, "| lm | chain |");
    for (size_t m = 0; m < n_metrics; m++)
        text_addf(&t, " %s |", d->summary->metrics[m].metric->name);
    text_add(&t, "\n|---|---|");
    for (size_t m = 0; m < n_metrics; m++)
        text_add(&t, "---|");
    for (size_t arm = 0; arm < n; arm++) {
        text_add(&t, "\n| ");
        markdown_text(&t, arms[arm].lm);
        text_add(&t, " | `");
        markdown_text(&t, arms[arm].chain);
        text_add(&t, "` |");
        for (size_t m = 0; m < n_metrics; m++) {
            const struct interval *i = &d->summary->metrics[m].arms[arm];
            if (!isfinite(i->mean))
                text_add(&t, " |");
            else if (isfinite(i->low))
                text_addf(&t, " %.4g [%.4g, %.4g] |", i->mean, i->low, i->high);
            else
                text_addf(&t, " %.4g |", i->mean);
        }
    }
    text_add(&t, "\n");
    text_addf(&path, "%s/arms.md", folder);
    int rc = text_write_file(text_s(&path), text_s(&t), t.len);
    text_free(&t);
    text_free(&path);
    return rc;
}

static int write_page(struct results *r, const struct figure_data *d, const char *folder)
{
    struct text page = { 0 }, path = { 0 };
    const char *name = json_string_value(json_object_get(json_object_get(results_plan(r), "what"), "name"));
    page_open(&page, name ? name : "run");
    page_headline(&page, d);
    int rc = add_figures(&page, d, folder);
    if (rc == 0) {
        page_arms(&page, d);
        page_metrics(&page, d);
        rc = page_generations(&page, r);
    }
    if (rc == 0) {
        page_fits(&page, r);
        page_provenance(&page, r);
        page_cost(&page, d);
        page_close(&page);
        text_addf(&path, "%s/index.html", folder);
        rc = text_write_file(text_s(&path), text_s(&page), page.len);
    }
    text_free(&page);
    text_free(&path);
    return rc;
}

int report_write(struct results *r, const char *folder)
{
    struct summary s;
    struct figure_data d;
    TRY(make_folder(folder));
    summary_of(r, &s);
    figure_data_init(&d, r, &s);
    int rc = write_csv(&d, folder);
    if (rc == 0)
        rc = write_markdown(&d, folder);
    if (rc == 0)
        rc = write_page(r, &d, folder);
    figure_data_fini(&d);
    summary_fini(&s);
    return rc;
}
