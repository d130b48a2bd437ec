#include "model/wordcache.h"
#include "base/hash.h"
#include "base/mem.h"
#include <stdlib.h>
#include <string.h>

enum { SETS_MIN = 1024, SETS_MAX = 8192, TOKENS_OF_SET = 4, WAYS = 2, WORD_MAX = 24 };

/* A cache line. */
struct entry {
    uint64_t bytes[3];
    uint32_t n;     /* bytes of the word; 0: free */
    uint32_t n_ids; /* at most WORDCACHE_IDS */
    sym_t ids[WORDCACHE_IDS];
};

struct wordcache {
    struct entry *set; /* (mask + 1, WAYS); NULL: no word is kept yet */
    size_t mask;
    uint64_t secret[2];
};

struct wordcache *wordcache_alloc(size_t n_tokens)
{
    struct wordcache *c = mem_alloc(1, sizeof *c);
    size_t sets = SETS_MIN;
    while (sets < SETS_MAX && sets * TOKENS_OF_SET < n_tokens)
        sets *= 2;
    c->mask = sets - 1;
    uintptr_t address = (uintptr_t)c;
    c->secret[0] = hash_bytes(&address, sizeof address, 2);
    c->secret[1] = hash_bytes(&address, sizeof address, 3);
    return c;
}

void wordcache_free(struct wordcache *c)
{
    if (!c)
        return;
    free(c->set);
    free(c);
}

static uint64_t load(const char *s)
{
    uint64_t x;
    memcpy(&x, s, sizeof x);
    return x;
}

static uint64_t load_half(const char *s)
{
    uint32_t x;
    memcpy(&x, s, sizeof x);
    return x;
}

/* The n bytes in whole loads that overlap: which ones, n says. */
static void pack(uint64_t bytes[3], const char *s, size_t n)
{
    const unsigned char *b = (const unsigned char *)s;
    bytes[0] = bytes[1] = bytes[2] = 0;
    if (n > 16) {
        bytes[0] = load(s);
        bytes[1] = load(s + 8);
        bytes[2] = load(s + n - 8);
    } else if (n > 8) {
        bytes[0] = load(s);
        bytes[1] = load(s + n - 8);
    } else if (n >= 4) {
        bytes[0] = load_half(s) | load_half(s + n - 4) << 32;
    } else {
        bytes[0] = (uint64_t)b[0] | (uint64_t)b[n / 2] << 8 | (uint64_t)b[n - 1] << 16;
    }
}

/* Two rounds of the mixer of bpe.c: from a secret that the makers of a text do not have. */
static uint64_t hash_of(const struct wordcache *c, const uint64_t bytes[3], size_t n)
{
    uint64_t h = (bytes[0] ^ c->secret[0]) * 0x3c79ac492ba7b653u;
    h = (h ^ h >> 32 ^ bytes[1] ^ n << 56) * 0x1c69b3f74ac4ae35u;
    if (n > 16)
        h = (h ^ h >> 32 ^ bytes[2]) * 0x3c79ac492ba7b653u;
    h ^= c->secret[1];
    return h ^ h >> 32;
}

const sym_t *wordcache_get(const struct wordcache *c, const char *s, size_t n, struct wordcache_key *key, size_t *n_ids)
{
    key->n = n <= WORD_MAX ? n : 0;
    if (key->n == 0)
        return NULL;
    pack(key->bytes, s, n);
    key->hash = hash_of(c, key->bytes, n);
    if (!c->set)
        return NULL;
    const struct entry *e = &c->set[(key->hash & c->mask) * WAYS];
    for (size_t way = 0; way < WAYS; way++, e++) {
        if (((e->bytes[0] ^ key->bytes[0]) | (e->bytes[1] ^ key->bytes[1]) | (e->bytes[2] ^ key->bytes[2]) |
             (e->n ^ n)) == 0) {
            *n_ids = e->n_ids;
            return e->ids;
        }
    }
    return NULL;
}

/* The set's newest word comes first; the oldest goes. */
void wordcache_put(struct wordcache *c, const struct wordcache_key *key, const sym_t ids[], size_t n_ids)
{
    if (key->n == 0 || n_ids > WORDCACHE_IDS)
        return;
    if (!c->set)
        c->set = mem_aligned((c->mask + 1) * WAYS, sizeof *c->set);
    struct entry *e = &c->set[(key->hash & c->mask) * WAYS];
    memmove(e + 1, e, (WAYS - 1) * sizeof *e);
    memcpy(e->bytes, key->bytes, sizeof e->bytes);
    e->n = (uint32_t)key->n;
    e->n_ids = (uint32_t)n_ids;
    memcpy(e->ids, ids, n_ids * sizeof *ids);
}
