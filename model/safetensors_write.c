#include "model/safetensors_write.h"
#include "base/err.h"
#include "base/text.h"
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define HEAD_ALIGN 8u

static int by_width_then_name(const void *a, const void *b)
{
    const struct tensor *x = &((const struct recast *)a)->to, *y = &((const struct recast *)b)->to;
    size_t wide_x = dtype_block_bytes(x->type), wide_y = dtype_block_bytes(y->type);
    return wide_x != wide_y ? (wide_x < wide_y) - (wide_x > wide_y) : strcmp(x->name, y->name);
}

static void add_description(struct text *t, const struct tensor *a, uint64_t at)
{
    static const char *const types[DTYPE_COUNT] = { [DTYPE_F32] = "F32", [DTYPE_F16] = "F16", [DTYPE_BF16] = "BF16" };
    assert(types[a->type]);
    text_add(t, ",");
    text_add_json(t, a->name, strlen(a->name));
    text_addf(t, ":{\"dtype\":\"%s\",\"shape\":[", types[a->type]);
    for (uint32_t i = 0; i < a->n_dims; i++)
        text_addf(t, "%s%llu", i > 0 ? "," : "", (unsigned long long)a->dims[i]);
    text_addf(t, "],\"data_offsets\":[%llu,%llu]}", (unsigned long long)at, (unsigned long long)(at + a->bytes));
}

int safetensors_write_file(const char *path, struct recast_list *l, interrupt_t *signal)
{
    struct text head = { 0 };
    uint64_t at = 0;
    if (l->n > 0)
        qsort(l->r, l->n, sizeof *l->r, by_width_then_name);
    text_add(&head, "{\"__metadata__\":{\"format\":\"pt\"}");
    for (size_t i = 0; i < l->n; i++) {
        add_description(&head, &l->r[i].to, at);
        at += l->r[i].to.bytes;
    }
    text_add(&head, "}");
    while (head.len % HEAD_ALIGN != 0)
        text_add(&head, " ");
    uint64_t n = head.len;
    struct save_file *f = save_file_open(path, signal);
    int rc = f ? save_file_write(f, &n, sizeof n) : ERR_IO;
    if (rc == 0)
        rc = save_file_write(f, text_s(&head), head.len);
    text_free(&head);
    for (size_t i = 0; rc == 0 && i < l->n; i++)
        rc = recast_write(&l->r[i], path, f);
    return f ? save_file_close(f, rc) : rc;
}
