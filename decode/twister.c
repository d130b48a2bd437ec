#include "decode/twister.h"
#include "base/clones.h"
#include <stddef.h>

enum { N = TWISTER_N, M = 397 };

void twister_seed(struct twister *m, uint32_t seed)
{
    m->word[0] = seed;
    for (uint32_t i = 1; i < N; i++)
        m->word[i] = 1812433253u * (m->word[i - 1] ^ (m->word[i - 1] >> 30)) + i;
}

static uint32_t twist(uint32_t high, uint32_t low, uint32_t far)
{
    uint32_t y = (high & 0x80000000u) | (low & 0x7fffffffu);
    return far ^ (y >> 1) ^ (-(y & 1) & 0x9908b0dfu);
}

/* The loops are cut where a compiler can take them several at a time. */
CLONES static void turn(uint32_t *restrict w, uint32_t *restrict out)
{
    for (size_t i = 0; i < N - M - 3; i++)
        w[i] = twist(w[i], w[i + 1], w[i + M]);
    for (size_t i = N - M - 3; i < N - M; i++)
        w[i] = twist(w[i], w[i + 1], w[i + M]);
    for (size_t i = N - M; i < N - M + 384; i++)
        w[i] = twist(w[i], w[i + 1], w[i + M - N]);
    for (size_t i = N - M + 384; i < N - 1; i++)
        w[i] = twist(w[i], w[i + 1], w[i + M - N]);
    w[N - 1] = twist(w[N - 1], w[0], w[M - 1]);
    for (size_t i = 0; i < N; i++) {
        uint32_t y = w[i];
        y ^= y >> 11;
        y ^= (y << 7) & 0x9d2c5680u;
        y ^= (y << 15) & 0xefc60000u;
        out[i] = y ^ (y >> 18);
    }
}

void twister_turn(struct twister *restrict m, uint32_t out[restrict TWISTER_N])
{
    turn(m->word, out);
}
