#include "plots/report.h"
#include "base/err.h"
#include "base/folder.h"
#include "plots/page.h"
#include "plots/report_figure.h"
#include "plots/report_tables.h"
#include "plots/report_tasks.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static void join(struct text *out, const char *folder, const char *name)
{
    text_clear(out);
    text_addf(out, "%s/%s", folder, name);
}

static int write_text(const char *folder, const char *name, const struct text *t)
{
    struct text path = { 0 };
    join(&path, folder, name);
    int rc = text_write_file(text_s(&path), text_s(t), t->len);
    text_free(&path);
    return rc;
}

/* *numbered: the table of what the numbers of points stand for is there. */
static int add_figure(struct text *page, const struct figure_type *f, const struct figure_data *d, const char *folder,
                      bool *numbered)
{
    int rc = report_figure(page, f, d, folder);
    if (rc == 0 && strcmp(f->name, "frontier") == 0)
        page_frontier(page, d);
    if (rc == 0 && !*numbered && (strcmp(f->name, "frontier") == 0 || strcmp(f->name, "quality") == 0)) {
        page_settings(page, d);
        *numbered = true;
    }
    return rc < 0 ? rc : 0;
}

static int add_figures(struct text *page, const struct figure_data *d, const char *folder)
{
    size_t n;
    const struct figure_type *const *types = figure_types(&n);
    struct text path = { 0 };
    bool numbered = false;
    join(&path, folder, "figures");
    int rc = folder_make(text_s(&path));
    text_add(page, "<div id=\"figures\"></div>\n");
    for (size_t i = 0; i < n && rc == 0; i++)
        rc = add_figure(page, types[i], d, text_s(&path), &numbered);
    text_free(&path);
    return rc;
}

static int add_tasks(struct text *page, const struct report_tasks *t, const char *folder)
{
    struct text path = { 0 };
    join(&path, folder, "figures");
    int rc = report_tasks_page(page, t, text_s(&path));
    text_free(&path);
    return rc;
}

static int write_page(struct results *r, const struct figure_data *d, const struct report_tasks *tasks,
                      const char *folder)
{
    struct text page = { 0 };
    const char *name = json_string_value(json_object_get(json_object_get(results_plan(r), "what"), "name"));
    page_open(&page, name ? name : "run");
    page_headline(&page, d);
    int rc = add_figures(&page, d, folder);
    if (rc == 0) {
        page_arms(&page, d);
        rc = add_tasks(&page, tasks, folder);
    }
    if (rc == 0) {
        page_metrics(&page, d);
        rc = page_generations(&page, d, r);
    }
    if (rc == 0) {
        page_fits(&page, r);
        page_provenance(&page, r);
        page_cost(&page, d);
        page_close(&page);
        rc = write_text(folder, "index.html", &page);
    }
    text_free(&page);
    return rc;
}

static int write_tables(const struct figure_data *d, const struct report_tasks *tasks, const char *folder)
{
    struct text t = { 0 };
    report_csv(&t, d);
    int rc = write_text(folder, "arms.csv", &t);
    text_clear(&t);
    report_markdown(&t, d);
    rc = rc < 0 ? rc : write_text(folder, "arms.md", &t);
    if (rc == 0 && tasks->n > 0) {
        text_clear(&t);
        report_tasks_csv(&t, tasks);
        rc = write_text(folder, "tasks.csv", &t);
        text_clear(&t);
        report_tasks_markdown(&t, tasks);
        rc = rc < 0 ? rc : write_text(folder, "tasks.md", &t);
    }
    text_free(&t);
    return rc;
}

/* Renames a file of the new report into place; one that the new report lacks goes. */
static int install_file(const char *part, const char *folder, const char *name)
{
    struct text from = { 0 }, to = { 0 };
    join(&from, part, name);
    join(&to, folder, name);
    int rc = 0;
    if (access(text_s(&from), F_OK) != 0)
        unlink(text_s(&to));
    else if (rename(text_s(&from), text_s(&to)) != 0)
        rc = err_set(ERR_IO, "%s: cannot write: %s", text_s(&to), strerror(errno));
    text_free(&from);
    text_free(&to);
    return rc;
}

