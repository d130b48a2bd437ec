#include "experiments/regret.h"
#include "base/err.h"
#include "base/mem.h"
#include "ensemble/weighting.h"
#include "model/lm.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define CLOSE   0.01 /* nats that a text's best weights may be from the optimum */
#define RESTART 0.1  /* of the weight is dealt out anew before each search */
enum { TURNS = 300 };

/* EM from `weight`, which is left where it ends.  The likelihood is concave in w, so that with a_k = mean_i p_ik / q_i the
 * optimum is at most n ln max_k a_k above. */
static void best_weights(const double p[], size_t n, uint32_t n_voices, double weight[])
{
    double a[LM_MAX_VOICES], most = INFINITY;
    for (int turn = 0; turn < TURNS && (double)n * log(most) > CLOSE; turn++) {
        memset(a, 0, sizeof a);
        most = 0;
        for (size_t i = 0; i < n; i++) {
            const double *x = p + i * n_voices;
            double q = 0;
            for (uint32_t k = 0; k < n_voices; k++)
                q += weight[k] * x[k];
            for (uint32_t k = 0; k < n_voices; k++)
                a[k] += x[k] / q;
        }
        for (uint32_t k = 0; k < n_voices; k++) {
            weight[k] *= a[k] / (double)n;
            most = fmax(most, a[k] / (double)n);
        }
    }
}

static double log_likelihood(const double p[], size_t n, uint32_t n_voices, const double weight[])
{
    double sum = 0;
    for (size_t i = 0; i < n; i++) {
        double q = 0;
        for (uint32_t k = 0; k < n_voices; k++)
            q += weight[k] * p[i * n_voices + k];
        sum += log(q);
    }
    return sum;
}

double regret_best_weights(const double p[], size_t n, uint32_t n_voices, double weight[])
{
    if (n == 0)
        return 0;
    for (uint32_t k = 0; k < n_voices; k++) /* EM never leaves 0 */
        weight[k] = (1 - RESTART) * weight[k] + RESTART / n_voices;
    best_weights(p, n, n_voices, weight);
    return log_likelihood(p, n, n_voices, weight);
}

/* Choosing */

/* The node of an lm in the plan; NULL where a plan that was tampered with has none. */
static const json_t *node_of(const struct results *r, const char *lm)
{
    const json_t *lms = json_object_get(json_object_get(results_plan(r), "what"), "lms");
    size_t i;
    json_t *node;
    json_array_foreach(lms, i, node)
    {
        const char *id = json_string_value(json_object_get(node, "id"));
        if (id && strcmp(id, lm) == 0)
            return node;
    }
    return NULL;
}

static bool is_text(const json_t *node, const char *key, const char *want)
{
    const char *s = json_string_value(json_object_get(node, key));
    return s && strcmp(s, want) == 0;
}

static bool learns(const json_t *node)
{
    const char *weighting = json_string_value(json_object_get(node, "weighting"));
    return weighting && weighting_by_symbol(weighting);
}

/* The first arms of lms with two voices or more: those that learn, then others, as far as there is room. */
static size_t choose_arms(const struct results *r, struct regret out[])
{
    size_t n_arms, n = 0;
    const struct results_arm *arms = results_arms(r, &n_arms);
    for (int pass = 0; pass < 2; pass++)
        for (uint32_t arm = 0; arm < n_arms && n < REGRET_LMS; arm++) {
            size_t n_voices;
            results_voices(r, arm, &n_voices);
            const json_t *node = n_voices >= 2 && n_voices <= LM_MAX_VOICES ? node_of(r, arms[arm].lm) : NULL;
            bool has = learns(node), known = !node || has != (pass == 0);
            for (size_t i = 0; i < n && !known; i++)
                known = strcmp(arms[out[i].arm].lm, arms[arm].lm) == 0;
            if (!known)
                out[n++] = (struct regret){ .arm = arm,
                                            .learns = has,
                                            .bounded = is_text(node, "rule", "linear") &&
                                                       (is_text(node, "weighting", "bayes") ||
                                                        is_text(node, "weighting", "bayes=1")),
                                            .n_voices = (uint32_t)n_voices };
        }
    return n;
}

