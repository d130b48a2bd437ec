#include "tests/emulate/fiber.h"
#include "tests/emulate/stale.h"
#include "tests/emulate/turns.h"
#include <emulate.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#define MOST_THREADS 1024u
#define MOST_SHARED  ((size_t)227 << 10)
#define LANES        32u

enum { MOST_COPIES = 64 };
enum state { READY, IN_WARP, IN_BLOCK, IN_FRONT, ENDED };

struct thread {
    struct emulate_place place; /* first: emulate_now points to it */
    struct fiber fiber;
    enum state state;
    /* what it brought to the lanes that it waits for, and what it takes from them */
    enum emulate_op op;
    unsigned mask;
    int at;
    uint64_t bring, take;
    struct copy {
        void *to;
        const void *from;
        unsigned bytes, group;
    } copy[MOST_COPIES]; /* under way */
    unsigned n_copies, group;
    int waited; /* for the kernel in front */
};

/* One launch at a time, whichever host thread it comes from. */
static struct {
    pthread_mutex_t lock;
    struct thread *threads; /* (n_stacks,) grows to MOST_THREADS */
    unsigned n_stacks, n, live, in_block;
    struct fiber scheduler;
    const struct emulate_launch *launch;
    const char *name;
    int yes, counted;                       /* of a barrier that counts: so far, and of the last */
    int early;                              /* the kernel in front has not ended */
    unsigned *turn;                         /* (MOST_THREADS,) */
    unsigned waiting[MOST_THREADS / LANES]; /* lanes of each warp that wait for others of it */
    struct emulate_count count;
    uint64_t dynamic[MOST_SHARED / 8 + 8];
} e = { .lock = PTHREAD_MUTEX_INITIALIZER };

struct emulate_place *emulate_now;
dim3 gridDim, blockDim;

/* Static shared memory of all kernels, where there is any. */
extern char __start_cuda_shared[] __attribute__((weak, visibility("hidden")));
extern char __stop_cuda_shared[] __attribute__((weak, visibility("hidden")));

static _Noreturn void refuse(const char *what)
{
    const struct emulate_place *p = emulate_now;
    fprintf(stderr, "emulator: %s", e.name ? e.name : "a kernel");
    if (p)
        fprintf(stderr, ", block (%u, %u, %u), thread (%u, %u, %u)", p->block.x, p->block.y, p->block.z, p->thread.x,
                p->thread.y, p->thread.z);
    fprintf(stderr, ": %s\n", what);
    abort();
}

void emulate_set_order(enum emulate_order order, uint64_t seed)
{
    pthread_mutex_lock(&e.lock);
    turns_set(order, seed);
    pthread_mutex_unlock(&e.lock);
}

struct emulate_count emulate_counted(void)
{
    return e.count;
}

static struct thread *self(void)
{
    return (struct thread *)(void *)emulate_now;
}

/* Of a thread that waits or has ended. */
static void to_scheduler(void)
{
    struct thread *t = self();
    fiber_switch(&t->fiber, &e.scheduler);
}

static void thread_main(void)
{
    e.launch->kernel(e.launch->args);
    if (self()->n_copies > 0)
        refuse("it ends with copies under way");
    if (e.launch->early && !self()->waited)
        refuse("it has not waited for the kernel in front");
    self()->state = ENDED;
    e.live--;
    to_scheduler();
    refuse("a thread that has ended runs");
}

void emulate_enter(const char *kernel, unsigned most_threads)
{
    e.name = kernel;
    if (e.n > most_threads)
        refuse("its block has more threads than its bounds allow");
}

void *emulate_dynamic_shared(void)
{
    return (char *)e.dynamic + (16 - (uintptr_t)e.dynamic % 16) % 16;
}

/* The kernel in front ends when no thread of the block can do anything else. */
void emulate_wait_before(void)
{
    self()->waited = 1;
    self()->state = e.early ? IN_FRONT : READY;
    if (e.early)
        to_scheduler();
}

void emulate_ahead(void *to, const void *from, size_t bytes)
{
    stale_read(to, from, bytes);
}

