/* Uncertainty of ensembles: against its definitions in long double on random rows, against numpy, by hand; and the same
 * numbers told of a text that is scored as of one that is said step by step. */
#include "base/doc.h"
#include "base/err.h"
#include "base/mem.h"
#include "base/row_apart.h"
#include "ensemble/ensemble.h"
#include "ensemble/pool_line.h"
#include "ensemble/uncertainty.h"
#include "model/core.h"
#include "model/table.h"
#include "tests/lib/check.h"
#include "tests/lib/rows.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST = 300, VOICES = 5 };

static float member[VOICES][MOST], mixed[MOST], alone[MOST];

static void fail_on(int rc)
{
    check(rc == 0, "%s", err_text());
}

/* By definition, in long double, from the members' log-probabilities. */
struct defined {
    long double data, total, rmi, epkl;
};

static long double divergence(const double p[], const double q[], uint32_t n)
{
    long double sum = 0;
    for (uint32_t v = 0; v < n; v++)
        if (p[v] > -INFINITY)
            sum += expl((long double)p[v]) * ((long double)p[v] - (long double)q[v]);
    return sum;
}

static long double entropy(const double p[], uint32_t n)
{
    long double sum = 0;
    for (uint32_t v = 0; v < n; v++)
        sum -= p[v] > -INFINITY ? expl((long double)p[v]) * (long double)p[v] : 0;
    return sum;
}

static struct defined by_definition(const struct row rows[], const double weight[], size_t n_rows)
{
    static double logp[VOICES][MOST], m[MOST];
    struct defined d = { 0 };
    uint32_t n = rows[0].n;
    for (uint32_t v = 0; v < n; v++) {
        long double sum = 0;
        for (size_t k = 0; k < n_rows; k++) {
            logp[k][v] = row_logp(&rows[k], v);
            sum += (long double)weight[k] * expl((long double)logp[k][v]);
        }
        m[v] = (double)logl(sum);
    }
    d.total = entropy(m, n);
    for (size_t k = 0; k < n_rows; k++) {
        d.data += (long double)weight[k] * entropy(logp[k], n);
        d.rmi += weight[k] > 0 ? (long double)weight[k] * divergence(m, logp[k], n) : 0;
        for (size_t j = 0; j < n_rows; j++)
            if (weight[j] > 0 && weight[k] > 0 && j != k)
                d.epkl += (long double)(weight[j] * weight[k]) * divergence(logp[j], logp[k], n);
    }
    return d;
}

static struct uncertainty measured(const struct row rows[], const double weight[], size_t n_rows)
{
    return uncertainty_of(rows, weight, n_rows);
}

static void near(double got, long double want, const char *what, uint32_t n)
{
    if (isinf(want))
        check(got == INFINITY, "%s of %u symbols: %g, want infinite", what, n, got);
    else
        check_near(got, (double)want, 2e-6 * fmax(1, (double)want), "%s of %u symbols", what, n);
}

static void random_rows(void)
{
    static const double weights[][VOICES] = {
        { .62, .38 }, { .4, .3, .2, .1 }, { .5, 0, .25, .25 }, { .2, .2, .2, .2, .2 }
    };
    static const size_t voices[] = { 2, 4, 4, 5 };
    static const uint32_t sizes[] = { 1, 2, 15, 16, 17, 63, 64, 65, 129, 300 };
    for (uint64_t i = 0; i < 4 * 10 * (ROWS_KINDS - 1); i++) {
        struct row rows[VOICES] = { { .n = 0 } };
        uint32_t n = sizes[i % 10];
        const double *w = weights[i % 4];
        enum rows_kind kind = (enum rows_kind)(i % (ROWS_KINDS - 1));
        for (uint64_t k = 0; k < voices[i % 4]; k++)
            rows[k] = rows_make(k % 2 ? ROWS_NORMAL : kind, 100 * i + k, member[k], n);
        struct uncertainty u = measured(rows, w, voices[i % 4]);
        struct defined d = by_definition(rows, w, voices[i % 4]);
        near(u.data, d.data, "data entropy", n);
        near(u.mutual, d.total - d.data, "mutual information", n);
        near(u.rmi, d.rmi, "RMI", n);
        near(u.epkl, d.epkl, "EPKL, by pairs", n);
        check(u.data >= 0 && u.mutual >= 0 && u.rmi >= 0 && u.agreement > 0 && u.agreement <= 1, "signs");
    }
}