/* The script and the SVG of a figure. */
static int install_figure(const char *part, const char *folder, const char *name)
{
    static const char *const kinds[] = { "gp", "svg" };
    struct text path = { 0 };
    int rc = 0;
    for (size_t i = 0; i < 2 && rc == 0; i++) {
        text_clear(&path);
        text_addf(&path, "figures/%s.%s", name, kinds[i]);
        rc = install_file(part, folder, text_s(&path));
    }
    text_free(&path);
    return rc;
}

static int install(const char *part, const char *folder)
{
    static const char *const last[] = { "arms.csv", "arms.md", "tasks.csv", "tasks.md", "index.html" };
    size_t n;
    const struct figure_type *const *types = figure_types(&n);
    struct text path = { 0 };
    join(&path, folder, "figures");
    int rc = folder_refuse_link(text_s(&path));
    rc = rc < 0 ? rc : folder_make(text_s(&path));
    for (size_t i = 0; i < n && rc == 0; i++)
        rc = install_figure(part, folder, types[i]->name);
    for (size_t i = 0; i < REPORT_TASKS && rc == 0; i++) {
        report_tasks_figure(i, &path);
        rc = install_figure(part, folder, text_s(&path));
    }
    for (size_t i = 0; i < sizeof last / sizeof *last && rc == 0; i++)
        rc = install_file(part, folder, last[i]);
    text_free(&path);
    return rc;
}

/* Holds the folder while a report is made in it: a descriptor, -1 where the file system has no locks, or ERR_LOCKED. */
static int hold(const char *folder, int *fd)
{
    *fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (*fd < 0)
        return err_set(ERR_IO, "%s: cannot open the folder: %s", folder, strerror(errno));
    if (flock(*fd, LOCK_EX | LOCK_NB) == 0 || errno != EWOULDBLOCK)
        return 0;
    close(*fd);
    *fd = -1;
    return err_set(ERR_LOCKED, "%s: another report is being written there", folder);
}

static int make_part(struct results *r, const struct figure_data *d, const char *part)
{
    if (mkdir(part, 0777) != 0)
        return err_set(ERR_IO, "%s: cannot make the folder: %s", part, strerror(errno));
    struct report_tasks tasks;
    report_tasks_init(&tasks, r);
    int rc = write_tables(d, &tasks, part);
    rc = rc < 0 ? rc : write_page(r, d, &tasks, part);
    report_tasks_fini(&tasks);
    return rc;
}

int report_make(struct results *r, const struct summary *s, const char *folder)
{
    struct figure_data d;
    struct text part = { 0 };
    int fd;
    bool is_new = access(folder, F_OK) != 0;
    TRY(folder_make(folder));
    TRY(hold(folder, &fd));
    join(&part, folder, ".part");
    folder_remove(text_s(&part), 1);
    figure_data_init(&d, r, s);
    int rc = regret_of(r, d.regrets, &d.n_regrets);
    rc = rc < 0 ? rc : make_part(r, &d, text_s(&part));
    rc = rc < 0 ? rc : install(text_s(&part), folder);
    folder_remove(text_s(&part), 1);
    if (rc < 0 && is_new)
        rmdir(folder);
    figure_data_fini(&d);
    text_free(&part);
    close(fd);
    return rc;
}

int report_write(struct results *r, const char *folder)
{
    struct summary s;
    summary_of(r, &s);
    int rc = report_make(r, &s, folder);
    summary_fini(&s);
    return rc;
}

void report_abandon(const char *folder)
{
    struct text part = { 0 };
    int fd;
    join(&part, folder, ".part");
    if (access(text_s(&part), F_OK) == 0 && hold(folder, &fd) == 0) {
        folder_remove(text_s(&part), 1);
        /* a figure's program that was ended with the report may be writing its last */
        for (int tries = 0; tries < 100 && access(text_s(&part), F_OK) == 0; tries++) {
            nanosleep(&(struct timespec){ .tv_nsec = 10000000 }, NULL);
            folder_remove(text_s(&part), 1);
        }
        close(fd);
    }
    text_free(&part);
}
