/* Cuts of rows against a plain sort of the vocabulary, and the boundary cases of other systems' suites. */
#include "base/row_math.h"
#include "tests/lib/check.h"
#include "tests/lib/rows.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define MOST 256000

static float score[MOST], cut[MOST], key[MOST];
static sym_t order[MOST], top[MOST];
static double top_logp[MOST];
static struct row_work *work;

static const float *sort_by;
static float sort_sign;

static int in_order(const void *a, const void *b)
{
    sym_t i = *(const sym_t *)a, j = *(const sym_t *)b;
    float x = sort_sign * sort_by[i], y = sort_sign * sort_by[j];
    return x != y ? (x > y) - (x < y) : (i > j) - (i < j);
}

/* order[] = the symbols not masked, by sign * by[] ascending, then by id; returns how many. */
static uint32_t sorted(const struct row *r, const float by[], float sign)
{
    uint32_t n = 0;
    for (sym_t v = 0; v < r->n; v++)
        if (r->score[v] > -INFINITY)
            order[n++] = v;
    sort_by = by;
    sort_sign = sign;
    qsort(order, n, sizeof *order, in_order);
    return n;
}

/* The rule of row.h, word for word, over order[0 .. n). */
static uint32_t shortest(const struct row *r, uint32_t n, double p, uint32_t min_keep)
{
    float shift = (float)r->log_z;
    double mass = 0, unit = exp((double)shift - r->log_z);
    uint32_t kept = 0;
    while (kept < n && (kept < min_keep || mass * unit < p * (1 - 0x1p-22)))
        mass += (double)math_exp(r->score[order[kept++]] - shift);
    return kept;
}

static bool kept_exactly(const struct row *before, const struct row *after, uint32_t kept)
{
    static unsigned char want[MOST];
    bool same = true;
    memset(want, 0, before->n);
    for (uint32_t i = 0; i < kept; i++)
        want[order[i]] = 1;
    for (sym_t v = 0; v < before->n; v++)
        same = same && (want[v] ? after->score[v] == before->score[v] : after->score[v] == -INFINITY);
    return same;
}

static double true_log_z(const struct row *r)
{
    long double sum = 0, max = (long double)row_max(r);
    for (sym_t v = 0; v < r->n; v++)
        sum += expl((long double)r->score[v] - max);
    return (double)(max + logl(sum));
}

static void check_rank(const struct row *r, uint32_t k, const char *name)
{
    struct row c = row_over(cut, r->n);
    row_copy(&c, r);
    row_keep_rank(&c, k, work);
    uint32_t n = sorted(r, r->score, -1), kept = k < n ? k : n;
    check(kept_exactly(r, &c, kept), "%s row of %u: rank %u", name, r->n, k);
    check_near(c.log_z, true_log_z(&c), 1e-6, "%s row of %u: measured after rank %u", name, r->n, k);
    uint32_t got = row_top(r, k, work, top, top_logp);
    check(got == kept && memcmp(top, order, kept * sizeof *top) == 0, "%s row of %u: top %u", name, r->n, k);
    for (uint32_t i = 0; i < got; i++)
        if (top_logp[i] != row_logp(r, top[i]))
            check(false, "%s row of %u: logp of the %u-th", name, r->n, i);
}

static void check_mass(const struct row *r, double p, uint32_t min_keep, const char *name)
{
    struct row c = row_over(cut, r->n);
    row_copy(&c, r);
    row_keep_mass(&c, p, min_keep, work);
    uint32_t n = sorted(r, r->score, -1), kept = p >= 1 ? n : shortest(r, n, p, min_keep);
    check(kept_exactly(r, &c, kept), "%s row of %u: mass %.17g, at least %u: %u of %u, want %u", name, r->n, p,
          min_keep, row_count(&c), n, kept);
    if (kept > min_keep)
        check(exp(true_log_z(&c) - true_log_z(r)) > fmin(p, 1) * (1 - 1e-6), "%s row of %u: %g is reached", name, r->n,
              p);
    row_copy(&c, r);
    row_keep_mass_by(&c, key, p, min_keep, work);
    n = sorted(r, key, 1);
    kept = p >= 1 ? n : shortest(r, n, p, min_keep);
    check(kept_exactly(r, &c, kept), "%s row of %u: mass %.17g by key, at least %u: %u, want %u", name, r->n, p,
          min_keep, row_count(&c), kept);
}

