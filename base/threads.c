#include "base/threads.h"
#include "base/mem.h"
#include <assert.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#define SPIN_NS   20000 /* a worker waits for work this long before it sleeps: about the gap between two matrices */
#define SPIN_LOOK 64    /* pauses between two looks at the clock */

/* One call of threads_run(), written before `round` moves. */
struct job {
    void (*part)(void *ctx, size_t i, size_t worker);
    void *ctx;
};

/* The parts [front, back) that are still to be taken of those that a worker begins with, each in 32 bits of one word: its own
 * go from the front, one after the other, so that who reads memory in their order finds what he has asked for ahead; another
 * worker that has none left takes from the back. */
struct range {
    _Alignas(64) atomic_uint_least64_t left; /* back << 32 | front */
};

struct worker {
    struct threads *pool;
    size_t number; /* 1 .. n - 1; the caller is 0 */
    pthread_t thread;
};

/* Invariants: a worker reads job only between seeing a new round and counting itself out of `busy`; the owner writes it
 * only while busy is 0.  `asleep` is guarded by lock; round and busy change without it. */
struct threads {
    size_t n;
    struct job job;
    struct range *ranges; /* (n,) */
    atomic_size_t busy;   /* workers that have not finished this round */
    bool spins;           /* not where threads share cores: who spins keeps another from its work */
    atomic_uint round;
    atomic_bool closing;
    pthread_mutex_t lock;
    pthread_cond_t work;    /* a round has begun */
    pthread_cond_t done;    /* busy has come to 0 */
    size_t asleep;          /* workers waiting for `work` */
    atomic_bool waiting;    /* the owner waits for `done` */
    struct worker *workers; /* (n - 1,) */
};

static uint64_t clock_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void pause_briefly(void)
{
#if defined(__x86_64__)
    __builtin_ia32_pause();
#endif
}

/* Takes the first part of r; false: none is left. */
static bool range_first(struct range *r, size_t *part)
{
    uint64_t left = atomic_load_explicit(&r->left, memory_order_relaxed);
    do {
        *part = (size_t)(left & UINT32_MAX);
        if (*part >= left >> 32)
            return false;
    } while (
        !atomic_compare_exchange_weak_explicit(&r->left, &left, left + 1, memory_order_relaxed, memory_order_relaxed));
    return true;
}

/* The last one. */
static bool range_last(struct range *r, size_t *part)
{
    uint64_t left = atomic_load_explicit(&r->left, memory_order_relaxed), one = (uint64_t)1 << 32;
    do {
        if ((left & UINT32_MAX) >= left >> 32)
            return false;
        *part = (size_t)(left >> 32) - 1;
    } while (!atomic_compare_exchange_weak_explicit(&r->left, &left, left - one, memory_order_relaxed,
                                                    memory_order_relaxed));
    return true;
}

static void ranges_set(struct threads *t, size_t n)
{
    for (size_t w = 0; w < t->n; w++) {
        uint64_t front = n * w / t->n, back = n * (w + 1) / t->n;
        atomic_store_explicit(&t->ranges[w].left, back << 32 | front, memory_order_relaxed);
    }
}

static void run_parts(struct threads *t, size_t worker)
{
    struct job job = t->job;
    size_t part;
    while (range_first(&t->ranges[worker], &part))
        job.part(job.ctx, part, worker);
    for (size_t k = 1; k < t->n; k++)
        while (range_last(&t->ranges[(worker + k) % t->n], &part))
            job.part(job.ctx, part, worker);
}

/* Spins until the round is no longer `seen`, for a while. */
static bool round_spin(struct threads *t, unsigned seen)
{
    uint64_t until = t->spins ? clock_ns() + SPIN_NS : 0;
    do
        for (int i = 0; i < SPIN_LOOK; i++) {
            if (atomic_load_explicit(&t->round, memory_order_acquire) != seen)
                return true;
            pause_briefly();
        }
    while (clock_ns() < until);
    return false;
}

static void round_wait(struct threads *t, unsigned seen)
{
    if (round_spin(t, seen))
        return;
    pthread_mutex_lock(&t->lock);
    t->asleep++;
    while (atomic_load_explicit(&t->round, memory_order_acquire) == seen)
        pthread_cond_wait(&t->work, &t->lock);
    t->asleep--;
    pthread_mutex_unlock(&t->lock);
}

/* The last worker out wakes the owner, who looks at busy once more after he has said that he waits. */
static void round_leave(struct threads *t)
{
    if (atomic_fetch_sub(&t->busy, 1) != 1 || !atomic_load(&t->waiting))
        return;
    pthread_mutex_lock(&t->lock);
    pthread_cond_signal(&t->done);
    pthread_mutex_unlock(&t->lock);
}

