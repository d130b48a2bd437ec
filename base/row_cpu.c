/* The table of rows in host memory. */
#include "base/err.h"
#include "base/row_apart.h"
#include "base/row_cut.h"
#include "base/row_draw.h"
#include "base/row_kernel.h"
#include "base/row_math.h"
#include "base/row_ops.h"
#include <assert.h>
#include <math.h>
#include <string.h>

const struct row_kernel *row_kernel_best(void)
{
    if (row_kernel_avx512.supported())
        return &row_kernel_avx512;
    return row_kernel_avx2.supported() ? &row_kernel_avx2 : &row_kernel_plain;
}

static float cpu_max(const struct row *r)
{
    float max = r->top;
    bool known = r->has_top && r->top_z == r->log_z;
#ifdef CHORALE_SANITIZED
    float found;
    r->ops->kernel()->max(r->score, r->n, &found);
    assert(!known || found == max); /* who writes scores measures again */
#endif
    if (!known)
        r->ops->kernel()->max(r->score, r->n, &max);
    return max;
}

static int bad_score(const struct row *r)
{
    uint32_t v = 0;
    while (r->score[v] < INFINITY)
        v++;
    return err_set(ERR_DATA, "score of symbol %u is %s, want a number or -inf", v, isnan(r->score[v]) ? "nan" : "inf");
}

static int cpu_measure(struct row *r)
{
    const struct row_kernel *kernel = r->ops->kernel();
    float max;
    r->log_z = -INFINITY;
    r->has_top = false;
    r->few = 0;
    if (!kernel->max(r->score, r->n, &max))
        return bad_score(r);
    if (max > -INFINITY)
        row_cut_measured(r, max, kernel->sum(r->score, r->n, max));
    return 0;
}

static void cpu_weigh(struct row *r)
{
    const struct row_kernel *kernel = r->ops->kernel();
    float max;
    kernel->max(r->score, r->n, &max);
    r->log_z = -INFINITY;
    r->has_top = false;
    if (max > -INFINITY)
        row_cut_measured(r, max, kernel->sum_few(r->score, r->n, max));
}

static void cpu_copy(struct row *to, const struct row *from)
{
    memcpy(to->score, from->score, from->n * sizeof *from->score);
}

static sym_t cpu_argmax(const struct row *r)
{
    return r->ops->kernel()->find(r->score, r->n, cpu_max(r));
}

static uint32_t cpu_count(const struct row *r)
{
    return r->ops->kernel()->count(r->score, r->n);
}

/* H = log Z - sum p score = ln S + (1/S) sum exp(d) (-d), d = score - max: both terms positive, nothing cancels. */
static double cpu_entropy(const struct row *r)
{
    float max = cpu_max(r);
    double log_s = r->log_z - (double)max;
    return log_s + r->ops->kernel()->surprise(r->score, r->n, max) * math_exp64(-log_s);
}

static float cpu_min(const struct row *r)
{
    return r->ops->kernel()->min(r->score, r->n);
}

static void cpu_spread(const struct row *r, double *mean, double *variance)
{
    double sum[2], n = cpu_count(r), max = (double)cpu_max(r);
    r->ops->kernel()->moments(r->score, r->n, (float)max, sum);
    *mean = max + sum[0] / n;
    *variance = fmax(sum[1] / n - sum[0] / n * (sum[0] / n), 0);
}

/* sum p^k = sum exp(k d) exp(k (max - log Z)), d = score - max. */
static double cpu_log_power(const struct row *r, double k, struct row_work *w)
{
    double max = (double)cpu_max(r);
    r->ops->kernel()->affine(w->value, r->score, r->n, &(struct row_affine){ max, k, 0 });
    return k * (max - r->log_z) + math_log64(r->ops->kernel()->sum(w->value, r->n, 0));
}

static double cpu_divergence(const struct row *q, const struct row *p)
{
    float max = cpu_max(q);
    double gain = q->ops->kernel()->relative(q->score, p->score, q->n, max) * math_exp64((double)max - q->log_z);
    return fmax(gain - q->log_z + p->log_z, 0);
}

static void cpu_distance(const struct row *r, double center, float distance[])
{
    r->ops->kernel()->distance(distance, r->score, r->n, center);
}

static void cpu_exp(const struct row *r, float x[], uint32_t n)
{
    const struct row_kernel *kernel = r->ops->kernel();
    if (fabs(r->log_z) < 0x1p40)
        kernel->slide(x, x, n, r->log_z);
    else
        kernel->affine(x, x, n, &(struct row_affine){ r->log_z, 1, 0 });
    kernel->exp(x, n, 0);
}