/* The keys of typical sampling, in fewer looks; equals of the last with it, and without. */
static void check_mass_near(const struct row *r, double p, const char *name)
{
    double center = r->log_z - row_entropy(r);
    if (row_dead(r) || p >= 1)
        return;
    row_distance(r, center, key);
    sym_t last = row_mass_near(r, center, key, p, work);
    uint32_t n = sorted(r, key, 1), kept = shortest(r, n, p, 1);
    struct row c = row_over(cut, r->n);
    row_copy(&c, r);
    row_mask_far(&c, key, key[last], last);
    check(kept_exactly(r, &c, kept), "%s row of %u: mass %.17g near its entropy: %u, want %u", name, r->n, p,
          row_count(&c), kept);
    row_copy(&c, r);
    row_mask_far(&c, key, key[last], r->n - 1);
    while (kept < n && key[order[kept]] == key[last])
        kept++;
    check(row_count(&c) == kept, "%s row of %u: with equals %u, want %u", name, r->n, row_count(&c), kept);
    n = sorted(r, r->score, -1);
    kept = 1 + n / 3;
    row_copy(&c, r);
    row_mask_after(&c, order[kept - 1]);
    check(kept_exactly(r, &c, kept) || kept > n, "%s row of %u: behind the %u-th", name, r->n, kept);
}

/* Keys as typical sampling has them, but with ties and both zeros. */
static void keys_of(const struct row *r)
{
    float center = (float)(r->log_z - row_entropy(r));
    for (sym_t v = 0; v < r->n; v++)
        key[v] = v % 7 == 0 ? (v % 2 ? 0.0f : -0.0f) : fabsf(r->score[v] - center) - .5f;
}

static void check_all(enum rows_kind kind, uint64_t seed, uint32_t n)
{
    static const double masses[] = { 0, 1e-9, .3, .5, .9, .95, .999, .9999999, 1 - 1e-16, 1, 2 };
    struct row r = rows_make(kind, seed, score, n);
    uint32_t ranks[] = { 1, 2, 40, n / 3 + 1, n - 1, n, n + 5 };
    if (seed % 2)
        score[n / 2] = -0.0f; /* equal to 0, where there is one */
    row_measure(&r);
    keys_of(&r);
    for (size_t i = 0; i < sizeof ranks / sizeof ranks[0]; i++)
        check_rank(&r, ranks[i] > 0 ? ranks[i] : 1, rows_name(kind));
    for (size_t i = 0; i < sizeof masses / sizeof masses[0]; i++)
        check_mass(&r, masses[i], 1 + (uint32_t)(seed % 3) * 10, rows_name(kind));
    for (size_t i = 0; i < sizeof masses / sizeof masses[0]; i++)
        check_mass_near(&r, masses[i], rows_name(kind));
}

static void test_against_sort(void)
{
    static const uint32_t sizes[] = { 1, 2, 3, 5, 31, 32, 33, 64, 65, 200, 999, 5000 };
    uint64_t turns = getenv("CHORALE_LONG") ? 200 : 2;
    for (uint64_t seed = 0; seed < turns; seed++)
        for (size_t s = 0; s < sizeof sizes / sizeof sizes[0]; s++)
            for (int kind = 0; kind < ROWS_KINDS; kind++)
                check_all((enum rows_kind)kind, seed * 100 + s, sizes[s]);
}

static void test_many_small(void)
{
    struct rng_key k = rng_key(&(struct rng_address){ .seed = 9, .purpose = RNG_TEST });
    for (uint32_t i = 0; i < 2000; i++) {
        uint32_t w[4];
        rng_words(&k, i, w);
        struct row r = rows_make((enum rows_kind)(w[0] % ROWS_KINDS), i, score, 1 + w[1] % 100);
        keys_of(&r);
        check_mass(&r, rng_open53(w[2], w[3]), 1, rows_name((enum rows_kind)(w[0] % ROWS_KINDS)));
        check_rank(&r, 1 + w[2] % 100, rows_name((enum rows_kind)(w[0] % ROWS_KINDS)));
        check_mass_near(&r, rng_open53(w[2], w[3]), rows_name((enum rows_kind)(w[0] % ROWS_KINDS)));
    }
}

