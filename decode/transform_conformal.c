/* conformal: top_p with a calibrated mass for the row's entropy (decode/conformal.h).
 *
 *   conformal(alpha, entropy=[edges], mass=[masses])   alpha is what the table was fitted for; it is told, not used */
#include "base/err.h"
#include "base/mem.h"
#include "decode/conformal.h"
#include "decode/transforms.h"
#include <math.h>
#include <stdlib.h>

static int read_numbers(const struct spec_value *list, const char *name, double out[])
{
    for (size_t i = 0; i < list->n_list; i++)
        if (!text_real(list->list[i], &out[i]) || !(out[i] >= 0) || isinf(out[i]))
            return err_set(ERR_USAGE, "%s[%zu] is '%s', want a number of 0 or more", name, i, list->list[i]);
    return 0;
}

static int table_read(struct conformal_table *c, const struct spec_value *entropy, const struct spec_value *mass)
{
    c->n = mass->n_list;
    if (c->n == 0)
        return err_set(ERR_USAGE, "mass is missing: a table of a fit, entropy=[edges] and mass=[one more]");
    if (c->n > CONFORMAL_MAX_BINS || entropy->n_list + 1 != c->n)
        return err_set(ERR_USAGE, "%zu masses for %zu edges, want one more, at most %d", c->n, entropy->n_list,
                       CONFORMAL_MAX_BINS);
    TRY(read_numbers(entropy, "entropy", c->entropy));
    TRY(read_numbers(mass, "mass", c->mass));
    for (size_t i = 0; i < c->n; i++) {
        if (c->mass[i] > 1)
            return err_set(ERR_USAGE, "mass[%zu] is %g, want a number in [0, 1]", i, c->mass[i]);
        if (i > 1 && c->entropy[i - 1] <= c->entropy[i - 2])
            return err_set(ERR_USAGE, "entropy[%zu] is %g, want edges that ascend", i - 1, c->entropy[i - 1]);
    }
    return 0;
}

static int conformal_prepare(struct transform *t, const struct space *space)
{
    (void)space;
    if (!t->extra)
        t->extra = mem_alloc(1, sizeof(struct conformal_table));
    return table_read(t->extra, &t->value[1], &t->value[2]);
}

static void conformal_release(struct transform *t)
{
    free(t->extra);
    t->extra = NULL;
}

static int conformal_apply(const struct transform *t, void *state, struct row *r, const struct transform_at *at)
{
    (void)state;
    row_keep_mass(r, conformal_mass(t->extra, row_entropy(r)), transform_count(t, 3), at->work);
    return 0;
}

static const struct param conformal_params[] = {
    { .name = "alpha",
      .kind = PARAM_REAL,
      .max = 1,
      .min_open = true,
      .required = true,
      .meaning = "share of true symbols that may be missed; what the table was fitted for" },
    { .name = "entropy", .kind = PARAM_LIST, .numeric = true, .meaning = "inner edges of the bins, nats, ascending" },
    { .name = "mass",
      .kind = PARAM_LIST,
      .required = true,
      .numeric = true,
      .meaning = "probability that the kept symbols reach, one for each bin" },
    PARAM_MIN_KEEP,
};

const struct transform_type transform_conformal = {
    .name = "conformal",
    .params = conformal_params,
    .n_params = 4,
    .meaning = "a nucleus calibrated by entropy, so that the true symbol is in it with probability 1 - alpha",
    .domain = "probabilities",
    .source = "Ravfogel, Goldberg, Goldberger 2023",
    .shown = { "conformal(0.1, entropy=[1.5, 2.5], mass=[0.7, 0.8, 0.9])" },
    .start = transform_start_none,
    .apply = conformal_apply,
    .accept = transform_accept_none,
    .single = transform_never_single,
    .truncates = true,
    .prepare = conformal_prepare,
    .release = conformal_release,
    .blind = true,
};