static void cpu_probs(const struct row *r, float p[])
{
    const struct row_kernel *kernel = r->ops->kernel();
    if (row_dead(r))
        memset(p, 0, r->n * sizeof *p);
    else if (fabs(r->log_z) < 0x1p40) {
        kernel->slide(p, r->score, r->n, r->log_z);
        kernel->exp(p, r->n, 0);
    } else {
        kernel->affine(p, r->score, r->n, &(struct row_affine){ r->log_z, 1, 0 });
        kernel->exp(p, r->n, 0);
    }
}

static uint32_t cpu_at_least(const struct row *r, float score, struct row_work *w)
{
    return r->ops->kernel()->collect(r->score, r->n, score, w->id, w->value);
}

static void cpu_gather(const struct row *r, const sym_t id[], size_t n, double logp[])
{
    for (size_t i = 0; i < n; i++)
        logp[i] = (double)r->score[id[i]] - r->log_z;
}

static void cpu_affine(struct row *r, const struct row_affine *f)
{
    r->ops->kernel()->affine(r->score, r->score, r->n, f);
}

static void cpu_scale(struct row *r, double factor)
{
    const struct row_kernel *kernel = r->ops->kernel();
    struct row_scale f = { .high = (float)factor };
    float top = cpu_max(r);
    f.low = (float)(factor - (double)f.high);
    kernel->scale(&top, 1, &f);
    f.shift = top;
    row_cut_measured(r, top, kernel->scale(r->score, r->n, &f));
}

static void cpu_slide(struct row *r, double by)
{
    r->ops->kernel()->slide(r->score, r->score, r->n, by);
    r->ops->kernel()->slide(&r->top, &r->top, 1, by);
}

static void cpu_block_max(const struct row *r, float max[])
{
    r->ops->kernel()->block_max(r->score, r->n, max);
}

static void cpu_cubic(struct row *r, const struct row_cubic *f)
{
    r->ops->kernel()->cubic(r->score, r->score, r->n, f);
}

static void cpu_shift(struct row *r, const sym_t id[], uint32_t n, double by)
{
    for (uint32_t i = 0; i < n; i++)
        r->score[id[i]] = (float)((double)r->score[id[i]] + by);
}

static void cpu_mask_below(struct row *r, float score)
{
    row_cut_after(r, score, r->n - 1);
}

static void cpu_mask_far(struct row *r, const float key[], float most, sym_t last)
{
    r->ops->kernel()->cut_far(r->score, key, r->n, most, last);
}

static void cpu_mask_after(struct row *r, sym_t v)
{
    row_cut_after(r, r->score[v], v);
}

static void cpu_mask_but(struct row *r, sym_t v)
{
    float kept = v < r->n ? r->score[v] : -INFINITY;
    float *x = r->score, *end = r->score + r->n;
    for (; end - x >= 64; x += 64) /* without a choice inside, and of a known length: several at once */
        for (int k = 0; k < 64; k++)
            x[k] = -INFINITY;
    while (x < end)
        *x++ = -INFINITY;
    if (v < r->n)
        r->score[v] = kept;
}

/* Parts w p^factor of a pool, normalised members p. */
static void parts_fill(struct row_part part[], const struct row rows[], const double weight[], size_t n, double power)
{
    for (size_t k = 0; k < n; k++) {
        double offset = math_log64(weight[k]) - power * rows[k].log_z;
        float near = (float)offset;
        part[k] = (struct row_part){ .score = rows[k].score,
                                     .factor = power,
                                     .offset = offset,
                                     .near = near,
                                     .rest = (float)(offset - (double)near) };
    }
}

/* By what a kernel returned; false: it does not know. */
static bool measured(struct row *out, struct row_pooled pool)
{
    if (!(pool.sum >= ROW_LEAST && pool.sum <= 1 / ROW_LEAST))
        return false;
    out->log_z = out->top_z = math_log64(pool.sum);
    out->top = pool.top;
    out->has_top = true;
    return true;
}

static void measure_pool(struct row *out)
{
    int rc = row_measure(out);
    assert(rc == 0);
    (void)rc;
}

/* Their centers and shares; false: a share is too far from one. */
static bool parts_near(struct row_part part[], const struct row rows[], const double weight[], size_t n, double power)
{
    bool is_near = true;
    for (size_t k = 0; k < n; k++) {
        part[k].center = (float)rows[k].log_z;
        double rest = power * ((double)part[k].center - rows[k].log_z);
        part[k].share = (float)(weight[k] * math_exp64(rest < 1 ? rest : 1));
        is_near &= part[k].share >= (float)ROW_LEAST && part[k].share <= (float)(1 / ROW_LEAST);
    }
    return is_near;
}

