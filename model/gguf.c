#include "model/gguf.h"
#include "base/err.h"
#include "base/mem.h"
#include "base/num.h"
#include "base/text.h"
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define KEY_MAX         65535u /* bytes; the format's own limit */
#define TENSOR_NAME_MAX 1024u  /* bytes of a tensor's name: far above any writer's */
#define PAIR_LEAST      13u    /* bytes: length of an empty key, type, one byte of value */
#define TENSOR_LEAST    32u    /* bytes: length of an empty name, n_dims, one dimension, type, offset */
#define ALIGN_DEFAULT   32u
#define PAIRS_MAX       65536u     /* each takes memory; files have less than a hundred */
#define TENSORS_MAX     (1u << 20) /* files have some thousand */

/* What is left to read of a file. */
struct cursor {
    const char *where;
    const uint8_t *bytes;
    uint64_t size, at;
};

static uint64_t left(const struct cursor *c)
{
    return c->size - c->at;
}

/* The next n bytes, NULL + ERR_DATA when the file ends before. */
static const uint8_t *take(struct cursor *c, uint64_t n, const char *what)
{
    if (n > left(c)) {
        err_set(ERR_DATA, "%s: %s wants %" PRIu64 " bytes at byte %" PRIu64 ", %" PRIu64 " are left", c->where, what, n,
                c->at, left(c));
        return NULL;
    }
    const uint8_t *p = c->bytes + c->at;
    c->at += n;
    return p;
}

static int take_u32(struct cursor *c, const char *what, uint32_t *x)
{
    const uint8_t *p = take(c, sizeof *x, what);
    if (!p)
        return ERR_DATA;
    memcpy(x, p, sizeof *x);
    return 0;
}

static int take_u64(struct cursor *c, const char *what, uint64_t *x)
{
    const uint8_t *p = take(c, sizeof *x, what);
    if (!p)
        return ERR_DATA;
    memcpy(x, p, sizeof *x);
    return 0;
}

/* A name of 1 .. max bytes without NUL, for free(). */
static int take_name(struct cursor *c, const char *what, uint64_t max, char **name)
{
    uint64_t n;
    TRY(take_u64(c, what, &n));
    if (n == 0 || n > max)
        return err_set(ERR_DATA, "%s: %s at byte %" PRIu64 " claims %" PRIu64 " bytes, want 1 .. %" PRIu64, c->where,
                       what, c->at, n, max);
    const uint8_t *p = take(c, n, what);
    if (!p)
        return ERR_DATA;
    if (memchr(p, 0, (size_t)n))
        return err_set(ERR_DATA, "%s: %s at byte %" PRIu64 " has a NUL inside", c->where, what, c->at - n);
    *name = mem_alloc((size_t)n + 1, 1);
    memcpy(*name, p, (size_t)n);
    return 0;
}

static int take_type(struct cursor *c, const char *key, enum gguf_type *type)
{
    uint32_t t;
    TRY(take_u32(c, key, &t));
    if (t >= GGUF_TYPES)
        return err_set(ERR_DATA, "%s: '%s' is of type %u, want 0 .. %d", c->where, key, t, GGUF_TYPES - 1);
    *type = (enum gguf_type)t;
    return 0;
}

static int take_strings(struct cursor *c, const char *key, uint64_t n)
{
    for (uint64_t i = 0; i < n; i++) {
        uint64_t length;
        TRY(take_u64(c, key, &length));
        if (!take(c, length, key))
            return ERR_DATA;
    }
    return 0;
}

static int take_array(struct cursor *c, const char *key, struct gguf_value *v)
{
    TRY(take_type(c, key, &v->element));
    TRY(take_u64(c, key, &v->n));
    if (v->element == GGUF_ARRAY)
        return err_set(ERR_DATA, "%s: '%s' is an array of arrays", c->where, key);
    uint64_t least = v->element == GGUF_STRING ? sizeof(uint64_t) : gguf_type_bytes(v->element);
    if (v->n > left(c) / least)
        return err_set(ERR_DATA, "%s: '%s' claims %" PRIu64 " elements, %" PRIu64 " bytes are left", c->where, key,
                       v->n, left(c));
    v->data = c->bytes + c->at;
    if (v->element == GGUF_STRING)
        return take_strings(c, key, v->n);
    uint64_t bytes;
    if (!num_mul(v->n, least, &bytes))
        return err_set(ERR_DATA, "%s: '%s' takes 2^64 bytes or more", c->where, key);
    return take(c, bytes, key) ? 0 : ERR_DATA;
}

