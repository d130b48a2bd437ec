#include "decode/green.h"
#include "base/err.h"
#include "base/mem.h"
#include <stdlib.h>
#include <string.h>

/* MT19937 (Matsumoto, Nishimura 1998). */
enum { MT_N = 624, MT_M = 397 };

struct mt {
    uint32_t word[MT_N], out[MT_N]; /* state; what is drawn next */
    size_t next;
};

static void mt_seed(struct mt *m, uint32_t seed)
{
    m->word[0] = seed;
    for (uint32_t i = 1; i < MT_N; i++)
        m->word[i] = 1812433253u * (m->word[i - 1] ^ (m->word[i - 1] >> 30)) + i;
    m->next = MT_N;
}

static uint32_t twist(uint32_t high, uint32_t low, uint32_t far)
{
    uint32_t y = (high & 0x80000000u) | (low & 0x7fffffffu);
    return far ^ (y >> 1) ^ (-(y & 1) & 0x9908b0dfu);
}

static void mt_turn(struct mt *m)
{
    uint32_t *w = m->word;
    for (size_t i = 0; i < MT_N - MT_M; i++)
        w[i] = twist(w[i], w[i + 1], w[i + MT_M]);
    for (size_t i = MT_N - MT_M; i < MT_N - 1; i++)
        w[i] = twist(w[i], w[i + 1], w[i + MT_M - MT_N]);
    w[MT_N - 1] = twist(w[MT_N - 1], w[0], w[MT_M - 1]);
    for (size_t i = 0; i < MT_N; i++) {
        uint32_t y = w[i];
        y ^= y >> 11;
        y ^= (y << 7) & 0x9d2c5680u;
        y ^= (y << 15) & 0xefc60000u;
        m->out[i] = y ^ (y >> 18);
    }
    m->next = 0;
}

static uint32_t mt_draw(struct mt *m)
{
    if (m->next == MT_N)
        mt_turn(m);
    return m->out[m->next++];
}

/* The first `count` places of the permutation of n that a seed gives. */
static void permute(uint32_t seed, uint32_t n, uint32_t count, uint32_t id[])
{
    struct mt m;
    mt_seed(&m, seed);
    for (uint32_t i = 0; i < n; i++)
        id[i] = i;
    for (uint32_t i = 0; i < count && i + 1 < n; i++) {
        uint32_t z = i + mt_draw(&m) % (n - i), kept = id[i];
        id[i] = id[z];
        id[z] = kept;
    }
}

int green_scheme(const char *name, enum green_scheme *scheme)
{
    static const char *const names[] = { "left", "self" };
    for (size_t i = 0; i < 2; i++)
        if (strcmp(names[i], name) == 0) {
            *scheme = (enum green_scheme)i;
            return 0;
        }
    return err_unknown(ERR_USAGE, "scheme", name, names, 2);
}

struct green *green_alloc(enum green_scheme scheme, uint64_t key, double gamma, uint32_t width)
{
    struct green *g = mem_alloc(1, sizeof *g);
    *g = (struct green){ .scheme = scheme, .key = key, .gamma = gamma, .width = width };
    if (scheme == GREEN_SELF) {
        g->table = mem_alloc(GREEN_TABLE, sizeof *g->table);
        permute((uint32_t)key, GREEN_TABLE, GREEN_TABLE, g->table);
    }
    return g;
}

void green_free(struct green *g)
{
    if (g)
        free(g->table);
    free(g);
}

uint32_t green_count(const struct green *g, uint32_t n)
{
    return (uint32_t)(n * g->gamma);
}

/* The seed of a generator is taken modulo 2^64 - 1, its low 32 bits count: of a negative product one less. */
uint32_t green_seed(const struct green *g, const sym_t s[])
{
    if (g->scheme == GREEN_LEFT)
        return (uint32_t)(g->key * s[g->width - 1]);
    int64_t least = INT64_MAX;
    uint64_t candidate = g->table[s[g->width - 1] % GREEN_TABLE] + (uint64_t)1;
    for (uint32_t i = 0; i < g->width; i++) {
        int64_t product = (int64_t)(g->key * (g->table[s[i] % GREEN_TABLE] + (uint64_t)1) * candidate);
        least = product < least ? product : least;
    }
    return least < 0 ? (uint32_t)((uint64_t)least - 1) : (uint32_t)least;
}

void green_list(const struct green *g, uint32_t seed, uint32_t n, sym_t id[])
{
    permute(seed, n, green_count(g, n), id);
}

/* Follows v alone through the swaps: at place i it moves away or comes to stay. */
bool green_has(const struct green *g, uint32_t seed, uint32_t n, sym_t v)
{
    struct mt m;
    uint32_t count = green_count(g, n), place = v;
    mt_seed(&m, seed);
    for (uint32_t i = 0; i < count && i + 1 < n; i++) {
        uint32_t z = i + mt_draw(&m) % (n - i);
        if (z == place)
            return true; /* for good: no later swap reaches place i */
        if (i == place)
            place = z;
    }
    return place < count;
}
