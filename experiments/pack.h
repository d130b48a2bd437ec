/* Little-endian packing of numbers and strings into journal payloads, and reading them back with bounds.
 *
 * A reader that meets the end early, or a length beyond what is left, becomes `bad` and gives zeros from then on, so
 * that a decoder checks once, at its end. */
#ifndef EXPERIMENTS_PACK_H
#define EXPERIMENTS_PACK_H

#include "base/text.h"

void pack_u8(struct text *t, uint8_t x);
void pack_u32(struct text *t, uint32_t x);
void pack_u64(struct text *t, uint64_t x);
void pack_f32(struct text *t, float x);
void pack_f64(struct text *t, double x);
void pack_bytes(struct text *t, const void *s, size_t n); /* length (u32), then the bytes */

struct unpack {
    const uint8_t *s;
    size_t n, at;
    bool bad;
};

struct unpack unpack_over(const void *s, size_t n);
uint8_t unpack_u8(struct unpack *u);
uint32_t unpack_u32(struct unpack *u);
uint64_t unpack_u64(struct unpack *u);
float unpack_f32(struct unpack *u);
double unpack_f64(struct unpack *u);
/* *n bytes within the payload; valid as long as it is. */
const char *unpack_bytes(struct unpack *u, size_t *n);
/* A count of things of at least min_bytes each: bad, and 0, when they cannot fit into what is left. */
size_t unpack_count(struct unpack *u, size_t min_bytes);
bool unpack_done(const struct unpack *u); /* read exactly to the end, nothing bad */

#endif