static bool equal(struct row_pooled a, struct row_pooled b)
{
    return a.sum == b.sum && a.top == b.top;
}

/* Every kernel gives the same bits, whatever the length of the rows, alone or in the pass that pools. */
static void same_bits(void)
{
    static const uint32_t sizes[] = { 1, 7, 16, 31, 63, 64, 65, 127, 129, 300 };
    const struct row_kernel *all[] = { &row_kernel_plain, &row_kernel_avx2, &row_kernel_avx512 };
    for (size_t i = 0; i < 3 * 10 * ROWS_KINDS; i++) {
        struct row_part part[3] = { { .score = NULL } };
        struct row rows[3];
        double want[3], got[3];
        struct row_pooled sum;
        uint32_t n = sizes[i / 3 % 10];
        enum rows_kind kind = (enum rows_kind)(i / 30);
        const struct row_kernel *k = all[i % 3];
        if (!k->supported())
            continue;
        for (uint64_t j = 0; j < 3; j++) {
            rows[j] = rows_make(j == 2 ? ROWS_MASKED : kind, 9 * i + j, member[j], n);
            double offset = log(.2 + .1 * (double)j) - rows[j].log_z;
            part[j] =
                (struct row_part){ .score = rows[j].score, .factor = .3, .offset = offset, .near = (float)offset };
        }
        row_apart_parts(part, rows, (double[]){ .2, .3, .5 }, 3);
        row_kernel_plain.apart(part, 3, n, want);
        k->apart(part, 3, n, got);
        check(memcmp(want, got, sizeof got) == 0, "%s: %s rows of %u", k->name, rows_name(kind), n);
        sum = k->mix_apart(mixed, part, 3, n, got);
        check(memcmp(want, got, sizeof got) == 0, "%s: %s rows of %u, mixed", k->name, rows_name(kind), n);
        check(equal(k->mix_near(alone, part, 3, n), sum) && memcmp(mixed, alone, n * sizeof *mixed) == 0,
              "%s: %s rows of %u, the mixture", k->name, rows_name(kind), n);
        sum = k->product_apart(mixed, part, 3, n, got);
        check(memcmp(want, got, sizeof got) == 0, "%s: %s rows of %u, multiplied", k->name, rows_name(kind), n);
        double first = (part[0].offset + part[1].offset) + part[2].offset;
        check(equal(k->product_near(alone, part, 3, n, first), sum) && memcmp(mixed, alone, n * sizeof *mixed) == 0,
              "%s: %s rows of %u, the product", k->name, rows_name(kind), n);
    }
}

/* Two members are added in float, more in double: the same bits, as a third that has nothing shows. */
static void of_two(void)
{
    static float nothing[MOST];
    for (size_t i = 0; i < MOST; i++)
        nothing[i] = -INFINITY;
    for (uint64_t i = 0; i < 40 * (ROWS_KINDS - 1); i++) {
        struct row_part part[3] = { { .score = NULL }, { .score = NULL }, { .score = nothing, .share = 1 } };
        struct row rows[2];
        const struct row_kernel *k = row_kernel_best();
        double two[3], three[3], u = .001 + (double)i / 1000;
        for (uint64_t j = 0; j < 2; j++) {
            rows[j] =
                rows_make(j == 0 ? (enum rows_kind)(i % (ROWS_KINDS - 1)) : ROWS_NORMAL, 5 * i + j, member[j], MOST);
            part[j] = (struct row_part){ .score = rows[j].score, .factor = .5, .near = (float)-rows[j].log_z };
        }
        row_apart_parts(part, rows, (double[]){ u, 1 - u }, 2);
        struct row_pooled sum = k->mix_near(mixed, part, 2, MOST);
        check(equal(k->mix_near(alone, part, 3, MOST), sum) && memcmp(mixed, alone, sizeof mixed) == 0,
              "two and nothing are two, case %zu", (size_t)i);
        part[2].weight = 0; /* times the logarithm of nothing would be NaN: `cross` of all three is not looked at */
        k->mix_apart(mixed, part, 2, MOST, two);
        k->mix_apart(alone, part, 3, MOST, three);
        check(memcmp(two, three, 2 * sizeof *two) == 0 && memcmp(mixed, alone, sizeof mixed) == 0,
              "two and nothing differ as two do, case %zu", (size_t)i);
    }
}

