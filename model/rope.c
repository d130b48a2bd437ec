#include "model/rope.h"
#include "base/mem.h"
#include <math.h>
#include <stdlib.h>

struct rope *rope_alloc(const struct config *c)
{
    struct rope *r = mem_alloc(1, sizeof *r);
    *r = (struct rope){ .half = c->head_dim / 2, .theta = c->rope_theta, .interleaved = c->rope_interleaved };
    return r;
}

void rope_free(struct rope *r)
{
    if (!r)
        return;
    free(r->cos);
    free(r->sin);
    free(r);
}

/* Frequency and angle are rounded to float32 as the models' own training code does: at position 4096 the rounding of the
 * angle is worth 2e-4, which is the checkpoint's, not ours to mend. */
static void fill(struct rope *r, size_t position)
{
    for (size_t i = 0; i < r->half; i++) {
        float exponent = (float)(2 * i) / (float)(2 * r->half);
        float frequency = 1.0f / (float)pow((double)r->theta, (double)exponent);
        float angle = (float)position * frequency;
        r->cos[position * r->half + i] = (float)cos((double)angle);
        r->sin[position * r->half + i] = (float)sin((double)angle);
    }
}

void rope_reserve(struct rope *r, size_t n_positions)
{
    if (n_positions <= r->n_positions)
        return;
    size_t cap = r->cap;
    mem_grow(&r->cos, &cap, n_positions * r->half, sizeof *r->cos);
    cap = r->cap;
    mem_grow(&r->sin, &cap, n_positions * r->half, sizeof *r->sin);
    r->cap = cap;
    size_t room = cap / r->half;
    for (size_t p = r->n_positions; p < room; p++)
        fill(r, p);
    r->n_positions = room;
}

void rope_turn(const struct rope *r, size_t position, float *heads, size_t n_heads)
{
    const float *c = r->cos + position * r->half, *s = r->sin + position * r->half;
    size_t step = r->interleaved ? 2 : 1, across = r->interleaved ? 1 : r->half;
    for (size_t h = 0; h < n_heads; h++) {
        float *x = heads + h * 2 * r->half;
        for (size_t i = 0; i < r->half; i++) {
            float a = x[i * step], b = x[i * step + across];
            x[i * step] = a * c[i] - b * s[i];
            x[i * step + across] = b * c[i] + a * s[i];
        }
    }
}
