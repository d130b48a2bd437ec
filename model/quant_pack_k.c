/* Q4_K: the scales and minima of a block of 256 (quant_pack.h says whose method this is). */
#include "model/quant.h"
#include "model/quant_pack.h"
#include <math.h>
#include <string.h>

#define GROUPS 8
#define GROUP  32
#define LEVELS 15 /* the largest q */
#define SCALES 63 /* the largest scale or minimum */
#define TRIES  20 /* scales tried beyond the range's own: (range of LEVELS - 1 + try / 10) */

/* One group in the making. */
struct group {
    const float *x;
    float weight[GROUP];
    float least, most, sum_w, sum_x; /* of x, and weighted */
    float scale, minimum, error;     /* the best so far: x ~ scale q + minimum */
};

/* To nearest, ties to even, clamped. */
static float level(float x, float most)
{
    float l = rintf(x);
    return l < 0 ? 0 : l > most ? most : l;
}

static float error_of(const struct group *g, const float q[], float scale, float minimum)
{
    float error = 0;
    for (size_t i = 0; i < GROUP; i++) {
        float diff = scale * q[i] + minimum - g->x[i];
        error += g->weight[i] * (diff * diff);
    }
    return error;
}

/* The levels of a scale, and for these levels the scale and minimum of least squares. */
static void try_scale(struct group *g, float inverse)
{
    float q[GROUP], sum_l = 0, sum_l2 = 0, sum_xl = 0;
    for (size_t i = 0; i < GROUP; i++) {
        float w = g->weight[i];
        q[i] = level(inverse * (g->x[i] - g->least), LEVELS);
        sum_l += w * q[i];
        sum_l2 += w * q[i] * q[i];
        sum_xl += w * q[i] * g->x[i];
    }
    float d = g->sum_w * sum_l2 - sum_l * sum_l;
    if (!(d > 0))
        return;
    float scale = (g->sum_w * sum_xl - g->sum_x * sum_l) / d, minimum = (sum_l2 * g->sum_x - sum_l * sum_xl) / d;
    if (minimum > 0) {
        minimum = 0;
        scale = sum_xl / sum_l2;
    }
    float error = error_of(g, q, scale, minimum);
    if (error < g->error) {
        g->error = error;
        g->scale = scale;
        g->minimum = minimum;
    }
}

static void measure(struct group *g)
{
    float squares = 0;
    for (size_t i = 0; i < GROUP; i++)
        squares += g->x[i] * g->x[i];
    float size = sqrtf(squares / GROUP);
    g->least = g->most = g->x[0];
    for (size_t i = 0; i < GROUP; i++) {
        g->weight[i] = size + fabsf(g->x[i]);
        g->least = fminf(g->least, g->x[i]);
        g->most = fmaxf(g->most, g->x[i]);
        g->sum_w += g->weight[i];
        g->sum_x += g->weight[i] * g->x[i];
    }
    g->least = fminf(g->least, 0);
}

/* The best scale and (positive) negated minimum of 32 values. */
static void fit(const float *x, float *scale, float *minimum)
{
    struct group g = { .x = x };
    float q[GROUP];
    measure(&g);
    g.minimum = g.least;
    if (isfinite(LEVELS / (g.most - g.least))) {
        float inverse = LEVELS / (g.most - g.least);
        g.scale = 1 / inverse;
        for (size_t i = 0; i < GROUP; i++)
            q[i] = level(inverse * (x[i] - g.least), LEVELS);
        g.error = error_of(&g, q, g.scale, g.least);
        for (int i = 0; i <= TRIES; i++)
            try_scale(&g, (-1.0f + 0.1f * (float)i + LEVELS) / (g.most - g.least));
    }
    *scale = g.scale;
    *minimum = -g.minimum;
}

/* 6 bits of scale and minimum j of 8 (quant.c reads them). */
static void put_scale(uint8_t *s, size_t j, int scale, int least)
{
    if (j < 4) {
        s[j] = (uint8_t)scale;
        s[j + 4] = (uint8_t)least;
    } else {
        s[j + 4] = (uint8_t)((scale & 15) | (least & 15) << 4);
        s[j - 4] = (uint8_t)(s[j - 4] | scale >> 4 << 6);
        s[j] = (uint8_t)(s[j] | least >> 4 << 6);
    }
}

static void pack_levels(const float *x, float d, float m, uint8_t q[GROUP])
{
    for (size_t i = 0; i < GROUP; i++)
        q[i] = d != 0 ? (uint8_t)level((x[i] + m) / d, LEVELS) : 0;
}

static void pack_block(const float *x, uint8_t *block)
{
    float scale[GROUPS], minimum[GROUPS], most_scale = 0, most_minimum = 0;
    uint8_t q[2][GROUP];
    for (size_t j = 0; j < GROUPS; j++) {
        fit(x + GROUP * j, &scale[j], &minimum[j]);
        most_scale = fmaxf(most_scale, scale[j]);
        most_minimum = fmaxf(most_minimum, minimum[j]);
    }
    float inverse = most_scale > 0 ? SCALES / most_scale : 0,
          inverse_min = most_minimum > 0 ? SCALES / most_minimum : 0;
    uint16_t d = quant_to_f16(most_scale / SCALES), m = quant_to_f16(most_minimum / SCALES);
    memcpy(block, &d, sizeof d);
    memcpy(block + 2, &m, sizeof m);
    for (size_t j = 0; j < GROUPS; j++) {
        int s = (int)level(inverse * scale[j], SCALES), t = (int)level(inverse_min * minimum[j], SCALES);
        put_scale(block + 4, j, s, t);
        pack_levels(x + GROUP * j, dtype_from_f16(d) * (float)s, dtype_from_f16(m) * (float)t, q[j % 2]);
        for (size_t i = 0; j % 2 == 1 && i < GROUP; i++)
            block[16 + 16 * (j - 1) + i] = (uint8_t)(q[0][i] | q[1][i] << 4);
    }
}

void quant_pack_q4_k(const float *x, size_t n, void *to)
{
    uint8_t *block = to;
    for (size_t i = 0; i < n; i += QUANT_SUPER, block += dtype_block_bytes(DTYPE_Q4_K))
        pack_block(x + i, block);
}
