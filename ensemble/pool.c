#include "ensemble/pool.h"
#include "base/err.h"
#include "base/row_math.h"
#include "ensemble/pool_rules.h"
#include "model/lm.h"
#include <assert.h>
#include <math.h>
#include <string.h>

#define MAX_POWER 1e6 /* of a probability: all but an arg max by then; keeps scores within a float */

static const struct pool_type *const types[] = {
    &pool_linear,  &pool_log,      &pool_product, &pool_power, &pool_min,      &pool_max,      &pool_gated,
    &pool_sampled, &pool_contrast, &pool_cfg,     &pool_cad,   &pool_dexperts, &pool_strength, &pool_dola,
};
#define N_TYPES (sizeof types / sizeof *types)

const struct pool_type *const *pool_types(size_t *n)
{
    *n = N_TYPES;
    return types;
}

static int unknown_rule(const char *name)
{
    const char *names[N_TYPES];
    for (size_t i = 0; i < N_TYPES; i++)
        names[i] = types[i]->name;
    return err_unknown(ERR_USAGE, "pool rule", name, names, N_TYPES);
}

static int bind(struct pool *p, const char *text)
{
    if (p->spec->n_steps != 1)
        return err_set(ERR_USAGE, "pool rule '%s' has %zu steps, want one: what follows the pool is the chain's", text,
                       p->spec->n_steps);
    const struct spec_step *step = &p->spec->steps[0];
    for (size_t i = 0; i < N_TYPES; i++)
        if (strcmp(types[i]->name, step->name) == 0)
            p->type = types[i];
    if (!p->type)
        return unknown_rule(step->name);
    TRY(spec_bind(step, p->type->params, p->type->n_params, p->value));
    return p->type->check(p);
}

int pool_parse(const char *text, struct pool *out)
{
    *out = (struct pool){ .spec = spec_parse("pool rule", text) };
    if (!out->spec)
        return ERR_USAGE;
    int rc = bind(out, text);
    if (rc < 0)
        pool_fini(out);
    return rc;
}

void pool_fini(struct pool *p)
{
    spec_free(p->spec);
    *p = (struct pool){ 0 };
}

void pool_text(const struct pool *p, struct text *out)
{
    spec_canonical(out, p->type->name, p->type->params, p->type->n_params, p->value);
}

static int check_weights(const struct pool *p, const double weight[], size_t n, double *sum)
{
    *sum = 0;
    for (size_t k = 0; k < n; k++) {
        if (!(weight[k] >= 0) || isinf(weight[k]))
            return err_set(ERR_USAGE, "%s: weight %zu is %g, want a finite number >= 0", p->type->name, k + 1,
                           weight[k]);
        if (p->type->weighted && !p->type->sums_to_one && weight[k] > MAX_POWER)
            return err_set(ERR_USAGE, "%s: weight %zu is %g, want at most %g: it is an exponent", p->type->name, k + 1,
                           weight[k], MAX_POWER);
        *sum += weight[k];
    }
    if (*sum == 0)
        return err_set(ERR_USAGE, "%s: all %zu weights are 0, want a positive one", p->type->name, n);
    if (isinf(*sum))
        return err_set(ERR_USAGE, "%s: the sum of the weights is not finite", p->type->name);
    return 0;
}

int pool_weights(const struct pool *p, double weight[], size_t n)
{
    double sum;
    if (n < p->type->min_voices || n > p->type->max_voices)
        return err_set(ERR_USAGE, "%s pools %u to %u voices, got %zu", p->type->name, (unsigned)p->type->min_voices,
                       (unsigned)p->type->max_voices, n);
    TRY(check_weights(p, weight, n, &sum));
    for (size_t k = 0; k < n; k++) {
        if (!p->type->weighted)
            weight[k] = 1 / (double)n;
        else if (p->type->sums_to_one)
            weight[k] /= sum;
    }
    return 0;
}

double pool_apply(const struct pool *p, struct row *out, const struct row rows[], const double weight[], size_t n)
{
    assert(n >= 1 && n <= LM_MAX_VOICES);
    return p->type->apply(p, out, rows, weight, n);
}

double pool_apply_apart(const struct pool *p, struct row *out, const struct pool_members *m, struct row_apart *apart)
{
    size_t n_active = 0;
    for (size_t k = 0; k < m->n; k++)
        n_active += m->weight[k] > 0;
    if (p->type->apply_apart && n_active >= 2)
        return p->type->apply_apart(p, out, m, apart);
    row_pool_apart(m->rows, m->weight, m->n, apart);
    return pool_apply(p, out, m->rows, m->weight, m->n);
}

/* f is homogeneous: shifted so that ln f(prefix) = 0, the pool of prefix masses stays near the size of the steps
 * however long the prefix, and its log Z is the increment itself. */
double pool_apply_prefix(const struct pool *p, struct row *out, const struct row rows[], const double weight[],
                         size_t n, const double prefix[])
{
    struct row moved[LM_MAX_VOICES];
    double one[LM_MAX_VOICES];
    assert(p->global && n >= 1 && n <= LM_MAX_VOICES);
    for (size_t k = 0; k < n; k++)
        one[k] = 1;
    double f = p->type->value(p, weight, prefix, n);
    double shift = f / p->type->value(p, weight, one, n);
    if (f == -INFINITY)
        return pool_dead(out, rows);
    for (size_t k = 0; k < n; k++) {
        moved[k] = rows[k];
        moved[k].log_z = prefix[k] == -INFINITY || row_dead(&rows[k])
                             ? -INFINITY
                             : rows[k].log_z - (prefix[k] - shift) - rows[k].log_weight;
    }
    return p->type->apply(p, out, moved, weight, n);
}

/* The weights of the voices that took part, 0 for the others.  Where only voices of weight 0 did (a gate shut on such a
 * leader), they spoke all the same: 1 each. */
static void take_part(const double weight[], const double logp[], size_t n, double active[])
{
    double sum = 0;
    for (size_t k = 0; k < n; k++) {
        active[k] = isnan(logp[k]) ? 0 : weight[k];
        sum += active[k];
    }
    for (size_t k = 0; k < n && sum == 0; k++)
        active[k] = !isnan(logp[k]);
}

void pool_share(const double weight[], const double logp[], size_t n, float share[])
{
    double top = -INFINITY, sum = 0, part[LM_MAX_VOICES], active[LM_MAX_VOICES];
    assert(n >= 1 && n <= LM_MAX_VOICES);
    take_part(weight, logp, n, active);
    for (size_t k = 0; k < n; k++)
        if (active[k] > 0)
            top = fmax(top, logp[k]);
    for (size_t k = 0; k < n; k++) {
        part[k] = active[k] == 0 ? 0 : active[k] * (top == -INFINITY ? 1 : math_exp64(logp[k] - top));
        sum += part[k];
    }
    for (size_t k = 0; k < n; k++)
        share[k] = (float)(part[k] / sum);
}
