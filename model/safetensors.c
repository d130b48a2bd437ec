#include "model/safetensors.h"
#include "base/err.h"
#include "base/mem.h"
#include "base/num.h"
#include "model/json_members.h"
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define HEADER_MAX 100000000u /* bytes; the format's own limit */
#define ENTRY_MAX  4096u      /* bytes of the description of one tensor: tens of times what writers need */

/* A tensor as the header states it: bytes [begin, end) of the data. */
struct entry {
    struct tensor tensor;
    uint64_t begin, end;
};

struct entries {
    struct entry *e; /* (n,) names are their own */
    size_t n, cap;
    uint64_t size, used; /* bytes of the data, of the tensors so far */
};

/* The members of one entry; at names the file and the tensor. */
static int read_type(const json_t *o, const char *at, enum dtype *type)
{
    static const struct {
        const char *name;
        enum dtype type;
    } known[] = { { "F32", DTYPE_F32 }, { "F16", DTYPE_F16 }, { "BF16", DTYPE_BF16 } };
    const char *s;
    TRY(doc_string(o, at, "dtype", &s));
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (strcmp(s, known[i].name) == 0) {
            *type = known[i].type;
            return 0;
        }
    return err_set(ERR_DATA, "%s is of type '%s', want F32, F16 or BF16", at, s);
}

static int read_shape(const json_t *o, const char *at, struct tensor *t)
{
    json_t *shape;
    TRY(doc_array(o, at, "shape", &shape));
    if (json_array_size(shape) > TENSOR_MAX_DIMS)
        return err_set(ERR_DATA, "%s has %zu dimensions, want at most %d", at, json_array_size(shape), TENSOR_MAX_DIMS);
    for (; t->n_dims < json_array_size(shape); t->n_dims++) {
        const json_t *d = json_array_get(shape, t->n_dims);
        if (!json_is_integer(d) || json_integer_value(d) < 0)
            return err_set(ERR_DATA, "%s: shape[%u] is not a whole number of 0 or more", at, t->n_dims);
        t->dims[t->n_dims] = (uint64_t)json_integer_value(d);
    }
    return 0;
}

static int read_offsets(const json_t *o, const char *at, struct entry *e, uint64_t size)
{
    json_t *a;
    TRY(doc_array(o, at, "data_offsets", &a));
    const json_t *begin = json_array_get(a, 0), *end = json_array_get(a, 1);
    if (json_array_size(a) != 2 || !json_is_integer(begin) || !json_is_integer(end) || json_integer_value(begin) < 0 ||
        json_integer_value(end) < json_integer_value(begin))
        return err_set(ERR_DATA, "%s: data_offsets must be two whole numbers, begin and end", at);
    e->begin = (uint64_t)json_integer_value(begin);
    e->end = (uint64_t)json_integer_value(end);
    if (e->end > size)
        return err_set(ERR_DATA, "%s ends at byte %" PRIu64 " of %" PRIu64 " bytes of data", at, e->end, size);
    e->tensor.bytes = e->end - e->begin;
    return 0;
}

static int read_entry(struct entry *e, const json_t *o, const char *where, uint64_t size)
{
    struct text at = { 0 };
    text_addf(&at, "%s: tensor '%s'", where, e->tensor.name);
    int rc = json_is_object(o) ? 0 : err_set(ERR_DATA, "%s is not an object", text_s(&at));
    if (rc == 0)
        rc = read_type(o, text_s(&at), &e->tensor.type);
    if (rc == 0)
        rc = read_shape(o, text_s(&at), &e->tensor);
    if (rc == 0)
        rc = read_offsets(o, text_s(&at), e, size);
    text_free(&at);
    return rc;
}

static int by_offset(const void *a, const void *b)
{
    const struct entry *x = a, *y = b;
    if (x->begin != y->begin)
        return x->begin < y->begin ? -1 : 1;
    return (x->end > y->end) - (x->end < y->end);
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct entry *)a)->tensor.name, ((const struct entry *)b)->tensor.name);
}

static int check_names(struct entries *list, const char *where)
{
    if (list->n > 0)
        qsort(list->e, list->n, sizeof *list->e, by_name);
    for (size_t i = 1; i < list->n; i++)
        if (by_name(&list->e[i - 1], &list->e[i]) == 0)
            return err_set(ERR_DATA, "%s: tensor '%s' comes twice", where, list->e[i].tensor.name);
    return 0;
}

