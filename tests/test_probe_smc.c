/* A seam probe: sequential Monte Carlo over an ensemble of two tables, as a search of its own on the present seams.
 *
 * The target is f(p1(x), p2(x)) over whole strings x, f a power mean: not what pooling step by step samples from.  A
 * particle's weight is multiplied up from row.log_weight, which is all that the search knows of the ensemble.  Checked
 * against every string: the mean of Zhat is Z = sum f, and each string's weighted count has the mean f(string). */
#include "base/err.h"
#include "decode/search.h"
#include "ensemble/ensemble.h"
#include "model/table.h"
#include "tests/lib/check.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { PARTICLES = 8, N = 3, END = N - 1, LENGTH = 4, MAX_STRINGS = 64, RUNS = 1500 };
#define RARE 0.004 /* f of a string that at least 8 RUNS RARE = 48 particles are expected to say */

struct smc {
    int slot[PARTICLES];
    struct hyp hyp[PARTICLES]; /* log_weight: of the particle */
    struct hyp copy[PARTICLES];
    int n_slots;
};

static uint64_t resampled;

static int smc_init(struct search *s)
{
    struct smc *p = s->state;
    int first = lm_fork(s->args.lm, LM_EMPTY, 0);
    TRY(first);
    p->slot[p->n_slots++] = first;
    TRY(lm_prompt(s->args.lm, first, s->args.prompt, &s->prompt));
    for (; p->n_slots < PARTICLES; p->n_slots++) {
        p->slot[p->n_slots] = lm_fork(s->args.lm, first, s->prompt.n);
        TRY(p->slot[p->n_slots]);
    }
    return 0;
}

static struct want want_of(const struct search *s, int particle)
{
    const struct smc *p = s->state;
    return (struct want){ s->args.lm, p->slot[particle], 1, LM_TAP_FINAL };
}

static int smc_want(struct search *s, struct want out[], size_t max)
{
    const struct smc *p = s->state;
    int n = 0;
    for (int i = 0; i < PARTICLES && (size_t)n < max; i++)
        if (p->hyp[i].end == HYP_OPEN)
            out[n++] = want_of(s, i);
    return n;
}

static struct rng_key key_of(const struct search *s, size_t step, uint32_t lane, enum rng_purpose purpose)
{
    struct rng_address a = s->args.address;
    a.space = s->args.lm->space->hash;
    a.step = (uint32_t)step;
    a.lane = lane;
    a.purpose = purpose;
    return rng_key(&a);
}

static int smc_feed(struct search *s, struct row_work *work)
{
    struct smc *p = s->state;
    for (int i = 0; i < PARTICLES; i++) {
        struct hyp *h = &p->hyp[i];
        struct want w = want_of(s, i);
        struct row row;
        if (h->end != HYP_OPEN)
            continue;
        TRY(lm_rows(&w, &row));
        h->log_weight += row.log_weight;
        if (row_dead(&row)) {
            h->end = HYP_DEAD;
            h->log_weight = -INFINITY;
            continue;
        }
        struct rng_key key = key_of(s, h->n_steps, (uint32_t)i, RNG_DRAW);
        struct hyp_step step = hyp_decide(&row, &row, row_draw(&row, &key), work);
        hyp_add(h, s->args.lm->space, &step);
    }
    return 0;
}

/* lse of factor * log_weight over the particles. */
static double log_sum(const struct smc *p, double factor)
{
    double top = -INFINITY, sum = 0;
    for (int i = 0; i < PARTICLES; i++)
        top = fmax(top, factor * p->hyp[i].log_weight);
    if (top == -INFINITY)
        return top;
    for (int i = 0; i < PARTICLES; i++)
        sum += exp(factor * p->hyp[i].log_weight - top);
    return top + log(sum);
}

/* Systematic resampling: one uniform, PARTICLES equally spaced points in the cumulated weights. */
static int resample(struct search *s, size_t step, double log_total)
{
    struct smc *p = s->state;
    struct rng_key key = key_of(s, step, 0, RNG_RESAMPLE);
    double u = rng_uniform(&key, 0), sum = 0;
    int slot[PARTICLES], n = 0;
    for (int i = 0; i < PARTICLES; i++) {
        sum += PARTICLES * exp(p->hyp[i].log_weight - log_total);
        for (; n < PARTICLES && (n + u < sum || i == PARTICLES - 1); n++) {
            slot[n] = lm_fork(s->args.lm, p->slot[i], lm_length(s->args.lm, p->slot[i]));
            TRY(slot[n]);
            hyp_copy(&p->copy[n], &p->hyp[i]);
            p->copy[n].log_weight = log_total - log(PARTICLES);
        }
    }
    for (int i = 0; i < PARTICLES; i++) {
        struct hyp old = p->hyp[i];
        lm_drop(s->args.lm, p->slot[i]);
        p->slot[i] = slot[i];
        p->hyp[i] = p->copy[i];
        p->copy[i] = old;
    }
    resampled++;
    return 0;
}

