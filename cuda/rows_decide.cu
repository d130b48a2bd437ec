/* Decisions: a program over a row, and a symbol drawn from what it leaves.  Each step is what the transform of that
 * name does (decode/transform_cut.c, _scale.c, _typical.c, _penalty.c, _bias.c). */
#include "cuda/rows.h"
#include "cuda/rows_draw.h"
#include "cuda/rows_steps.h"

typedef char rows_shared_fits[sizeof(struct rows_shared) <= ROWS_SHARED ? 1 : -1];

/* What a kernel knows of its decision. */
struct deciding {
    struct rows_shared *s;
    const struct rows_decide_args *a;
    const struct device_decision *item;
    float *spare;  /* the row's block where single scores are changed */
    double ratio;  /* ln of the mass before over the mass after the truncations right before a step */
    uint32_t asks; /* some step asks for the ratio */
};

/* The view written out into the spare row, so that single scores can be changed there; with DEVICE_ALLOW all is masked.
 * */
ROWS_CALL void write_out(struct deciding *d, int masked)
{
    struct rows_view *w = &d->s->view;
    float *peak = rows_peaks(d->spare, w->n);
    for (uint32_t first = 0; first < w->n_blocks; first += ROWS_GROUPS) {
        uint32_t block = first + rows_group();
        float x[4] = { -INFINITY, -INFINITY, -INFINITY, -INFINITY };
        if (block < w->n_blocks) {
            if (!masked)
                rows_load(x, w->score, block);
            rows_view_four(w, x, block);
            CUDA_UNROLL
            for (uint32_t i = 0; i < 4; i++)
                d->spare[rows_symbol(block, i)] = x[i];
        }
        float most = rows_group_max(rows_most(x));
        if (rows_lane() == 0 && block < w->n_blocks)
            peak[block] = most;
    }
    __syncthreads();
    if (threadIdx.x == 0) {
        w->score = d->spare;
        w->peak = peak;
        w->n_ops = w->measured = w->topped = 0;
        w->ranked = 1;
    }
    __syncthreads();
}

ROWS_INLINE float changed(uint32_t kind, float x, double value)
{
    if (!(x > -INFINITY))
        return x;
    if (kind == DEVICE_REPEAT)
        return (float)(x > 0 ? (double)x / value : (double)x * value);
    return (float)((double)x + value);
}

/* The peaks of the blocks of the listed symbols; two threads at one block find the same. */
ROWS_INLINE void listed_peaks(struct deciding *d, const uint32_t *symbol, uint32_t n)
{
    float *peak = rows_peaks(d->spare, d->s->view.n);
    for (uint32_t i = threadIdx.x; i < n; i += ROWS_THREADS) {
        uint32_t block = symbol[i] / DEVICE_BLOCK;
        float most = -INFINITY;
        for (uint32_t j = 0; j < DEVICE_BLOCK; j++)
            most = vf_max(d->spare[block * DEVICE_BLOCK + j], most);
        peak[block] = most;
    }
    __syncthreads();
}

ROWS_CALL void change_listed(struct deciding *d, const struct device_step *step)
{
    const uint32_t *symbol = d->a->symbol + step->first;
    const double *value = d->a->value + step->first;
    float *kept = d->a->kept + step->first;
    int allow = step->kind == DEVICE_ALLOW;
    for (uint32_t i = threadIdx.x; i < step->n && allow; i += ROWS_THREADS)
        kept[i] = rows_view_at(&d->s->view, symbol[i]);
    __syncthreads();
    if (allow || d->s->view.score != d->spare || d->s->view.n_ops > 0)
        write_out(d, allow);
    uint32_t bad = DEVICE_NONE;
    for (uint32_t i = threadIdx.x; i < step->n; i += ROWS_THREADS) {
        float *at = &d->spare[symbol[i]];
        *at = allow ? kept[i] : changed(step->kind, *at, value[i]);
        bad = !(*at < INFINITY) && symbol[i] < bad ? symbol[i] : bad;
    }
    bad = (uint32_t)rows_least(&d->s->scratch.reduce, bad);
    if (threadIdx.x == 0) {
        struct device_decided *out = &d->a->decided[blockIdx.x];
        out->bad = bad < out->bad ? bad : out->bad;
        d->s->view.measured = d->s->view.topped = 0;
    }
    __syncthreads();
    listed_peaks(d, symbol, step->n);
}