static void *worker_main(void *arg)
{
    struct worker *w = arg;
    struct threads *t = w->pool;
    for (unsigned round = 0;; round++) {
        round_wait(t, round);
        if (atomic_load_explicit(&t->closing, memory_order_relaxed))
            return NULL;
        run_parts(t, w->number);
        round_leave(t);
    }
}

static void round_begin(struct threads *t)
{
    atomic_fetch_add_explicit(&t->round, 1, memory_order_release);
    pthread_mutex_lock(&t->lock);
    if (t->asleep > 0)
        pthread_cond_broadcast(&t->work);
    pthread_mutex_unlock(&t->lock);
}

static bool busy_spin(struct threads *t)
{
    uint64_t until = t->spins ? clock_ns() + SPIN_NS : 0;
    do
        for (int i = 0; i < SPIN_LOOK; i++) {
            if (atomic_load_explicit(&t->busy, memory_order_acquire) == 0)
                return true;
            pause_briefly();
        }
    while (clock_ns() < until);
    return false;
}

static void round_end(struct threads *t)
{
    if (busy_spin(t))
        return;
    pthread_mutex_lock(&t->lock);
    atomic_store(&t->waiting, true);
    while (atomic_load(&t->busy) > 0)
        pthread_cond_wait(&t->done, &t->lock);
    atomic_store(&t->waiting, false);
    pthread_mutex_unlock(&t->lock);
}

/* A host that refuses threads leaves a pool of fewer; results do not depend on their number. */
static void workers_start(struct threads *t)
{
    size_t wanted = t->n - 1;
    for (t->n = 1; t->n <= wanted; t->n++) {
        struct worker *w = &t->workers[t->n - 1];
        *w = (struct worker){ .pool = t, .number = t->n };
        if (pthread_create(&w->thread, NULL, worker_main, w) != 0)
            break;
    }
}

struct threads *threads_alloc(size_t n)
{
    assert(n >= 1);
    struct threads *t = mem_alloc(1, sizeof *t);
    t->n = n;
    t->spins = n <= threads_cores();
    t->workers = mem_alloc(n, sizeof *t->workers);
    t->ranges = mem_aligned(n, sizeof *t->ranges);
    pthread_mutex_init(&t->lock, NULL);
    pthread_cond_init(&t->work, NULL);
    pthread_cond_init(&t->done, NULL);
    workers_start(t);
    return t;
}

void threads_free(struct threads *t)
{
    if (!t)
        return;
    atomic_store(&t->closing, true);
    round_begin(t);
    for (size_t i = 0; i + 1 < t->n; i++)
        pthread_join(t->workers[i].thread, NULL);
    pthread_cond_destroy(&t->done);
    pthread_cond_destroy(&t->work);
    pthread_mutex_destroy(&t->lock);
    free(t->workers);
    free(t->ranges);
    free(t);
}

size_t threads_count(const struct threads *t)
{
    return t->n;
}

void threads_run(struct threads *t, size_t n, void (*part)(void *ctx, size_t i, size_t worker), void *ctx)
{
    if (t->n == 1 || n <= 1) {
        for (size_t i = 0; i < n; i++)
            part(ctx, i, 0);
        return;
    }
    assert(n <= UINT32_MAX);
    t->job = (struct job){ part, ctx };
    ranges_set(t, n);
    atomic_store_explicit(&t->busy, t->n - 1, memory_order_relaxed);
    round_begin(t);
    run_parts(t, 0);
    round_end(t);
}

/* The first of the processors that share a core with this one, from the kernel's topology; itself when unknown. */
static int core_leader(int cpu)
{
    char path[96];
    int first;
    snprintf(path, sizeof path, "/sys/devices/system/cpu/cpu%d/topology/thread_siblings_list", cpu);
    FILE *f = fopen(path, "r");
    if (!f)
        return cpu;
    if (fscanf(f, "%d", &first) != 1)
        first = cpu;
    fclose(f);
    return first;
}

size_t threads_cores(void)
{
    cpu_set_t allowed, leaders;
    CPU_ZERO(&leaders);
    if (sched_getaffinity(0, sizeof allowed, &allowed) != 0) {
        long n = sysconf(_SC_NPROCESSORS_ONLN);
        return n > 1 ? (size_t)n : 1;
    }
    for (int cpu = 0; cpu < CPU_SETSIZE; cpu++)
        if (CPU_ISSET((size_t)cpu, &allowed)) {
            int leader = core_leader(cpu);
            CPU_SET((size_t)(leader < 0 || leader >= CPU_SETSIZE ? cpu : leader), &leaders);
        }
    int n = CPU_COUNT(&leaders);
    return n > 1 ? (size_t)n : 1;
}