/* The data are covered once, from their first byte to their last. */
static int check_cover(struct entries *list, const char *where)
{
    uint64_t at = 0;
    if (list->n > 0)
        qsort(list->e, list->n, sizeof *list->e, by_offset);
    for (size_t i = 0; i < list->n; i++) {
        const struct entry *e = &list->e[i];
        if (e->begin != at)
            return err_set(ERR_DATA, "%s: tensor '%s' begins at byte %" PRIu64 ", want %" PRIu64 " (%s)", where,
                           e->tensor.name, e->begin, at, e->begin < at ? "tensors overlap" : "a hole");
        at = e->end;
    }
    if (at != list->size)
        return err_set(ERR_DATA, "%s: the last tensor ends at byte %" PRIu64 ", the data at %" PRIu64, where, at,
                       list->size);
    return 0;
}

/* A description of the entry whose name is given, appended. */
static int add_entry(struct entries *list, const char *where, const char *name, const char *value, size_t n)
{
    if (n > ENTRY_MAX)
        return err_set(ERR_DATA, "%s: tensor '%s' is described in %zu bytes, want at most %u", where, name, n,
                       ENTRY_MAX);
    mem_grow(&list->e, &list->cap, list->n + 1, sizeof *list->e);
    struct entry *e = &list->e[list->n++];
    e->tensor.name = mem_string(name);
    json_t *o = doc_read(where, value, n);
    int rc = o ? read_entry(e, o, where, list->size) : ERR_DATA;
    json_decref(o);
    TRY(rc);
    uint64_t bytes;
    TRY(tensor_measure(where, &e->tensor, &bytes));
    /* at once: a header may list the same bytes millions of times */
    if (!num_add(list->used, e->tensor.bytes, &list->used) || list->used > list->size)
        return err_set(ERR_DATA,
                       "%s: with tensor '%s' the tensors take %" PRIu64 " bytes of %" PRIu64 " (tensors overlap)",
                       where, name, list->used, list->size);
    return 0;
}

/* "__metadata__": an object of texts, which nothing here uses. */
static int check_metadata(const char *where, const char *value, size_t n)
{
    struct json_members m = { .where = where, .s = value, .n = n };
    const char *text;
    int more;
    while ((more = json_members_next(&m, &text, &n)) > 0) {
        json_t *o = *text == '"' ? doc_read(where, text, n) : NULL;
        if (!o) {
            more = err_set(ERR_DATA, "%s: '__metadata__': '%s' is no text", where, text_s(&m.key));
            break;
        }
        json_decref(o);
    }
    text_free(&m.key);
    return more;
}

static int read_entries(struct entries *list, const char *where, const uint8_t *header, size_t length)
{
    struct json_members m = { .where = where, .s = (const char *)header, .n = length };
    const char *value;
    size_t n;
    bool described = false;
    int more;
    while ((more = json_members_next(&m, &value, &n)) > 0) {
        bool metadata = strcmp(text_s(&m.key), "__metadata__") == 0;
        if (metadata && described)
            more = err_set(ERR_DATA, "%s: '__metadata__' comes twice", where);
        else
            more = metadata ? check_metadata(where, value, n) : add_entry(list, where, text_s(&m.key), value, n);
        if (more < 0)
            break;
        described |= metadata;
    }
    text_free(&m.key);
    TRY(more);
    TRY(check_names(list, where));
    return check_cover(list, where);
}

static int check_header(const char *where, const uint8_t *bytes, uint64_t size, uint64_t *length)
{
    if (size < 8)
        return err_set(ERR_DATA, "%s: %" PRIu64 " bytes are too few for a safetensors file", where, size);
    memcpy(length, bytes, sizeof *length);
    if (*length > size - 8 || *length > HEADER_MAX)
        return err_set(ERR_DATA, "%s: the header claims %" PRIu64 " bytes, want at most %" PRIu64, where, *length,
                       size - 8 < HEADER_MAX ? size - 8 : HEADER_MAX);
    if (*length < 2 || bytes[8] != '{')
        return err_set(ERR_DATA, "%s: not a safetensors file: the header does not begin with '{'", where);
    return 0;
}

int safetensors_read(struct tensor_list *out, const char *where, const uint8_t *bytes, uint64_t size)
{
    uint64_t length = 0;
    TRY(check_header(where, bytes, size, &length));
    struct entries list = { .size = size - 8 - length };
    const uint8_t *data = bytes + 8 + length;
    int rc = read_entries(&list, where, bytes + 8, (size_t)length);
    for (size_t i = 0; i < list.n && rc == 0; i++) {
        list.e[i].tensor.data = data + list.e[i].begin;
        rc = tensor_list_add(out, where, &list.e[i].tensor);
    }
    for (size_t i = 0; i < list.n; i++)
        free((void *)(uintptr_t)list.e[i].tensor.name);
    free(list.e);
    return rc;
}