static int take_value(struct cursor *c, const char *key, struct gguf_value *v)
{
    TRY(take_type(c, key, &v->type));
    v->n = 1;
    if (v->type == GGUF_ARRAY)
        return take_array(c, key, v);
    if (v->type == GGUF_STRING)
        TRY(take_u64(c, key, &v->n));
    v->data = take(c, v->type == GGUF_STRING ? v->n : gguf_type_bytes(v->type), key);
    if (!v->data)
        return ERR_DATA;
    if (v->type == GGUF_BOOL && *v->data > 1)
        return err_set(ERR_DATA, "%s: '%s' is a bool of value %u", c->where, key, *v->data);
    return 0;
}

static int by_key(const void *a, const void *b)
{
    return strcmp(((const struct gguf_pair *)a)->key, ((const struct gguf_pair *)b)->key);
}

static int take_pairs(struct cursor *c, struct gguf *g, uint64_t n)
{
    for (uint64_t i = 0; i < n; i++) {
        mem_grow(&g->pairs, &g->cap_pairs, g->n_pairs + 1, sizeof *g->pairs);
        struct gguf_pair *p = &g->pairs[g->n_pairs];
        TRY(take_name(c, "a key", KEY_MAX, &p->key));
        g->n_pairs++;
        TRY(take_value(c, p->key, &p->value));
    }
    if (g->n_pairs > 0)
        qsort(g->pairs, g->n_pairs, sizeof *g->pairs, by_key);
    for (size_t i = 1; i < g->n_pairs; i++)
        if (strcmp(g->pairs[i - 1].key, g->pairs[i].key) == 0)
            return err_set(ERR_DATA, "%s: key '%s' comes twice", c->where, g->pairs[i].key);
    return 0;
}

static int tensor_type(const struct cursor *c, struct tensor *t, uint32_t stored)
{
    struct text known = { 0 };
    for (int i = 0; i < DTYPE_COUNT; i++) {
        t->type = (enum dtype)i;
        if (gguf_stored_type(t->type) == stored) {
            text_free(&known);
            return 0;
        }
        text_addf(&known, "%s%u (%s)", i > 0 ? ", " : "", gguf_stored_type(t->type), dtype_name(t->type));
    }
    err_set(ERR_DATA, "%s: tensor '%s' is of GGUF type %u, want one of %s", c->where, t->name, stored, text_s(&known));
    text_free(&known);
    return ERR_DATA;
}

/* One description; the offset, relative to the data, is kept in *offset. */
static int take_tensor(struct cursor *c, struct tensor *t, uint64_t *offset)
{
    uint32_t type;
    TRY(take_u32(c, t->name, &t->n_dims));
    if (t->n_dims == 0 || t->n_dims > TENSOR_MAX_DIMS)
        return err_set(ERR_DATA, "%s: tensor '%s' has %u dimensions, want 1 .. %d", c->where, t->name, t->n_dims,
                       TENSOR_MAX_DIMS);
    for (uint32_t i = t->n_dims; i-- > 0;) /* stored inner first */
        TRY(take_u64(c, t->name, &t->dims[i]));
    TRY(take_u32(c, t->name, &type));
    TRY(tensor_type(c, t, type));
    TRY(tensor_measure(c->where, t, &t->bytes));
    return take_u64(c, t->name, offset);
}

static bool align_up(uint64_t *x, uint64_t alignment)
{
    return num_add(*x, (alignment - *x % alignment) % alignment, x);
}

/* Places tensor t, whose stored offset is given, at *end of the data, and moves *end behind it. */
static int place_tensor(const struct cursor *c, const struct tensor *t, uint64_t offset, uint64_t *end)
{
    if (offset != *end)
        return err_set(ERR_DATA, "%s: tensor '%s' is at offset %" PRIu64 " of the data, want %" PRIu64, c->where,
                       t->name, offset, *end);
    if (!num_add(*end, t->bytes, end))
        return err_set(ERR_DATA, "%s: tensor '%s' ends beyond 2^64", c->where, t->name);
    return 0;
}

/* Offsets are known before the start of the data is; views are made once it is. */
struct placed {
    struct tensor *t;
    uint64_t *offset; /* (n,) */
    size_t n, cap_t, cap_offset;
};

static int take_tensors(struct cursor *c, struct placed *p, uint64_t n, uint64_t alignment)
{
    uint64_t end = 0;
    for (uint64_t i = 0; i < n; i++) {
        mem_grow(&p->t, &p->cap_t, p->n + 1, sizeof *p->t);
        mem_grow(&p->offset, &p->cap_offset, p->n + 1, sizeof *p->offset);
        char *name;
        TRY(take_name(c, "a tensor's name", TENSOR_NAME_MAX, &name));
        p->t[p->n].name = name;
        struct tensor *t = &p->t[p->n];
        uint64_t *offset = &p->offset[p->n++];
        TRY(take_tensor(c, t, offset));
        if (!align_up(&end, alignment))
            return err_set(ERR_DATA, "%s: tensor '%s' begins beyond 2^64", c->where, t->name);
        TRY(place_tensor(c, t, *offset, &end));
    }
    return 0;
}

