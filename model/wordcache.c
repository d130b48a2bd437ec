#include "model/wordcache.h"
#include "base/hash.h"
#include "base/mem.h"
#include <stdlib.h>
#include <string.h>

enum { SETS = 8192, WAYS = 2, WORD_MAX = 24, IDS_MAX = 8 };

/* A cache line. */
struct entry {
    uint32_t tag; /* more of the hash */
    uint8_t n;    /* bytes of the word; 0: free */
    uint8_t n_ids;
    char word[WORD_MAX];
    sym_t ids[IDS_MAX];
};

struct wordcache {
    struct entry *set; /* (SETS, WAYS) */
    uint64_t secret;
};

struct wordcache *wordcache_alloc(void)
{
    struct wordcache *c = mem_alloc(1, sizeof *c);
    c->set = mem_aligned(SETS * WAYS, sizeof *c->set);
    uintptr_t address = (uintptr_t)c;
    c->secret = hash_bytes(&address, sizeof address, 2);
    return c;
}

void wordcache_free(struct wordcache *c)
{
    if (!c)
        return;
    free(c->set);
    free(c);
}

uint64_t wordcache_hash(const struct wordcache *c, const char *s, size_t n)
{
    return n <= WORD_MAX ? hash_bytes(s, n, c->secret) : 0;
}

const sym_t *wordcache_get(const struct wordcache *c, uint64_t hash, const char *s, size_t n, size_t *n_ids)
{
    const struct entry *e = &c->set[hash % SETS * WAYS];
    if (n > WORD_MAX)
        return NULL;
    for (size_t way = 0; way < WAYS; way++, e++) {
        if (e->tag == (uint32_t)(hash >> 32) && e->n == n && memcmp(e->word, s, n) == 0) {
            *n_ids = e->n_ids;
            return e->ids;
        }
    }
    return NULL;
}

/* The set's newest word comes first; the oldest goes. */
void wordcache_put(struct wordcache *c, uint64_t hash, struct wordcache_word w, const sym_t ids[], size_t n_ids)
{
    struct entry *e = &c->set[hash % SETS * WAYS];
    if (w.n > WORD_MAX || n_ids > IDS_MAX)
        return;
    memmove(e + 1, e, (WAYS - 1) * sizeof *e);
    e->tag = (uint32_t)(hash >> 32);
    e->n = (uint8_t)w.n;
    e->n_ids = (uint8_t)n_ids;
    memcpy(e->word, w.s, w.n);
    memcpy(e->ids, ids, n_ids * sizeof *ids);
}