void emulate_copy(void *shared, const void *from, unsigned bytes)
{
    struct thread *t = self();
    if (((uintptr_t)shared | (uintptr_t)from) % bytes != 0)
        refuse("a copy into shared memory does not begin at a multiple of its size");
    if (t->n_copies == MOST_COPIES)
        refuse("more copies are under way than the emulator holds");
    t->copy[t->n_copies++] = (struct copy){ shared, from, bytes, t->group };
}

void emulate_copies_close(void)
{
    self()->group++;
}

void emulate_copies_wait(unsigned n)
{
    struct thread *t = self();
    unsigned left = 0;
    for (unsigned i = 0; i < t->n_copies; i++)
        if (t->copy[i].group + n < t->group)
            memcpy(t->copy[i].to, t->copy[i].from, t->copy[i].bytes);
        else
            t->copy[left++] = t->copy[i];
    t->n_copies = left;
}

static unsigned index_of(const struct thread *t)
{
    return (unsigned)(t - e.threads);
}

/* What a lane takes of what the others have brought. */
static uint64_t taken(const struct thread *warp, unsigned lane, unsigned in_warp)
{
    const struct thread *t = &warp[lane];
    int from = (int)lane;
    uint64_t ballot = 0;
    switch (t->op) {
    case EMULATE_SYNC: return 0;
    case EMULATE_BALLOT:
        for (unsigned i = 0; i < in_warp; i++)
            ballot |= (t->mask >> i & 1u) ? warp[i].bring << i : 0;
        return ballot;
    case EMULATE_XOR: from = (int)lane ^ t->at; break;
    case EMULATE_UP: from = (int)lane - t->at; break;
    case EMULATE_DOWN: from = (int)lane + t->at; break;
    case EMULATE_LANE: from = t->at & 31; break;
    }
    if (from < 0 || from >= (int)LANES)
        return t->bring;
    if (!(t->mask >> from & 1u))
        refuse("a lane takes from one that is not in its mask");
    return warp[from].bring;
}

/* Lanes that have come must have come to the same. */
static void check_lanes(const struct thread *t, const struct thread *warp)
{
    for (unsigned i = 0; i < LANES; i++)
        if ((t->mask >> i & 1u) && (warp[i].op != t->op || warp[i].mask != t->mask))
            refuse("lanes of a warp meet in different operations or masks");
}

uint64_t emulate_meet(enum emulate_op op, unsigned mask, uint64_t bring, int at)
{
    struct thread *t = self();
    unsigned index = index_of(t), first = index / LANES * LANES, in_warp = e.n - first < LANES ? e.n - first : LANES;
    struct thread *warp = &e.threads[first];
    if (!(mask >> index % LANES & 1u))
        refuse("a lane is not in its own mask");
    if (in_warp < LANES && mask >> in_warp != 0)
        refuse("the mask names lanes that the block does not have");
    t->op = op;
    t->mask = mask;
    t->bring = bring;
    t->at = at;
    t->state = IN_WARP;
    unsigned *waiting = &e.waiting[index / LANES];
    *waiting |= 1u << index % LANES;
    if ((*waiting & mask) != mask) {
        to_scheduler();
        return self()->take;
    }
    check_lanes(t, warp);
    *waiting &= ~mask;
    e.count.warp_barriers++;
    for (unsigned i = 0; i < in_warp; i++)
        if (mask >> i & 1u)
            warp[i].take = taken(warp, i, in_warp);
    for (unsigned i = 0; i < in_warp; i++)
        if (mask >> i & 1u)
            warp[i].state = READY;
    return t->take;
}

void emulate_barrier(void)
{
    self()->state = IN_BLOCK;
    e.in_block++;
    to_scheduler();
}

int emulate_barrier_count(int yes)
{
    e.yes += yes != 0;
    emulate_barrier();
    return e.counted;
}

static _Noreturn void refuse_waiting(void)
{
    for (unsigned i = e.n; i-- > 0;)
        if (e.threads[i].state == IN_WARP)
            emulate_now = &e.threads[i].place;
    refuse("it waits for lanes or threads that do not come");
}

