#include "model/strmap.h"
#include "base/hash.h"
#include "base/mem.h"
#include <stdlib.h>
#include <string.h>

/* Open addressing with linear probes in a power of two of places, at most half of them taken. */
struct place {
    const char *key; /* NULL: free */
    size_t n;
    uint64_t hash;
    uint32_t value;
};

struct strmap {
    struct place *place; /* (mask + 1,) */
    size_t mask, used;
    uint64_t
        seed; /* the map's address: what the makers of a file do not know, so that they cannot choose colliding keys */
};

#define FIRST_PLACES 64

struct strmap *strmap_alloc(void)
{
    struct strmap *m = mem_alloc(1, sizeof *m);
    m->mask = FIRST_PLACES - 1;
    m->seed = (uint64_t)(uintptr_t)m;
    m->place = mem_alloc(FIRST_PLACES, sizeof *m->place);
    return m;
}

void strmap_free(struct strmap *m)
{
    if (!m)
        return;
    free(m->place);
    free(m);
}

/* Where the key is, or the free place where it belongs. */
static struct place *find(const struct strmap *m, const char *key, size_t n, uint64_t hash)
{
    size_t i = (size_t)hash & m->mask;
    for (;; i = (i + 1) & m->mask) {
        struct place *p = &m->place[i];
        if (!p->key || (p->hash == hash && p->n == n && memcmp(p->key, key, n) == 0))
            return p;
    }
}

static void widen(struct strmap *m)
{
    struct strmap old = *m;
    m->mask = old.mask * 2 + 1;
    m->place = mem_alloc(m->mask + 1, sizeof *m->place);
    for (size_t i = 0; i <= old.mask; i++)
        if (old.place[i].key)
            *find(m, old.place[i].key, old.place[i].n, old.place[i].hash) = old.place[i];
    free(old.place);
}

bool strmap_put(struct strmap *m, const char *key, size_t n, uint32_t value)
{
    uint64_t hash = hash_bytes(key, n, m->seed);
    if (find(m, key, n, hash)->key)
        return false;
    if (m->used >= m->mask / 2)
        widen(m);
    m->used++;
    *find(m, key, n, hash) = (struct place){ .key = key, .n = n, .hash = hash, .value = value };
    return true;
}

int64_t strmap_get(const struct strmap *m, const char *key, size_t n)
{
    const struct place *p = find(m, key, n, hash_bytes(key, n, m->seed));
    return p->key ? (int64_t)p->value : -1;
}
