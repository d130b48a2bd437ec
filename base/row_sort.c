#include "base/row_sort.h"
#include <string.h>

#define DIGIT 8 /* bits of a digit: more write streams than 2^8 would not fit a first cache */
#define SMALL 64

uint32_t row_sort_ascending(float x)
{
    uint32_t u;
    x += 0.0f; /* -0 becomes 0 */
    memcpy(&u, &x, sizeof u);
    return u & 0x80000000 ? ~u : u | 0x80000000;
}

uint32_t row_sort_descending(float x)
{
    return ~row_sort_ascending(x);
}

float row_sort_ascending_of(uint32_t key)
{
    uint32_t u = key & 0x80000000 ? key & 0x7FFFFFFF : ~key;
    float x;
    memcpy(&x, &u, sizeof x);
    return x;
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

static void by_digit(struct pairs from, struct pairs to, uint32_t n, int shift)
{
    uint32_t start[1 << DIGIT] = { 0 }, mask = (1 << DIGIT) - 1, sum = 0;
    for (uint32_t i = 0; i < n; i++)
        start[from.key[i] >> shift & mask]++;
    for (uint32_t d = 0; d <= mask; d++) {
        uint32_t count = start[d];
        start[d] = sum;
        sum += count;
    }
    for (uint32_t i = 0; i < n; i++) {
        uint32_t place = start[from.key[i] >> shift & mask]++;
        to.key[place] = from.key[i];
        to.id[place] = from.id[i];
    }
}

void row_sort(uint32_t key[], sym_t id[], uint32_t n, struct row_work *w)
{
    struct pairs a = { key, id }, b = { (uint32_t *)(void *)w->value, (uint32_t *)(void *)w->mass };
    if (n <= SMALL) {
        by_insertion(a, n);
        return;
    }
    for (int shift = 0; shift < 32; shift += 2 * DIGIT) {
        by_digit(a, b, n, shift);
        by_digit(b, a, n, shift + DIGIT);
    }
}
