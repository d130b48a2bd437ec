/* repetition_penalty, frequency_penalty, presence_penalty: scores pushed down by what has been said.
 *
 *   repetition_penalty(penalty, last_n)   score > 0: score / penalty, else score * penalty; once a symbol, however often
 *                                         it occurs among the last_n last symbols of prompt and text
 *   frequency_penalty(penalty, last_n)    score - penalty * occurrences       } among the last_n last symbols of the text
 *   presence_penalty(penalty, last_n)     score - penalty if it occurs        } alone, the prompt left out
 * last_n = -1 is everything, 0 nothing.  A masked symbol stays masked.
 *
 * repetition_penalty acts on raw scores, whose offset matters (CTRL's definition); put `normalise` in front of it for
 * Hugging Face's shift-invariant form.  Other systems: llama.cpp counts the last 64 symbols of prompt and text for all
 * three; Hugging Face's repetition penalty takes prompt and text, vLLM's frequency and presence the text alone; OpenVINO
 * pushes a negative score towards zero where it is penalised (-1 + 0.5), all others and this one away from it. */
#include "base/err.h"
#include "decode/scratch.h"
#include "decode/transforms.h"
#include <math.h>

#define MAX_PENALTY 1e6 /* far beyond use; keeps scores of sane checkpoints finite */

/* The window of symbols [from, to) of the sequence prompt + text. */
struct window {
    size_t from, to;
};

static struct window last_of(const struct transform_at *at, size_t begin, double last_n)
{
    struct window w = { .from = begin, .to = transform_said(at) };
    if (last_n >= 0 && (double)(w.to - w.from) > last_n)
        w.from = w.to - (size_t)last_n;
    return w;
}

static int outside(sym_t v, uint32_t n)
{
    return err_set(ERR_DATA, "symbol %u of the history is outside of the distribution's 0 .. %u", v, n - 1);
}

/* Counts the window's symbols in count[r->n], of which only their entries are touched: a window costs its length. */
static int count_window(const struct row *r, const struct transform_at *at, struct window w, float count[])
{
    for (size_t i = w.from; i < w.to; i++) {
        sym_t v = transform_symbol(at, i);
        if (v >= r->n)
            return outside(v, r->n);
        count[v] = 0;
    }
    for (size_t i = w.from; i < w.to; i++)
        count[transform_symbol(at, i)]++;
    return 0;
}

typedef double changed(double score, double penalty, double count);

/* Changes each symbol of the window once; its count, set to zero, marks it as done. */
static int penalise(struct row *r, const struct transform_at *at, struct window w, double penalty, changed *change)
{
    float *count = at->work->spare[SCRATCH_STEP];
    if (row_dead(r) || w.from == w.to)
        return 0;
    TRY(count_window(r, at, w, count));
    for (size_t i = w.from; i < w.to; i++) {
        sym_t v = transform_symbol(at, i);
        if (count[v] > 0 && r->score[v] > -INFINITY)
            r->score[v] = (float)change((double)r->score[v], penalty, (double)count[v]);
        count[v] = 0;
    }
    return row_measure(r);
}

static double repeated(double score, double penalty, double count)
{
    (void)count;
    return score > 0 ? score / penalty : score * penalty;
}

static double frequent(double score, double penalty, double count)
{
    return score - penalty * count;
}

static double present(double score, double penalty, double count)
{
    (void)count;
    return score - penalty;
}

static int repetition_apply(const struct transform *t, void *state, struct row *r, const struct transform_at *at)
{
    (void)state;
    return penalise(r, at, last_of(at, 0, t->value[1].number), t->value[0].number, repeated);
}

static int frequency_apply(const struct transform *t, void *state, struct row *r, const struct transform_at *at)
{
    (void)state;
    return penalise(r, at, last_of(at, at->n_prompt, t->value[1].number), t->value[0].number, frequent);
}

static int presence_apply(const struct transform *t, void *state, struct row *r, const struct transform_at *at)
{
    (void)state;
    return penalise(r, at, last_of(at, at->n_prompt, t->value[1].number), t->value[0].number, present);
}

#define LAST_N(what)                                                                                                   \
    {                                                                                                                  \
        .name = "last_n", .kind = PARAM_INT, .min = -1, .max = UINT32_MAX, .value = -1, .meaning = what                \
    }

static const struct param repetition_params[] = {
    { .name = "penalty",
      .kind = PARAM_REAL,
      .max = MAX_PENALTY,
      .min_open = true,
      .required = true,
      .meaning = "divides a positive score, multiplies another; 1 is off, below 1 rewards" },
    LAST_N("last symbols of prompt and text that count; -1 all"),
};
static const struct param frequency_params[] = {
    { .name = "penalty",
      .kind = PARAM_REAL,
      .min = -MAX_PENALTY,
      .max = MAX_PENALTY,
      .required = true,
      .meaning = "subtracted from the score for every occurrence; below 0 rewards" },
    LAST_N("last symbols of the text that count; -1 all"),
};
static const struct param presence_params[] = {
    { .name = "penalty",
      .kind = PARAM_REAL,
      .min = -MAX_PENALTY,
      .max = MAX_PENALTY,
      .required = true,
      .meaning = "subtracted from the score of what occurs; below 0 rewards" },
    LAST_N("last symbols of the text that count; -1 all"),
};

const struct transform_type transform_repetition = {
    .name = "repetition_penalty",
    .params = repetition_params,
    .n_params = 2,
    .meaning = "makes what has been said less likely, once a symbol, by a factor of its score",
    .domain = "logits",
    .source = "Keskar et al. 2019 (CTRL)",
    .start = transform_start_none,
    .apply = repetition_apply,
    .accept = transform_accept_none,
    .single = transform_never_single,
};

const struct transform_type transform_frequency = {
    .name = "frequency_penalty",
    .params = frequency_params,
    .n_params = 2,
    .meaning = "makes a symbol less likely with every time it was generated",
    .domain = "logits",
    .source = "OpenAI API, vLLM",
    .start = transform_start_none,
    .apply = frequency_apply,
    .accept = transform_accept_none,
    .single = transform_never_single,
};

const struct transform_type transform_presence = {
    .name = "presence_penalty",
    .params = presence_params,
    .n_params = 2,
    .meaning = "makes a symbol less likely once it was generated",
    .domain = "logits",
    .source = "OpenAI API, vLLM",
    .start = transform_start_none,
    .apply = presence_apply,
    .accept = transform_accept_none,
    .single = transform_never_single,
};
