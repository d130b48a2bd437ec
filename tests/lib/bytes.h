/* Bytes of files made in tests: numbers little-endian, GGUF strings and keys. */
#ifndef TESTS_BYTES_H
#define TESTS_BYTES_H

#include "base/text.h"

void bytes_u8(struct text *t, uint8_t x);
void bytes_u32(struct text *t, uint32_t x);
void bytes_u64(struct text *t, uint64_t x);
void bytes_f32(struct text *t, float x);
void bytes_zero(struct text *t, size_t n);
void bytes_align(struct text *t, size_t alignment); /* zeros up to the next multiple */

void bytes_string(struct text *t, const char *s);               /* GGUF: length, bytes */
void bytes_key(struct text *t, const char *key, uint32_t type); /* GGUF: name and type; the value follows */
void bytes_key_string(struct text *t, const char *key, const char *s);
void bytes_key_u32(struct text *t, const char *key, uint32_t x);

#endif
