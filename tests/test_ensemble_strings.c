/* Ensembles over strings, against enumeration: two exact lms over {a, b, c}, every string of at most five letters.
 *
 * Local pooling and pooling of whole strings are different distributions; a row's log-weight is the bridge.  For every
 * string x of a global ensemble, sum (ln q(v) + log_weight) = ln f(p_1(x), p_2(x)); for a local one the sum is
 * sum ln f(p_1(v), p_2(v)).  Rows are float32: a string has at most six steps, each off by at most 1e-6. */
#include "base/err.h"
#include "ensemble/ensemble.h"
#include "model/core.h"
#include "model/table.h"
#include "tests/lib/check.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LETTERS   5
#define N         4 /* a, b, c, end */
#define TOLERANCE 6e-6
#define N_STRINGS 364 /* (3^6 - 1) / 2 */

static const double weights[2] = { 0.4, 0.6 };

struct string {
    double log_q;      /* sum of ln q(v) */
    double log_weight; /* sum of the rows' log-weights */
    double voice[2];   /* ln p_k(x) */
    double log_steps;  /* sum of ln f(p_1(v), p_2(v)) */
};

struct world {
    struct core *core;
    struct lm *voice[2], *lm;
    double r; /* of the mean */
    double w[2];
    struct string strings[N_STRINGS];
    size_t n;
};

static double log_mean(const double logp[2], const double w[2], double r)
{
    if (isinf(r))
        return r > 0 ? fmax(logp[0], logp[1]) : fmin(logp[0], logp[1]);
    if (r == 0)
        return w[0] * logp[0] + w[1] * logp[1];
    return log(w[0] * exp(r * logp[0]) + w[1] * exp(r * logp[1])) / r;
}

static void fail_on(int rc)
{
    if (rc >= 0)
        return;
    printf("%s\n", err_text());
    exit(1);
}

static struct row row_of(struct world *o, int slot)
{
    struct row r;
    struct want w = { .lm = o->lm, .slot = slot, .n_rows = 1, .tap = LM_TAP_FINAL };
    fail_on(core_run(o->core, &w, 1));
    fail_on(lm_rows(&w, &r));
    return r;
}

/* Visits the node `slot`, whose prefix has the figures `so`, and all below it. */
static void walk(struct world *o, int slot, sym_t prefix[], size_t len, const struct string *so)
{
    float score[N];
    struct row r = row_of(o, slot), own = row_over(score, N);
    double logp[2][N];
    row_copy(&own, &r);
    for (size_t k = 0; k < 2; k++)
        table_logp(o->voice[k], prefix, len, logp[k]);
    for (sym_t v = 0; v < N; v++) {
        struct string x = *so;
        double step[2] = { logp[0][v], logp[1][v] };
        if (step[0] == -INFINITY)
            continue; /* both: beyond the limit only the end is left */
        x.log_q += row_logp(&own, v);
        x.log_weight += own.log_weight;
        x.voice[0] += step[0];
        x.voice[1] += step[1];
        x.log_steps += log_mean(step, o->w, o->r);
        if (v == N - 1) {
            check(o->n < N_STRINGS, "no more strings than there are");
            o->strings[o->n++] = x;
            continue;
        }
        if (v % 2 == 0)
            (void)row_of(o, slot); /* the push sees the rows of the round; else the step is read later */
        int next = lm_fork(o->lm, slot, len);
        fail_on(next);
        prefix[len] = v;
        fail_on(lm_push(o->lm, next, &v, 1, NULL));
        walk(o, next, prefix, len + 1, &x);
        lm_drop(o->lm, next);
    }
}

static void open_world(struct world *o, const char *rule, double r)
{
    memset(o, 0, sizeof *o);
    o->core = core_alloc();
    o->voice[0] = table_open(&(struct table_options){ N, LETTERS, 11, 1 });
    o->voice[1] = table_open(&(struct table_options){ N, LETTERS, 22, 1 });
    struct voice voices[2] = { { .lm = o->voice[0], .name = "a" }, { .lm = o->voice[1], .name = "b" } };
    bool product = strncmp(rule, "product", 7) == 0;
    o->w[0] = product ? 1 : weights[0];
    o->w[1] = product ? 1 : weights[1];
    o->r = r;
    o->lm = ensemble_open(voices, o->w, 2, rule);
    check(o->lm != NULL, "%s opens: %s", rule, o->lm ? "" : err_text());
    int slot = lm_fork(o->lm, LM_EMPTY, 0);
    sym_t prefix[LETTERS + 1];
    walk(o, slot, prefix, 0, &(struct string){ 0 });
    lm_drop(o->lm, slot);
    check(o->n == N_STRINGS, "%s: %zu strings, want %d", rule, o->n, N_STRINGS);
}

