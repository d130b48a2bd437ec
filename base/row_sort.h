/* Keys that sort as floats do, and a stable sort of them that allocates nothing. */
#ifndef BASE_ROW_SORT_H
#define BASE_ROW_SORT_H

#include "base/row.h"

/* Unsigned integers in the order of floats (not NaN); -0 and 0 are equal. */
uint32_t row_sort_ascending(float x);
uint32_t row_sort_descending(float x);
float row_sort_ascending_of(uint32_t key); /* the float of an ascending key */

/* Sorts n pairs (key, id) by key, equal keys in the order they stand.  key and id may be w->key and w->id; uses
 * w->value and w->mass. */
void row_sort(uint32_t key[], sym_t id[], uint32_t n, struct row_work *w);

#endif
