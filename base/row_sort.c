#include "base/row_sort.h"
#include "base/clones.h"
#include <string.h>

#define DIGIT  8 /* bits of a digit: more write streams than 2^8 would not fit a first cache */
#define DIGITS (32 / DIGIT)
#define MASK   ((1u << DIGIT) - 1)
#define SMALL  64

CLONES static void sort_descend(uint32_t key[], const float x[], uint32_t n)
{
    for (uint32_t i = 0; i < n; i++)
        key[i] = row_sort_descending(x[i]);
}

void row_sort_descend(uint32_t key[], const float x[], uint32_t n)
{
    sort_descend(key, x, n);
}

struct pairs {
    uint32_t *key;
    sym_t *id;
};

static void by_insertion(struct pairs a, uint32_t n)
{
    for (uint32_t i = 1; i < n; i++) {
        uint32_t key = a.key[i], j = i;
        sym_t id = a.id[i];
        for (; j > 0 && a.key[j - 1] > key; j--) {
            a.key[j] = a.key[j - 1];
            a.id[j] = a.id[j - 1];
        }
        a.key[j] = key;
        a.id[j] = id;
    }
}

/* How many keys have each value of each digit, in one pass; odd and even keys apart, since a count that waits for the one
 * just stored takes several times as long.  Becomes where each value's first key goes. */
struct places {
    uint32_t at[2][DIGITS][1 << DIGIT];
};

static void count(struct places *p, const uint32_t key[], uint32_t n)
{
    memset(p, 0, sizeof *p);
    for (uint32_t i = 0; i < n; i++) {
        uint32_t k = key[i], (*at)[1 << DIGIT] = p->at[i % 2];
        at[0][k & MASK]++;
        at[1][k >> DIGIT & MASK]++;
        at[2][k >> 2 * DIGIT & MASK]++;
        at[3][k >> 3 * DIGIT]++;
    }
    for (int d = 0; d < DIGITS; d++)
        for (uint32_t v = 0, sum = 0; v <= MASK; v++) {
            uint32_t here = p->at[0][d][v] + p->at[1][d][v];
            p->at[0][d][v] = sum;
            sum += here;
        }
}

/* A pair as one number: one stream of stores for each value of a digit, not two. */
static uint64_t joined(uint32_t key, sym_t id)
{
    return (uint64_t)key << 32 | id;
}

void row_sort(uint32_t key[], sym_t id[], uint32_t n, struct row_work *w)
{
    struct places p;
    uint64_t *pair = (uint64_t *)(void *)w->mass;
    if (n <= SMALL) {
        by_insertion((struct pairs){ key, id }, n);
        return;
    }
    count(&p, key, n);
    for (int d = 0; d < DIGITS; d += 2) {
        uint32_t *even = p.at[0][d], *odd = p.at[0][d + 1];
        for (uint32_t i = 0; i < n; i++)
            pair[even[key[i] >> d * DIGIT & MASK]++] = joined(key[i], id[i]);
        for (uint32_t i = 0; i < n; i++) {
            uint32_t place = odd[pair[i] >> (32 + (d + 1) * DIGIT) & MASK]++;
            key[place] = (uint32_t)(pair[i] >> 32);
            id[place] = (sym_t)pair[i];
        }
    }
}
