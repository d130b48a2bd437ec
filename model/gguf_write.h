/* Writing GGUF files, version 3, as model/gguf.h reads them: keys in the order in which they are added, tensors one after
 * the other at multiples of 32. */
#ifndef MODEL_GGUF_WRITE_H
#define MODEL_GGUF_WRITE_H

#include "base/text.h"
#include "model/gguf.h"
#include "model/recast.h"

struct gguf_keys {
    struct text bytes;
    uint64_t n;
};

void gguf_write_u32(struct gguf_keys *k, const char *key, uint32_t x);
void gguf_write_i32(struct gguf_keys *k, const char *key, int32_t x);
void gguf_write_u16(struct gguf_keys *k, const char *key, uint16_t x);
void gguf_write_real(struct gguf_keys *k, const char *key, float x);
void gguf_write_bool(struct gguf_keys *k, const char *key, bool x);
void gguf_write_text(struct gguf_keys *k, const char *key, const char *s, size_t n);
void gguf_write_value(struct gguf_keys *k, const char *key, const struct gguf_value *v); /* a copy */
/* An array of n elements; a STRING's follow by gguf_write_item(), others' bytes by text_addn(). */
void gguf_write_array(struct gguf_keys *k, const char *key, enum gguf_type element, uint64_t n);
void gguf_write_item(struct gguf_keys *k, const char *s, size_t n);

/* Names of tensors are GGUF's.  signal: as save_file_open()'s.  0; ERR_DATA, ERR_IO, ERR_SIGINT, ERR_SIGTERM. */
int gguf_write_file(const char *path, const struct gguf_keys *k, const struct recast_list *tensors,
                    interrupt_t *signal);

#endif
