/* bias, allow, suppress: scores moved and masked by symbol.
 *
 *   bias([17:2.5, ' the:-1', 4:-inf])   adds to the score; -inf masks; a symbol that is given twice gets both
 *   allow([17, ' the'])                 masks all others
 *   suppress([17, ' the'], first)       masks these; with first > 0 only among the first `first` generated symbols
 * A text stands for the symbol that has just its bytes.  A masked symbol stays masked, and an id outside of the
 * distribution is an error.
 *
 * Other systems: vLLM clamps a bias to +-100; llama.cpp takes the first of two for one symbol; ExLlama ignores an id outside
 * of the vocabulary. */
#include "base/err.h"
#include "base/mem.h"
#include "base/row_ops.h"
#include "decode/phrase.h"
#include "decode/scratch.h"
#include "decode/transforms.h"
#include <math.h>
#include <stdlib.h>

static int bias_prepare(struct transform *t, const struct space *space)
{
    if (!t->extra)
        t->extra = mem_alloc(1, sizeof(struct phrases));
    phrases_fini(t->extra);
    TRY(phrases_read_weighted(t->extra, &t->value[0]));
    return space ? phrases_single(t->extra, space) : 0;
}

static int allow_prepare(struct transform *t, const struct space *space)
{
    if (t->value[0].n_list == 0)
        return err_set(ERR_USAGE, "the list is empty: nothing could be said");
    return transform_prepare_phrases(t, 0, space);
}

static int suppress_prepare(struct transform *t, const struct space *space)
{
    return transform_prepare_phrases(t, 0, space);
}

/* The symbol of an element: ERR_USAGE when a text was not bound or it is no single one, ERR_DATA outside of the row. */
static int symbol_of(const struct phrase *p, uint32_t n, sym_t *v)
{
    if (p->n_ids == 0)
        return err_set(ERR_USAGE, "its texts are not bound to a symbol space");
    if (p->n_ids != 1)
        return err_set(ERR_USAGE, "%zu symbols in a row, want one (sequence_bias and ban take several)", p->n_ids);
    *v = p->ids[0];
    return *v < n ? 0 : err_set(ERR_DATA, "symbol %u is outside of the distribution's 0 .. %u", *v, n - 1);
}

static int bias_apply(const struct transform *t, void *state, struct row *r, const struct transform_at *at)
{
    const struct phrases *p = t->extra;
    (void)state;
    (void)at;
    for (size_t i = 0; i < p->n; i++) {
        sym_t v = 0;
        TRY(symbol_of(&p->item[i], r->n, &v));
        r->score[v] = (float)((double)r->score[v] + p->item[i].weight);
    }
    return row_measure(r);
}

static int allow_apply(const struct transform *t, void *state, struct row *r, const struct transform_at *at)
{
    const struct phrases *p = t->extra;
    float *before = at->work->spare[SCRATCH_STEP];
    sym_t v = 0;
    (void)state;
    for (size_t i = 0; i < p->n; i++) {
        TRY(symbol_of(&p->item[i], r->n, &v));
        before[v] = r->score[v];
    }
    r->ops->mask_but(r, r->n);
    for (size_t i = 0; i < p->n; i++)
        r->score[p->item[i].ids[0]] = before[p->item[i].ids[0]];
    return row_measure(r);
}

static int suppress_apply(const struct transform *t, void *state, struct row *r, const struct transform_at *at)
{
    const struct phrases *p = t->extra;
    uint32_t first = transform_count(t, 1);
    (void)state;
    if (first > 0 && at->n_made >= first)
        return 0;
    for (size_t i = 0; i < p->n; i++) {
        sym_t v = 0;
        TRY(symbol_of(&p->item[i], r->n, &v));
        r->score[v] = -INFINITY;
    }
    return row_measure(r);
}

int transform_bias_listed(const struct transform *t, const struct transform_at *at, uint32_t n,
                          struct transform_listed *out)
{
    const struct phrases *p = t->extra;
    bool bias = t->type == &transform_bias;
    if (!bias && t->type != &transform_allow && t->type != &transform_suppress)
        return 0;
    if (t->type == &transform_suppress && transform_count(t, 1) > 0 && at->n_made >= transform_count(t, 1))
        return 1;
    for (size_t i = 0; i < p->n; i++) {
        sym_t v = 0;
        TRY(symbol_of(&p->item[i], n, &v));
        transform_list(out, v, bias ? p->item[i].weight : -INFINITY);
    }
    return 1;
}

static const struct param bias_params[] = {
    { .name = "list",
      .kind = PARAM_LIST,
      .required = true,
      .meaning = "symbols and what is added to their scores: [17:2.5, ' the:-1', 4:-inf]" },
};
static const struct param allow_params[] = {
    { .name = "list", .kind = PARAM_LIST, .required = true, .meaning = "symbols that stay: [17, ' the']" },
};
static const struct param suppress_params[] = {
    { .name = "list", .kind = PARAM_LIST, .required = true, .meaning = "symbols masked: [17, ' the']" },
    { .name = "first",
      .kind = PARAM_INT,
      .max = UINT32_MAX,
      .meaning = "only so many generated symbols from the beginning; 0 always" },
};

const struct transform_type transform_bias = {
    .name = "bias",
    .params = bias_params,
    .n_params = 1,
    .meaning = "adds to the scores of symbols",
    .domain = "logits",
    .source = "OpenAI API logit_bias",
    .shown = { "bias([0:-1, 5:2])" },
    .start = transform_start_none,
    .apply = bias_apply,
    .accept = transform_accept_none,
    .single = transform_never_single,
    .prepare = bias_prepare,
    .release = transform_release_phrases,
};

const struct transform_type transform_allow = {
    .name = "allow",
    .params = allow_params,
    .n_params = 1,
    .meaning = "masks every symbol that is not listed",
    .domain = "logits",
    .source = "vLLM allowed_token_ids",
    .shown = { "allow([1, 3, 5, 7])" },
    .start = transform_start_none,
    .apply = allow_apply,
    .accept = transform_accept_none,
    .single = transform_never_single,
    .prepare = allow_prepare,
    .release = transform_release_phrases,
};

const struct transform_type transform_suppress = {
    .name = "suppress",
    .params = suppress_params,
    .n_params = 2,
    .meaning = "masks symbols, always or at the beginning of the text",
    .domain = "logits",
    .source = "Hugging Face suppress_tokens, begin_suppress_tokens",
    .shown = { "suppress([0, 2])" },
    .start = transform_start_none,
    .apply = suppress_apply,
    .accept = transform_accept_none,
    .single = transform_never_single,
    .prepare = suppress_prepare,
    .release = transform_release_phrases,
};
