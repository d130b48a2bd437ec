/* The table of a conformal nucleus: how much mass of a row, after the steps before it in its chain, it took to reach the
 * symbol that came, by the row's entropy (decode/conformal.h). */
#include "base/err.h"
#include "base/mem.h"
#include "base/row_math.h"
#include "base/spec.h"
#include "decode/conformal.h"
#include "experiments/fit_place.h"
#include "experiments/fit_rows.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define BINS 10 /* where the fit says nothing else */

static int conformal_open(struct fit *f, size_t *most)
{
    f->kept = fit_rows_alloc(f, most);
    return 0;
}

static void conformal_close(struct fit *f)
{
    fit_rows_free(f->kept);
}

static int conformal_keep(struct fit *f, const struct row *r, const struct score_place *place)
{
    return fit_rows_add(f->kept, f, r, place);
}

/* The steps before the conformal one as a chain of their own, and its alpha. */
static struct chain *steps_before(const struct fit *f, double *alpha)
{
    struct text whole = { 0 }, before = { 0 };
    fit_place_put(json_string_value(json_object_get(f->doc, "chain")), "mass=[1]", &whole);
    struct chain *c = lua_transforms_chain(f->transforms, text_s(&whole)), *out = NULL;
    size_t i = 0;
    for (; c && i < chain_length(c) && strcmp(chain_step(c, i)->type->name, "conformal") != 0; i++) {
        const struct transform *t = chain_step(c, i);
        text_add(&before, i > 0 ? " | " : "");
        spec_canonical(&before, t->type->name, t->type->params, t->type->n_params, t->value);
    }
    if (c && i == chain_length(c))
        err_set(ERR_DATA, "'%s' has no step conformal", text_s(&whole));
    else if (c)
        out = fit_rows_chain(f, text_s(&before));
    *alpha = out ? chain_step(c, i)->value[0].number : 0;
    chain_free(c);
    text_free(&whole);
    text_free(&before);
    return out;
}

/* Of the symbols that stand before y in rank order, and y; 2 where it is masked. */
static double mass_to(const struct row *r, sym_t y)
{
    double sum = 0;
    if (row_dead(r) || r->score[y] == -INFINITY)
        return 2;
    for (sym_t v = 0; v < r->n; v++)
        if (r->score[v] > r->score[y] || (r->score[v] == r->score[y] && v <= y))
            sum += math_exp64(row_logp(r, v));
    return sum;
}

static int pairs_of(struct fit *f, const struct chain *c, struct conformal_pair pairs[])
{
    for (size_t i = 0; i < fit_rows_count(f->kept); i++) {
        struct row r;
        TRY(fit_rows_apply(f->kept, f, c, i, &r));
        pairs[i].entropy = row_entropy(&r);
        pairs[i].mass = mass_to(&r, fit_rows_label(f->kept, i));
    }
    return 0;
}

static json_t *numbers(const double x[], size_t n)
{
    json_t *list = json_array();
    for (size_t i = 0; i < n; i++)
        json_array_append_new(list, json_real(x[i]));
    return list;
}

static int conformal_result(struct fit *f, json_t *out)
{
    const json_t *bins = json_object_get(f->doc, "bins");
    size_t n = fit_rows_count(f->kept), n_bins = bins ? (size_t)json_integer_value(bins) : BINS;
    struct conformal_table t = { 0 };
    double alpha;
    struct chain *c = steps_before(f, &alpha);
    if (!c)
        return err_code();
    struct conformal_pair *pairs = mem_alloc(n, sizeof *pairs);
    int rc = pairs_of(f, c, pairs);
    rc = rc < 0 ? rc : conformal_fit(pairs, n, alpha, n_bins, &t);
    chain_free(c);
    free(pairs);
    TRY(rc);
    json_object_set(out, "chain", json_object_get(f->doc, "chain"));
    json_object_set_new(out, "n", json_integer((json_int_t)n));
    json_object_set_new(out, "alpha", json_real(alpha));
    json_object_set_new(out, "edges", numbers(t.entropy, t.n - 1));
    json_object_set_new(out, "mass", numbers(t.mass, t.n));
    return 0;
}

const struct fit_type fit_conformal = {
    .name = "conformal",
    .open = conformal_open,
    .close = conformal_close,
    .keep = conformal_keep,
    .result = conformal_result,
};
