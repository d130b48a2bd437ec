/* Philox4x32-10 as arithmetic alone, for base/rng.c and for device code, so that both draw the same noise.
 *
 * Salmon, Moraes, Dror, Shaw: "Parallel random numbers: as easy as 1, 2, 3", SC 2011, table 2 and section 4.4. */
#ifndef BASE_PHILOX_H
#define BASE_PHILOX_H

#include <stdint.h>

#ifndef PHILOX_INLINE /* a device's compiler has words of its own */
#define PHILOX_INLINE static inline
#endif

#define PHILOX_ROUNDS 10
#define PHILOX_M0     0xD2511F53u
#define PHILOX_M1     0xCD9E8D57u
#define PHILOX_W0     0x9E3779B9u /* golden ratio */
#define PHILOX_W1     0xBB67AE85u /* sqrt(3) - 1 */

PHILOX_INLINE void philox_words(const uint32_t counter[4], const uint32_t key[2], uint32_t out[4])
{
    uint32_t c0 = counter[0], c1 = counter[1], c2 = counter[2], c3 = counter[3], k0 = key[0], k1 = key[1];
    for (int i = 0; i < PHILOX_ROUNDS; i++) {
        uint64_t a = (uint64_t)PHILOX_M0 * c0, b = (uint64_t)PHILOX_M1 * c2;
        c0 = (uint32_t)(b >> 32) ^ c1 ^ k0;
        c1 = (uint32_t)b;
        c2 = (uint32_t)(a >> 32) ^ c3 ^ k1;
        c3 = (uint32_t)a;
        k0 += PHILOX_W0;
        k1 += PHILOX_W1;
    }
    out[0] = c0;
    out[1] = c1;
    out[2] = c2;
    out[3] = c3;
}

/* An odd multiple of 2^-53, from 52 random bits: never 0, never 1, as often u as 1 - u. */
PHILOX_INLINE double philox_open53(uint32_t high, uint32_t low)
{
    uint64_t odd = (uint64_t)high << 21 | low >> 11 | 1;
    return (double)odd * 0x1p-53;
}

#endif
