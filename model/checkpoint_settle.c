#include "model/checkpoint_settle.h"
#include "base/mem.h"
#include "model/checkpoint_files.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define ALIGN     64u
#define HUGE_PAGE ((size_t)2 << 20)
#define SPARE     1.25 /* times what is copied must be free */

struct copy {
    struct tensor *t;
    uint8_t *slab;
    size_t *at; /* (n,) where each goes */
};

/* The number behind `name` in a file of "name: N kB" or "name N" lines, or (NULL) the number that the file is; < 0: none. */
static double number_in(const char *path, const char *name)
{
    char line[256];
    double x = -1;
    FILE *f = fopen(path, "r");
    while (f && x < 0 && fgets(line, sizeof line, f)) {
        size_t n = name ? strlen(name) : 0;
        unsigned long long seen;
        bool here = !name || (strncmp(line, name, n) == 0 && (line[n] == ':' || line[n] == ' '));
        if (here && sscanf(line + n + (name != NULL), "%llu", &seen) == 1)
            x = (double)seen;
    }
    if (f)
        fclose(f);
    return x;
}

/* Bytes that this process may still take: of the machine, and of its control group. */
static double room(void)
{
    double machine = number_in("/proc/meminfo", "MemAvailable") * 1024;
    double most = number_in("/sys/fs/cgroup/memory.max", NULL),
           taken = number_in("/sys/fs/cgroup/memory.current", NULL);
    double cache = number_in("/sys/fs/cgroup/memory.stat", "file"); /* goes when it must */
    double group = most > 0 && taken > 0 ? most - taken + (cache > 0 ? cache : 0) : machine;
    return machine < group ? machine : group;
}

static bool in_file(const struct checkpoint_files *f, const struct tensor *t)
{
    for (size_t i = 0; i < f->n_parts; i++) {
        const struct map_file *m = &f->part[i].map;
        uintptr_t at = (uintptr_t)t->data, from = (uintptr_t)m->bytes;
        if (at >= from && at - from < m->size && t->bytes <= m->size - (at - from))
            return true;
    }
    return false;
}

static void copy_tensor(void *ctx, size_t i, size_t worker)
{
    const struct copy *c = ctx;
    (void)worker;
    memcpy(c->slab + c->at[i], c->t[i].data, (size_t)c->t[i].bytes);
    c->t[i].data = c->slab + c->at[i];
}

/* Places of all; their bytes, or 0: they are not all in files, or overlap there and would grow. */
static size_t lay_out(const struct checkpoint_files *f, size_t at[])
{
    uint64_t total = 0, files = 0;
    for (size_t i = 0; i < f->n_parts; i++)
        files += f->part[i].map.size;
    for (size_t i = 0; i < f->tensors.n; i++) {
        const struct tensor *t = &f->tensors.t[i];
        at[i] = (size_t)total;
        total += (t->bytes + ALIGN - 1) / ALIGN * ALIGN;
        if (!in_file(f, t) || total > files + (i + 1) * ALIGN)
            return 0;
    }
    return (size_t)total;
}

static void *take(size_t bytes)
{
    void *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (p == MAP_FAILED)
        return NULL;
    madvise(p, bytes, MADV_HUGEPAGE);
    return p;
}

void checkpoint_settle(struct checkpoint *c, struct threads *threads)
{
    struct checkpoint_files *f = c->files;
    if (!f || f->settled || f->tensors.n == 0)
        return;
    struct copy copy = { .t = f->tensors.t, .at = mem_alloc(f->tensors.n, sizeof *copy.at) };
    size_t bytes = lay_out(f, copy.at);
    if (bytes >= CHECKPOINT_SETTLE_LEAST)
        bytes = (bytes + HUGE_PAGE - 1) / HUGE_PAGE * HUGE_PAGE;
    if (bytes >= CHECKPOINT_SETTLE_LEAST && SPARE * (double)bytes < room())
        copy.slab = take(bytes);
    if (copy.slab) {
        threads_run(threads, f->tensors.n, copy_tensor, &copy);
        mprotect(copy.slab, bytes, PROT_READ);
        f->settled = copy.slab;
        f->settled_bytes = bytes;
        for (size_t i = 0; i < f->n_parts; i++)
            madvise((void *)(uintptr_t)f->part[i].map.bytes, (size_t)f->part[i].map.size, MADV_DONTNEED);
    }
    free(copy.at);
}
