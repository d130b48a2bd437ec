#include "base/mem.h"
#include "experiments/replay_inside.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

void replay_count(struct replay_arm *arm, const struct replay_record *r)
{
    struct replay_summary *s = &arm->sum;
    bool parts = r->parted < r->n_steps && r->first == r->parted;
    s->records++;
    s->same += r->first == r->n_steps;
    s->undecided += r->first < r->n_steps && !parts;
    s->steps += r->decided;
    s->n_parted += r->n_parted;
    s->n_open += r->n_open;
    s->impossible += r->high == -INFINITY;
    if (parts) {
        mem_grow(&arm->until, &arm->cap_until, s->parted + 1, sizeof *arm->until);
        arm->until[s->parted++] = r->first;
    }
    if (!isfinite(r->low) || !isfinite(r->high))
        return;
    s->n_ratio++;
    arm->ratio_low += r->low;
    arm->ratio_high += r->high;
}

static int by_size(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

/* Mean and median of what parted in the arms [from, to). */
static void until_of(const struct replay *x, uint32_t from, uint32_t to, struct replay_summary *s)
{
    uint32_t *all = mem_alloc((size_t)s->parted, sizeof *all);
    size_t n = 0;
    double sum = 0;
    for (uint32_t i = from; i < to; i++)
        for (size_t k = 0; k < x->arms[i].sum.parted; k++)
            sum += all[n++] = x->arms[i].until[k];
    s->mean = s->median = NAN;
    if (n > 0) {
        qsort(all, n, sizeof *all, by_size);
        s->mean = sum / (double)n;
        s->median = ((double)all[n / 2] + (double)all[(n - 1) / 2]) / 2;
    }
    free(all);
}

struct replay_summary replay_summary(const struct replay *x, uint32_t arm)
{
    uint32_t from = arm == REPLAY_NONE ? 0 : arm, to = arm == REPLAY_NONE ? (uint32_t)x->n_arms : arm + 1;
    struct replay_summary s = { 0 };
    double low = 0, high = 0;
    for (uint32_t i = from; i < to; i++) {
        const struct replay_summary *a = &x->arms[i].sum;
        const uint64_t add[] = { a->records, a->same,     a->parted, a->undecided, a->skipped,
                                 a->steps,   a->n_parted, a->n_open, a->n_ratio,   a->impossible };
        uint64_t *const to_sum[] = { &s.records, &s.same,     &s.parted, &s.undecided, &s.skipped,
                                     &s.steps,   &s.n_parted, &s.n_open, &s.n_ratio,   &s.impossible };
        for (size_t k = 0; k < sizeof add / sizeof *add; k++)
            *to_sum[k] += add[k];
        low += x->arms[i].ratio_low;
        high += x->arms[i].ratio_high;
    }
    until_of(x, from, to, &s);
    s.low = s.n_ratio > 0 ? low / (double)s.n_ratio : NAN;
    s.high = s.n_ratio > 0 ? high / (double)s.n_ratio : NAN;
    return s;
}
