/* Exact cuts: a histogram of candidates finds the bin where the cut falls, that bin alone is divided again.
 *
 * A float's bits, turned so that the wanted order is that of unsigned integers, are its key: bins of keys need no range
 * and no rounding, and equal scores share a bin at every depth.  Ties are settled by symbol id, because the lists keep
 * the order of ids.  A rank is a mass of 1 for each symbol. */
#include "base/row_cut.h"
#include "base/row_kernel.h"
#include "base/row_math.h"
#include "base/row_ops.h"
#include "base/row_sort.h"
#include <math.h>
#include <string.h>

#define BINS  1024
#define SMALL 64  /* candidates that are sorted rather than divided */
#define GROUP 16  /* blocks whose largest scores are taken together */
#define MANY  512 /* candidates whose exact keys are worth avoiding */

/* Candidates in the order of ids, in a row_work's arrays; those of the boundary bin stay as it narrows. */
struct cut {
    uint32_t *key; /* (n,) */
    sym_t *id;     /* (n,) */
    float *mass;   /* (n,) */
    uint32_t n;
    double target;  /* of mass that the kept reach */
    double before;  /* mass of what stands before the candidates */
    uint32_t ahead; /* number of what stands before them */
};

/* Where a cut falls: the last symbol kept and its key. */
struct edge {
    uint32_t key;
    sym_t id;
    uint32_t kept; /* symbols up to it */
    bool reached;  /* the mass reaches the target */
};

static void key_range(const struct cut *c, uint32_t *low, uint32_t *high)
{
    *low = UINT32_MAX;
    *high = 0;
    for (uint32_t i = 0; i < c->n; i++) {
        *low = c->key[i] < *low ? c->key[i] : *low;
        *high = c->key[i] > *high ? c->key[i] : *high;
    }
}

/* The mass and number of the candidates by key; odd and even candidates apart, since a sum that waits for the one just
 * stored takes several times as long. */
struct bins {
    uint32_t low;
    int shift;
    double mass[2][BINS];
    uint32_t count[2][BINS];
};

static void bins_add(struct bins *b, const struct cut *c)
{
    memset(b->mass, 0, sizeof b->mass);
    memset(b->count, 0, sizeof b->count);
    for (uint32_t i = 0; i < c->n; i++) {
        uint32_t bin = (c->key[i] - b->low) >> b->shift;
        b->mass[i % 2][bin] += (double)c->mass[i];
        b->count[i % 2][bin]++;
    }
}

/* The bin in which the mass reaches the target, or the last one where it never does; counts what stands before it. */
static uint32_t bins_find(const struct bins *b, struct cut *c)
{
    uint32_t bin = 0, last = 0;
    for (uint32_t i = 0; i < BINS; i++)
        last = b->count[0][i] + b->count[1][i] > 0 ? i : last;
    for (; bin < last; bin++) {
        double mass = b->mass[0][bin] + b->mass[1][bin];
        if (c->before + mass >= c->target)
            break;
        c->before += mass;
        c->ahead += b->count[0][bin] + b->count[1][bin];
    }
    return bin;
}

/* Leaves the candidates of that bin of keys from low to high. */
static void narrow(struct cut *c, uint32_t low, uint32_t high)
{
    struct bins b = { .low = low };
    uint32_t kept = 0;
    while ((high - low) >> b.shift >= BINS)
        b.shift++;
    bins_add(&b, c);
    uint32_t bin = bins_find(&b, c);
    for (uint32_t i = 0; i < c->n; i++) {
        c->key[kept] = c->key[i];
        c->id[kept] = c->id[i];
        c->mass[kept] = c->mass[i];
        kept += (c->key[i] - low) >> b.shift == bin;
    }
    c->n = kept;
}

