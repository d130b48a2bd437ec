#include "model/forward.h"
#include "base/mem.h"
#include <math.h>
#include <stdlib.h>

struct forward {
    const struct forward_type *type;
    void *self;
};

void forward_slopes(float slope[], size_t n_heads)
{
    size_t n = 1;
    while (2 * n <= n_heads)
        n *= 2;
    for (size_t h = 0; h < n_heads; h++) {
        double step = h < n ? 8.0 / (double)n : 4.0 / (double)n;
        double i = h < n ? (double)(h + 1) : (double)(2 * (h - n) + 1);
        slope[h] = (float)pow(2, -step * i);
    }
}

struct forward *forward_alloc(const struct forward_type *type, const struct forward_parts *parts)
{
    struct forward *f = mem_alloc(1, sizeof *f);
    f->type = type;
    if (type->open(parts, &f->self) < 0) {
        free(f);
        return NULL;
    }
    return f;
}

void forward_free(struct forward *f)
{
    if (!f)
        return;
    f->type->free(f->self);
    free(f);
}

int forward_run(struct forward *f, const struct forward_batch *b)
{
    return f->type->run(f->self, b);
}
