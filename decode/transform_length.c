/* min_tokens, length_decay: when a text may and should end.
 *
 *   min_tokens(n, ends)             masks every end symbol until n symbols were generated
 *   length_decay(start, factor, ends)   after `start` generated symbols an end symbol's score s rises by
 *                                   |s| (factor^(n - start) - 1), n the symbols generated so far
 * The end symbols are all of the space's own, and `ends` besides (a stop id that the checkpoint does not name).  A masked
 * symbol stays masked, so that factor^n times infinity is never asked for; a row of end symbols alone is dead under
 * min_tokens.  The rise is bounded by 1e9, far beyond certainty.
 *
 * Other systems: Hugging Face's min_length counts the prompt, its min_new_tokens does not; both know eos alone, vLLM the
 * stop ids too. */
#include "base/err.h"
#include "base/mem.h"
#include "base/num.h"
#include "base/row_math.h"
#include "base/row_ops.h"
#include "decode/phrase.h"
#include "decode/scratch.h"
#include "decode/transforms.h"
#include <math.h>
#include <stdlib.h>

#define MOST 1e9

int transform_prepare_phrases(struct transform *t, size_t param, const struct space *space)
{
    if (!t->extra)
        t->extra = mem_alloc(1, sizeof(struct phrases));
    phrases_fini(t->extra);
    TRY(phrases_read(t->extra, &t->value[param]));
    return space ? phrases_single(t->extra, space) : 0;
}

void transform_release_phrases(struct transform *t)
{
    phrases_fini(t->extra);
    free(t->extra);
}

int transform_prepare_ends(struct transform *t, const struct space *space)
{
    return transform_prepare_phrases(t, t->type->n_params - 1, space);
}

/* The i-th end symbol, of the parameter's and then the space's. */
static size_t count_ends(const struct phrases *p, const struct transform_at *at)
{
    return p->n + (at->space ? at->space->n_ends : 0);
}

static int end_symbol(const struct phrases *p, const struct transform_at *at, size_t i, uint32_t n, sym_t *v)
{
    if (i < p->n && p->item[i].n_ids != 1)
        return err_set(ERR_USAGE, "ends: one symbol each, and texts bound to a symbol space");
    *v = i < p->n ? p->item[i].ids[0] : at->space->ends[i - p->n];
    return *v < n ? 0 : err_set(ERR_DATA, "ends: symbol %u is outside of the distribution's 0 .. %u", *v, n - 1);
}

int transform_only_ends(const struct phrases *p, struct row *r, const struct transform_at *at)
{
    float *before = at->work->spare[SCRATCH_STEP];
    size_t n = count_ends(p, at);
    sym_t v = 0;
    for (size_t i = 0; i < n; i++) {
        TRY(end_symbol(p, at, i, r->n, &v));
        before[v] = r->score[v];
    }
    r->ops->mask_but(r, r->n);
    for (size_t i = 0; i < n; i++) {
        TRY(end_symbol(p, at, i, r->n, &v));
        r->score[v] = before[v];
    }
    return row_measure(r);
}

static int min_tokens_apply(const struct transform *t, void *state, struct row *r, const struct transform_at *at)
{
    (void)state;
    if (at->n_made >= transform_count(t, 0))
        return 0;
    for (size_t i = 0; i < count_ends(t->extra, at); i++) {
        sym_t v = 0;
        TRY(end_symbol(t->extra, at, i, r->n, &v));
        r->score[v] = -INFINITY;
    }
    return row_measure(r);
}

/* An end symbol that is listed twice, or is the space's too, rises once. */
static bool listed_before(const struct phrases *p, const struct transform_at *at, size_t i, sym_t v)
{
    for (size_t k = 0; k < i; k++)
        if ((k < p->n ? p->item[k].ids[0] : at->space->ends[k - p->n]) == v)
            return true;
    return false;
}

static int length_decay_apply(const struct transform *t, void *state, struct row *r, const struct transform_at *at)
{
    double excess = (double)at->n_made - t->value[0].number;
    (void)state;
    if (excess <= 0)
        return 0;
    double rise = math_exp64(fmin(excess * num_log(t->value[1].number), 700)) - 1;
    for (size_t i = 0; i < count_ends(t->extra, at); i++) {
        sym_t v = 0;
        TRY(end_symbol(t->extra, at, i, r->n, &v));
        double s = (double)r->score[v];
        if (s > -INFINITY && !listed_before(t->extra, at, i, v))
            r->score[v] = (float)(s + fmin(fabs(s) * rise, MOST));
    }
    return row_measure(r);
}

#define ENDS                                                                                                           \
    {                                                                                                                  \
        .name = "ends", .kind = PARAM_LIST, .meaning = "symbols that end the text besides the space's own"             \
    }

static const struct param min_tokens_params[] = {
    { .name = "n",
      .kind = PARAM_INT,
      .max = UINT32_MAX,
      .required = true,
      .meaning = "symbols generated before the text may end" },
    ENDS,
};
static const struct param length_decay_params[] = {
    { .name = "start",
      .kind = PARAM_INT,
      .max = UINT32_MAX,
      .required = true,
      .meaning = "symbols generated before the end becomes more likely" },
    { .name = "factor",
      .kind = PARAM_REAL,
      .max = 1e6,
      .min_open = true,
      .required = true,
      .meaning = "growth of the end symbols' scores a symbol; 1 is off" },
    ENDS,
};

const struct transform_type transform_min_tokens = {
    .name = "min_tokens",
    .params = min_tokens_params,
    .n_params = 2,
    .meaning = "forbids to end the text before n symbols",
    .domain = "logits",
    .source = "Hugging Face min_new_tokens, vLLM min_tokens",
    .shown = { "min_tokens(9, ends=[0])" },
    .start = transform_start_none,
    .apply = min_tokens_apply,
    .accept = transform_accept_none,
    .single = transform_never_single,
    .prepare = transform_prepare_ends,
    .release = transform_release_phrases,
};

const struct transform_type transform_length_decay = {
    .name = "length_decay",
    .params = length_decay_params,
    .n_params = 3,
    .meaning = "makes the end exponentially more likely after a length",
    .domain = "logits",
    .source = "Hugging Face ExponentialDecayLengthPenalty",
    .shown = { "length_decay(2, 1.5, ends=[0])" },
    .start = transform_start_none,
    .apply = length_decay_apply,
    .accept = transform_accept_none,
    .single = transform_never_single,
    .prepare = transform_prepare_ends,
    .release = transform_release_phrases,
};
