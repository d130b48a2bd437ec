#include "ensemble/calibrator.h"
#include "base/err.h"
#include "base/mem.h"
#include "ensemble/calibrator_types.h"
#include <stdlib.h>
#include <string.h>

static const struct calibrator_type *const types[] = { &calibrator_platt, &calibrator_beta, &calibrator_isotonic,
                                                       &calibrator_histogram };
enum { N_TYPES = sizeof types / sizeof *types };

const struct calibrator_type *const *calibrator_types(size_t *n)
{
    *n = N_TYPES;
    return types;
}

static int by_p(const void *a, const void *b)
{
    const struct calibrator_event *x = a, *y = b;
    if (x->p != y->p)
        return x->p < y->p ? -1 : 1;
    return x->index < y->index ? -1 : x->index > y->index;
}

struct calibrator_event *calibrator_sorted(const double p[], const bool y[], size_t n)
{
    struct calibrator_event *e = mem_alloc(n, sizeof *e);
    for (size_t i = 0; i < n; i++)
        e[i] = (struct calibrator_event){ p[i], y[i], i };
    qsort(e, n, sizeof *e, by_p);
    return e;
}

static int find_type(struct calibrator *c, const char *name)
{
    const char *names[N_TYPES];
    for (size_t i = 0; i < N_TYPES; i++) {
        names[i] = types[i]->name;
        if (strcmp(name, names[i]) == 0)
            c->type = types[i];
    }
    return c->type ? 0 : err_unknown(ERR_USAGE, "calibrator", name, names, N_TYPES);
}

static int bind(struct calibrator *c, const char *text)
{
    if (c->spec->n_steps != 1)
        return err_set(ERR_USAGE, "calibrator '%s' has %zu steps, want one", text, c->spec->n_steps);
    TRY(find_type(c, c->spec->steps[0].name));
    return spec_bind(&c->spec->steps[0], c->type->params, c->type->n_params, c->value);
}

static int check_events(const double p[], size_t n)
{
    if (n == 0)
        return err_set(ERR_DATA, "calibrator: no labelled events");
    for (size_t i = 0; i < n; i++)
        if (!(p[i] >= 0 && p[i] <= 1))
            return err_set(ERR_DATA, "calibrator: event %zu has probability %g, want one in [0, 1]", i, p[i]);
    return 0;
}

int calibrator_fit(const char *text, const double p[], const bool y[], size_t n, struct calibrator *out)
{
    *out = (struct calibrator){ .spec = spec_parse("calibrator", text) };
    int rc = out->spec ? bind(out, text) : ERR_USAGE;
    if (rc == 0)
        rc = check_events(p, n);
    if (rc == 0)
        rc = out->type->fit(out, p, y, n);
    if (rc < 0)
        calibrator_fini(out);
    return rc;
}

int calibrator_restore(const char *name, const struct calibrator_numbers *numbers, struct calibrator *out)
{
    *out = (struct calibrator){ .n = numbers->n };
    TRY(find_type(out, name));
    out->x = mem_copy(numbers->x, numbers->n * sizeof *out->x);
    out->y = numbers->y ? mem_copy(numbers->y, numbers->n * sizeof *out->y) : NULL;
    return 0;
}

double calibrator_apply(const struct calibrator *c, double p)
{
    return c->type->apply(c, p);
}

void calibrator_fini(struct calibrator *c)
{
    spec_free(c->spec);
    free(c->x);
    free(c->y);
    *c = (struct calibrator){ 0 };
}
