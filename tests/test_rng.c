/* Philox: published known answers, addresses without history, GSL's view of it. */
#include "base/rng.h"
#include "tests/lib/check.h"
#include <gsl/gsl_cdf.h>
#include <gsl/gsl_randist.h>
#include <math.h>
#include <stdint.h>
#include <string.h>

/* Random123 1.14, tests/kat_vectors, lines "philox4x32 10": zero, all ones, digits of pi. */
static const struct {
    uint32_t counter[4], key[2], out[4];
} known[] = {
    { { 0, 0, 0, 0 }, { 0, 0 }, { 0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8 } },
    { { 0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff },
      { 0xffffffff, 0xffffffff },
      { 0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd } },
    { { 0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344 },
      { 0xa4093822, 0x299f31d0 },
      { 0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1 } },
};

static const struct rng_address base = { .seed = 20261123,
                                         .item = 0x1234567890abcdef,
                                         .space = 0xfedcba0987654321,
                                         .draw = 3,
                                         .step = 17,
                                         .lane = 5,
                                         .purpose = RNG_TEST };

static void test_known(void)
{
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        uint32_t out[4];
        rng_philox(known[i].counter, known[i].key, out);
        check(memcmp(out, known[i].out, sizeof out) == 0, "philox known answer %zu", i);
    }
}

/* The layout that the header promises, so that results of earlier versions stay reproducible. */
static void test_layout(void)
{
    struct rng_key k = rng_key(&base);
    check(k.counter[0] == 17 && k.counter[1] == 3, "counter1 is step, counter2 is draw");
    check(k.counter[2] == (255u << 24 | 5), "counter3 is purpose and lane");
    uint32_t counter[4] = { 99, k.counter[0], k.counter[1], k.counter[2] }, want[4], got[4];
    rng_philox(counter, k.key, want);
    rng_words(&k, 99, got);
    check(memcmp(want, got, sizeof got) == 0, "counter0 is index");
}

static void first_words(const struct rng_address *a, uint32_t index, uint32_t out[4])
{
    struct rng_key k = rng_key(a);
    rng_words(&k, index, out);
}

static void test_every_field_matters(void)
{
    struct rng_address a[9];
    uint32_t words[10][4];
    for (int i = 0; i < 9; i++)
        a[i] = base;
    a[1].seed++;
    a[2].item++;
    a[3].space++;
    a[4].draw++;
    a[5].step++;
    a[6].lane++;
    a[7].purpose = RNG_DRAW;
    a[8].seed += UINT64_C(1) << 40; /* high bits count too */
    for (int i = 0; i < 9; i++)
        first_words(&a[i], 0, words[i]);
    first_words(&base, 1, words[9]);
    for (int i = 0; i < 10; i++)
        for (int j = 0; j < i; j++)
            for (int w = 0; w < 4; w++)
                check(words[i][w] != words[j][w], "addresses %d and %d share word %d", i, j, w);
}

static void test_open53(void)
{
    check(rng_open53(0, 0) == 0x1p-53, "least value");
    check(rng_open53(0xffffffff, 0xffffffff) == 1 - 0x1p-53, "greatest value");
    check(rng_open53(0x80000000, 0) == .5 + 0x1p-53, "middle");
    check(rng_open53(0x12345678, 0x9abcdef0) + rng_open53(~0x12345678u, ~0x9abcdef0u) == 1, "symmetric");
    struct rng_key k = rng_key(&base);
    uint32_t w[4];
    rng_words(&k, 7, w);
    check(rng_uniform(&k, 7) == rng_open53(w[0], w[1]), "uniform is open53 of the first two words");
}

static void test_gsl_words(void)
{
    gsl_rng *r = gsl_rng_alloc(rng_gsl_philox);
    rng_gsl_seek(r, &base);
    for (uint32_t i = 0; i < 64; i++) {
        uint32_t w[4];
        first_words(&base, i, w);
        for (int j = 0; j < 4; j++)
            check(gsl_rng_get(r) == w[j], "gsl word %u.%d", i, j);
    }
    rng_gsl_seek(r, &base);
    uint32_t w[4];
    first_words(&base, 0, w);
    double want = ldexp((double)w[0], -32) + ldexp((double)(w[1] >> 11), -53);
    check(gsl_rng_uniform(r) == want, "gsl double has 53 bits");
    check(gsl_rng_get(r) == w[2], "a double takes two words");
    check(gsl_rng_min(r) == 0 && gsl_rng_max(r) == 0xffffffff, "range");
    struct rng_address seeded = { .seed = 42 };
    gsl_rng_set(r, 42);
    first_words(&seeded, 0, w);
    check(gsl_rng_get(r) == w[0], "gsl_rng_set is an address");
    gsl_rng_free(r);
}

/* Two interleaved instances and a clone give what each gives alone: no hidden state. */
static void test_interleaved(void)
{
    struct rng_address other = base;
    other.item++;
    gsl_rng *a = gsl_rng_alloc(rng_gsl_philox), *b = gsl_rng_alloc(rng_gsl_philox);
    double alone[100], gauss[100];
    rng_gsl_seek(a, &base);
    for (int i = 0; i < 100; i++)
        alone[i] = gsl_rng_uniform(a);
    rng_gsl_seek(b, &other);
    for (int i = 0; i < 100; i++)
        gauss[i] = gsl_ran_gaussian(b, 1);
    rng_gsl_seek(a, &base);
    rng_gsl_seek(b, &other);
    for (int i = 0; i < 100; i++) {
        gsl_rng *c = gsl_rng_clone(a);
        check(gsl_rng_uniform(a) == alone[i], "interleaved uniform %d", i);
        check(gsl_ran_gaussian(b, 1) == gauss[i], "interleaved gaussian %d", i);
        check(gsl_rng_uniform(c) == alone[i], "cloned uniform %d", i);
        gsl_rng_free(c);
    }
    gsl_rng_free(a);
    gsl_rng_free(b);
}

/* 4,000,000 bytes over each of index, step, draw and lane: chi-square of 256 cells, two-sided error 2e-6 each. */
static void test_bytes_uniform(void)
{
    for (int field = 0; field < 4; field++) {
        static uint32_t count[256];
        memset(count, 0, sizeof count);
        for (uint32_t i = 0; i < 250000; i++) {
            struct rng_address a = base;
            a.step += field == 1 ? i : 0;
            a.draw += field == 2 ? i : 0;
            a.lane += field == 3 ? i : 0;
            uint32_t w[4];
            first_words(&a, field == 0 ? i : 0, w);
            for (int j = 0; j < 16; j++)
                count[w[j / 4] >> 8 * (j % 4) & 255]++;
        }
        double x2 = 0, want = 4e6 / 256;
        for (int c = 0; c < 256; c++)
            x2 += (count[c] - want) * (count[c] - want) / want;
        check(x2 > gsl_cdf_chisq_Pinv(1e-6, 255) && x2 < gsl_cdf_chisq_Qinv(1e-6, 255), "bytes over field %d: %g",
              field, x2);
    }
}

int main(void)
{
    test_known();
    test_layout();
    test_every_field_matters();
    test_open53();
    test_gsl_words();
    test_interleaved();
    test_bytes_uniform();
    return check_done("rng");
}