static int view_tensors(struct cursor *c, struct placed *p, struct gguf *g)
{
    if (p->n > 0 && (!align_up(&c->at, g->alignment) || c->at > c->size))
        return err_set(ERR_DATA, "%s: the file ends before its tensor data", c->where);
    for (size_t i = 0; i < p->n; i++) {
        struct tensor *t = &p->t[i];
        if (!num_range(p->offset[i], t->bytes, left(c)))
            return err_set(ERR_DATA,
                           "%s: tensor '%s' takes bytes %" PRIu64 " + %" PRIu64 " of the data, which has %" PRIu64
                           " (is the file cut off?)",
                           c->where, t->name, p->offset[i], t->bytes, left(c));
        t->data = c->bytes + c->at + p->offset[i];
        TRY(tensor_list_add(&g->tensors, c->where, t));
    }
    return tensor_list_sort(&g->tensors, c->where);
}

static int check_version(const struct cursor *c, uint32_t version)
{
    if (version == 2 || version == 3)
        return 0;
    if (__builtin_bswap32(version) == 2 || __builtin_bswap32(version) == 3)
        return err_set(ERR_DATA, "%s: a big-endian GGUF file; want little-endian", c->where);
    return err_set(ERR_DATA, "%s: GGUF version %u, want 2 or 3", c->where, version);
}

static int check_counts(const struct cursor *c, uint64_t n_tensors, uint64_t n_pairs)
{
    if (n_pairs > left(c) / PAIR_LEAST)
        return err_set(ERR_DATA, "%s: claims %" PRIu64 " keys, %" PRIu64 " bytes are left", c->where, n_pairs, left(c));
    if (n_tensors > left(c) / TENSOR_LEAST)
        return err_set(ERR_DATA, "%s: claims %" PRIu64 " tensors, %" PRIu64 " bytes are left", c->where, n_tensors,
                       left(c));
    if (n_pairs > PAIRS_MAX || n_tensors > TENSORS_MAX)
        return err_set(ERR_DATA, "%s: claims %" PRIu64 " keys and %" PRIu64 " tensors, want at most %u and %u",
                       c->where, n_pairs, n_tensors, PAIRS_MAX, TENSORS_MAX);
    return 0;
}

static int read_alignment(struct gguf *g)
{
    uint32_t alignment = ALIGN_DEFAULT;
    const struct gguf_value *v = gguf_find(g, "general.alignment");
    if (v && v->type != GGUF_U32)
        return err_set(ERR_DATA, "%s: 'general.alignment' is of type %s, want u32", g->where, gguf_type_name(v->type));
    TRY(gguf_maybe_u32(g, "general.alignment", &alignment));
    if (alignment == 0 || (alignment & (alignment - 1)) != 0)
        return err_set(ERR_DATA, "%s: 'general.alignment' is %u, want a power of two", g->where, alignment);
    g->alignment = alignment;
    return 0;
}

static int read_all(struct cursor *c, struct gguf *g, struct placed *p)
{
    uint32_t version;
    uint64_t n_tensors, n_pairs;
    const uint8_t *magic = take(c, 4, "the magic");
    if (!magic || memcmp(magic, "GGUF", 4) != 0)
        return err_set(ERR_DATA, "%s: not a GGUF file: it does not begin with 'GGUF'", c->where);
    TRY(take_u32(c, "the version", &version));
    TRY(check_version(c, version));
    TRY(take_u64(c, "the number of tensors", &n_tensors));
    TRY(take_u64(c, "the number of keys", &n_pairs));
    TRY(check_counts(c, n_tensors, n_pairs));
    TRY(take_pairs(c, g, n_pairs));
    TRY(read_alignment(g));
    TRY(take_tensors(c, p, n_tensors, g->alignment));
    return view_tensors(c, p, g);
}

struct gguf *gguf_read(const char *where, const uint8_t *bytes, uint64_t size)
{
    struct gguf *g = mem_alloc(1, sizeof *g);
    g->where = mem_string(where);
    struct cursor c = { .where = g->where, .bytes = bytes, .size = size };
    struct placed p = { 0 };
    int rc = read_all(&c, g, &p);
    for (size_t i = 0; i < p.n; i++)
        free((void *)(uintptr_t)p.t[i].name); /* the list has copies */
    free(p.t);
    free(p.offset);
    if (rc == 0)
        return g;
    gguf_free(g);
    return NULL;
}

void gguf_free(struct gguf *g)
{
    if (!g)
        return;
    for (size_t i = 0; i < g->n_pairs; i++)
        free(g->pairs[i].key);
    free(g->pairs);
    tensor_list_free(&g->tensors);
    free(g->where);
    free(g);
}
