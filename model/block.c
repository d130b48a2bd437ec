#include "model/block.h"
#include "base/mem.h"
#include "model/kernel.h"
#include <stdlib.h>

struct block block_alloc(size_t n, size_t width)
{
    struct block b = { .width = width, .stride = kernel_pad(width) };
    b.data = mem_aligned(n * b.stride, sizeof *b.data);
    b.row = mem_alloc(n, sizeof *b.row);
    for (size_t i = 0; i < n; i++)
        b.row[i] = b.data + i * b.stride;
    return b;
}

void block_free(struct block *b)
{
    free(b->data);
    free(b->row);
    *b = (struct block){ 0 };
}