static void insertion_sort(struct cut *c)
{
    for (uint32_t i = 1; i < c->n; i++) {
        uint32_t key = c->key[i], j = i;
        sym_t id = c->id[i];
        float mass = c->mass[i];
        for (; j > 0 && c->key[j - 1] > key; j--) {
            c->key[j] = c->key[j - 1];
            c->id[j] = c->id[j - 1];
            c->mass[j] = c->mass[j - 1];
        }
        c->key[j] = key;
        c->id[j] = id;
        c->mass[j] = mass;
    }
}

/* n >= 1.  Changes the lists. */
static struct edge cut_find(struct cut *c)
{
    uint32_t low, high, i;
    key_range(c, &low, &high);
    while (c->n > SMALL && low < high) {
        narrow(c, low, high);
        key_range(c, &low, &high);
    }
    if (low < high)
        insertion_sort(c);
    double mass = c->before + (double)c->mass[0];
    for (i = 0; mass < c->target && i + 1 < c->n; i++)
        mass += (double)c->mass[i + 1];
    return (struct edge){ c->key[i], c->id[i], c->ahead + i + 1, mass >= c->target };
}

/* The symbols of at least this score; mass[] holds the scores, keys are still to be made. */
static struct cut by_score(const struct row *r, float least, struct row_work *w)
{
    struct cut c = { .key = (uint32_t *)(void *)w->key, .id = w->id, .mass = w->value };
    c.n = r->ops->kernel()->collect(r->score, r->n, least, c.id, c.mass);
    return c;
}

static void key_by_score(struct cut *c, const struct row *r)
{
    for (uint32_t i = 0; i < c->n; i++)
        c->key[i] = row_sort_descending(r->score[c->id[i]]);
}

static void count_ranks(struct cut *c, uint32_t k)
{
    c->target = k;
    for (uint32_t i = 0; i < c->n; i++)
        c->mass[i] = 1;
}

/* The largest of every GROUP of x[n], in its place; returns how many. */
static uint32_t group(float x[], uint32_t n)
{
    uint32_t n_groups = 0;
    for (uint32_t i = 0; i < n; i += GROUP) {
        float most = x[i];
        for (uint32_t j = i + 1; j < n && j < i + GROUP; j++)
            most = x[j] > most ? x[j] : most;
        x[n_groups++] = most;
    }
    return n_groups;
}

/* (n_blocks,) where reached_by() leaves the largest score of each block. */
#define BLOCK_MAXIMA(w) ((float *)(void *)(w)->mass)

/* A score that at least k symbols reach: the k-th of the largest scores of blocks, or of groups of them where these are
 * enough.  -INFINITY: no such luck. */
static float reached_by(const struct row *r, uint32_t k, struct row_work *w)
{
    uint32_t n_blocks = (r->n - 1) / ROW_BLOCK + 1;
    struct cut c = { .key = (uint32_t *)(void *)w->key, .id = w->id, .mass = w->value, .n = n_blocks };
    float *most = BLOCK_MAXIMA(w);
    if (k > n_blocks / 2)
        return -INFINITY;
    r->ops->kernel()->block_max(r->score, r->n, most);
    memcpy(c.mass, most, n_blocks * sizeof *most);
    if (k <= n_blocks / GROUP / 2)
        c.n = group(c.mass, n_blocks);
    row_sort_descend(c.key, c.mass, c.n);
    for (uint32_t i = 0; i < c.n; i++)
        c.id[i] = i;
    count_ranks(&c, k);
    return row_sort_ascending_of(~cut_find(&c).key);
}

/* As by_score(), behind reached_by(): of the blocks in which any reaches it. */
static struct cut by_blocks(const struct row *r, float least, struct row_work *w)
{
    struct cut c = { .key = (uint32_t *)(void *)w->key, .id = w->id, .mass = w->value };
    const float *most = BLOCK_MAXIMA(w);
    for (uint32_t b = 0, first = 0; first < r->n; b++, first += ROW_BLOCK) {
        if (most[b] < least)
            continue;
        uint32_t n = r->n - first < ROW_BLOCK ? r->n - first : ROW_BLOCK, from = c.n;
        c.n += r->ops->kernel()->collect(r->score + first, n, least, c.id + from, c.mass + from);
        for (uint32_t i = from; i < c.n; i++)
            c.id[i] += first;
    }
    return c;
}

