/* Checked arithmetic on numbers that come from files, and bounds of ranges in them. */
#ifndef BASE_NUM_H
#define BASE_NUM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* *out = a op b; false, with *out untouched, when the result does not fit. */
bool num_add(uint64_t a, uint64_t b, uint64_t *out);
bool num_mul(uint64_t a, uint64_t b, uint64_t *out);

/* ln x of any x >= 0, -INFINITY for 0: the rows' own log (base/row_math.h), the same bits on every machine. */
double num_log(double x);

/* Whether [offset, offset + size) lies within a file or buffer of total bytes. */
bool num_range(uint64_t offset, uint64_t size, uint64_t total);

#endif
