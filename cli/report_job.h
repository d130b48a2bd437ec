/* A report and its ten lines, made where a crash of the HDF5 library cannot hurt (cli/guard.h). */
#ifndef CLI_REPORT_JOB_H
#define CLI_REPORT_JOB_H

#include "cli/options.h"

struct report_job {
    const struct args *args; /* quiet and json: no lines on stdout */
    const char *run;         /* a run folder or a results.h5 */
    const char *folder;      /* of the report; NULL: the lines alone */
    double seconds;          /* limit of reading; 0: by the size of what is read */
};

/* 0, or why there is no report; then the old one, if there was one, is as it was. */
int report_job_run(const struct report_job *job);

#endif