static void open_barrier(void)
{
    for (unsigned i = 0; i < e.n; i++)
        if (e.threads[i].state == IN_BLOCK)
            e.threads[i].state = READY;
    e.in_block = 0;
    e.counted = e.yes;
    e.yes = 0;
    e.count.block_barriers++;
}

/* The kernel in front ends; whether anybody has waited for it. */
static int end_front(void)
{
    int any = 0;
    for (unsigned i = 0; i < e.n; i++)
        if (e.threads[i].state == IN_FRONT)
            e.threads[i].state = READY, any = 1;
    if (e.early)
        stale_show();
    e.early = 0;
    return any;
}

/* Each thread that can runs until it waits; whether any could. */
static int run_round(void)
{
    int any = 0;
    turns_threads(e.turn, e.n);
    for (unsigned i = 0; i < e.n; i++) {
        struct thread *t = &e.threads[e.turn[i]];
        if (t->state != READY)
            continue;
        any = 1;
        emulate_now = &t->place;
        fiber_switch(&e.scheduler, &t->fiber);
    }
    return any;
}

static uint3 place_of(uint64_t i, dim3 in)
{
    uint3 p = { (unsigned)(i % in.x), (unsigned)(i / in.x % in.y), (unsigned)(i / in.x / in.y) };
    return p;
}

/* A block finds what others left in shared memory; here NaN. */
static void spoil_shared(size_t dynamic)
{
    memset(e.dynamic, 0xff, dynamic + 16);
    if (__start_cuda_shared)
        memset(__start_cuda_shared, 0xff, (size_t)(__stop_cuda_shared - __start_cuda_shared));
}

static void run_block(uint3 block)
{
    for (unsigned i = 0; i < e.n; i++) {
        struct thread *t = &e.threads[i];
        t->place.block = block;
        t->place.thread = place_of(i, blockDim);
        t->state = READY;
        t->n_copies = t->group = 0;
        t->waited = 0;
        fiber_set(&t->fiber, thread_main);
    }
    e.live = e.n;
    e.in_block = 0;
    e.yes = 0;
    memset(e.waiting, 0, sizeof e.waiting);
    spoil_shared(e.launch->shared);
    e.early = e.launch->early;
    if (e.early)
        stale_hide();
    while (e.live > 0) {
        if (run_round() || end_front())
            continue;
        if (e.in_block < e.live)
            refuse_waiting();
        open_barrier();
    }
    end_front();
}

static void reserve_threads(unsigned n)
{
    if (!e.threads) {
        e.threads = calloc(MOST_THREADS, sizeof *e.threads);
        e.turn = calloc(MOST_THREADS, sizeof *e.turn);
    }
    if (!e.threads || !e.turn)
        refuse("no memory for its threads");
    for (; e.n_stacks < n; e.n_stacks++)
        fiber_alloc(&e.threads[e.n_stacks].fiber);
}

void emulate_run(const struct emulate_launch *l)
{
    uint64_t n_blocks = (uint64_t)l->grid.x * l->grid.y * l->grid.z;
    uint64_t n = (uint64_t)l->block.x * l->block.y * l->block.z;
    pthread_mutex_lock(&e.lock);
    turns_begin();
    emulate_now = NULL;
    e.name = NULL;
    if (n_blocks == 0 || n == 0 || n > MOST_THREADS || l->shared > MOST_SHARED)
        refuse("a launch without threads, or with more threads or shared memory than a block has");
    reserve_threads((unsigned)n);
    e.launch = l;
    e.n = (unsigned)n;
    gridDim = l->grid;
    blockDim = l->block;
    struct turns_blocks b = turns_blocks(n_blocks);
    for (uint64_t i = 0; i < n_blocks; i++, b.at = (b.at + b.step) % n_blocks)
        run_block(place_of(b.at, l->grid));
    e.count.launches++;
    e.count.blocks += n_blocks;
    e.count.threads += n_blocks * n;
    emulate_now = NULL;
    pthread_mutex_unlock(&e.lock);
}
