/* The values of a GGUF file's keys; gguf.c has checked their bounds. */
#include "base/err.h"
#include "base/mem.h"
#include "model/gguf.h"
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static const struct {
    const char *name;
    uint64_t bytes;
} types[GGUF_TYPES] = {
    [GGUF_U8] = { "u8", 1 },       [GGUF_I8] = { "i8", 1 },     [GGUF_U16] = { "u16", 2 },
    [GGUF_I16] = { "i16", 2 },     [GGUF_U32] = { "u32", 4 },   [GGUF_I32] = { "i32", 4 },
    [GGUF_F32] = { "f32", 4 },     [GGUF_BOOL] = { "bool", 1 }, [GGUF_U64] = { "u64", 8 },
    [GGUF_I64] = { "i64", 8 },     [GGUF_F64] = { "f64", 8 },   [GGUF_STRING] = { "string", 0 },
    [GGUF_ARRAY] = { "array", 0 },
};

/* enum ggml_type of ggml.h */
uint32_t gguf_stored_type(enum dtype t)
{
    static const uint32_t stored[DTYPE_COUNT] = {
        [DTYPE_F32] = 0,   [DTYPE_F16] = 1,   [DTYPE_BF16] = 30, [DTYPE_Q8_0] = 8,  [DTYPE_Q4_0] = 2,
        [DTYPE_Q4_1] = 3,  [DTYPE_Q5_0] = 6,  [DTYPE_Q5_1] = 7,  [DTYPE_Q2_K] = 10, [DTYPE_Q3_K] = 11,
        [DTYPE_Q4_K] = 12, [DTYPE_Q5_K] = 13, [DTYPE_Q6_K] = 14,
    };
    return stored[t];
}

const char *gguf_type_name(enum gguf_type t)
{
    return types[t].name;
}

uint64_t gguf_type_bytes(enum gguf_type t)
{
    return types[t].bytes;
}

static int key_against_pair(const void *key, const void *pair)
{
    return strcmp(key, ((const struct gguf_pair *)pair)->key);
}

const struct gguf_value *gguf_find(const struct gguf *g, const char *key)
{
    const struct gguf_pair *p = g->n_pairs > 0 ? bsearch(key, g->pairs, g->n_pairs, sizeof *p, key_against_pair) : NULL;
    return p ? &p->value : NULL;
}

static int wrong_type(const struct gguf *g, const char *key, const struct gguf_value *v, const char *want)
{
    return err_set(ERR_DATA, "%s: '%s' is of type %s, want %s", g->where, key, types[v->type].name, want);
}

/* The value of any integer type; false for other types and for negative numbers. */
static bool unsigned_value(const struct gguf_value *v, uint64_t *x)
{
    uint64_t raw = 0;
    if (v->type == GGUF_F32 || v->type == GGUF_F64 || types[v->type].bytes == 0 || v->type == GGUF_BOOL)
        return false;
    memcpy(&raw, v->data, (size_t)types[v->type].bytes);
    bool is_signed = v->type == GGUF_I8 || v->type == GGUF_I16 || v->type == GGUF_I32 || v->type == GGUF_I64;
    if (is_signed && raw >> (types[v->type].bytes * 8 - 1))
        return false;
    *x = raw;
    return true;
}

int gguf_maybe_u32(const struct gguf *g, const char *key, uint32_t *x)
{
    const struct gguf_value *v = gguf_find(g, key);
    uint64_t value;
    if (!v)
        return 0;
    if (!unsigned_value(v, &value))
        return wrong_type(g, key, v, "a whole number of 0 or more");
    if (value > UINT32_MAX)
        return err_set(ERR_DATA, "%s: '%s' is %" PRIu64 ", want less than 2^32", g->where, key, value);
    *x = (uint32_t)value;
    return 0;
}

int gguf_maybe_real(const struct gguf *g, const char *key, float *x)
{
    const struct gguf_value *v = gguf_find(g, key);
    double wide;
    float value;
    if (!v)
        return 0;
    if (v->type == GGUF_F32) {
        memcpy(&value, v->data, sizeof value);
    } else if (v->type == GGUF_F64) {
        memcpy(&wide, v->data, sizeof wide);
        value = (float)wide;
    } else {
        return wrong_type(g, key, v, "a real number");
    }
    if (!isfinite(value))
        return err_set(ERR_DATA, "%s: '%s' is not finite", g->where, key);
    *x = value;
    return 0;
}

int gguf_maybe_bool(const struct gguf *g, const char *key, bool *x)
{
    const struct gguf_value *v = gguf_find(g, key);
    if (!v)
        return 0;
    if (v->type != GGUF_BOOL)
        return wrong_type(g, key, v, "bool");
    *x = *v->data == 1;
    return 0;
}

int gguf_maybe_string(const struct gguf *g, const char *key, char **s)
{
    const struct gguf_value *v = gguf_find(g, key);
    *s = NULL;
    if (!v)
        return 0;
    if (v->type != GGUF_STRING)
        return wrong_type(g, key, v, "a string");
    if (memchr(v->data, 0, (size_t)v->n))
        return err_set(ERR_DATA, "%s: '%s' has a NUL inside", g->where, key);
    *s = mem_alloc((size_t)v->n + 1, 1);
    memcpy(*s, v->data, (size_t)v->n);
    return 0;
}

int gguf_array(const struct gguf *g, const char *key, enum gguf_type element, const struct gguf_value **a)
{
    const struct gguf_value *v = gguf_find(g, key);
    if (!v)
        return err_set(ERR_DATA, "%s: '%s' is missing", g->where, key);
    if (v->type != GGUF_ARRAY || v->element != element)
        return err_set(ERR_DATA, "%s: '%s' is %s%s, want an array of %s", g->where, key,
                       v->type == GGUF_ARRAY ? "an array of " : "of type ",
                       types[v->type == GGUF_ARRAY ? v->element : v->type].name, types[element].name);
    *a = v;
    return 0;
}

const char *gguf_next_string(const uint8_t **at, uint64_t *n)
{
    memcpy(n, *at, sizeof *n);
    const uint8_t *s = *at + sizeof *n;
    *at = s + *n;
    return (const char *)s;
}