static int smc_move(struct search *s)
{
    struct smc *p = s->state;
    size_t longest = 0;
    bool open = false;
    for (int i = 0; i < PARTICLES; i++) {
        struct hyp *h = &p->hyp[i];
        longest = h->n_steps > longest ? h->n_steps : longest;
        if (h->end != HYP_OPEN)
            continue;
        struct hyp_step *last = &h->steps[h->n_steps - 1];
        TRY(lm_push(s->args.lm, p->slot[i], &last->symbol, 1, &last->trace));
        stop_check(s->args.stop, s->args.lm->space, h);
        open |= h->end == HYP_OPEN;
    }
    double log_total = log_sum(p, 1), log_ess = 2 * log_total - log_sum(p, 2);
    if (open && log_total > -INFINITY && log_ess < log(s->value[0].number * PARTICLES))
        return resample(s, longest, log_total);
    return 0;
}

static const struct hyp *smc_hyps(const struct search *s, size_t *n)
{
    const struct smc *p = s->state;
    *n = PARTICLES;
    return p->hyp;
}

static void smc_fini(struct search *s)
{
    struct smc *p = s->state;
    for (int i = 0; i < p->n_slots; i++)
        lm_drop(s->args.lm, p->slot[i]);
    for (int i = 0; i < PARTICLES; i++) {
        hyp_fini(&p->hyp[i]);
        hyp_fini(&p->copy[i]);
    }
}

static const struct param params[] = { { .name = "ess_threshold",
                                         .kind = PARAM_REAL,
                                         .max = 1,
                                         .value = 0.5,
                                         .meaning = "resamples below this share of the particles" } };
static const struct search_type type = { .name = "smc",
                                         .params = params,
                                         .n_params = 1,
                                         .meaning = "weighted particles",
                                         .source = "Gordon et al. 1993",
                                         .random = true,
                                         .check = search_any,
                                         .size = sizeof(struct smc),
                                         .init = smc_init,
                                         .want = smc_want,
                                         .feed = smc_feed,
                                         .move = smc_move,
                                         .hyps = smc_hyps,
                                         .fini = smc_fini };

/* Every string with its f; a string's code is its symbols in base N + 1.  Strings too rare for a mean of RUNS to be
 * normal share cell 0. */
struct strings {
    uint32_t code[MAX_STRINGS];
    double f[MAX_STRINGS];
    size_t cell[MAX_STRINGS];
    size_t n;
    double of_cell[MAX_STRINGS];
    size_t n_cells;
};

struct target {
    const struct lm *voice[2];
    double weight[2];
    double r; /* power; 0: geometric */
};

static double pooled(const struct target *t, const double logp[2])
{
    if (t->r == 0)
        return exp(t->weight[0] * logp[0] + t->weight[1] * logp[1]);
    return pow(t->weight[0] * exp(t->r * logp[0]) + t->weight[1] * exp(t->r * logp[1]), 1 / t->r);
}

static void enumerate(const struct target *t, sym_t made[], size_t n, uint32_t code, const double logp[2],
                      struct strings *out)
{
    double next[2][N];
    for (int k = 0; k < 2; k++)
        table_logp(t->voice[k], made, n, next[k]);
    for (sym_t v = 0; v < N; v++) {
        double longer[2] = { logp[0] + next[0][v], logp[1] + next[1][v] };
        made[n] = v;
        if (v == END) {
            out->code[out->n] = code * (N + 1) + v + 1;
            out->f[out->n++] = pooled(t, longer);
        } else if (longer[0] > -INFINITY || longer[1] > -INFINITY) {
            enumerate(t, made, n + 1, code * (N + 1) + v + 1, longer, out);
        }
    }
}

static void divide(struct strings *all)
{
    all->n_cells = 1;
    for (size_t i = 0; i < all->n; i++) {
        all->cell[i] = all->f[i] < RARE ? 0 : all->n_cells++;
        all->of_cell[all->cell[i]] += all->f[i];
    }
}

static size_t find(const struct strings *all, const struct hyp *h)
{
    uint32_t code = 0;
    size_t i = 0;
    for (size_t k = 0; k < h->n_steps; k++)
        code = code * (N + 1) + h->steps[k].symbol + 1;
    while (i < all->n && all->code[i] != code)
        i++;
    return i;
}

struct moments {
    double sum, square;
};

static void check_mean(const struct moments *m, double want, const char *what, size_t i)
{
    double mean = m->sum / RUNS, se = sqrt(fmax(m->square / RUNS - mean * mean, 0) / (RUNS - 1));
    check_near(mean, want, 5 * se + 1e-6 * want, "%s %zu: standard error %g", what, i, se);
}

