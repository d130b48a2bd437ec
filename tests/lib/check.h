/* Checks for test programs: one line a failure, exit status of check_done().
 *
 *     check(ok, "row %d sums to one", i);   check_near(x, want, 1e-6, "entropy");   return check_done("row");
 */
#ifndef TESTS_CHECK_H
#define TESTS_CHECK_H

#include <stdbool.h>

void check_at(bool ok, const char *file, int line, const char *format, ...) __attribute__((format(printf, 4, 5)));
void check_near_at(double got, double want, double tolerance, const char *file, int line, const char *format, ...)
    __attribute__((format(printf, 6, 7)));

#define check(ok, ...)                        check_at((ok), __FILE__, __LINE__, __VA_ARGS__)
#define check_near(got, want, tolerance, ...) check_near_at((got), (want), (tolerance), __FILE__, __LINE__, __VA_ARGS__)

/* How often a test that is long for its figures repeats: `all` times, and `few` under the sanitizers, which are there for
 * the memory. */
#ifdef CHORALE_SANITIZED
#define CHECK_TIMES(all, few) (few)
#else
#define CHECK_TIMES(all, few) (all)
#endif

/* Prints "NAME: n checks passed" or the number of failures; the exit status. */
int check_done(const char *name);

/* Prints "NAME: skipped: reason"; exits with 77. */
_Noreturn void check_skip(const char *name, const char *reason);

/* The folder shared/ beside the project, from $CHORALE_SHARED or ../shared; NULL when absent. */
const char *check_shared(void);

#endif
