#include "tests/emulate/turns.h"
#include <stdlib.h>

static struct {
    enum emulate_order order;
    int is_set;
    uint64_t random;
} t;

static uint64_t random_below(uint64_t n)
{
    t.random ^= t.random << 13;
    t.random ^= t.random >> 7;
    t.random ^= t.random << 17;
    return t.random % n;
}

void turns_set(enum emulate_order order, uint64_t seed)
{
    t.order = order;
    t.is_set = 1;
    t.random = seed * 2 + 0x9e3779b97f4a7c15u;
}

void turns_begin(void)
{
    const char *name = getenv("CHORALE_EMULATE_ORDER");
    if (t.is_set)
        return;
    turns_set(EMULATE_FORWARD, 0);
    if (name && strcmp(name, "reverse") == 0)
        t.order = EMULATE_REVERSE;
    else if (name && strcmp(name, "shuffled") == 0)
        t.order = EMULATE_SHUFFLED;
}

struct turns_blocks turns_blocks(uint64_t n)
{
    struct turns_blocks b = { 0, 1 };
    if (t.order == EMULATE_REVERSE)
        b.at = b.step = n - 1;
    while (t.order == EMULATE_SHUFFLED && n > 2) { /* a step without a common factor visits all */
        uint64_t x = b.step = 1 + random_below(n - 1), y = n;
        for (uint64_t r; y > 0; x = y, y = r)
            r = x % y;
        if (x == 1)
            break;
    }
    return b;
}

void turns_threads(unsigned turn[], unsigned n)
{
    for (unsigned i = 0; i < n; i++)
        turn[i] = t.order == EMULATE_REVERSE ? n - 1 - i : i;
    for (unsigned i = n; t.order == EMULATE_SHUFFLED && i > 1; i--) {
        unsigned j = (unsigned)random_below(i), old = turn[i - 1];
        turn[i - 1] = turn[j];
        turn[j] = old;
    }
}
