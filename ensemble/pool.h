/* Pool rules: how the voices' distributions become one.  Rows of a table; the -inf table of each is its documentation.
 *
 * `log` is the *local* geometric pool: normalised at every step it is another distribution over strings than the
 * normalised product of the voices' string probabilities; `mode=global` (an argument of every rule of the power family)
 * pools prefix probabilities instead and reports in row.log_weight what an SMC search multiplies up. */
#ifndef ENSEMBLE_POOL_H
#define ENSEMBLE_POOL_H

#include "base/row.h"
#include "base/spec.h"

struct pool;

struct pool_type {
    const char *name;
    const struct param *params;
    size_t n_params;
    bool sums_to_one; /* weights are made to sum to one */
    const char *meaning, *source;
    /* rows (n,) measured; out: normalised row of its own memory; returns log Z (-INFINITY: out is dead). */
    double (*apply)(const struct pool *p, struct row *out, const struct row rows[], const double weight[], size_t n);
    /* The share of each voice in symbol v of the pool, (n,), sums to 1. */
    void (*share)(const struct pool *p, const struct row rows[], const double weight[], size_t n, sym_t v, float out[]);
};

struct pool {
    const struct pool_type *type;
    struct spec_value value[SPEC_MAX_PARAMS];
    struct spec *spec; /* what value points into */
};

int pool_parse(const char *text, struct pool *out); /* 0 or ERR_USAGE (unknown: lists, nearest) */
void pool_fini(struct pool *p);
void pool_text(const struct pool *p, struct text *out); /* canonical, appended */
double pool_apply(const struct pool *p, struct row *out, const struct row rows[], const double weight[], size_t n);
const struct pool_type *const *pool_types(size_t *n);

/* nats: entropy of the weighted mean of the rows - weighted mean of their entropies (Jensen-Shannon); work holds one
 * row of n floats. */
double pool_disagreement(const struct row rows[], const double weight[], size_t n, struct row *work);

#endif
