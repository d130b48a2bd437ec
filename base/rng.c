#include "base/rng.h"
#include "base/hash.h"
#include "base/philox.h"
#include <assert.h>

void rng_philox(const uint32_t counter[4], const uint32_t key[2], uint32_t out[4])
{
    philox_words(counter, key, out);
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
    return philox_open53(high, low);
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
