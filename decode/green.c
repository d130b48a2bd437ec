#include "decode/green.h"
#include "base/clones.h"
#include "base/err.h"
#include "base/mem.h"
#include "decode/twister.h"
#include <stdlib.h>
#include <string.h>

/* x -> x % (n - from - i) for the numbers i of a turn; of those with n - from - i < 2 nothing is said.  By division of
 * doubles, several at once: x / d of 32-bit integers lies at least 1 / d from the next integer, its rounding error is below
 * that, so that the whole part is exact, and so is what it leaves. */
CLONES static void any_remainders(uint32_t x[TWISTER_N], uint32_t n, uint32_t from)
{
    double left = (double)n - (double)from;
    for (int32_t i = 0; i < TWISTER_N; i++) {
        double d = left - (double)i, wide = (double)(int32_t)(x[i] >> 1) * 2 + (double)(int32_t)(x[i] & 1);
        d = d > 2 ? d : 2;
        x[i] = (uint32_t)(int32_t)(wide - (double)(int32_t)(wide / d) * d);
    }
}

/* Of n - from - i from 2^12 to 2^30, where quotients by floats are wrong by at most 1. */
CLONES static void large_remainders(uint32_t x[TWISTER_N], uint32_t n, uint32_t from)
{
    int32_t left = (int32_t)(n - from);
    for (int32_t i = 0; i < TWISTER_N; i++) {
        int32_t d = left - i, quotient = (int32_t)((float)(int32_t)(x[i] >> 1) * (2 / (float)d));
        int32_t rest = (int32_t)(x[i] - (uint32_t)quotient * (uint32_t)d);
        rest += d & -(int32_t)(rest < 0);
        rest -= d & -(int32_t)(rest >= d);
        x[i] = (uint32_t)rest;
    }
}

static void remainders(uint32_t x[TWISTER_N], uint32_t n, uint32_t from)
{
    if (n < 1u << 30 && n - from > (1 << 12) + TWISTER_N)
        large_remainders(x, n, from);
    else
        any_remainders(x, n, from);
}

static void count_up(uint32_t *id, uint32_t n)
{
    uint32_t i = 0;
    for (; n - i >= 64; i += 64, id += 64)
        for (int k = 0; k < 64; k++)
            id[k] = i + (uint32_t)k;
    for (int k = 0; i < n; i++, k++)
        id[k] = i;
}

/* The same where few places are asked for: what has moved away from its own place is one of them, below 2^16, and is kept,
 * one up, in moved[]; 0: nothing has come there. */
static void permute_few(uint32_t seed, uint32_t n, uint32_t count, uint32_t id[])
{
    struct twister m;
    uint32_t jump[TWISTER_N];
    uint16_t *moved = (uint16_t *)(void *)(id + count);
    twister_seed(&m, seed);
    memset(moved, 0, n * sizeof *moved);
    for (uint32_t from = 0; from < count; from += TWISTER_N) {
        uint32_t end = count - from < TWISTER_N ? count - from : TWISTER_N;
        twister_turn(&m, jump);
        remainders(jump, n, from);
        for (uint32_t i = 0; i < end; i++) {
            uint32_t at = from + i, to = at + jump[i], kept = moved[at], came = moved[to];
            id[at] = came > 0 ? came - 1 : to;
            moved[to] = (uint16_t)(kept > 0 ? kept : at + 1);
        }
    }
}

/* The first `count` places of the permutation of n that a seed gives. */
static void permute(uint32_t seed, uint32_t n, uint32_t count, uint32_t id[])
{
    struct twister m;
    uint32_t jump[TWISTER_N], last = count < n - 1 ? count : n - 1;
    if (count < n / 2 - 1 && count < UINT16_MAX) { /* moved[] lies behind them */
        permute_few(seed, n, count, id);
        return;
    }
    twister_seed(&m, seed);
    count_up(id, n);
    for (uint32_t from = 0; from < last; from += TWISTER_N) {
        uint32_t *first = id + from;
        twister_turn(&m, jump);
        remainders(jump, n, from);
        for (uint32_t i = 0; i < TWISTER_N && from + i < last; i++) {
            uint32_t kept = first[i], to = i + jump[i];
            first[i] = first[to];
            first[to] = kept;
        }
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

/* Follows v alone through the swaps: at place i it moves away or comes to stay, for no later swap reaches place i. */
bool green_has(const struct green *g, uint32_t seed, uint32_t n, sym_t v)
{
    struct twister m;
    uint32_t jump[TWISTER_N], count = green_count(g, n), last = count < n - 1 ? count : n - 1, place = v;
    twister_seed(&m, seed);
    for (uint32_t from = 0; from < last; from += TWISTER_N) {
        uint32_t touched = place - from < TWISTER_N;
        twister_turn(&m, jump);
        remainders(jump, n, from);
        for (uint32_t i = 0; i < TWISTER_N; i++) /* to the end of the turn, so that several go at once */
            touched |= from + i + jump[i] == place;
        for (uint32_t i = 0; touched && i < TWISTER_N && from + i < last; i++) {
            uint32_t to = from + i + jump[i];
            if (to == place)
                return true;
            if (from + i == place)
                place = to;
        }
    }
    return place < count;
}
