/* Sums of a row's probabilities over tokens, in the order of their places. */
#include "base/num.h"
#include "base/row_kernel.h"
#include "base/row_math.h"
#include "base/row_ops.h"
#include "ensemble/bytes_slot.h"
#include <math.h>

static double probability(const struct bytes_sum *f, uint32_t place)
{
    double x = (double)f->row->score[f->adapter->vocab.id[place]] - f->row->log_z;
    return math_exp64(x);
}

static bool counts(const struct bytes_sum *f, uint32_t place)
{
    if (f->only_added)
        return f->adapter->vocab.is_added[place];
    return !f->barred || !(f->barred[place / 64] >> place % 64 & 1);
}

#define MANY 64u /* tokens that are worth a kernel */

/* One by one, in double. */
static double sum_exactly(const struct bytes_sum *f, struct bytes_range r)
{
    double sum = 0;
    for (uint32_t i = r.from; i < r.to; i++)
        if (counts(f, i))
            sum += probability(f, i);
    return sum;
}

/* Float exponentials, many at a time, as exact as the scores are. */
const float *bytes_sum_each(const struct bytes_sum *f, struct bytes_range r, double *scale)
{
    const struct bytes_vocab *t = &f->adapter->vocab;
    float *p = f->adapter->fast, shift = (float)f->row->log_z;
    for (uint32_t i = r.from; i < r.to; i++)
        p[i - r.from] = f->row->score[t->id[i]];
    row_cpu.kernel()->exp(p, r.to - r.from, shift);
    for (uint32_t i = r.from; i < r.to; i++)
        p[i - r.from] = counts(f, i) ? p[i - r.from] : 0;
    *scale = math_exp64((double)shift - f->row->log_z);
    return p;
}

/* 0 where all are too small for a float. */
static double sum_quickly(const struct bytes_sum *f, struct bytes_range r)
{
    double scale, sum = 0;
    const float *p = bytes_sum_each(f, r, &scale);
    for (uint32_t i = 0; i < r.to - r.from; i++)
        sum += (double)p[i];
    return sum * scale;
}

double bytes_sum_range(const struct bytes_sum *f, struct bytes_range r)
{
    if (f->row->log_z == -INFINITY)
        return 0;
    double sum = r.to - r.from >= MANY ? sum_quickly(f, r) : 0;
    return f->factor * (sum > 0 ? sum : sum_exactly(f, r));
}

void bytes_sum_first(const struct bytes_sum *f, const uint64_t *const barred[256], double mass[BYTES_N])
{
    const struct bytes_vocab *t = &f->adapter->vocab;
    for (unsigned b = 0; b < 256; b++) {
        struct bytes_sum one = *f;
        one.barred = barred[b];
        if (barred[b])
            mass[b] += bytes_sum_range(&one, (struct bytes_range){ t->first[b], t->first[b + 1] });
    }
}

void bytes_sum_next(const struct bytes_sum *f, struct bytes_range r, uint32_t depth, double mass[BYTES_N])
{
    const struct bytes_vocab *t = &f->adapter->vocab;
    while (r.from < r.to) {
        uint32_t n;
        uint8_t b = bytes_vocab_text(t, r.from, &n)[depth];
        struct bytes_range same = { r.from, r.from + 1 };
        for (; same.to < r.to && bytes_vocab_text(t, same.to, &n)[depth] == b; same.to++)
            continue;
        mass[b] += bytes_sum_range(f, same);
        r.from = same.to;
    }
}

double bytes_sum_ends(const struct bytes_sum *f)
{
    const struct space *space = f->adapter->vocab.space;
    double sum = 0;
    if (f->row->log_z == -INFINITY)
        return 0;
    for (size_t i = 0; i < space->n_ends; i++)
        sum += math_exp64((double)f->row->score[space->ends[i]] - f->row->log_z);
    return f->factor * sum;
}

double bytes_scores(const double mass[BYTES_N], float score[BYTES_N])
{
    double sum = 0;
    for (size_t b = 0; b < BYTES_N; b++)
        sum += mass[b];
    double log_sum = sum > 0 ? num_log(sum) : -INFINITY;
    for (size_t b = 0; b < BYTES_N; b++)
        score[b] = mass[b] > 0 ? (float)(num_log(mass[b]) - log_sum) : -INFINITY;
    return log_sum;
}
