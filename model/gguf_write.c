#include "model/gguf_write.h"
#include "base/err.h"
#include <string.h>

#define ALIGNMENT 32u

static void add_u32(struct text *t, uint32_t x)
{
    text_addn(t, &x, sizeof x);
}

static void add_u64(struct text *t, uint64_t x)
{
    text_addn(t, &x, sizeof x);
}

static void add_string(struct text *t, const char *s, size_t n)
{
    add_u64(t, n);
    text_addn(t, s, n);
}

static void add_key(struct gguf_keys *k, const char *key, enum gguf_type type)
{
    add_string(&k->bytes, key, strlen(key));
    add_u32(&k->bytes, (uint32_t)type);
    k->n++;
}

void gguf_write_u32(struct gguf_keys *k, const char *key, uint32_t x)
{
    add_key(k, key, GGUF_U32);
    add_u32(&k->bytes, x);
}

void gguf_write_i32(struct gguf_keys *k, const char *key, int32_t x)
{
    add_key(k, key, GGUF_I32);
    text_addn(&k->bytes, &x, sizeof x);
}

void gguf_write_u16(struct gguf_keys *k, const char *key, uint16_t x)
{
    add_key(k, key, GGUF_U16);
    text_addn(&k->bytes, &x, sizeof x);
}

void gguf_write_real(struct gguf_keys *k, const char *key, float x)
{
    add_key(k, key, GGUF_F32);
    text_addn(&k->bytes, &x, sizeof x);
}

void gguf_write_bool(struct gguf_keys *k, const char *key, bool x)
{
    uint8_t byte = x;
    add_key(k, key, GGUF_BOOL);
    text_addn(&k->bytes, &byte, sizeof byte);
}

void gguf_write_text(struct gguf_keys *k, const char *key, const char *s, size_t n)
{
    add_key(k, key, GGUF_STRING);
    add_string(&k->bytes, s, n);
}

void gguf_write_array(struct gguf_keys *k, const char *key, enum gguf_type element, uint64_t n)
{
    add_key(k, key, GGUF_ARRAY);
    add_u32(&k->bytes, (uint32_t)element);
    add_u64(&k->bytes, n);
}

void gguf_write_item(struct gguf_keys *k, const char *s, size_t n)
{
    add_string(&k->bytes, s, n);
}

void gguf_write_value(struct gguf_keys *k, const char *key, const struct gguf_value *v)
{
    const uint8_t *at = v->data;
    if (v->type == GGUF_STRING) {
        gguf_write_text(k, key, (const char *)v->data, (size_t)v->n);
        return;
    }
    if (v->type != GGUF_ARRAY) {
        add_key(k, key, v->type);
        text_addn(&k->bytes, v->data, (size_t)gguf_type_bytes(v->type));
        return;
    }
    gguf_write_array(k, key, v->element, v->n);
    for (uint64_t i = 0; v->element == GGUF_STRING && i < v->n; i++) {
        uint64_t n;
        gguf_next_string(&at, &n);
    }
    if (v->element != GGUF_STRING)
        at += v->n * gguf_type_bytes(v->element);
    text_addn(&k->bytes, v->data, (size_t)(at - v->data));
}

static size_t padding(uint64_t size)
{
    return (size_t)((ALIGNMENT - size % ALIGNMENT) % ALIGNMENT);
}

static void add_description(struct text *t, const struct tensor *a, uint64_t offset)
{
    add_string(t, a->name, strlen(a->name));
    add_u32(t, a->n_dims);
    for (uint32_t i = a->n_dims; i-- > 0;)
        add_u64(t, a->dims[i]);
    add_u32(t, gguf_stored_type(a->type));
    add_u64(t, offset);
}

int gguf_write_file(const char *path, const struct gguf_keys *k, const struct recast_list *tensors, interrupt_t *signal)
{
    struct text head = { 0 };
    uint64_t offset = 0;
    text_add(&head, "GGUF");
    add_u32(&head, 3);
    add_u64(&head, tensors->n);
    add_u64(&head, k->n);
    text_addn(&head, text_s(&k->bytes), k->bytes.len);
    for (size_t i = 0; i < tensors->n; i++) {
        add_description(&head, &tensors->r[i].to, offset);
        offset += tensors->r[i].to.bytes + padding(tensors->r[i].to.bytes);
    }
    struct save_file *f = save_file_open(path, signal);
    int rc = f ? save_file_write(f, text_s(&head), head.len) : ERR_IO;
    text_free(&head);
    if (!f)
        return rc;
    for (size_t i = 0; rc == 0 && i < tensors->n; i++) {
        rc = save_file_zeros(f, padding(save_file_size(f)));
        if (rc == 0)
            rc = recast_write(&tensors->r[i], path, f);
    }
    if (rc == 0)
        rc = save_file_zeros(f, padding(save_file_size(f)));
    return save_file_close(f, rc);
}