/* What the runs of one rule share and add up. */
struct trial {
    struct lm *lm;
    struct core *core;
    struct row_work *work;
    struct strings all;
    struct moments z, log_z, of_cell[MAX_STRINGS];
};

static struct search *finished(const struct trial *t, const struct search_args *args, const char *search)
{
    const struct search_type *const types[] = { &type };
    struct search *s = search_open_types(search, args, types, 1);
    struct want wants[PARTICLES];
    int n;
    check(s != NULL, "it opens: %s", err_text());
    while (s && (n = search_want(s, wants, PARTICLES)) > 0)
        check(core_run(t->core, wants, (size_t)n) == 0 && search_feed(s, t->work) == 0 && search_move(s) == 0, "%s",
              err_text());
    return s;
}

static void add_run(struct trial *t, const struct search *s)
{
    size_t n;
    const struct hyp *h = search_hyps(s, &n);
    double share[MAX_STRINGS] = { 0 }, total = 0;
    for (size_t i = 0; i < n; i++) {
        size_t at = find(&t->all, &h[i]);
        check(at < t->all.n && h[i].end == HYP_SYMBOL, "a whole string");
        share[at < t->all.n ? t->all.cell[at] : 0] += exp(h[i].log_weight) / PARTICLES;
        total += exp(h[i].log_weight) / PARTICLES;
    }
    t->z.sum += total;
    t->z.square += total * total;
    t->log_z.sum += log(total);
    t->log_z.square += log(total) * log(total);
    for (size_t i = 0; i < t->all.n_cells; i++) {
        t->of_cell[i].sum += share[i];
        t->of_cell[i].square += share[i] * share[i];
    }
}

static void run_all(struct trial *t, const char *search)
{
    const struct prompt none = { .n_fields = 0 };
    const struct stop stop = { .max_symbols = 0 };
    struct chain *c = chain_parse("");
    resampled = 0;
    for (uint32_t draw = 0; draw < RUNS; draw++) {
        struct search_args args = {
            .lm = t->lm, .chain = c, .stop = &stop, .prompt = &none, .address = { .seed = 6, .item = 1, .draw = draw }
        };
        struct search *s = finished(t, &args, search);
        if (s)
            add_run(t, s);
        search_close(s);
    }
    chain_free(c);
}

static void unbiased(const char *rule, double r, const char *search, struct lm *const voice[2])
{
    struct target f = { .voice = { voice[0], voice[1] }, .weight = { 0.62, 0.38 }, .r = r };
    struct voice voices[2] = { { .lm = voice[0], .name = "a" }, { .lm = voice[1], .name = "b" } };
    struct trial t = { .lm = ensemble_open(voices, f.weight, 2, rule) };
    check(t.lm != NULL, "%s: %s", rule, err_text());
    if (!t.lm)
        return;
    sym_t made[LENGTH + 1];
    double none[2] = { 0, 0 }, exact = 0;
    enumerate(&f, made, 0, 0, none, &t.all);
    divide(&t.all);
    for (size_t i = 0; i < t.all.n; i++)
        exact += t.all.f[i];
    t.core = core_alloc();
    t.work = row_work_alloc(N);
    run_all(&t, search);
    check_mean(&t.z, exact, rule, 0);
    for (size_t i = 0; i < t.all.n_cells; i++)
        check_mean(&t.of_cell[i], t.all.of_cell[i], rule, i);
    double mean = t.z.sum / RUNS;
    check(exact < 0.98 && t.z.square / RUNS > mean * mean * (1 + 1e-6), "%s: Z is %g and Zhat varies", rule, exact);
    /* E ln Zhat lies below ln Z, by half of Zhat's relative variance where that is small */
    double log_mean = t.log_z.sum / RUNS, spread = sqrt((t.log_z.square / RUNS - log_mean * log_mean) / (RUNS - 1));
    double below = (t.z.square / RUNS - mean * mean) / exact / exact / 2;
    check_near(log_mean, log(exact) - below, 5 * spread, "%s: E ln Zhat, standard error %g", rule, spread);
    check(below > 0 && below < 0.05, "%s: %g below ln Z", rule, below);
    check(resampled > 0, "%s: it resampled %llu times", rule, (unsigned long long)resampled);
    row_work_free(t.work);
    core_free(t.core);
    lm_free(t.lm);
}

int main(void)
{
    struct table_options o = { .n = N, .max_length = LENGTH, .seed = 11, .sharpness = 3 }, other = o;
    other.seed = 22;
    struct lm *voice[2] = { table_open(&o), table_open(&other) };
    unbiased("power(0.5, mode=global)", 0.5, "smc(1)", voice);
    unbiased("log(mode=global)", 0, "smc", voice);
    lm_free(voice[0]);
    lm_free(voice[1]);
    return check_done("probe_smc");
}
