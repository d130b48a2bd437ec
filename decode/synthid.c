#include "decode/synthid.h"
#include "base/err.h"
#include "base/mem.h"
#include "base/text.h"
#include "decode/twister.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

static uint64_t mix(uint64_t hash, uint64_t x)
{
    return (hash + x) * 6364136223846793005u + 1;
}

void synthid_table(struct synthid *y, uint32_t seed)
{
    struct twister t;
    uint32_t word[TWISTER_N];
    twister_seed(&t, seed);
    for (size_t i = 0; i < SYNTHID_TABLE; i++) {
        if (i % TWISTER_N == 0)
            twister_turn(&t, word);
        y->table[i] = word[i % TWISTER_N] % 2;
    }
}

struct synthid *synthid_alloc(const char *const keys[], size_t n_keys, uint32_t ngram, uint32_t history)
{
    if (n_keys == 0 || n_keys > SYNTHID_MAX_LAYERS) {
        err_set(ERR_USAGE, "%zu keys, want 1 to %d, one a layer", n_keys, SYNTHID_MAX_LAYERS);
        return NULL;
    }
    struct synthid *y = mem_alloc(1, sizeof *y);
    y->n_layers = (uint32_t)n_keys;
    y->ngram = ngram;
    y->history = history;
    for (size_t i = 0; i < n_keys; i++)
        if (!text_u64(keys[i], &y->key[i])) {
            err_set(ERR_USAGE, "key '%s' is no whole number below 2^64", keys[i]);
            free(y);
            return NULL;
        }
    synthid_table(y, 0);
    return y;
}

uint64_t synthid_context(const struct synthid *y, const sym_t s[], size_t n)
{
    uint64_t hash = 1;
    for (size_t back = y->ngram - 1; back > 0; back--)
        hash = mix(hash, back <= n ? s[n - back] : 0);
    return hash;
}

/* By the symbols, which say what the hashes say. */
static bool same(const struct synthid *y, const sym_t s[], size_t a, size_t b)
{
    for (size_t back = 1; back < y->ngram; back++)
        if ((back <= a ? s[a - back] : 0) != (back <= b ? s[b - back] : 0))
            return false;
    return true;
}

bool synthid_again(const struct synthid *y, const sym_t s[], size_t first, size_t n)
{
    for (size_t i = n; i > first && n - i < y->history; i--)
        if (same(y, s, i - 1, n))
            return true;
    return false;
}

uint8_t synthid_bit(const struct synthid *y, uint64_t context, sym_t v, uint32_t layer)
{
    return y->table[mix(mix(context, v), y->key[layer]) % SYNTHID_TABLE];
}

uint32_t *synthid_bits(const struct synthid *y)
{
    uint32_t *bits = mem_alloc((size_t)((y->n_layers + 31) / 32) * 2 * SYNTHID_TABLE, sizeof *bits);
    for (uint32_t l = 0; l < y->n_layers; l++)
        for (uint32_t i = 0; i < SYNTHID_TABLE; i++)
            bits[l / 32 * 2 * SYNTHID_TABLE + i] |= (uint32_t)synthid_bit(y, 0, i, l) << l % 32;
    for (uint32_t k = 0; k < (y->n_layers + 31) / 32; k++) {
        uint32_t *own = bits + (size_t)k * 2 * SYNTHID_TABLE;
        memcpy(own + SYNTHID_TABLE, own, SYNTHID_TABLE * sizeof *own);
    }
    return bits;
}

int synthid_detect(const struct synthid *y, const sym_t s[], size_t n, struct synthid_score *out)
{
    *out = (struct synthid_score){ 0 };
    for (size_t i = y->ngram - 1; i < n; i++) {
        if (synthid_again(y, s, y->ngram - 1, i))
            continue;
        uint64_t context = synthid_context(y, s, i);
        out->scored++;
        for (uint32_t l = 0; l < y->n_layers; l++)
            out->ones += synthid_bit(y, context, s[i], l);
    }
    if (out->scored == 0)
        return err_set(ERR_DATA, "%zu symbols, want at least %u, an n-gram", n, y->ngram);
    out->bits = out->scored * y->n_layers;
    double bits = (double)out->bits;
    out->mean = (double)out->ones / bits;
    out->z = ((double)out->ones - bits / 2) / sqrt(bits / 4);
    out->p = .5 * erfc(out->z / M_SQRT2);
    return 0;
}