static void close_world(struct world *o)
{
    lm_free(o->lm);
    lm_free(o->voice[0]);
    lm_free(o->voice[1]);
    core_free(o->core);
}

static const struct {
    const char *name, *local, *global;
    double r;
} rules[] = {
    { "min", "min", "min(mode=global)", -INFINITY },
    { "harmonic", "power(-1)", "power(-1, mode=global)", -1 },
    { "geometric", "log", "log(mode=global)", 0 },
    { "product", "product", "product(mode=global)", 0 },
    { "r=0.5", "power(0.5)", "power(0.5, mode=global)", 0.5 },
    { "arithmetic", "linear", "linear(mode=global)", 1 },
    { "r=2", "power(2)", "power(2, mode=global)", 2 },
    { "max", "max", "max(mode=global)", INFINITY },
};

/* What the strings of one rule come to. */
struct figures {
    double z;         /* sum of f(p(x)) */
    double z_sampled; /* E_q[weight]: what SMC estimates, exactly */
    double tv, kl;    /* between the local pool and the normalised global target */
};

static void check_sums(const struct world *o, const char *name, const char *mode)
{
    double q = 0;
    for (size_t i = 0; i < o->n; i++)
        q += exp(o->strings[i].log_q);
    check_near(q, 1, TOLERANCE, "%s %s: strings sum to one", name, mode);
}

static struct figures measure(const char *name, size_t i)
{
    static struct world global, local;
    struct figures f = { 0 };
    double worst = 0, worst_local = 0;
    open_world(&global, rules[i].global, rules[i].r);
    open_world(&local, rules[i].local, rules[i].r);
    check_sums(&global, name, "global");
    check_sums(&local, name, "local");
    for (size_t s = 0; s < global.n; s++) {
        const struct string *x = &global.strings[s], *y = &local.strings[s];
        double target = log_mean(x->voice, global.w, global.r);
        worst = fmax(worst, fabs(x->log_q + x->log_weight - target));
        worst_local = fmax(worst_local, fabs(y->log_q + y->log_weight - y->log_steps));
        f.z += exp(target);
        f.z_sampled += exp(x->log_q + x->log_weight);
    }
    for (size_t s = 0; s < global.n; s++) {
        double p = exp(log_mean(global.strings[s].voice, global.w, global.r)) / f.z, q = exp(local.strings[s].log_q);
        f.tv += fabs(p - q) / 2;
        f.kl += p * log(p / q);
    }
    check_near(worst, 0, TOLERANCE, "%s: global log-weights telescope to ln f(p(x))", name);
    check_near(worst_local, 0, TOLERANCE, "%s: local log-weights are the pools' log Z", name);
    check_near(f.z_sampled, f.z, TOLERANCE * f.z, "%s: E[weight] = Z", name);
    close_world(&global);
    close_world(&local);
    return f;
}

static void structure_of_pooling(void)
{
    struct figures f[8];
    for (size_t i = 0; i < 8; i++)
        f[i] = measure(rules[i].name, i);
    for (size_t i = 0; i < 8; i++) {
        check(f[i].tv > 0.01 && f[i].kl > 1e-4, "%s: local is not global: TV %.4f, KL %.4f", rules[i].name, f[i].tv,
              f[i].kl);
        if (getenv("CHORALE_LONG"))
            printf("%-10s  Z %.6f  TV %.3f  KL %.3f\n", rules[i].name, f[i].z, f[i].tv, f[i].kl);
    }
    check_near(f[5].z, 1, 1e-12, "arithmetic with fixed weights: Z = 1");
    static const size_t up[] = { 0, 1, 2, 4, 5, 6, 7 }; /* in the order of r */
    for (size_t i = 1; i < sizeof up / sizeof *up; i++)
        check(f[up[i]].z > f[up[i - 1]].z, "Z rises from %s to %s", rules[up[i - 1]].name, rules[up[i]].name);
    check(f[3].tv > f[2].tv, "the product, sharper, errs more locally than the geometric mean");
}

/* The global arithmetic pool is the mixture of the two models over strings: sampling it needs no weights. */
static void mixture_of_models(void)
{
    static struct world o;
    double worst = 0;
    open_world(&o, "linear(mode=global)", 1);
    for (size_t s = 0; s < o.n; s++) {
        const struct string *x = &o.strings[s];
        double mixture = weights[0] * exp(x->voice[0]) + weights[1] * exp(x->voice[1]);
        worst = fmax(worst, fabs(x->log_q - log(mixture)));
        check_near(x->log_weight, 0, TOLERANCE, "the mixture's log-weight");
    }
    check_near(worst, 0, TOLERANCE, "global linear pool is the mixture of strings");
    close_world(&o);
}

int main(void)
{
    structure_of_pooling();
    mixture_of_models();
    return check_done("ensemble_strings");
}
