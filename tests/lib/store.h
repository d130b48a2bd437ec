/* A small run of the real program, over and over, in a world that fails: for tests/test_store_*.c.
 *
 * store_open() makes a temporary folder (in memory where there is /dev/shm) and lets the toy of tests/fixtures/store run
 * there undisturbed, into "whole".  Trials then run the same command into other folders, under the shims of tests/shim,
 * and are compared with it. */
#ifndef TESTS_LIB_STORE_H
#define TESTS_LIB_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* Exits with 77 when there is no temporary folder; name is the test's. */
void store_open(const char *name);
void store_close(void);
const char *store_folder(void);            /* that holds the run folders: what the shims look at */
const char *store_path(const char *name);  /* of a run folder; valid until the next four calls */
const char *store_aside(const char *name); /* of a file that no shim looks at; likewise */

bool store_sanitized(void); /* built with the address sanitizer */
/* The number of trials: quick, or full when CHORALE_LONG is set; a quarter of it under the sanitizer, at least 1. */
size_t store_trials(size_t quick, size_t full);
/* Whether this process makes the trial: all of them, or with CHORALE_PART=i/n (i from 1) every nth, so that n processes share
 * a long campaign, and one that was cut off goes on with the parts that are missing. */
bool store_in_part(size_t trial);

/* What a trial may set: "NAME=VALUE" goes into the environment (SHIM_*: the shims are loaded), "--option=value" to the
 * program, "STORE_REPORT=1" makes the report too, "-" takes the program's whole command line from what follows instead of the toy's.  NULL ends the list. */
#define STORE_MESSAGE 2048
struct store_end {
    int status;                  /* exit status; 128 + signal when one ended it; -1: it hung and was killed */
    bool signalled;              /* ended by a signal */
    char message[STORE_MESSAGE]; /* its stderr but for the progress */
};

/* Runs the toy into the folder. */
struct store_end store_run(const char *out, const char *const settings[]);
/* The same in two steps, to do something in between. */
pid_t store_start(const char *out, const char *const settings[]);
struct store_end store_wait(pid_t pid, const char *out);
bool store_stopped(pid_t pid); /* waits until it stops (SIGSTOP); false: it ended first */

/* Whether out/results.h5 holds the datasets of "whole", bit for bit but for /cost. */
bool store_same(const char *out);
/* Runs undisturbed into out until done, and checks that the end is the same as "whole"; what names the trial. */
void store_heals(const char *out, const char *what);

/* Files of the run folder that are only meant to stand aside for a moment: "x.tmp", "x.part". */
size_t store_n_aside(const char *out);

void store_remove(const char *out);
void store_copy(const char *from, const char *to); /* run folders; to is replaced */

#define STORE_SETTINGS(...)                                                                                            \
    (const char *const[])                                                                                              \
    {                                                                                                                  \
        __VA_ARGS__, NULL                                                                                              \
    }
#define STORE_PLAIN ((const char *const[]){ NULL })

#endif