static int arm_order(const void *a, const void *b)
{
    const struct regret *x = a, *y = b;
    return (x->arm > y->arm) - (x->arm < y->arm);
}

/* The records of an arm that a curve is of, before their traces are known. */
struct chosen {
    size_t record[REGRET_TEXTS], n;
};

static int longer(const void *a, const void *b)
{
    size_t x = *(const size_t *)a, y = *(const size_t *)b;
    return (x < y) - (x > y);
}

static void set_points(struct regret *x, size_t n_steps)
{
    size_t n = n_steps < REGRET_POINTS ? n_steps : REGRET_POINTS - 1;
    for (size_t i = 0; i <= n && n_steps > 0; i++)
        x->at[x->n_points++] = n_steps * i / n;
}

static bool is_of(const struct results *r, const struct regret *x, const struct results_record *record)
{
    size_t n;
    return record->arm == x->arm && record->n_symbols > 0 &&
           strcmp(results_items(r, &n)[record->item].kind, x->scored ? "text" : "generate") == 0;
}

/* How many records an arm has of its kind of item. */
static size_t count_records(const struct results *r, const struct regret *x)
{
    size_t n, count = 0;
    const struct results_record *records = results_records(r, &n);
    for (size_t i = 0; i < n; i++)
        count += is_of(r, x, &records[i]);
    return count;
}

/* REGRET_TEXTS of the `count` that there are, evenly over all, since items that are alike stand together. */
static void pick_records(const struct results *r, const struct regret *x, size_t count, struct chosen *c)
{
    size_t n, seen = 0;
    const struct results_record *records = results_records(r, &n);
    for (size_t i = 0; i < n && c->n < REGRET_TEXTS; i++) {
        if (!is_of(r, x, &records[i]))
            continue;
        if (count <= REGRET_TEXTS || seen == c->n * count / REGRET_TEXTS)
            c->record[c->n++] = i;
        seen++;
    }
}

static void choose_records(const struct results *r, struct regret *x, struct chosen *c)
{
    size_t n, length[REGRET_TEXTS];
    const struct results_record *records = results_records(r, &n);
    x->scored = true;
    x->scored = count_records(r, x) > 0;
    pick_records(r, x, count_records(r, x), c);
    for (size_t i = 0; i < c->n; i++)
        length[i] = records[c->record[i]].n_symbols < REGRET_STEPS ? records[c->record[i]].n_symbols : REGRET_STEPS;
    qsort(length, c->n, sizeof *length, longer);
    set_points(x, c->n > 0 ? length[(c->n - 1) / 2] : 0);
}

/* Measuring */

/* One text, as far as the curve goes. */
struct text_loss {
    double *p;     /* (n_steps, n_voices) */
    double *voice; /* (n_voices,) losses so far */
    double own;
};

/* Symbols from x->at[i - 1] on to x->at[i]. */
static void add_steps(const struct regret *x, size_t i, const struct results_tokens *t, struct text_loss *loss)
{
    for (size_t s = x->at[i - 1]; s < x->at[i]; s++) {
        const float *logp = t->voice_logp + s * x->n_voices;
        double pool = (double)t->logp[s];
        bool any = false;
        for (uint32_t k = 0; k < x->n_voices; k++)
            any |= logp[k] > -INFINITY;
        for (uint32_t k = 0; k < x->n_voices; k++) { /* a symbol that no voice would say teaches nothing about them */
            double one = any && !isnan(logp[k]) ? (double)logp[k] : pool;
            loss->voice[k] -= one;
            loss->p[s * x->n_voices + k] = exp(one);
        }
        loss->own -= pool;
    }
}

/* NAN: nothing was told. */
static double mean_of(const float v[], size_t from, size_t to)
{
    double sum = 0;
    size_t n = 0;
    for (size_t i = from; i < to; i++) {
        sum += isfinite(v[i]) ? (double)v[i] : 0;
        n += isfinite(v[i]) ? 1 : 0;
    }
    return n > 0 ? sum / (double)n : NAN;
}

