/* Decisions: a program over a row, and a symbol drawn from what it leaves.  Each step is what the transform of that name
 * does (decode/transform_cut.c, _scale.c, _typical.c, _penalty.c, _bias.c). */
#include "cuda/rows.h"
#include "cuda/rows_draw.h"

#define SCALE_CLOSE 1024 /* as base/row.c */
#define SCALE_MOST  4096
#define JUST_OVER   (1 + 0x1p-21)

struct shared {
    struct rows_view given, view;
    struct rows_reduce reduce;
    struct rows_cut cut;
};

/* What a kernel knows of its decision. */
struct deciding {
    struct shared *s;
    const struct rows_decide_args *a;
    const struct device_decision *item;
    float *spare;      /* the row's block where single scores are changed */
    double ratio;      /* ln of the mass before over the mass after the truncations right before a step */
    uint32_t asks;     /* some step asks for the ratio */
};

ROWS_INLINE void seek(struct shared *s, const struct rows_sought *sought)
{
    __syncthreads();
    if (threadIdx.x == 0)
        s->cut.sought = *sought;
    __syncthreads();
}

ROWS_INLINE void cut_at(struct shared *s, float least, uint32_t last)
{
    struct rows_op op = { ROWS_CUT, last, least, 0, 0, 0, 0 };
    rows_view_add(&s->view, &op);
}

/* A key that at least k symbols reach, of the largest scores of blocks; that of the lowest score: no such luck. */
ROWS_INLINE uint32_t reached_by(struct shared *s, uint32_t k)
{
    const struct rows_view *w = &s->view;
    uint32_t all = rows_descending(-FLT_MAX);
    struct rows_sought peaks = { rows_descending(w->top), all, 0, 0, -INFINITY, 0, 0, k, 0, 0, 0, 0 };
    if (!w->ranked || k > w->n_blocks / 2)
        return all;
    seek(s, &peaks);
    for (int turn = 0; turn < 2 && s->cut.sought.low < s->cut.sought.high; turn++)
        rows_narrow(&s->cut, w, ROWS_OF_PEAKS);
    return s->cut.sought.reached ? s->cut.sought.high : all;
}

/* The edge of the first k of the rank order. */
ROWS_CALL struct rows_edge rank_edge(struct shared *s, uint32_t k)
{
    rows_view_top(&s->view, &s->reduce);
    uint32_t high = reached_by(s, k);
    struct rows_sought sought = { rows_descending(s->view.top), high, 0, 0, rows_of_descending(high), 0, 0, k, 0, 0, 0, 0 };
    seek(s, &sought);
    return rows_find(&s->cut, &s->view);
}

ROWS_CALL void keep_rank(struct shared *s, uint32_t k)
{
    if (k >= s->view.n)
        return;
    struct rows_edge e = rank_edge(s, k > 1 ? k : 1);
    cut_at(s, rows_of_descending(e.key), e.id);
}

/* What base/row.h calls reached, in units of exp(score - shift). */
ROWS_INLINE uint64_t mass_target(const struct rows_view *w, double p, float shift)
{
    double target = p * ROWS_REACHES * math_exp64(w->log_z - (double)shift) * ROWS_UNIT;
    return target > 1 ? (uint64_t)ceil(target) : 1;
}

/* Scores above which a mass is sought, one after the other. */
ROWS_INLINE float mass_least(const struct rows_view *w, double p, int turn)
{
    double below = turn == 0 ? -10 : math_log64((1 - p) / 2 * 0x1p-18);
    return turn < 2 ? (float)(w->log_z + below) : -FLT_MAX;
}

ROWS_CALL struct rows_edge mass_edge(struct shared *s, double p)
{
    struct rows_edge e = { 0, 0, 0, 0 };
    rows_view_know(&s->view, &s->reduce);
    const struct rows_view *w = &s->view;
    float shift = (float)w->log_z;
    uint64_t target = mass_target(w, p, shift);
    uint32_t low = rows_descending(w->top);
    for (int turn = 0; turn < 3 && !e.reached; turn++) {
        float least = mass_least(w, p, turn);
        struct rows_sought sought = { low, rows_descending(least), 0, 1, least, shift, 0, target, 0, 0, 0, 0 };
        if (sought.high < low)
            continue;
        seek(s, &sought);
        e = rows_find(&s->cut, w);
    }
    return e;
}

