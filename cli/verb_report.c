/* report: figures, tables and one page of a run, finished or not. */
#include "base/err.h"
#include "cli/verbs.h"
#include "plots/report.h"
#include <stdio.h>
#include <string.h>

static int report_one(const struct args *a, const char *run)
{
    struct text folder = { 0 }, lines = { 0 };
    struct summary s;
    struct results *r = results_open(run);
    if (!r)
        return err_code();
    const char *out = options_text(a, "out"), *end = strstr(run, ".h5");
    if (out && a->n_operands == 1)
        text_add(&folder, out);
    else if (out)
        text_addf(&folder, "%s-%s", out, strrchr(run, '/') ? strrchr(run, '/') + 1 : run);
    else
        text_addf(&folder, "%s%s", run, end && end[3] == '\0' ? ".report" : "/report");
    int rc = report_write(r, text_s(&folder));
    if (rc == 0) {
        summary_of(r, &s);
        report_summary(r, &s, &lines);
        summary_fini(&s);
        if (!a->quiet && !a->json)
            fputs(text_s(&lines), stdout);
        if (!a->quiet || a->json)
            printf(a->json ? "{\"report\":\"%s/index.html\"}\n" : "  report: %s/index.html\n", text_s(&folder));
    }
    results_close(r);
    text_free(&folder);
    text_free(&lines);
    return rc;
}

static int run_report(const struct args *a)
{
    for (size_t i = 0; i < a->n_operands; i++)
        TRY(report_one(a, a->operand[i]));
    return 0;
}

static const struct option_row options[] = {
    { "out", "FOLDER", NULL, "report folder; default: report in the run folder" },
};

const struct verb verb_report = {
    .name = "report",
    .operands = "RUN...",
    .min_operands = 1,
    .max_operands = 1000,
    .summary = "one self-contained HTML page with figures and tables (also of a running or interrupted run)",
    .details = "RUN is a run folder or a results.h5. The folder gets index.html, arms.csv, arms.md and figures/ with "
               "the gnuplot\n"
               "scripts. The same results give the same bytes.",
    .options = options,
    .n_options = sizeof options / sizeof *options,
    .run = run_report,
};