/* The pool that says how its members differ has the bits of the pool and of what says so alone: whatever the weights, dead
 * rows and voices of no weight. */
static void in_one_pass(void)
{
    static const double weights[][3] = { { .2, .3, .5 }, { 1, 1, 1 }, { 0, 0, 1 }, { 0, .4, .6 }, { 1e-20, .5, .5 } };
    static const char *const rules[] = { "linear", "log", "product", "power(2)", "max", "gated(0.9)" };
    for (size_t i = 0; i < 6 * 5 * ROWS_KINDS; i++) {
        struct row rows[3], a = row_over(mixed, MOST), b = row_over(alone, MOST);
        struct row_apart apart, want;
        struct pool p;
        double w[3];
        for (uint64_t j = 0; j < 3; j++)
            rows[j] = rows_make(j == 0 ? (enum rows_kind)(i / 30) : ROWS_NORMAL, 7 * i + j, member[j], MOST);
        memcpy(w, weights[i / 6 % 5], sizeof w);
        fail_on(pool_parse(rules[i % 6], &p));
        fail_on(pool_weights(&p, w, 3));
        double z = pool_apply_apart(&p, &a, &(struct pool_members){ rows, w, 3 }, &apart);
        check(z == pool_apply(&p, &b, rows, w, 3), "%s: log Z, case %zu", rules[i % 6], i);
        check(a.log_z == b.log_z && memcmp(mixed, alone, sizeof mixed) == 0, "%s: the pool, case %zu", rules[i % 6], i);
        row_pool_apart(rows, w, 3, &want);
        check(memcmp(&apart, &want, sizeof want) == 0, "%s: how they differ, case %zu", rules[i % 6], i);
        pool_fini(&p);
    }
}

/* Raw scores of a large offset, and weights of any sum. */
static void offsets(void)
{
    struct row rows[2], moved[2];
    for (uint64_t k = 0; k < 2; k++) {
        rows[k] = rows_make(ROWS_NORMAL, k, member[k], MOST);
        for (uint32_t v = 0; v < MOST; v++) /* the same floats after the offset has taken bits */
            member[k][v] = (member[k][v] + 4096) - 4096;
        fail_on(row_measure(&rows[k]));
        memcpy(member[k + 2], member[k], sizeof member[k]);
        for (uint32_t v = 0; v < MOST; v++)
            member[k + 2][v] += 4096;
        moved[k] = row_over(member[k + 2], MOST);
        fail_on(row_measure(&moved[k]));
    }
    struct uncertainty a = measured(rows, (double[]){ .3, .7 }, 2), b = measured(moved, (double[]){ 3, 7 }, 2);
    check_near(a.data, b.data, 2e-6, "offset: data");
    check_near(a.mutual, b.mutual, 2e-6, "offset: mutual information");
    check_near(a.rmi, b.rmi, 2e-6, "offset: RMI");
    check_near(a.agreement, b.agreement, 1e-12, "offset: agreement");
}

static void by_hand(void)
{
    static const double p[3] = { 1, 0, 0 }, q[3] = { 0, 1, 0 }, h[3] = { .5, .5, 0 }, none[3] = { 0 };
    struct row pq[2] = { rows_of(p, member[0], 3), rows_of(q, member[1], 3) };
    struct row ph[2] = { pq[0], rows_of(h, member[2], 3) };
    struct row hh[2] = { ph[1], ph[1] }, dead[2] = { ph[1], rows_of(none, member[3], 3) };
    static const double w[2] = { .5, .5 };
    struct uncertainty u = measured(pq, w, 2);
    check_near(u.mutual, log(2), 1e-6, "opposite certainties disagree by ln 2");
    check(u.data == 0 && u.rmi == INFINITY && u.epkl == INFINITY && u.agreement == .5, "and veto each other");
    u = measured(ph, w, 2);
    check_near(u.mutual, 0.21576155433883568, 1e-6, "a coin and a certainty");
    check_near(u.data, log(2) / 2, 1e-6, "half a coin");
    check(u.rmi == INFINITY && u.agreement == 1, "the coin's first side is best, as the certainty's");
    u = measured(hh, w, 2);
    check(u.mutual < 1e-7 && u.rmi < 1e-7 && u.agreement == 1, "equal voices: %g, %g", u.mutual, u.rmi);
    check_near(u.data, log(2), 1e-6, "equal voices: a coin's entropy");
    u = measured(dead, w, 2);
    check(u.mutual == 0 && u.rmi == 0 && u.epkl == 0 && u.agreement == 1, "a dead voice has no opinion");
    check_near(u.data, log(2), 1e-6, "and no share in the mean");
    u = measured(&dead[1], w, 1);
    check(u.data == 0 && u.mutual == 0 && u.agreement == 1, "nobody is left: nothing is NaN");
    u = measured(pq, (double[]){ .9, 0 }, 2);
    check(u.mutual == 0 && u.rmi == 0 && u.agreement == 1, "a voice of weight 0 is left out");
}

