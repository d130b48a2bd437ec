#include "cli/bandwidth.h"
#include "base/clock.h"
#include "base/err.h"
#include "cli/console.h"
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>

#define BUFFER ((size_t)512 << 20)
#define BLOCK  ((size_t)2 << 20) /* what a thread takes at a time: enough to forget its start and end */

enum {
    ROUNDS = 4,
    N_BLOCKS = BUFFER / BLOCK,
    STREAMS = 4, /* read side by side in a block, so that more misses are under way; caches have more ways */
    STRIDE = BLOCK / STREAMS / 64,
};

typedef uint64_t wide __attribute__((vector_size(64), may_alias)); /* a cache line; registers as wide as there are */

struct reading {
    unsigned char *bytes; /* (N_BLOCKS, STREAMS, STRIDE) cache lines */
    size_t first;         /* block of the window */
    uint64_t sum[N_BLOCKS];
};

/* The thread that reads a block is also likely to have touched it first: its pages are near. */
static void fill_block(void *ctx, size_t i, size_t worker)
{
    const struct reading *r = ctx;
    (void)worker;
    memset(r->bytes + i * BLOCK, 1, BLOCK);
}

static void read_block(void *ctx, size_t i, size_t worker)
{
    struct reading *r = ctx;
    const wide *p = (const wide *)(void *)(r->bytes + (r->first + i) * BLOCK);
    wide all = { 0 };
    (void)worker;
    for (size_t k = 0; k < STRIDE; k++)
        all |= (p[k] | p[STRIDE + k]) | (p[2 * STRIDE + k] | p[3 * STRIDE + k]);
    r->sum[r->first + i] = all[0] | all[1] | all[2] | all[3] | all[4] | all[5] | all[6] | all[7];
}

double bandwidth_measure(struct threads *t)
{
    struct reading r = { 0 };
    double best = 0;
    r.bytes = mmap(NULL, BUFFER, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (r.bytes == MAP_FAILED)
        return err_set(ERR_MEMORY, "bench: no %zu bytes of memory to read", BUFFER);
    madvise(r.bytes, BUFFER, MADV_HUGEPAGE); /* weights are read through small pages too, but address lookups are no
                                                property of the memory */
    threads_run(t, N_BLOCKS, fill_block, &r);
    /* four blocks a thread are timed together: short, so that a busy machine has a quiet moment for one such window; each
     * comes back only after the whole buffer has been read */
    size_t window = threads_count(t) < N_BLOCKS / 4 ? threads_count(t) * 4 : N_BLOCKS;
    for (size_t i = 0; i + window <= (size_t)ROUNDS * N_BLOCKS; i += window) {
        r.first = i % N_BLOCKS + window <= N_BLOCKS ? i % N_BLOCKS : 0;
        double from = clock_seconds();
        threads_run(t, window, read_block, &r);
        double rate = (double)(window * BLOCK) / (clock_seconds() - from);
        best = rate > best ? rate : best;
    }
    munmap(r.bytes, BUFFER);
    return best;
}
