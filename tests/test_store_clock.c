/* Clocks that jump by years, a monotonic clock that runs ahead, other time zones, locales, odd paths: the same datasets. */
#include "tests/lib/check.h"
#include "tests/lib/h5same.h"
#include "tests/lib/store.h"
#include <stdio.h>

static size_t n_trials;

static void same_again(const char *out, const char *const settings[], const char *what)
{
    store_remove(out);
    struct store_end end = store_run(out, settings);
    check(end.status == 0, "%s: status %d: %s", what, end.status, end.message);
    check(end.status == 0 && store_same(out), "%s: other datasets: %s", what, h5same_difference());
    store_remove(out);
    n_trials++;
}

int main(void)
{
    static const char *const zones[] = { "TZ=UTC", "TZ=Asia/Kathmandu", "TZ=Pacific/Kiritimati", "TZ=:nowhere",
                                         "TZ=ABC-25" };
    static const char *const locales[] = { "LC_ALL=de_DE.UTF-8", "LC_ALL=C", "LC_ALL=tr_TR.UTF-8", "LC_ALL=nonsense" };
    static const char *const names[] = { "with space",  "with 'quote'", "with \"quote\"", "中文",
                                         "a`b$c;d|e&f", "-x",           "new\nline",      "percent%s" };
    static const char *const scales[] = { "SHIM_CLOCK_SCALE=1000", "SHIM_CLOCK_SCALE=1000000000" };
    static const char *const jumps[] = { "SHIM_CLOCK_JUMP=3600", "SHIM_CLOCK_JUMP=1000000000",
                                         "SHIM_CLOCK_JUMP=100000000000" };
    store_open("store_clock");
    for (size_t i = 0; i < sizeof jumps / sizeof *jumps; i++)
        same_again("trial", STORE_SETTINGS(jumps[i], "STORE_REPORT=1"), jumps[i]);
    for (size_t i = 0; i < sizeof scales / sizeof *scales; i++)
        same_again("trial", STORE_SETTINGS(scales[i], "--quiet"),
                   scales[i]); /* reading for the report has a time limit */
    for (size_t i = 0; i < sizeof zones / sizeof *zones; i++)
        same_again("trial", STORE_SETTINGS(zones[i]), zones[i]);
    for (size_t i = 0; i < sizeof locales / sizeof *locales; i++)
        same_again("trial", STORE_SETTINGS(locales[i]), locales[i]);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        same_again(names[i], STORE_SETTINGS("STORE_REPORT=1"), names[i]);
    printf("clocks, zones, locales and names: %zu runs\n", n_trials);
    store_close();
    return check_done("store_clock");
}
