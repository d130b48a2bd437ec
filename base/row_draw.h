/* Draws from rows in host memory (base/row.h: row_draw, row_noise). */
#ifndef BASE_ROW_DRAW_H
#define BASE_ROW_DRAW_H

#include "base/row.h"

sym_t row_draw_host(const struct row *r, const struct rng_key *k);
sym_t row_draw_few_host(const struct row *r, const struct rng_key *k, const uint32_t block[], uint32_t n_blocks);
double row_draw_noise(const struct rng_key *k, sym_t v);

#endif
