#include "cli/report_job.h"
#include "base/err.h"
#include "base/text.h"
#include "cli/guard.h"
#include "plots/report.h"
#include <stdio.h>
#include <string.h>

static void print_lines(const struct report_job *job, const struct results *r, const struct summary *s)
{
    struct text lines = { 0 };
    report_summary(r, s, &lines);
    if (job->folder) { /* it may have its name from a script */
        text_add(&lines, "  report: ");
        text_add_shown(&lines, job->folder, strlen(job->folder));
        text_add(&lines, "/index.html\n");
    }
    fputs(text_s(&lines), stdout);
    text_free(&lines);
}

static int make(struct guard *g, void *ctx)
{
    const struct report_job *job = ctx;
    struct summary s;
    bool silent = job->args->quiet || job->args->json;
    struct results *r = guard_results(g, 0, job->run);
    if (!r)
        return err_code();
    summary_of(r, &s);
    int rc = job->folder ? report_make(r, &s, job->folder) : 0;
    if (rc == 0 && !silent)
        print_lines(job, r, &s);
    summary_fini(&s);
    results_close(r);
    return rc;
}

int report_job_run(const struct report_job *job)
{
    if (!job->folder && (job->args->quiet || job->args->json))
        return 0;
    struct report_job copy = *job;
    struct guard_work work = { .paths = &job->run, .n_paths = 1, .seconds = job->seconds, .work = make, .ctx = &copy };
    int rc = guard_run(&work);
    if (rc < 0 && job->folder)
        report_abandon(job->folder);
    return rc;
}
