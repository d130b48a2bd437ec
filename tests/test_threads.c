/* The pool of threads: every part exactly once, whatever the number of threads; workers sleep and wake. */
#include "base/mem.h"
#include "base/threads.h"
#include "tests/lib/check.h"
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define MOST 4 /* threads */

struct job {
    size_t n_workers;
    unsigned *done;   /* (n,) */
    uint64_t *result; /* (n,) */
    size_t taken[MOST];
    size_t bad; /* parts whose worker number was out of range; only worker 0 writes it */
};

static void part(void *ctx, size_t i, size_t worker)
{
    struct job *j = ctx;
    uint64_t x = i + 1;
    for (int k = 0; k < 100; k++)
        x = x * 6364136223846793005u + 1442695040888963407u;
    j->result[i] = x;
    j->done[i]++;
    if (worker < j->n_workers)
        j->taken[worker]++;
    else
        j->bad++;
}

static void run_once(struct threads *t, size_t n, uint64_t *result)
{
    struct job j = { .n_workers = threads_count(t), .done = mem_alloc(n, sizeof *j.done), .result = result };
    size_t total = 0, wrong = 0;
    threads_run(t, n, part, &j);
    for (size_t i = 0; i < n; i++)
        wrong += j.done[i] != 1;
    for (size_t w = 0; w < MOST; w++)
        total += j.taken[w];
    check(wrong == 0 && total == n && j.bad == 0, "%zu parts on %zu threads: each once", n, threads_count(t));
    free(j.done);
}

static void test_every_part_once(void)
{
    static const size_t sizes[] = { 0, 1, 2, 3, 7, 64, 1000, 20000 };
    uint64_t *want = mem_alloc(20000, sizeof *want), *got = mem_alloc(20000, sizeof *got);
    for (size_t n_threads = 1; n_threads <= MOST; n_threads++) {
        struct threads *t = threads_alloc(n_threads);
        check(threads_count(t) == n_threads, "count %zu", n_threads);
        for (size_t s = 0; s < sizeof sizes / sizeof sizes[0]; s++)
            run_once(t, sizes[s], n_threads == 1 ? want : got);
        check(n_threads == 1 || memcmp(want, got, 20000 * sizeof *got) == 0, "same result on %zu threads", n_threads);
        threads_free(t);
    }
    free(want);
    free(got);
}

/* Many short rounds, with rests longer than the spinning in between: workers sleep, and must wake. */
static void test_sleep_and_wake(void)
{
    struct threads *t = threads_alloc(3);
    uint64_t result[16];
    for (int round = 0; round < 3000; round++) {
        run_once(t, 1 + (size_t)round % 16, result);
        if (round % 100 == 0)
            usleep(300);
    }
    threads_free(t);
}

static double cpu_seconds(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
    return (double)ts.tv_sec + (double)ts.tv_nsec * 1e-9;
}

static void test_idle_costs_nothing(void)
{
    struct threads *t = threads_alloc(3);
    uint64_t result[16];
    run_once(t, 16, result);
    usleep(20000); /* more than any spinning */
    double before = cpu_seconds();
    usleep(200000);
    double used = cpu_seconds() - before;
    check(used < 0.05, "an idle pool used %g s of 0.2 s", used);
    threads_free(t);
}

static void test_free_at_once(void)
{
    for (int i = 0; i < 50; i++)
        threads_free(threads_alloc(1 + (size_t)i % MOST));
    threads_free(NULL);
}

static void test_cores(void)
{
    size_t n = threads_cores();
    check(n >= 1 && n <= (size_t)sysconf(_SC_NPROCESSORS_ONLN), "cores: %zu", n);
}

int main(void)
{
    test_every_part_once();
    test_sleep_and_wake();
    test_idle_costs_nothing();
    test_free_at_once();
    test_cores();
    return check_done("threads");
}