/* False: a text that was said under duress (a symbol of probability 0) has no finite loss. */
static bool measure(const struct regret *x, const struct results_tokens *t, struct regret *one)
{
    double weight[LM_MAX_VOICES] = { 1 };
    size_t n_steps = x->at[x->n_points - 1];
    struct text_loss loss = { .p = mem_alloc(n_steps * x->n_voices, sizeof *loss.p),
                              .voice = mem_alloc(x->n_voices, sizeof *loss.voice) };
    *one = *x;
    for (size_t i = 1; i < x->n_points; i++) {
        double best = INFINITY;
        add_steps(x, i, t, &loss);
        for (uint32_t k = 0; k < x->n_voices; k++)
            best = fmin(best, loss.voice[k]);
        one->over_voice[i] = loss.own - best;
        one->over_weights[i] = loss.own + regret_best_weights(loss.p, x->at[i], x->n_voices, weight);
        one->data[i] = mean_of(t->data_entropy, x->at[i - 1], x->at[i]);
        one->mutual[i] = mean_of(t->disagreement, x->at[i - 1], x->at[i]);
    }
    bool finite = true;
    for (size_t i = 1; i < x->n_points; i++)
        finite &= isfinite(one->over_voice[i]) && isfinite(one->over_weights[i]);
    free(loss.p);
    free(loss.voice);
    return finite;
}

/* Texts that told of a point: steps of one voice alone say nothing of how far voices differ. */
struct told {
    size_t data[REGRET_POINTS], mutual[REGRET_POINTS];
};

static void add_told(double *sum, size_t *n, double x)
{
    *sum += isnan(x) ? 0 : x;
    *n += isnan(x) ? 0 : 1;
}

static void add(struct regret *x, const struct regret *one, const struct results_tokens *t, struct told *told)
{
    for (size_t i = 1; i < x->n_points; i++) {
        x->over_voice[i] += one->over_voice[i];
        x->over_weights[i] += one->over_weights[i];
        add_told(&x->data[i], &told->data[i], one->data[i]);
        add_told(&x->mutual[i], &told->mutual[i], one->mutual[i]);
    }
    for (uint32_t k = 0; k < x->n_voices; k++)
        x->most = fmax(x->most, -log((double)t->voice_weight[k]));
    x->n_texts++;
}

static void divide(struct regret *x, const struct told *told)
{
    x->data[0] = x->mutual[0] = NAN;
    for (size_t i = 1; i < x->n_points; i++) {
        x->over_voice[i] /= (double)x->n_texts;
        x->over_weights[i] /= (double)x->n_texts;
        x->data[i] = told->data[i] > 0 ? x->data[i] / (double)told->data[i] : NAN;
        x->mutual[i] = told->mutual[i] > 0 ? x->mutual[i] / (double)told->mutual[i] : NAN;
    }
}

static int measure_arm(struct results *r, struct regret *x)
{
    size_t n;
    const struct results_record *records = results_records(r, &n);
    struct chosen c = { .n = 0 };
    struct told told = { { 0 }, { 0 } };
    struct results_tokens t;
    struct regret one;
    choose_records(r, x, &c);
    for (size_t i = 0; i < c.n; i++) {
        const struct results_record *record = &records[c.record[i]];
        if (record->n_symbols < x->at[x->n_points - 1])
            continue;
        TRY(results_tokens(r, record, &t));
        if (t.n_voices == x->n_voices && measure(x, &t, &one))
            add(x, &one, &t, &told);
    }
    divide(x, &told);
    return 0;
}

int regret_of(struct results *r, struct regret out[], size_t *n)
{
    size_t kept = 0;
    *n = choose_arms(r, out);
    qsort(out, *n, sizeof *out, arm_order);
    for (size_t i = 0; i < *n; i++) {
        TRY(measure_arm(r, &out[i]));
        if (out[i].n_texts > 0)
            out[kept++] = out[i];
    }
    *n = kept;
    return 0;
}
