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

struct allocations {
    struct text bytes; /* a hash of its call stack for each */
    size_t n;
    size_t *first, n_first; /* the first of each call stack */
};

static uint64_t stack_of(const struct allocations *a, size_t i)
{
    uint64_t hash;
    memcpy(&hash, a->bytes.s + i * sizeof hash, sizeof hash);
    return hash;
}

static void find_stacks(struct allocations *a)
{
    enum { SLOTS = 1 << 18 };
    uint64_t *seen = calloc(SLOTS, sizeof *seen);
    a->first = calloc(a->n + 1, sizeof *a->first);
    for (size_t i = 0; i < a->n; i++) {
        uint64_t hash = stack_of(a, i) | 1;
        size_t slot = hash >> 20 & (SLOTS - 1);
        while (seen[slot] && seen[slot] != hash)
            slot = (slot + 1) & (SLOTS - 1);
        if (!seen[slot])
            a->first[a->n_first++] = i + 1;
        seen[slot] = hash;
    }
    free(seen);
}

static void take_census(struct allocations *a)
{
    char setting[600];
    snprintf(setting, sizeof setting, "SHIM_MALLOC_CENSUS=%s", store_aside("census"));
    store_remove("trial");
    struct store_end end = store_run("trial", STORE_SETTINGS(setting));
    *a = (struct allocations){ .bytes = disk_read(store_aside(""), "census") };
    a->n = a->bytes.len / sizeof(uint64_t);
    check(end.status == 0 && a->n > 1000, "a run allocates %zu times: %s", a->n, end.message);
    find_stacks(a);
}

static size_t n_trials, n_crashed, n_silent, n_ok, n_differ;

/* 0: the run could do without; 4: a library made it look like another failure of the world; 7: the HDF5 library crashed or
 * gave up, or zlib under it, where the results are read for the report, which is a process of its own.  That damage is
 * blamed there is the library's word; that the results are whole is what the next run shows. */
static bool expected(const struct store_end *end)
{
    return (end->status >= 0 && end->status <= 5) || end->status == 7;
}

static void fail_at(size_t at, const char *times)
{
    char set_at[64], trace[600];
    snprintf(set_at, sizeof set_at, "SHIM_MALLOC_AT=%zu", at);
    snprintf(trace, sizeof trace, "SHIM_MALLOC_TRACE=%s", store_aside("trace"));
    unlink(store_aside("trace"));
    store_remove("trial");
    struct store_end end = store_run("trial", STORE_SETTINGS(set_at, times, trace));
    bool crashed = end.signalled || !expected(&end), silent = end.status != 0 && end.message[0] == 0;
    n_trials++;
    n_crashed += crashed;
    n_silent += silent;
    n_ok += end.status == 0;
    check(!crashed, "allocation %zu (%s): status %d: %s", at, times, end.status, end.message);
    check(!silent, "allocation %zu (%s): status %d without a word", at, times, end.status);
    if (crashed || silent) {
        struct text t = disk_read(store_aside(""), "trace");
        printf("== allocation %zu: status %d: %s\n%s", at, end.status, end.message, text_s(&t));
        text_free(&t);
    }
    if (end.status == 0)
        check(store_same("trial"), "allocation %zu (%s): ended well with other datasets: %s", at, times,
              h5same_difference());
    if (!disk_exists(store_path("trial"), "."))
        return; /* it had not begun */
    end = store_run("trial", STORE_PLAIN);
    bool same = end.status == 0 && store_same("trial");
    n_differ += !same;
    check(same, "allocation %zu (%s): the same command again: status %d: %s %s", at, times, end.status, end.message,
          h5same_difference());
}

/* The first allocation of each call stack, or so many of them; CHORALE_LONG=all: every single one. */
static void fail_some(const struct allocations *a, const char *times, size_t quick, size_t full)
{
    const char *how = getenv("CHORALE_LONG");
    bool every = how && strcmp(how, "all") == 0;
    size_t all = every ? a->n : a->n_first, n = store_trials(quick, full);
    n_trials = n_crashed = n_silent = n_ok = n_differ = 0;
    for (size_t i = 0; i < n && i < all; i++) {
        size_t place = n >= all ? i : i * all / n;
        if (store_in_part(i))
            fail_at(every ? place + 1 : a->first[place], times);
    }
    printf("%s: %zu of %zu allocations (%zu call stacks): %zu crashed, %zu silent, %zu did without, %zu differ\n",
           times, n_trials, a->n, a->n_first, n_crashed, n_silent, n_ok, n_differ);
}

/* Commands that end soon, each of their first allocations.  Bug: the list of --set values and generate's list of wants ended them
 * without a word, generate even with 0. */
static void fail_soon(void)
{
    static const char *const commands[][3] = { { "run", "/nowhere/at.lua" },
                                               { "dist", "--chain=top_p=0.9", "/dev/null" },
                                               { "generate", "zoo:nothing", "a" } };
    char set_at[64];
    size_t n = store_trials(40, 120);
    for (size_t c = 0; c < sizeof commands / sizeof *commands; c++) {
        const char *const *word = commands[c];
        struct store_end end = store_run("soon", STORE_SETTINGS("-", word[0], word[1], word[2]));
        int status = end.status;
        for (size_t at = 1; at <= n; at++) {
            snprintf(set_at, sizeof set_at, "SHIM_MALLOC_AT=%zu", at);
            end = store_run("soon", STORE_SETTINGS(set_at, "-", word[0], word[1], word[2]));
            check(!end.signalled && expected(&end) && (end.status > 0 || status == 0) && (!end.status || *end.message),
                  "%s, allocation %zu: status %d: '%s'", word[0], at, end.status, end.message);
        }
    }
}

int main(void)
{
    struct allocations a;
    if (store_sanitized())
        check_skip("store_memory", "the address sanitizer has its own allocator");
    store_open("store_memory");
    take_census(&a);
    fail_soon();
    fail_some(&a, "SHIM_MALLOC_TIMES=0", 8, 1000);
    fail_some(&a, "SHIM_MALLOC_TIMES=1", 40, SIZE_MAX);
    text_free(&a.bytes);
    free(a.first);
    store_close();
    return check_done("store_memory");
}
