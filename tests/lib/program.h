/* Running the program itself, as its users do: the chorale beside the tests' folder. */
#ifndef TESTS_LIB_PROGRAM_H
#define TESTS_LIB_PROGRAM_H

#include "base/text.h"
#include <sys/types.h>

struct program {
    pid_t pid;
    int code; /* exit status; 128 + number where a signal ended it; -1: it ran over the limit and was killed */
    double seconds;
    size_t most_kb;   /* peak of resident memory, of its children too */
    struct text said; /* stdout and stderr */
};

/* argv[0] is put in; the list ends with NULL.  Skips the test (77) when there is no program. */
void program_start(struct program *p, const char *const argv[]);
/* Waits at most so many seconds. */
void program_wait(struct program *p, double seconds);
void program_run(struct program *p, const char *const argv[]); /* both, two minutes */
void program_free(struct program *p);

/* Limits and streams of what is started from now on: largest file in bytes (0: none), whether stdout is a pipe whose
 * reader has gone. */
void program_limit_files(size_t bytes);
void program_close_stdout(bool closed);

#endif
