#include "model/rope.h"
#include "base/mem.h"
#include "model/architecture.h"
#include <math.h>
#include <stdlib.h>

#define PI 3.14159265358979324

/* Frequency and angle are rounded to float32 as the models' own training code does: at position 4096 the rounding of the
 * angle is worth 2e-4, which is the checkpoint's, not ours to mend. */
static float plain(double theta, size_t i, size_t half)
{
    float exponent = (float)(2 * i) / (float)(2 * half);
    return 1.0f / (float)pow(theta, (double)exponent);
}

/* Where a frequency turns so often over the trained length: a dimension, not rounded. */
static double yarn_dimension(const struct config *c, size_t half, double turns)
{
    return (double)(2 * half) * log((double)c->rope.trained / (turns * 2 * PI)) / (2 * log((double)c->rope_theta));
}

static void yarn(const struct config *c, size_t half, float frequency[])
{
    double low = yarn_dimension(c, half, (double)c->rope.beta_fast);
    double high = yarn_dimension(c, half, (double)c->rope.beta_slow);
    if (!c->rope.keep_fractions) {
        low = floor(low);
        high = ceil(high);
    }
    low = fmax(low, 0);
    high = fmin(high, (double)(2 * half) - 1);
    if (high - low == 0)
        high += 0.001;
    for (size_t i = 0; i < half; i++) {
        double ramp = fmin(fmax(((double)i - low) / (high - low), 0), 1),
               f = (double)plain((double)c->rope_theta, i, half);
        frequency[i] = (float)(f / (double)c->rope.factor * ramp + f * (1 - ramp));
    }
}

static void llama3(const struct config *c, size_t half, float frequency[])
{
    const struct config_rope *r = &c->rope;
    double trained = (double)r->trained, low = (double)r->low, high = (double)r->high, factor = (double)r->factor;
    for (size_t i = 0; i < half; i++) {
        double f = (double)plain((double)c->rope_theta, i, half), wave = 2 * PI / f;
        double smooth = (trained / wave - low) / (high - low);
        if (wave > trained / low)
            f /= factor;
        else if (!(wave < trained / high))
            f = (1 - smooth) * f / factor + smooth * f;
        frequency[i] = (float)f;
    }
}

static double dynamic_theta(const struct config *c, uint32_t planned, size_t half)
{
    double trained = (double)c->rope.trained, factor = (double)c->rope.factor, d = (double)(2 * half);
    double length = fmax((double)planned, trained);
    return (double)c->rope_theta * pow(factor * length / trained - (factor - 1), d / (d - 2));
}

static void plan(const struct config *c, uint32_t planned, struct rope *r)
{
    double theta = (double)c->rope_theta;
    if (c->rope.scaling == SCALING_DYNAMIC)
        theta = dynamic_theta(c, planned, r->half);
    for (size_t i = 0; i < r->half; i++)
        r->frequency[i] = plain(theta, i, r->half);
    if (c->rope.scaling == SCALING_YARN)
        yarn(c, r->half, r->frequency);
    else if (c->rope.scaling == SCALING_LLAMA3)
        llama3(c, r->half, r->frequency);
    for (size_t i = 0; i < r->half && c->rope.scaling == SCALING_LINEAR; i++)
        r->frequency[i] /= c->rope.factor;
    for (size_t i = 0; i < r->half && c->rope.scaling == SCALING_FACTORS; i++)
        r->frequency[i] /= c->rope.factors[planned > c->rope.trained][i];
}

struct rope *rope_alloc(const struct config *c, uint32_t planned)
{
    struct rope *r = mem_alloc(1, sizeof *r);
    size_t rotary = c->n_rotary > 0 ? c->n_rotary : c->head_dim;
    *r = (struct rope){ .half = rotary / 2,
                        .head_dim = c->head_dim,
                        .interleaved = c->rope_interleaved,
                        .amplitude = c->rope.amplitude > 0 ? c->rope.amplitude : 1 };
    r->frequency = mem_alloc(r->half, sizeof *r->frequency);
    plan(c, planned, r);
    return r;
}

struct rope *rope_alloc_local(const struct config *c)
{
    struct config local = *c;
    local.rope_theta = c->local_theta;
    local.rope = (struct config_rope){ .scaling = SCALING_NONE };
    return rope_alloc(&local, 0);
}

void rope_free(struct rope *r)
{
    if (!r)
        return;
    free(r->frequency);
    free(r->cos);
    free(r->sin);
    free(r);
}

static void fill(struct rope *r, size_t position)
{
    for (size_t i = 0; i < r->half; i++) {
        float angle = (float)position * r->frequency[i];
        r->cos[position * r->half + i] = (float)cos((double)angle) * r->amplitude;
        r->sin[position * r->half + i] = (float)sin((double)angle) * r->amplitude;
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
        float *x = heads + h * r->head_dim;
        for (size_t i = 0; i < r->half; i++) {
            float a = x[i * step], b = x[i * step + across];
            x[i * step] = a * c[i] - b * s[i];
            x[i * step + across] = b * c[i] + a * s[i];
        }
    }
}

void rope_describe(const struct config *c, uint32_t planned, struct text *t)
{
    static const char *const names[] = { "", "linear", "dynamic", "yarn", "llama3", "factors" };
    const struct config_rope *r = &c->rope;
    if (architecture_of(c)->positions != POSITIONS_ROPE)
        return;
    text_addf(t, "rope theta %g", (double)c->rope_theta);
    if (r->scaling != SCALING_NONE)
        text_addf(t, ", %s", names[r->scaling]);
    if (r->scaling == SCALING_FACTORS)
        text_addf(t, " for %s contexts", planned > r->trained ? "long" : "short");
    else if (r->scaling != SCALING_NONE)
        text_addf(t, " factor %g", (double)r->factor);
    if (r->trained > 0 && r->scaling > SCALING_LINEAR)
        text_addf(t, " of %u positions", r->trained);
    if (r->scaling == SCALING_DYNAMIC)
        text_addf(t, ", for %u", planned);
    if (r->amplitude > 0 && r->scaling != SCALING_NONE)
        text_addf(t, ", amplitude %g", (double)r->amplitude);
    if (c->local_theta > 0)
        text_addf(t, "; %g in layers with a window", (double)c->local_theta);
}