/* The edge of the first k of the rank order; kept < k when fewer are not masked. */
static struct edge rank_edge(const struct row *r, uint32_t k, struct row_work *w)
{
    float least = reached_by(r, k, w);
    struct cut c = least > -INFINITY ? by_blocks(r, least, w) : by_score(r, least, w);
    key_by_score(&c, r);
    count_ranks(&c, k);
    return cut_find(&c);
}

void row_cut_measured(struct row *r, float top, double sum)
{
    r->log_z = (double)top + math_log64(sum);
    r->top = top;
    r->has_top = true;
    r->top_z = r->log_z;
}

void row_cut_after(struct row *r, float least, sym_t last)
{
    float top = row_max(r);
    row_cut_measured(r, top, r->ops->kernel()->cut(r->score, r->n, least, last, top));
}

/* Those in which any reaches the score, by what reached_by() left. */
static void list_blocks(struct row *r, float least, struct row_work *w)
{
    const float *most = BLOCK_MAXIMA(w);
    uint32_t n = (r->n - 1) / ROW_BLOCK + 1;
    w->n_blocks = 0;
    for (uint32_t b = 0; b < n; b++) {
        w->block[w->n_blocks] = b;
        w->n_blocks += most[b] >= least;
    }
    row_list_made(r, w);
}

void row_cut_rank(struct row *r, uint32_t k, struct row_work *w)
{
    struct edge e = rank_edge(r, k, w);
    float least = r->score[e.id];
    row_cut_after(r, least, e.id);
    if (k <= (r->n - 1) / ROW_BLOCK / 2)
        list_blocks(r, least, w);
}

/* What row.h calls reached, in units of exp(score - shift). */
static double mass_target(const struct row *r, double p, float shift)
{
    return p * (1 - 0x1p-22) * math_exp64(r->log_z - (double)shift);
}

/* Scores above which the cut is sought, one after the other, whatever n.  At most e^10 symbols have a probability above
 * e^-10: enough for peaked rows.  Of up to 2^18 symbols what stands below the second has less than half of 1 - p. */
static float mass_least(const struct row *r, double p, int turn)
{
    double below[] = { -10, math_log64((1 - p) / 2 * 0x1p-18), -INFINITY };
    return (float)(r->log_z + below[turn]);
}

/* From scores to masses.  Many candidates are first divided by bins of equal width in score, which vectors can do, so
 * that exact keys are made for one bin alone. */
static void weigh(struct cut *c, const struct row *r, float least, float shift)
{
    const struct row_kernel *kernel = r->ops->kernel();
    struct bins bins = { .low = ROW_BIN };
    float top = least, scale = 0;
    if (c->n > MANY) {
        kernel->max(c->mass, c->n, &top);
        scale = (BINS - 1) / (top - least);
    }
    bool wide = scale > 0 && scale < INFINITY; /* scores differ, and by a finite amount */
    if (wide)
        kernel->bin(c->key, c->mass, c->n, top, scale);
    kernel->exp(c->mass, c->n, shift);
    if (wide) {
        bins_add(&bins, c);
        uint32_t bin = bins_find(&bins, c);
        c->n = kernel->pick(c->key, c->n, ROW_BIN + bin, c->id, c->mass);
    }
    key_by_score(c, r);
}

void row_cut_mass(struct row *r, double p, uint32_t min_keep, struct row_work *w)
{
    float shift = (float)r->log_z;
    struct edge e = { 0 };
    for (int turn = 0; turn < 3 && !e.reached; turn++) {
        float least = mass_least(r, p, turn);
        struct cut c = by_score(r, least, w);
        c.target = mass_target(r, p, shift);
        weigh(&c, r, least, shift);
        if (c.n > 0)
            e = cut_find(&c);
    }
    if (e.kept < min_keep)
        e = rank_edge(r, min_keep, w);
    row_cut_after(r, r->score[e.id], e.id);
}

