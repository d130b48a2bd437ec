#include "base/row.h"
#include "base/mem.h"
#include "base/row_draw.h"
#include "base/row_kernel.h"
#include "base/row_ops.h"
#include <assert.h>
#include <math.h>
#include <stdlib.h>

#define SCALE_CLOSE 1024 /* factors in (1/1024, 1024) and tops that are not subnormal go the short way */

/* Above this a float's spacing (2^-11) would show in probabilities: row_scale() then drops the offset of the scores. */
#define SCALE_MOST 4096

struct row_work *row_work_alloc(uint32_t n)
{
    struct row_work *w = mem_alloc(1, sizeof *w);
    w->n = n;
    w->key = mem_aligned(n, sizeof *w->key);
    w->id = mem_aligned(n, sizeof *w->id);
    w->value = mem_aligned(n, sizeof *w->value);
    w->mass = mem_aligned(n, sizeof *w->mass);
    for (int i = 0; i < ROW_SPARES; i++)
        w->spare[i] = mem_aligned(n, sizeof *w->spare[i]);
    w->tail = mem_alloc(ROW_WORK_TAIL, sizeof *w->tail);
    w->block = mem_alloc((n - 1) / ROW_BLOCK + 1, sizeof *w->block);
    w->place = mem_alloc((n - 1) / ROW_BLOCK + 1, sizeof *w->place);
    return w;
}

void row_work_free(struct row_work *w)
{
    if (!w)
        return;
    free(w->key);
    free(w->id);
    free(w->value);
    free(w->mass);
    for (int i = 0; i < ROW_SPARES; i++)
        free(w->spare[i]);
    free(w->tail);
    free(w->block);
    free(w->place);
    free(w);
}

struct row row_over(float *score, uint32_t n)
{
    assert(n > 0);
    return (struct row){ .ops = &row_cpu, .score = score, .n = n, .log_z = -INFINITY };
}

void row_copy(struct row *to, const struct row *from)
{
    assert(to->n == from->n && to->ops == from->ops);
    if (to->score != from->score)
        from->ops->copy(to, from);
    to->log_z = from->log_z;
    to->log_weight = from->log_weight;
    to->top = from->top;
    to->has_top = from->has_top;
    to->top_z = from->top_z;
    to->few = 0;
}

int row_measure(struct row *r)
{
    return r->ops->measure(r);
}

void row_measure_less(struct row *r)
{
    r->ops->weigh(r);
}

bool row_dead(const struct row *r)
{
    return !(r->log_z > -INFINITY);
}

double row_logp(const struct row *r, sym_t v)
{
    double logp;
    row_gather(r, &v, 1, &logp);
    return logp;
}

double row_entropy(const struct row *r)
{
    return row_dead(r) ? 0 : r->ops->entropy(r);
}

sym_t row_argmax(const struct row *r)
{
    assert(!row_dead(r));
    return r->ops->argmax(r);
}

float row_max(const struct row *r)
{
    return r->ops->max(r);
}

float row_min(const struct row *r)
{
    return r->ops->min(r);
}

void row_spread(const struct row *r, double *mean, double *variance)
{
    assert(!row_dead(r));
    r->ops->spread(r, mean, variance);
}

double row_log_power(const struct row *r, double k, struct row_work *w)
{
    assert(!row_dead(r) && w->n >= r->n && k > 0 && k < INFINITY);
    return r->ops->log_power(r, k, w);
}

double row_divergence(const struct row *q, const struct row *p)
{
    assert(q->n == p->n && q->ops == p->ops);
    return row_dead(q) || row_dead(p) ? 0 : q->ops->divergence(q, p);
}

void row_distance(const struct row *r, double center, float distance[])
{
    r->ops->distance(r, center, distance);
}

void row_exp(const struct row *r, float x[], uint32_t n)
{
    r->ops->exp(r, x, n);
}

void row_probs(const struct row *r, float p[])
{
    r->ops->probs(r, p);
}

uint32_t row_at_least(const struct row *r, float score, struct row_work *w)
{
    assert(w->n >= r->n);
    return r->ops->at_least(r, score, w);
}

uint32_t row_count(const struct row *r)
{
    return r->ops->count(r);
}

void row_gather(const struct row *r, const sym_t id[], size_t n, double logp[])
{
    if (!row_dead(r)) {
        r->ops->gather(r, id, n, logp);
        return;
    }
    for (size_t i = 0; i < n; i++)
        logp[i] = -INFINITY;
}

uint32_t row_top(const struct row *r, uint32_t k, struct row_work *w, sym_t id[], double logp[])
{
    assert(w->n >= r->n);
    return row_dead(r) || k == 0 ? 0 : r->ops->top(r, k, w, id, logp);
}

/* After a change that leaves no NaN and no +INFINITY. */
static void measure_again(struct row *r)
{
    int rc = r->ops->measure(r);
    assert(rc == 0);
    (void)rc;
}

