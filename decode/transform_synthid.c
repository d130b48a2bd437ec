/* synthid(keys, ngram, seed, history): SynthID-Text's watermark: a tournament of one layer a key, which leaves the mean
 * distribution over keys as it was.
 *
 * Layer after layer p(v) <- p(v) (1 + g(v) - sum_u p(u) g(u)); decode/synthid.h has the g-values.  The generated symbols
 * alone make the context; where it came before, nothing is done.  Scores become log-probabilities.  Costs a hash for each layer and each symbol that is not
 * masked: put it last, behind a truncation.
 *
 * Other systems: the authors' Gemini uses another hash; Hugging Face gives -FLT_MAX where a layer leaves nothing, here
 * such a symbol is masked. */
#include "base/err.h"
#include "base/num.h"
#include "base/row_math.h"
#include "decode/synthid.h"
#include "decode/transforms.h"
#include <math.h>
#include <stdlib.h>

static void release(struct transform *t)
{
    free(t->extra);
    t->extra = NULL;
}

static int prepare(struct transform *t, const struct space *space)
{
    (void)space;
    if (t->extra)
        return 0; /* no parameter waits for a space */
    t->extra = synthid_alloc(t->value[0].list, t->value[0].n_list, transform_count(t, 1), transform_count(t, 3));
    if (!t->extra)
        return ERR_USAGE;
    synthid_table(t->extra, transform_count(t, 2));
    return 0;
}

/* One layer over the n symbols id[], of probability p[]; factor[] is what all layers have made of them. */
static void layer(const struct synthid *y, uint64_t context, uint32_t l, uint32_t n, const struct row_work *w)
{
    uint8_t *bit = (uint8_t *)w->key;
    double ones = 0;
    for (uint32_t i = 0; i < n; i++) {
        bit[i] = synthid_bit(y, context, w->id[i], l);
        ones += bit[i] ? w->mass[i] : 0;
    }
    for (uint32_t i = 0; i < n; i++) {
        double grown = 1 + bit[i] - ones;
        w->mass[i] *= grown;
        w->value[i] = (float)((double)w->value[i] * grown);
    }
}

static int synthid_apply(const struct transform *t, void *state, struct row *r, const struct transform_at *at)
{
    const struct synthid *y = t->extra;
    struct row_work *w = at->work;
    uint32_t n = 0;
    (void)state;
    if (row_dead(r) || synthid_again(y, at->made, 0, at->n_made))
        return 0;
    row_normalise(r);
    for (uint32_t v = 0; v < r->n; v++)
        if (r->score[v] > -INFINITY) {
            w->id[n] = v;
            w->value[n] = 1;
            w->mass[n++] = math_exp64((double)r->score[v]);
        }
    uint64_t context = synthid_context(y, at->made, at->n_made);
    for (uint32_t l = 0; l < y->n_layers; l++)
        layer(y, context, l, n, w);
    for (uint32_t i = 0; i < n; i++)
        r->score[w->id[i]] = (float)((double)r->score[w->id[i]] + num_log(fmax((double)w->value[i], 0)));
    return row_measure(r);
}

static const struct param params[] = {
    { .name = "keys",
      .kind = PARAM_LIST,
      .required = true,
      .meaning = "secret whole numbers, one a layer (30 is common)" },
    { .name = "ngram",
      .kind = PARAM_INT,
      .min = 1,
      .max = SYNTHID_MAX_NGRAM,
      .value = 5,
      .meaning = "symbols that a g-value depends on, the candidate included" },
    { .name = "seed", .kind = PARAM_INT, .max = UINT32_MAX, .meaning = "of the table of g-values" },
    { .name = "history",
      .kind = PARAM_INT,
      .max = UINT32_MAX,
      .value = 1024,
      .meaning = "contexts back within which a repeated one is left alone" },
};

const struct transform_type transform_synthid = {
    .name = "synthid",
    .params = params,
    .n_params = 4,
    .meaning = "watermarks the text by a tournament of keyed coins, without bias over keys",
    .domain = "probabilities",
    .source = "Dathathri et al. 2024 (SynthID-Text)",
    .start = transform_start_none,
    .apply = synthid_apply,
    .accept = transform_accept_none,
    .single = transform_never_single,
    .prepare = prepare,
    .release = release,
};
