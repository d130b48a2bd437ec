#include "tests/lib/pools.h"
#include "base/err.h"
#include "tests/lib/check.h"
#include <math.h>

struct pool pools_parsed(const char *text)
{
    struct pool p;
    int rc = pool_parse(text, &p);
    check(rc == 0, "%s parses: %s", text, rc == 0 ? "" : err_text());
    return p;
}

struct row pools_measured(float score[], uint32_t n)
{
    struct row r = row_over(score, n);
    check(row_measure(&r) == 0, "row measures");
    return r;
}

struct row pools_of_probs(float score[], const double p[], uint32_t n)
{
    for (uint32_t v = 0; v < n; v++)
        score[v] = (float)log(p[v]);
    return pools_measured(score, n);
}

double pools_prob(const struct row *r, sym_t v)
{
    return exp(row_logp(r, v));
}