static void test_large(void)
{
    for (int kind = 0; kind < (getenv("CHORALE_LONG") ? ROWS_KINDS : ROWS_TIES); kind++) {
        struct row r = rows_make((enum rows_kind)kind, 77, score, MOST);
        keys_of(&r);
        check_mass(&r, .95, 1, rows_name((enum rows_kind)kind));
    }
    struct row r = rows_make(ROWS_NORMAL, 78, score, MOST);
    check_rank(&r, 40, "normal");
}

/* Masses that are met exactly: shared/reference conformance A3, D, F and decoding 1C. */
static void test_boundary(void)
{
    static const struct {
        double p[4];
        uint32_t n, k;
        double mass;
        uint32_t kept;
    } cases[] = {
        { { .1, .2, .3, .4 }, 4, 4, 0, 1 },
        { { .1, .2, .3, .4 }, 4, 4, .7, 2 },
        { { .1, .2, .3, .4 }, 4, 4, .8, 3 },
        { { .1, .2, .3, .4 }, 4, 4, .9, 3 },
        { { .1, .2, .3, .4 }, 4, 4, 1, 4 },
        { { .6, .2, .2 }, 3, 2, .7, 1 },
        { { .090031, .244728, .665241 }, 3, 3, .2, 1 },
        { { .090031, .244728, .665241 }, 3, 3, .9, 2 },
        { { .5, .3, .2 }, 3, 3, .8, 2 },
        { { .5, .3, .2 }, 3, 3, .79, 2 },
        { { .5, .3, .2 }, 3, 3, .8001, 3 },
        { { .3, .1, .1, .5 }, 4, 4, .8, 2 },
        { { .15, .3, .3, .25 }, 4, 4, .8, 3 },
        { { .25, .25, .25, .25 }, 4, 4, .75, 3 },
        { { .25, .25, .25, .25 }, 4, 4, .751, 4 },
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        for (double offset = 0; offset < 20; offset += 3.7) { /* raw scores of any offset */
            struct row r = rows_of(cases[i].p, score, cases[i].n);
            for (sym_t v = 0; v < r.n; v++)
                score[v] = (float)((double)score[v] + offset / 16);
            row_measure(&r);
            row_keep_rank(&r, cases[i].k, work);
            row_keep_mass(&r, cases[i].mass, 1, work);
            check(row_count(&r) == cases[i].kept, "case %zu, offset %g: mass %g keeps %u, want %u", i, offset / 16,
                  cases[i].mass, row_count(&r), cases[i].kept);
        }
}

/* Multiples of 1/1000: at every boundary k/1000 exactly k symbols, not one more. */
static void test_boundary_of_equals(void)
{
    struct row r = row_over(cut, 1000);
    for (uint32_t k = 1; k < 1000; k += 13) {
        for (sym_t v = 0; v < 1000; v++)
            cut[v] = 2.5f;
        row_measure(&r);
        row_keep_mass(&r, k / 1000., 1, work);
        check(row_count(&r) == k && cut[k - 1] == 2.5f, "%u of 1000 equals: %u kept, the first", k, row_count(&r));
    }
}

/* No signed key is mistaken: negative and positive scores sort as numbers. */
static void test_signs(void)
{
    static const float given[] = { -1e-38f, 1e-38f, 0, -0.0f, -3e38f, 3e38f, -1, 1 };
    static const sym_t want[] = { 5, 7, 1, 2, 3, 0, 6, 4 };
    memcpy(score, given, sizeof given);
    struct row r = row_over(score, 8);
    row_measure(&r);
    check(row_top(&r, 8, work, top, top_logp) == 8 && memcmp(top, want, sizeof want) == 0, "order of signs");
}

int main(void)
{
    work = row_work_alloc(MOST);
    test_against_sort();
    test_many_small();
    test_large();
    test_boundary();
    test_boundary_of_equals();
    test_signs();
    row_work_free(work);
    return check_done("row_cut");
}
