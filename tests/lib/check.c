#include "tests/lib/check.h"
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

static int n_passed, n_failed;

static void count(bool ok, const char *file, int line, const char *format, va_list args)
{
    if (ok) {
        n_passed++;
        return;
    }
    n_failed++;
    printf("%s:%d: failed: ", file, line);
    vprintf(format, args);
    printf("\n");
}

void check_at(bool ok, const char *file, int line, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    count(ok, file, line, format, args);
    va_end(args);
}

void check_near_at(double got, double want, double tolerance, const char *file, int line, const char *format, ...)
{
    bool ok = got == want || fabs(got - want) <= tolerance;
    va_list args;
    va_start(args, format);
    count(ok, file, line, format, args);
    va_end(args);
    if (!ok)
        printf("    got %.12g, want %.12g within %g\n", got, want, tolerance);
}

int check_done(const char *name)
{
    if (n_failed > 0)
        printf("%s: %d of %d checks failed\n", name, n_failed, n_failed + n_passed);
    else
        printf("%s: %d checks passed\n", name, n_passed);
    return n_failed > 0 || n_passed == 0;
}

_Noreturn void check_skip(const char *name, const char *reason)
{
    printf("%s: skipped: %s\n", name, reason);
    exit(77);
}

const char *check_shared(void)
{
    const char *path = getenv("CHORALE_SHARED");
    struct stat st;
    if (!path)
        path = CHORALE_HOME "/../shared";
    return stat(path, &st) == 0 && S_ISDIR(st.st_mode) ? path : NULL;
}