/* Returns how many are kept; 0: the row was not cut. */
ROWS_CALL uint32_t keep_mass(struct shared *s, double p, uint32_t min_keep)
{
    if (p >= 1)
        return 0;
    struct rows_edge e = mass_edge(s, p);
    if (e.kept < min_keep)
        e = rank_edge(s, min_keep);
    cut_at(s, rows_of_descending(e.key), e.id);
    return e.kept;
}

/* Equals of the last kept stay too, where anything was cut since there were so many operations. */
ROWS_INLINE void with_ties(struct shared *s, const struct device_step *step, uint32_t n_ops)
{
    struct rows_view *w = &s->view;
    __syncthreads();
    if (threadIdx.x == 0 && (step->rules & DEVICE_TIES_ALL) && w->n_ops > n_ops) {
        w->op[n_ops] = w->op[w->n_ops - 1];
        w->op[n_ops].last = w->n - 1;
        w->n_ops = n_ops + 1;
    }
    __syncthreads();
}

ROWS_INLINE void top_k(struct shared *s, const struct device_step *step)
{
    uint32_t n_ops = s->view.n_ops;
    keep_rank(s, step->k);
    with_ties(s, step, n_ops);
}

ROWS_INLINE void top_p(struct shared *s, const struct device_step *step, double ratio)
{
    uint32_t n_ops = s->view.n_ops, min_keep = step->k;
    double p = step->rules & DEVICE_OF_GIVEN ? step->a * math_exp64(ratio) : step->a;
    if (!(step->rules & (DEVICE_BOUND_OVER | DEVICE_BOUND_BELOW))) {
        (void)keep_mass(s, p, min_keep);
    } else {
        uint32_t kept = keep_mass(s, p > 0 ? p * JUST_OVER : 0x1p-1000, min_keep);
        if ((step->rules & DEVICE_BOUND_BELOW) && p * JUST_OVER < 1 && kept > min_keep)
            keep_rank(s, kept - 1);
    }
    with_ties(s, step, n_ops);
}

ROWS_INLINE void drop_op(struct shared *s)
{
    __syncthreads();
    if (threadIdx.x == 0) {
        s->view.n_ops--;
        s->view.measured = 0;
    }
    __syncthreads();
}

ROWS_INLINE void min_p(struct shared *s, const struct device_step *step)
{
    rows_view_top(&s->view, &s->reduce);
    float least = step->a > 1 ? INFINITY : (float)((double)s->view.top + step->b);
    if (least > s->view.top) {
        keep_rank(s, step->k);
        return;
    }
    cut_at(s, least, s->view.n - 1);
    if (step->k == 1)
        return;
    rows_view_know(&s->view, &s->reduce);
    if (s->view.count < step->k) {
        drop_op(s);
        keep_rank(s, step->k);
    }
}

ROWS_CALL void typical(struct shared *s, const struct device_step *step)
{
    struct rows_edge e = { 0, 0, 0, 0 };
    double mass = step->a;
    if (mass >= 1)
        return;
    rows_view_know(&s->view, &s->reduce);
    const struct rows_view *w = &s->view;
    double center = w->log_z - w->entropy;
    float shift = (float)w->log_z;
    uint64_t target = mass_target(w, mass, shift);
    for (int turn = 0; turn < 3 && !e.reached; turn++) {
        float least = mass_least(w, mass, turn), below = rows_distance(least, center);
        float above = rows_distance(w->top, center), most = below > above ? below : above;
        struct rows_sought sought = { rows_ascending(0), rows_ascending(vf_min(most, FLT_MAX)), 1, 1, least, shift, center,
                                      target, 0, 0, 0, 0 };
        if (least > w->top)
            continue;
        seek(s, &sought);
        e = rows_find(&s->cut, w);
        double far = (double)rows_of_ascending(e.key);
        e.reached = e.reached && (turn == 2 || far < (center - (double)least) * (1 - 0x1p-20));
    }
    struct rows_op op = { ROWS_CUT_FAR, step->rules & DEVICE_TIES_ALL ? w->n - 1 : e.id, rows_of_ascending(e.key), 0, center, 0,
                          0 };
    rows_view_add(&s->view, &op);
}

