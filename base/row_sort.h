/* Keys that sort as floats do, and a stable sort of them that allocates nothing. */
#ifndef BASE_ROW_SORT_H
#define BASE_ROW_SORT_H

#include "base/row.h"
#include <string.h>

/* Unsigned integers in the order of floats (not NaN); -0 and 0 are equal. */
static inline uint32_t row_sort_ascending(float x)
{
    uint32_t u;
    x += 0.0f; /* -0 becomes 0 */
    memcpy(&u, &x, sizeof u);
    return u ^ (-(u >> 31) | 0x80000000);
}
static inline uint32_t row_sort_descending(float x)
{
    return ~row_sort_ascending(x);
}
/* The float of an ascending key. */
static inline float row_sort_ascending_of(uint32_t key)
{
    uint32_t u = key ^ (((key >> 31) - 1) | 0x80000000);
    float x;
    memcpy(&x, &u, sizeof x);
    return x;
}
void row_sort_descend(uint32_t key[], const float x[], uint32_t n); /* row_sort_descending() of each */

/* Sorts n pairs (key, id) by key, equal keys in the order they stand.  key and id may be w->key and w->id; uses
 * w->mass. */
void row_sort(uint32_t key[], sym_t id[], uint32_t n, struct row_work *w);

#endif
