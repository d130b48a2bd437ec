#include "base/rng.h"
#include "base/hash.h"
#include <assert.h>

/* Salmon, Moraes, Dror, Shaw: "Parallel random numbers: as easy as 1, 2, 3", SC 2011, table 2 and section 4.4. */
#define PHILOX_ROUNDS 10
#define PHILOX_M0     0xD2511F53u
#define PHILOX_M1     0xCD9E8D57u
#define PHILOX_W0     0x9E3779B9u /* golden ratio */
#define PHILOX_W1     0xBB67AE85u /* sqrt(3) - 1 */

void rng_philox(const uint32_t counter[4], const uint32_t key[2], uint32_t out[4])
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

struct rng_key rng_key(const struct rng_address *a)
{
    assert(a->lane < 1u << 24);
    uint64_t name[3] = { a->seed, a->item, a->space };
    uint64_t h = hash_bytes(name, sizeof name, 0);
    return (struct rng_key){ { (uint32_t)h, (uint32_t)(h >> 32) },
                             { a->step, a->draw, (uint32_t)a->purpose << 24 | a->lane } };
}

void rng_words(const struct rng_key *k, uint32_t index, uint32_t out[4])
{
    uint32_t counter[4] = { index, k->counter[0], k->counter[1], k->counter[2] };
    rng_philox(counter, k->key, out);
}

double rng_open53(uint32_t high, uint32_t low)
{
    uint64_t odd = (uint64_t)high << 21 | low >> 11 | 1;
    return (double)odd * 0x1p-53;
}

double rng_uniform(const struct rng_key *k, uint32_t index)
{
    uint32_t w[4];
    rng_words(k, index, w);
    return rng_open53(w[0], w[1]);
}

/* The generator as GSL sees it: the words of one address in the order of index, 2^34 of them before they repeat. */
struct philox_state {
    struct rng_key key;
    uint32_t index; /* of the next block */
    uint32_t used;  /* words of the present block already given */
    uint32_t words[4];
};

static void philox_start(struct philox_state *s, const struct rng_address *a)
{
    *s = (struct philox_state){ .key = rng_key(a), .used = 4 };
}

static void philox_set(void *state, unsigned long seed)
{
    philox_start(state, &(struct rng_address){ .seed = seed });
}

static unsigned long philox_get(void *state)
{
    struct philox_state *s = state;
    if (s->used == 4) {
        rng_words(&s->key, s->index++, s->words);
        s->used = 0;
    }
    return s->words[s->used++];
}

static double philox_get_double(void *state)
{
    uint64_t high = philox_get(state), low = philox_get(state);
    return (double)(high << 21 | low >> 11) * 0x1p-53;
}

static const gsl_rng_type philox_type = {
    .name = "philox4x32-10",
    .max = 0xFFFFFFFFu,
    .min = 0,
    .size = sizeof(struct philox_state),
    .set = philox_set,
    .get = philox_get,
    .get_double = philox_get_double,
};

const gsl_rng_type *const rng_gsl_philox = &philox_type;

void rng_gsl_seek(gsl_rng *r, const struct rng_address *a)
{
    assert(r->type == rng_gsl_philox);
    philox_start(r->state, a);
}