static double real(const json_t *doc, const char *key)
{
    const json_t *x = json_object_get(doc, key);
    return json_is_null(x) ? INFINITY : json_number_value(x);
}

/* A line of the fixture: a request of the verb pool, and what numpy makes of it. */
static void numpy_line(const char *line)
{
    static const char *const keys[] = { "data_entropy", "disagreement", "rmi", "epkl", "agreement" };
    struct text asked = { 0 }, out = { 0 };
    json_t *request = doc_read("line", line, strlen(line)), *want = json_incref(json_object_get(request, "want"));
    json_object_del(request, "want"); /* no member of a request */
    doc_canonical(&asked, request);
    fail_on(pool_line(text_s(&asked), asked.len, NULL, &out));
    json_t *got = doc_read("answer", text_s(&out), out.len);
    for (size_t k = 0; k < 5 && got; k++) {
        double x = real(got, keys[k]), y = real(want, keys[k]);
        bool both = x == INFINITY && y == INFINITY;
        check(both || fabs(x - y) <= 2e-6 * fmax(1, y), "numpy, case %d: %s is %.9g, want %.9g",
              (int)json_integer_value(json_object_get(request, "id")), keys[k], x, y);
    }
    json_decref(got);
    json_decref(want);
    json_decref(request);
    text_free(&asked);
    text_free(&out);
}

static void numpy_cases(void)
{
    FILE *f = fopen(CHORALE_HOME "/tests/fixtures/pool/uncertainty.jsonl", "r");
    char *line = NULL;
    size_t cap = 0, n = 0;
    check(f != NULL, "the fixture");
    while (f && getline(&line, &cap, f) > 0) {
        numpy_line(line);
        n++;
    }
    check(n == 16, "%zu cases of numpy, want 16", n);
    free(line);
    if (f)
        fclose(f);
}

/* Texts that are scored */

enum { SYMBOLS = 20, LENGTH = 40, CHUNK = 7 };

static struct core *core;
static struct lm *leaf[3];

static void read_last(struct lm *lm, int slot, uint32_t n_rows, struct row rows[])
{
    struct want w = { lm, slot, n_rows, LM_TAP_FINAL };
    fail_on(core_run(core, &w, 1));
    fail_on(lm_rows(&w, rows));
}

static void said_by_steps(struct lm *lm, const sym_t s[], struct lm_trace out[])
{
    struct row r;
    int slot = lm_fork(lm, LM_EMPTY, 0);
    fail_on(lm_push(lm, slot, s, 1, NULL));
    for (size_t i = 1; i < LENGTH; i++) {
        read_last(lm, slot, 1, &r);
        fail_on(lm_push(lm, slot, &s[i], 1, &out[i]));
    }
    lm_drop(lm, slot);
}

static void scored_in_chunks(struct lm *lm, const sym_t s[], struct lm_trace out[])
{
    struct row rows[CHUNK];
    int slot = lm_fork(lm, LM_EMPTY, 0);
    fail_on(lm_push(lm, slot, s, 1, NULL));
    for (size_t done = 1; done < LENGTH; done += CHUNK) {
        size_t n = LENGTH - done < CHUNK ? LENGTH - done : CHUNK;
        if (n > 1)
            fail_on(lm_push(lm, slot, s + done, n - 1, NULL));
        read_last(lm, slot, (uint32_t)n, rows);
        for (size_t i = 0; i < n; i++)
            fail_on(lm_trace(lm, slot, (uint32_t)(n - 1 - i), s[done + i], &out[done + i]));
        fail_on(lm_push(lm, slot, s + done + n - 1, 1, NULL));
    }
    lm_drop(lm, slot);
}

static bool same(const float a[], const float b[], size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (!(a[i] == b[i] || (isnan(a[i]) && isnan(b[i]))))
            return false;
    return true;
}