static void cpu_pool_linear(struct row *out, const struct row rows[], const double weight[], size_t n)
{
    const struct row_kernel *kernel = out->ops->kernel();
    struct row_part part[ROW_PARTS];
    parts_fill(part, rows, weight, n, 1);
    if (parts_near(part, rows, weight, n, 1) && measured(out, kernel->mix_near(out->score, part, n, out->n)))
        return;
    kernel->mix(out->score, part, n, out->n);
    measure_pool(out);
}

static void cpu_pool_log(struct row *out, const struct row rows[], const double weight[], size_t n)
{
    struct row_part part[ROW_PARTS];
    double first = 0;
    for (size_t k = 0; k < n; k++) {
        part[k] = (struct row_part){ .score = rows[k].score, .factor = weight[k] };
        first -= weight[k] * rows[k].log_z;
    }
    if (!measured(out, out->ops->kernel()->product_near(out->score, part, n, out->n, first)))
        measure_pool(out);
}

static void cpu_pool_linear_apart(struct row *out, const struct row rows[], const double weight[], size_t n,
                                  struct row_apart *apart)
{
    struct row_part part[ROW_PARTS];
    double sum[3];
    parts_fill(part, rows, weight, n, 1);
    bool is_near = parts_near(part, rows, weight, n, 1);
    double rest = row_apart_parts(part, rows, weight, n);
    if (is_near && measured(out, out->ops->kernel()->mix_apart(out->score, part, n, out->n, sum))) {
        *apart = row_apart_of(sum, rest);
        return;
    }
    cpu_pool_linear(out, rows, weight, n);
    row_apart_host(rows, weight, n, apart);
}

static void cpu_pool_log_apart(struct row *out, const struct row rows[], const double weight[], size_t n,
                               struct row_apart *apart)
{
    struct row_part part[ROW_PARTS];
    double sum[3];
    for (size_t k = 0; k < n; k++)
        part[k] =
            (struct row_part){ .score = rows[k].score, .factor = weight[k], .offset = -(weight[k] * rows[k].log_z) };
    double rest = row_apart_parts(part, rows, weight, n);
    if (!measured(out, out->ops->kernel()->product_apart(out->score, part, n, out->n, sum)))
        measure_pool(out);
    *apart = row_apart_of(sum, rest);
}

static void cpu_pool_power(struct row *out, const struct row rows[], const double weight[], size_t n, double r)
{
    const struct row_kernel *kernel = out->ops->kernel();
    struct row_part part[ROW_PARTS];
    if (!isinf(r)) {
        bool is_near = fabs(r) >= .5 && fabs(r) <= 4;
        parts_fill(part, rows, weight, n, r);
        is_near = is_near && parts_near(part, rows, weight, n, r);
        (is_near ? kernel->mean_near : kernel->mean)(out->score, part, n, out->n, r);
        return;
    }
    for (size_t k = 0; k < n; k++)
        part[k] = (struct row_part){ .score = rows[k].score, .factor = 1, .offset = -rows[k].log_z };
    kernel->extreme(out->score, part, n, out->n, r > 0 ? 1 : -1);
}

const struct row_ops row_cpu = {
    .name = "cpu",
    .kernel = row_kernel_best,
    .measure = cpu_measure,
    .weigh = cpu_weigh,
    .copy = cpu_copy,
    .max = cpu_max,
    .argmax = cpu_argmax,
    .count = cpu_count,
    .entropy = cpu_entropy,
    .pool_apart = row_apart_host,
    .min = cpu_min,
    .spread = cpu_spread,
    .log_power = cpu_log_power,
    .divergence = cpu_divergence,
    .distance = cpu_distance,
    .exp = cpu_exp,
    .probs = cpu_probs,
    .at_least = cpu_at_least,
    .gather = cpu_gather,
    .top = row_cut_top,
    .affine = cpu_affine,
    .scale = cpu_scale,
    .slide = cpu_slide,
    .cubic = cpu_cubic,
    .shift = cpu_shift,
    .mask_below = cpu_mask_below,
    .mask_but = cpu_mask_but,
    .keep_rank = row_cut_rank,
    .keep_mass = row_cut_mass,
    .keep_mass_by = row_cut_mass_by,
    .mass_near = row_cut_mass_near,
    .mask_far = cpu_mask_far,
    .mask_after = cpu_mask_after,
    .draw = row_draw_host,
    .draw_few = row_draw_few_host,
    .block_max = cpu_block_max,
    .pool_linear = cpu_pool_linear,
    .pool_log = cpu_pool_log,
    .pool_linear_apart = cpu_pool_linear_apart,
    .pool_log_apart = cpu_pool_log_apart,
    .pool_power = cpu_pool_power,
};
