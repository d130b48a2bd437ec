/* Every allocation of a small run fails once: no crash, a message, an exit status that says what happened, nothing lost:
 * without the shim the same command ends as if nothing had been.  "whole" is left alone; a crash is reported with where
 * the allocation failed. */
#include "base/text.h"
#include "tests/lib/check.h"
#include "tests/lib/disk.h"
#include "tests/lib/h5same.h"
#include "tests/lib/store.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static size_t count_allocations(const char *const extra)
{
    char setting[600];
    uint64_t n = 0;
    snprintf(setting, sizeof setting, "SHIM_MALLOC_COUNT=%s", store_aside("count"));
    store_remove("trial");
    struct store_end end = store_run("trial", STORE_SETTINGS(setting, extra));
    struct text t = disk_read(store_aside(""), "count");
    if (t.len > 0)
        t.s[--t.len] = 0; /* the newline */
    check(end.status == 0 && text_u64(text_s(&t), &n) && n > 1000, "a run allocates %s times: %s", text_s(&t),
          end.message);
    text_free(&t);
    return (size_t)n;
}

static size_t n_trials, n_crashed, n_silent, n_ok, n_differ;

/* 0: the run could do without; 4: a library made it look like another failure of the world. */
static bool expected(int status)
{
    return status >= 0 && status <= 5;
}

static void fail_at(size_t at, const char *times, const char *extra)
{
    char set_at[64], trace[600];
    snprintf(set_at, sizeof set_at, "SHIM_MALLOC_AT=%zu", at);
    snprintf(trace, sizeof trace, "SHIM_MALLOC_TRACE=%s", store_aside("trace"));
    unlink(store_aside("trace"));
    store_remove("trial");
    struct store_end end = store_run("trial", STORE_SETTINGS(set_at, times, trace, extra));
    bool crashed = end.signalled || !expected(end.status), silent = end.status != 0 && end.message[0] == 0;
    n_trials++;
    n_crashed += crashed;
    n_silent += silent;
    n_ok += end.status == 0;
    check(!crashed, "allocation %zu (%s): status %d: %s", at, times, end.status, end.message);
    check(!silent, "allocation %zu (%s): status %d without a word", at, times, end.status);
    if (crashed || silent || getenv("STORE_TRACE")) {
        struct text t = disk_read(store_aside(""), "trace");
        printf("== allocation %zu: status %d: %s\n%s", at, end.status, end.message, text_s(&t));
        text_free(&t);
    }
    if (end.status == 0)
        check(store_same("trial"), "allocation %zu (%s): ended well with other datasets: %s", at, times,
              h5same_difference());
    end = store_run("trial", STORE_PLAIN);
    bool same = end.status == 0 && store_same("trial");
    n_differ += !same;
    check(same, "allocation %zu (%s): the same command again: status %d: %s %s", at, times, end.status, end.message,
          h5same_difference());
}

static void fail_all(const char *times, const char *extra, size_t quick)
{
    size_t all = count_allocations(extra), n = store_trials(quick, all);
    const char *first = getenv("STORE_FIRST"), *last = getenv("STORE_LAST");
    n_trials = n_crashed = n_silent = n_ok = n_differ = 0;
    if (first && last)
        for (size_t i = strtoul(first, NULL, 10); i <= strtoul(last, NULL, 10); i++)
            fail_at(i, times, extra);
    else
        for (size_t i = 0; i < n && i < all; i++)
            fail_at(1 + (n >= all ? i : i * all / n), times, extra);
    printf("%s: %zu of %zu allocations: %zu crashed, %zu silent, %zu did without, %zu differ\n", times, n_trials, all,
           n_crashed, n_silent, n_ok, n_differ);
}

int main(void)
{
    if (store_sanitized())
        check_skip("store_memory", "the address sanitizer has its own allocator");
    store_open("store_memory");
    fail_all("SHIM_MALLOC_TIMES=1", NULL, 60);
    fail_all("SHIM_MALLOC_TIMES=0", NULL, 10);
    store_close();
    return check_done("store_memory");
}