float row_cut_heaviest(const float x[], uint32_t n, double sum, struct row_work *w)
{
    const struct row_kernel *kernel = row_kernel_best();
    struct edge e = { 0 };
    float most;
    kernel->max(x, n, &most);
    for (int turn = 0; turn < 2 && !e.reached && most > 0; turn++) {
        struct cut c = { .key = (uint32_t *)(void *)w->key, .id = w->id, .mass = w->value };
        c.n = kernel->collect(x, n, turn == 0 ? most * 0x1p-14f : 0x1p-149f, c.id, c.mass);
        c.target = sum * (1 - 0x1p-22);
        row_sort_descend(c.key, c.mass, c.n);
        if (c.n > 0)
            e = cut_find(&c);
    }
    return e.reached ? x[e.id] : 0;
}

/* The candidates of at least that score, with their keys. */
static struct cut by_key(const struct row *r, const float key[], float least, struct row_work *w)
{
    struct cut c = by_score(r, least, w);
    for (uint32_t i = 0; i < c.n; i++)
        c.key[i] = row_sort_ascending(key[c.id[i]]);
    return c;
}

static void cut_far(struct row *r, const float key[], const struct edge *e)
{
    r->ops->kernel()->cut_far(r->score, key, r->n, key[e->id], e->id);
}

/* The edge of the first k in the order of key. */
static struct edge key_edge(const struct row *r, const float key[], uint32_t k, struct row_work *w)
{
    struct cut c = by_key(r, key, -INFINITY, w);
    count_ranks(&c, k);
    return cut_find(&c);
}

static struct edge key_mass_edge(const struct row *r, const float key[], double p, float least, struct row_work *w)
{
    float shift = (float)r->log_z;
    struct cut c = by_key(r, key, least, w);
    c.target = mass_target(r, p, shift);
    r->ops->kernel()->exp(c.mass, c.n, shift);
    return c.n > 0 ? cut_find(&c) : (struct edge){ 0 };
}

void row_cut_mass_by(struct row *r, const float key[], double p, uint32_t min_keep, struct row_work *w)
{
    struct edge e = key_mass_edge(r, key, p, -INFINITY, w);
    if (e.kept < min_keep)
        e = key_edge(r, key, min_keep, w);
    cut_far(r, key, &e);
}

/* As with masses in rank order, few candidates are tried first; they hold the whole prefix if it ends at a distance which
 * none of the rest has.  Of a row of key = |score - center| the rest is farther than center - least. */
sym_t row_cut_mass_near(const struct row *r, double center, const float key[], double p, struct row_work *w)
{
    struct edge e = { 0 };
    for (int turn = 0; turn < 3 && !e.reached; turn++) {
        float least = mass_least(r, p, turn);
        e = key_mass_edge(r, key, p, least, w);
        e.reached = e.reached && (turn == 2 || (double)key[e.id] < (center - (double)least) * (1 - 0x1p-20));
    }
    return e.id;
}

uint32_t row_cut_top(const struct row *r, uint32_t k, struct row_work *w, sym_t id[], double logp[])
{
    bool all = k >= r->n;
    struct edge e = all ? (struct edge){ .id = r->n } : rank_edge(r, k, w);
    struct cut c = by_score(r, all ? -INFINITY : r->score[e.id], w);
    row_sort_descend(c.key, c.mass, c.n);
    uint32_t n = all ? c.n : 0;
    for (uint32_t i = 0; i < c.n && !all; i++) { /* those behind the edge go */
        c.key[n] = c.key[i];
        c.id[n] = c.id[i];
        n += c.key[i] < e.key || c.id[i] <= e.id;
    }
    row_sort(c.key, c.id, n, w);
    for (uint32_t i = 0; i < n; i++) {
        id[i] = c.id[i];
        w->value[i] = row_sort_ascending_of(~c.key[i]);
        logp[i] = (double)w->value[i] - r->log_z;
    }
    return n;
}
