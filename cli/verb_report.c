/* report: figures, tables and one page of a run, finished or not. */
#include "base/err.h"
#include "base/folder.h"
#include "base/text.h"
#include "cli/report_job.h"
#include "cli/verbs.h"
#include <stdio.h>
#include <string.h>

/* "a/run/" is called run. */
static void add_last_name(struct text *t, const char *run)
{
    size_t n = strlen(run), start;
    while (n > 1 && run[n - 1] == '/')
        n--;
    for (start = n; start > 0 && run[start - 1] != '/';)
        start--;
    text_addn(t, run + start, n - start);
}

static void choose_folder(const struct args *a, const char *run, struct text *folder)
{
    const char *out = options_text(a, "out");
    text_clear(folder);
    if (out && a->n_operands == 1) {
        text_add(folder, out);
    } else if (out) {
        text_addf(folder, "%s-", out);
        add_last_name(folder, run);
    } else {
        text_addf(folder, "%s%s", run, text_ends_in(run, ".h5") ? ".report" : "/report");
    }
}

/* The second of two reports in one folder would write over the first. */
static int check_folders(const struct args *a)
{
    struct text one = { 0 }, other = { 0 };
    int rc = 0;
    for (size_t i = 0; i < a->n_operands && rc == 0; i++) {
        choose_folder(a, a->operand[i], &one);
        for (size_t k = 0; k < i && rc == 0; k++) {
            choose_folder(a, a->operand[k], &other);
            if (strcmp(text_s(&one), text_s(&other)) == 0)
                rc = err_set(ERR_USAGE, "the reports of '%s' and '%s' would both be '%s': want one --out for each",
                             a->operand[k], a->operand[i], text_s(&one));
        }
    }
    text_free(&one);
    text_free(&other);
    return rc;
}

static void print_json(const char *folder)
{
    struct text path = { 0 }, json = { 0 };
    text_addf(&path, "%s/index.html", folder);
    text_add_json(&json, path.s, path.len);
    printf("{\"report\":%s}\n", text_s(&json));
    text_free(&path);
    text_free(&json);
}

static int report_one(const struct args *a, const char *run, double seconds)
{
    struct text folder = { 0 };
    choose_folder(a, run, &folder);
    int rc = options_text(a, "out") ? 0 : folder_refuse_link(text_s(&folder));
    rc = rc < 0 ? rc : report_job_run(&(struct report_job){ a, run, text_s(&folder), seconds });
    if (rc == 0 && a->json)
        print_json(text_s(&folder));
    text_free(&folder);
    return rc;
}

static int run_report(const struct args *a)
{
    double seconds = 0;
    TRY(options_real(a, "open-limit", 0.001, 1e9, &seconds));
    TRY(check_folders(a));
    for (size_t i = 0; i < a->n_operands; i++)
        TRY(report_one(a, a->operand[i], seconds));
    return 0;
}

static const struct option_row options[] = {
    { "out", "FOLDER", NULL, "report folder; default: report in the run folder" },
    { "open-limit", "SECONDS", NULL, "for reading one results file; default: 20 and one more for each MB of it" },
};

const struct verb verb_report = {
    .name = "report",
    .operands = "RUN...",
    .min_operands = 1,
    .max_operands = 1000,
    .summary = "one self-contained HTML page with figures and tables (also of a running or interrupted run)",
    .details = "RUN is a run folder or a results.h5. The folder gets index.html, arms.csv, arms.md and figures/ with "
               "the gnuplot\n"
               "scripts: all of a report or nothing of it. The same results give the same bytes.\n"
               "CHORALE_GNUPLOT in the environment names the gnuplot to run; default: the one in /usr/local/bin, "
               "/usr/bin, /bin.",
    .options = options,
    .n_options = sizeof options / sizeof *options,
    .run = run_report,
};
