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

struct walk {
    uint32_t *order; /* (n,) of each part: its number among its worker's */
    unsigned char *by;
    uint32_t taken[MOST];
};

static void step(void *ctx, size_t i, size_t worker)
{
    struct walk *w = ctx;
    w->by[i] = (unsigned char)worker;
    w->order[i] = w->taken[worker]++;
}

/* bug: workers took neighbouring parts in turn, so that what one had asked for ahead lay in another's part */
static void test_neighbours_stay_together(void)
{
    enum { N = 9001 };
    struct walk w = { .order = mem_alloc(N, sizeof *w.order), .by = mem_alloc(N, 1) };
    struct threads *t = threads_alloc(MOST);
    size_t broken = 0, thefts = 0;
    threads_run(t, N, step, &w);
    for (size_t i = 0; i < N; i++) {
        size_t home = 0;
        while (i >= N * (home + 1) / MOST)
            home++;
        thefts += w.by[i] != home;
        bool first = i == N * home / MOST || w.by[i - 1] != w.by[i];
        if (w.by[i] == home && !first)
            broken += w.order[i] != w.order[i - 1] + 1; /* forwards, one after the other */
        else if (w.by[i] != home && !first && i > N * home / MOST)
            broken += w.order[i] >= w.order[i - 1]; /* from the end backwards */
    }
    check(broken == 0, "%zu parts out of turn (%zu were taken over)", broken, thefts);
    threads_free(t);
    free(w.order);
    free(w.by);
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
    test_neighbours_stay_together();
    test_sleep_and_wake();
    test_idle_costs_nothing();
    test_free_at_once();
    test_cores();
    return check_done("threads");
}