ROWS_INLINE void scale(struct shared *s, double factor)
{
    rows_view_top(&s->view, &s->reduce);
    double top = (double)s->view.top, offset = top * factor;
    int usual = factor > 1. / SCALE_CLOSE && factor < SCALE_CLOSE && (top == 0 || fabs(top) > 0x1p-100);
    struct rows_op op = { ROWS_MOVED, 0, 0, 0, top, factor, fabs(offset) <= SCALE_MOST ? offset : 0 };
    if (usual && fabs(offset) <= SCALE_MOST) {
        op.kind = ROWS_SCALED;
        op.high = (float)factor;
        op.low = (float)(factor - (double)op.high);
    }
    rows_view_add(&s->view, &op);
}

ROWS_INLINE void first_alone(struct shared *s)
{
    struct rows_op op = { ROWS_ONLY, 0, 0, 0, 0, 0, 0 };
    op.last = rows_find_first(&s->cut, &s->view, &s->reduce);
    rows_view_add(&s->view, &op);
}

ROWS_INLINE void normalise(struct shared *s)
{
    rows_view_know(&s->view, &s->reduce);
    double log_z = s->view.log_z;
    struct rows_op op = { ROWS_SLID, 0, (float)log_z, 0, 0, 0, 0 };
    op.low = (float)(log_z - (double)op.high);
    rows_view_add(&s->view, &op);
    if (threadIdx.x == 0) {
        s->view.log_z = 0;
        s->view.measured = 1;
    }
    __syncthreads();
}

/* The view written out into the spare row, so that single scores can be changed there; with DEVICE_ALLOW all is masked. */
ROWS_CALL void write_out(struct deciding *d, int masked)
{
    struct rows_view *w = &d->s->view;
    float *peak = rows_peaks(d->spare, w->n);
    for (uint32_t first = 0; first < w->n_blocks; first += ROWS_GROUPS) {
        uint32_t block = first + rows_group();
        float x[4] = { -INFINITY, -INFINITY, -INFINITY, -INFINITY };
        if (block < w->n_blocks) {
            if (!masked)
                rows_view_load(x, w, block);
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
    bad = (uint32_t)rows_least(&d->s->reduce, bad);
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
    struct shared *s = d->s;
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
        rows_view_know(w, &d->s->reduce);
        before = w->log_z;
    }
    step_apply(d, step);
    if (d->asks && truncates(step)) {
        rows_view_know(w, &d->s->reduce);
        d->ratio += vd_max(before - w->log_z, 0);
    } else {
        d->ratio = 0;
    }
}

/* Only what changes single scores may leave nothing. */
ROWS_INLINE int dead(struct deciding *d)
{
    rows_view_top(&d->s->view, &d->s->reduce);
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

/* One thread: what the symbol was given. */
ROWS_INLINE void tell_symbol(struct deciding *d, uint32_t v, struct device_decided *out)
{
    const struct rows_view *given = &d->s->given, *w = &d->s->view;
    out->symbol = v;
    out->score = rows_view_at(given, v);
    out->logp = (double)out->score - given->log_z;
    out->logp_final = (double)rows_view_at(w, v) - w->log_z;
    if (d->item->pool == DEVICE_NONE)
        return;
    const struct device_pooled *pool = &d->a->pool[d->item->pool];
    for (uint32_t k = 0; k < pool->n; k++) {
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

CUDA_KERNEL(rows_decide, rows_decide_args, ROWS_THREADS)
{
    CUDA_SHARED struct shared s;
    struct device_decided *out = &a.decided[blockIdx.x];
    struct deciding d = { &s, &a, &a.item[blockIdx.x], (float *)0, 0, 0 };
    d.spare = a.spare ? (float *)a.spare[blockIdx.x] : (float *)0;
    if (threadIdx.x == 0) {
        rows_view_begin(&s.given, d.item->row, a.n);
        s.view = s.given;
        out->bad = rows_measured(d.item->row, a.n)->bad;
        out->symbol = DEVICE_NONE;
        out->logp = out->logp_final = out->score = -INFINITY;
    }
    __syncthreads();
    if (s.given.top > -INFINITY)
        program_run(&d);
    double kept = rows_view_measure(&s.view, &s.given, &s.reduce);
    if (threadIdx.x == 0)
        tell_row(&d, kept, out);
    if (!(s.view.top > -INFINITY))
        return;
    uint32_t v = d.item->draw == DEVICE_GUMBEL ? rows_draw(&s.cut, &s.view, d.item, &s.reduce)
                                               : rows_find_first(&s.cut, &s.view, &s.reduce);
    if (threadIdx.x == 0)
        tell_symbol(&d, v, out);
}