static bool same_trace(const struct lm_trace *a, const struct lm_trace *b)
{
    const float x[] = { a->data_entropy, a->disagreement, a->epkl, a->rmi, a->agreement };
    const float y[] = { b->data_entropy, b->disagreement, b->epkl, b->rmi, b->agreement };
    return a->n_voices == b->n_voices && a->n_voices == 3 && same(x, y, 5) && same(a->logp, b->logp, 3) &&
           same(a->share, b->share, 3) && same(a->weight, b->weight, 3);
}

static int halve(const struct transform *t, void *state, struct row *r, const struct transform_at *at)
{
    (void)t;
    (void)state;
    (void)at;
    row_scale(r, .5);
    return 0;
}

/* Who was not asked cannot agree; the others tell.  How many steps of each kind there are. */
static void check_asked(const char *rule, const struct lm_trace t[], size_t n_steps[2])
{
    n_steps[0] = n_steps[1] = 0;
    for (size_t i = 1; i < LENGTH; i++) {
        const float apart[] = { t[i].disagreement, t[i].epkl, t[i].rmi, t[i].agreement };
        bool all = true;
        for (size_t k = 0; k < 3; k++)
            all &= !isnan(t[i].logp[k]);
        for (size_t k = 0; k < 4; k++)
            check(isnan(apart[k]) == !all, "%s: number %zu of symbol %zu is %g", rule, k, i, (double)apart[k]);
        check(t[i].data_entropy > 0, "%s: data entropy of symbol %zu", rule, i);
        n_steps[all]++;
    }
}

static void scored(const char *rule, const char *weighting, const struct transform *t)
{
    const struct voice v[3] = { { .lm = leaf[0], .name = "a" },
                                { .lm = leaf[1], .name = "b", .transforms = &t, .n_transforms = t ? 1 : 0 },
                                { .lm = leaf[2], .name = "c" } };
    struct lm *lm = ensemble_open_by(v, (double[]){ .5, .3, .2 }, 3, &(struct ensemble_rule){ rule, weighting });
    struct lm_trace *steps = mem_alloc(LENGTH, sizeof *steps), *chunks = mem_alloc(LENGTH, sizeof *chunks);
    sym_t s[LENGTH];
    size_t n_steps[2];
    check(lm != NULL, "%s: %s", rule, err_text());
    for (size_t i = 0; i < LENGTH; i++)
        s[i] = (sym_t)((i * i + 3 * i) % (SYMBOLS - 1));
    said_by_steps(lm, s, steps);
    scored_in_chunks(lm, s, chunks);
    for (size_t i = 1; i < LENGTH; i++)
        check(same_trace(&steps[i], &chunks[i]), "%s%s%s: symbol %zu is told alike, said and scored", rule,
              weighting ? " by " : "", weighting ? weighting : "", i);
    check_asked(rule, steps, n_steps);
    check((n_steps[0] > 0) == (strncmp(rule, "gated", 5) == 0) && n_steps[1] > 0,
          "%s: %zu steps of one voice, %zu of all", rule, n_steps[0], n_steps[1]);
    free(steps);
    free(chunks);
    lm_free(lm);
}

static void scored_texts(void)
{
    static const struct transform_type half = { .name = "half", .apply = halve };
    static const struct transform t = { .type = &half };
    core = core_alloc();
    for (uint64_t k = 0; k < 3; k++)
        leaf[k] = table_open(&(struct table_options){ .n = SYMBOLS, .max_length = 64, .seed = k + 1, .sharpness = 2 });
    scored("linear", NULL, NULL);
    scored("linear", NULL, &t);
    scored("log", NULL, &t);
    scored("power(2)", NULL, NULL);
    scored("gated(0.3)", NULL, &t);
    scored("log(mode=global)", NULL, NULL);
    scored("linear", "bayes", &t);
    scored("linear", "share(0.05)", NULL);
    scored("product", "logistic", &t);
    struct lm_trace none = { .n_voices = 7 };
    fail_on(lm_trace(leaf[0], 0, 0, 0, &none));
    check(none.n_voices == 0, "a leaf has no voices to tell of");
    for (size_t k = 0; k < 3; k++)
        lm_free(leaf[k]);
    core_free(core);
}

int main(void)
{
    random_rows();
    same_bits();
    of_two();
    in_one_pass();
    offsets();
    by_hand();
    numpy_cases();
    scored_texts();
    return check_done("uncertainty");
}
