/* green(gamma, delta, key, scheme, width): the KGW watermark: a keyed share of the vocabulary gets delta on its scores.
 *
 * decode/green.h says which symbols are green; prompt and text count as what was said, and where that is shorter than
 * `width` nothing is done.  left favours the whole list of the symbol before; self looks at the 40 most probable symbols
 * alone, each under the list that it seeds itself (Hugging Face's and the authors' limit).  Put it last, behind
 * truncations: what they masked stays masked, and what they would mask is not lifted.  `chorale detect` finds it.
 *
 * The lists are those of Hugging Face's WatermarkLogitsProcessor (scheme lefthash, selfhash) and of the authors' code on
 * a CPU, id by id. */
#include "base/err.h"
#include "decode/green.h"
#include "decode/transforms.h"
#include <math.h>

#define CANDIDATES 40
#define MAX_WIDTH  64

static void green_release(struct transform *t)
{
    green_free(t->extra);
    t->extra = NULL;
}

static int green_prepare(struct transform *t, const struct space *space)
{
    enum green_scheme scheme = GREEN_LEFT;
    (void)space;
    if (t->extra)
        return 0; /* no parameter waits for a space */
    if (t->value[3].text)
        TRY(green_scheme(t->value[3].text, &scheme));
    t->extra = green_alloc(scheme, (uint64_t)t->value[2].number, t->value[0].number, transform_count(t, 4));
    return 0;
}

static int favour_list(const struct green *g, const sym_t context[], double delta, struct row *r, sym_t id[])
{
    uint32_t count = green_count(g, r->n);
    green_list(g, green_seed(g, context), r->n, id);
    for (uint32_t i = 0; i < count; i++)
        r->score[id[i]] = (float)((double)r->score[id[i]] + delta);
    return row_measure(r);
}

/* context[width]: the candidate takes the last place. */
static int favour_candidates(const struct green *g, sym_t context[], double delta, struct row *r,
                             const struct transform_at *at)
{
    sym_t id[CANDIDATES];
    double logp[CANDIDATES];
    uint32_t n = row_top(r, CANDIDATES < r->n ? CANDIDATES : r->n, at->work, id, logp);
    for (uint32_t i = 0; i < n; i++) {
        context[g->width - 1] = id[i];
        if (green_has(g, green_seed(g, context), r->n, id[i]))
            r->score[id[i]] = (float)((double)r->score[id[i]] + delta);
    }
    return row_measure(r);
}

static int green_apply(const struct transform *t, void *state, struct row *r, const struct transform_at *at)
{
    const struct green *g = t->extra;
    sym_t context[MAX_WIDTH];
    size_t said = transform_said(at), own = g->scheme == GREEN_SELF;
    (void)state;
    if (said < g->width)
        return 0;
    for (size_t i = 0; i + own < g->width; i++)
        context[i] = transform_symbol(at, said - (g->width - own) + i);
    if (g->scheme == GREEN_SELF)
        return favour_candidates(g, context, t->value[1].number, r, at);
    return favour_list(g, context, t->value[1].number, r, at->work->id);
}

static const struct param green_params[] = {
    { .name = "gamma",
      .kind = PARAM_REAL,
      .min = 1e-6,
      .max = 0.999999,
      .value = 0.25,
      .meaning = "share of the vocabulary that is green" },
    { .name = "delta", .kind = PARAM_REAL, .max = 1e3, .value = 2, .meaning = "added to the score of a green symbol" },
    { .name = "key",
      .kind = PARAM_INT,
      .min = 1,
      .max = INT32_MAX,
      .value = 15485863,
      .meaning = "secret that the lists depend on" },
    { .name = "scheme",
      .kind = PARAM_TEXT,
      .meaning = "what seeds a list: left (the symbol before) or self (the candidate and those before); default left" },
    { .name = "width",
      .kind = PARAM_INT,
      .min = 1,
      .max = MAX_WIDTH,
      .value = 1,
      .meaning = "symbols that a seed is made of, the candidate included in self" },
};

const struct transform_type transform_green = {
    .name = "green",
    .params = green_params,
    .n_params = 5,
    .meaning = "watermarks the text: a keyed share of the vocabulary becomes more likely",
    .domain = "logits",
    .source = "Kirchenbauer et al. 2023 (arXiv 2301.10226)",
    .shown = { "green(0.5)" },
    .start = transform_start_none,
    .apply = green_apply,
    .accept = transform_accept_none,
    .single = transform_never_single,
    .prepare = green_prepare,
    .release = green_release,
};