void row_scale(struct row *r, double factor)
{
    assert(factor >= 0 && factor < INFINITY);
    if (row_dead(r))
        return;
    double max = (double)row_max(r), offset = max * factor;
    bool usual = factor > 1. / SCALE_CLOSE && factor < SCALE_CLOSE && (max == 0 || fabs(max) > 0x1p-100);
    if (usual && fabs(offset) <= SCALE_MOST) {
        r->ops->scale(r, factor);
        return;
    }
    r->ops->affine(r, &(struct row_affine){ max, factor, fabs(offset) <= SCALE_MOST ? offset : 0 });
    measure_again(r);
}

void row_bend(struct row *r, double square, double cube)
{
    if (row_dead(r))
        return;
    double max = (double)row_max(r);
    r->ops->cubic(r, &(struct row_cubic){ max, square, cube, fabs(max) <= SCALE_MOST ? max : 0 });
    measure_again(r);
}

void row_shift(struct row *r, const sym_t id[], uint32_t n, double by)
{
    assert(by < INFINITY);
    r->ops->shift(r, id, n, by);
    measure_again(r);
}

void row_near(struct row *r)
{
    if (row_dead(r) || fabs(r->log_z) <= ROW_SCORE_MOST)
        return;
    r->ops->affine(r, &(struct row_affine){ (double)row_max(r), 1, 0 });
    measure_again(r);
}

void row_normalise(struct row *r)
{
    if (row_dead(r))
        return;
    row_near(r);
    r->has_top = r->has_top && r->top_z == r->log_z;
    r->ops->slide(r, r->log_z);
    r->log_z = r->top_z = 0;
}

void row_mask_below(struct row *r, float score)
{
    if (isnan(score))
        return;
    if (!row_dead(r) && !(score > row_max(r))) {
        r->ops->mask_below(r, score);
        return;
    }
    r->ops->mask_but(r, r->n);
    measure_again(r);
}

void row_only(struct row *r, sym_t v)
{
    assert(v < r->n);
    r->ops->mask_but(r, v);
    r->ops->weigh(r);
}

void row_keep_rank(struct row *r, uint32_t k, struct row_work *w)
{
    assert(w->n >= r->n);
    /* Where nothing goes, log Z stays as it is, however many masked symbols there are beside (decode/packed.h). */
    if (row_dead(r) || k >= r->n || (k >= ROW_BLOCK && row_count(r) <= k))
        return;
    r->ops->keep_rank(r, k > 1 ? k : 1, w);
}

void row_keep_mass(struct row *r, double p, uint32_t min_keep, struct row_work *w)
{
    assert(w->n >= r->n && !isnan(p));
    if (row_dead(r) || p >= 1)
        return;
    r->ops->keep_mass(r, p, min_keep > 1 ? min_keep : 1, w);
}

void row_keep_mass_by(struct row *r, const float key[], double p, uint32_t min_keep, struct row_work *w)
{
    assert(w->n >= r->n && !isnan(p));
    if (row_dead(r) || p >= 1)
        return;
    r->ops->keep_mass_by(r, key, p, min_keep > 1 ? min_keep : 1, w);
    r->ops->weigh(r);
}

sym_t row_mass_near(const struct row *r, double center, const float key[], double p, struct row_work *w)
{
    assert(w->n >= r->n && p < 1 && !row_dead(r));
    return r->ops->mass_near(r, center, key, p, w);
}

void row_mask_far(struct row *r, const float key[], float most, sym_t last)
{
    r->ops->mask_far(r, key, most, last);
    r->ops->weigh(r);
}

void row_mask_after(struct row *r, sym_t v)
{
    assert(v < r->n && r->score[v] > -INFINITY);
    r->ops->mask_after(r, v);
}

sym_t row_draw(const struct row *r, const struct rng_key *k)
{
    assert(!row_dead(r));
    return r->ops->draw(r, k);
}

sym_t row_draw_few(const struct row *r, const struct rng_key *k, const uint32_t block[], uint32_t n_blocks)
{
    assert(!row_dead(r));
    return r->ops->draw_few(r, k, block, n_blocks);
}

bool row_listed(const struct row *r, const struct row_work *w)
{
    return r->few > 0 && r->few == w->few && r->listed == w;
}

void row_list_made(struct row *r, struct row_work *w)
{
    r->few = ++w->few;
    r->listed = w;
}

void row_list(struct row *r, struct row_work *w)
{
    uint32_t n = (r->n - 1) / ROW_BLOCK + 1;
    assert(w->n >= r->n);
    if (row_listed(r, w))
        return;
    r->ops->block_max(r, w->value);
    w->n_blocks = 0;
    for (uint32_t b = 0; b < n; b++) {
        w->block[w->n_blocks] = b;
        w->n_blocks += w->value[b] > -INFINITY;
    }
    row_list_made(r, w);
}

double row_noise(const struct rng_key *k, sym_t v)
{
    return row_draw_noise(k, v);
}
