/* skew against its definition in long double, F_i^c - F_{i-1}^c, on rows of many blocks; also where c is so small or so
 * large that little is left of it. */
#include "base/err.h"
#include "base/mem.h"
#include "decode/chain.h"
#include "tests/lib/check.h"
#include "tests/lib/rows.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST = 33333 };

static const float *ranked; /* what by_rank() sorts by */

static int by_rank(const void *a, const void *b)
{
    uint32_t v = *(const uint32_t *)a, u = *(const uint32_t *)b;
    if (ranked[v] != ranked[u])
        return ranked[v] > ranked[u] ? -1 : 1;
    return v < u ? -1 : 1;
}

/* How far a log-probability may be off: probabilities of floats are known to 1e-7 of themselves, their sums likewise, and
 * F^c to c times that. */
static double allowed(double want, double c)
{
    return 3e-6 + 1e-6 * c + 2e-7 * fabs(want);
}

/* ln p' of symbols in the order of id[], where p is no less than floats hold; counts those that are wrong. */
static uint32_t compare(const struct row *given, const struct row *left, const uint32_t id[], uint32_t n, double c)
{
    uint32_t wrong = 0;
    long double sum = 0;
    for (uint32_t i = 0; i < n; i++) {
        long double logp = (long double)given->score[id[i]] - (long double)given->log_z, p = expl(logp);
        sum += p;
        long double u = p < sum ? -log1pl(-p / sum) : INFINITY;
        double want = (double)((long double)c * logl(sum) + logl(-expm1l(-(long double)c * u)));
        double got = (double)left->score[id[i]];
        wrong += logp > -86 && want > -1e37 && !(fabs(got - want) <= allowed(want, c));
    }
    return wrong;
}

static void one(const struct row *given, float *score, struct row_work *w, double skew, bool ids)
{
    char text[64];
    uint32_t *id = mem_alloc(given->n, sizeof *id), n = 0;
    struct row left = row_over(score, given->n);
    struct transform_at at = { .work = w };
    snprintf(text, sizeof text, "skew(%g%s)", skew, ids ? ", order=id" : "");
    struct chain *c = chain_parse(text);
    for (uint32_t v = 0; v < given->n; v++)
        if (given->score[v] > -INFINITY)
            id[n++] = v;
    ranked = given->score;
    if (!ids)
        qsort(id, n, sizeof *id, by_rank);
    row_copy(&left, given);
    check(c && chain_apply(c, NULL, &left, &at, NULL) == 0, "%s: %s", text, err_text());
    uint32_t wrong = compare(given, &left, id, n, exp(skew));
    check(wrong == 0, "%s of a row of %u: %u scores are wrong", text, given->n, wrong);
    check(row_count(&left) == n, "%s of a row of %u masks", text, given->n);
    double log_z = left.log_z;
    check(row_measure(&left) == 0, "%s of a row of %u: %s", text, given->n, err_text());
    check_near(left.log_z, log_z, 3e-6 + 1e-6 * fmin(exp(skew), 64), "%s of a row of %u: log Z", text, given->n);
    chain_free(c);
    free(id);
}

int main(void)
{
    static const uint32_t sizes[] = { 1, 2, 63, 64, 65, 1000, 5003, MOST };
    static const double skews[] = { 0.3, -1.5, 2, 0.05, 6, -6, -20, 20 };
    float *given = mem_alloc(MOST, sizeof *given), *score = mem_alloc(MOST, sizeof *score);
    struct row_work *w = row_work_alloc(MOST);
    for (uint32_t i = 0; i < 8; i++)
        for (uint32_t k = 0; k < ROWS_KINDS; k++)
            for (uint32_t j = 0; j < 8; j++) {
                if (sizes[i] == MOST && j % 4 != k % 4)
                    continue;
                struct row r = rows_make((enum rows_kind)k, 8 * i + k, given, sizes[i]);
                one(&r, score, w, skews[j], false);
                one(&r, score, w, skews[j], true);
            }
    free(given);
    free(score);
    row_work_free(w);
    return check_done("skew");
}