ROWS_INLINE void step_apply(struct deciding *d, const struct device_step *step)
{
    struct rows_shared *s = d->s;
    switch (step->kind) {
    case DEVICE_SCALE: scale(s, step->a); break;
    case DEVICE_FIRST: first_alone(s); break;
    case DEVICE_NORMALISE: normalise(s); break;
    case DEVICE_TOP_K: top_k(s, step); break;
    case DEVICE_TOP_P: top_p(s, step, d->ratio); break;
    case DEVICE_MIN_P: min_p(s, step); break;
    case DEVICE_TYPICAL: typical(s, step); break;
    default: change_listed(d, step); break;
    }
}

ROWS_INLINE int truncates(const struct device_step *step)
{
    return step->kind >= DEVICE_TOP_K && step->kind <= DEVICE_TYPICAL;
}

/* A step of a row that is not dead, and the ratio that the next may ask for. */
ROWS_INLINE void step_run(struct deciding *d, const struct device_step *step)
{
    struct rows_view *w = &d->s->view;
    double before = 0;
    if (d->asks && truncates(step)) {
        rows_view_know(w, &d->s->scratch);
        before = w->log_z;
    }
    step_apply(d, step);
    if (d->asks && truncates(step)) {
        rows_view_know(w, &d->s->scratch);
        d->ratio += vd_max(before - w->log_z, 0);
    } else {
        d->ratio = 0;
    }
}

/* Only what changes single scores may leave nothing. */
ROWS_INLINE int dead(struct deciding *d)
{
    rows_view_top(&d->s->view, &d->s->scratch);
    return !(d->s->view.top > -INFINITY);
}

ROWS_INLINE void program_run(struct deciding *d)
{
    uint32_t first = d->item->first_step, end = first + d->item->n_steps;
    for (uint32_t i = first; i < end; i++)
        d->asks |= d->a->step[i].kind == DEVICE_TOP_P && (d->a->step[i].rules & DEVICE_OF_GIVEN);
    for (uint32_t i = first; i < end && !dead(d); i++)
        step_run(d, &d->a->step[i]);
}

/* What the symbol was given, by one thread, and by each member of a pool, by one each. */
ROWS_INLINE void tell_symbol(struct deciding *d, uint32_t v, struct device_decided *out)
{
    const struct rows_view *given = &d->s->given, *w = &d->s->view;
    uint32_t k = threadIdx.x;
    if (k == 0) {
        out->symbol = v;
        out->score = rows_view_at(given, v);
        out->logp = (double)out->score - given->log_z;
        out->logp_final = (double)rows_view_at(w, v) - w->log_z;
    }
    if (d->item->pool == DEVICE_NONE)
        return;
    const struct device_pooled *pool = &d->a->pool[d->item->pool];
    if (k < pool->n) {
        double log_z = rows_measured(pool->row[k], given->n)->log_z;
        out->voice[k] = log_z > -INFINITY ? (double)((const float *)pool->row[k])[v] - log_z : -INFINITY;
    }
}

/* One thread: the rest. */
ROWS_INLINE void tell_row(struct deciding *d, double kept, struct device_decided *out)
{
    const struct rows_view *given = &d->s->given, *w = &d->s->view;
    out->entropy = given->entropy;
    out->entropy_final = w->entropy;
    out->log_z_final = w->log_z;
    out->kept = w->count;
    out->mass = w->count == given->count ? 1 : 0;
    if (w->count < given->count && kept > 0)
        out->mass = -vd_max(-1, -math_exp64((double)given->top + math_log64(kept) - given->log_z));
}

CUDA_KERNEL_OF(rows_decide, rows_decide_args, ROWS_THREADS, 2)
{
    CUDA_DYNAMIC_SHARED(struct rows_shared, s);
    struct device_decided *out = &a.decided[blockIdx.x];
    struct deciding d = { s, &a, &a.item[blockIdx.x], (float *)0, 0, 0 };
    d.spare = a.spare ? (float *)a.spare[blockIdx.x] : (float *)0;
    if (threadIdx.x == 0) {
        rows_view_begin(&s->given, d.item->row, a.n);
        rows_view_begin(&s->view, d.item->row, a.n);
        out->bad = rows_measured(d.item->row, a.n)->bad;
        out->symbol = DEVICE_NONE;
        out->logp = out->logp_final = out->score = -INFINITY;
    }
    __syncthreads();
    if (s->given.top > -INFINITY)
        program_run(&d);
    double kept = rows_view_mass_in(&s->view, &s->given, &s->scratch);
    if (threadIdx.x == 0)
        tell_row(&d, kept, out);
    if (!(s->view.top > -INFINITY))
        return;
    uint32_t v = d.item->draw == DEVICE_GUMBEL ? rows_draw(&s->cut, &s->view, d.item, &s->scratch.reduce)
                                               : rows_find_first(&s->cut, &s->view, &s->scratch);
    tell_symbol(&d, v, out);
}
