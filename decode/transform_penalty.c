/* repetition_penalty, frequency_penalty, presence_penalty, prompt_reward: scores moved by what has been said.
 *
 *   repetition_penalty(penalty, last_n, decay)   score > 0: score / penalty, else score * penalty; once a symbol, however
 *                                                often it occurs among the last_n last symbols of prompt and text
 *   repetition_penalty_norm(...)                 the same on log-probabilities: shift-invariant
 *   frequency_penalty(penalty, last_n, decay)    score - penalty * occurrences     } among the last_n last symbols of
 *   presence_penalty(penalty, last_n, decay)     score - penalty if it occurs      } the text alone, the prompt left out
 *   prompt_reward(reward)                        score > 0: score * reward, else score / reward; once a symbol of the prompt
 * last_n = -1 is everything, 0 nothing.  Over the `decay` symbols before the last_n the penalty fades linearly to none
 * (ExLlama's sustain and decay): the symbol j places from the end counts 1 - (j - last_n) / decay, a symbol that occurs
 * several times in repetition and presence as its last occurrence.  A masked symbol stays masked.
 *
 * repetition_penalty acts on raw scores, whose offset matters (CTRL's definition); the norm form is Hugging Face's
 * normalize=True and equals `normalise | repetition_penalty`.  Other systems: llama.cpp counts the last 64 symbols of
 * prompt and text for all three; Hugging Face's repetition penalty takes prompt and text, vLLM's frequency and presence
 * the text alone; OpenVINO pushes a negative score towards zero where it is penalised (-1 + 0.5), all others and this one
 * away from it. */
#include "base/err.h"
#include "decode/scratch.h"
#include "decode/transforms.h"
#include <math.h>

#define MAX_PENALTY 1e6 /* far beyond use; keeps scores of sane checkpoints finite */

/* The symbols [from, to) of the sequence prompt + text, of which the last `full` count whole. */
struct window {
    size_t from, to;
    double full, decay;
};

static struct window last_of(const struct transform_at *at, size_t begin, const struct transform *t)
{
    struct window w = { .from = begin, .to = transform_said(at), .full = t->value[1].number };
    w.decay = t->value[2].number;
    if (w.full < 0)
        w.full = (double)w.to;
    if ((double)(w.to - w.from) > w.full + w.decay)
        w.from = w.to - (size_t)(w.full + w.decay);
    return w;
}

/* Of the symbol j places from the end. */
static double fade(const struct window *w, size_t j)
{
    return (double)j <= w->full ? 1 : 1 - ((double)j - w->full) / w->decay;
}

/* What a symbol counts for: all of its occurrences, or the last. */
typedef float counted(float before, double now);

static float every(float before, double now)
{
    return (float)((double)before + now);
}

static float last(float before, double now)
{
    return before > 0 ? before : (float)now;
}

/* Counts the window's symbols in count[r->n], of which only their entries are touched: a window costs its length. */
static int count_window(const struct row *r, const struct transform_at *at, const struct window *w, counted *counts)
{
    float *count = at->work->spare[SCRATCH_STEP];
    for (size_t i = w->from; i < w->to; i++) {
        sym_t v = transform_symbol(at, i);
        TRY(transform_inside(v, r->n));
        count[v] = 0;
    }
    for (size_t i = w->to; i-- > w->from;) {
        float *c = &count[transform_symbol(at, i)];
        *c = counts(*c, fade(w, w->to - 1 - i));
    }
    return 0;
}

typedef double changed(double score, double penalty, double count);

/* Changes each symbol of the window once; its count, set to zero, marks it as done. */
static int penalise(struct row *r, const struct transform_at *at, const struct window *w, double penalty,
                    changed *change)
{
    float *count = at->work->spare[SCRATCH_STEP];
    for (size_t i = w->from; i < w->to; i++) {
        sym_t v = transform_symbol(at, i);
        if (count[v] > 0 && r->score[v] > -INFINITY)
            r->score[v] = (float)change((double)r->score[v], penalty, (double)count[v]);
        count[v] = 0;
    }
    return row_measure(r);
}

static double repeated(double score, double penalty, double count)
{
    double factor = count == 1 ? penalty : 1 + (penalty - 1) * count;
    return score > 0 ? score / factor : score * factor;
}

static double subtracted(double score, double penalty, double count)
{
    return score - penalty * count;
}

static int repetition_apply(const struct transform *t, void *state, struct row *r, const struct transform_at *at)
{
    struct window w = last_of(at, 0, t);
    (void)state;
    if (w.from == w.to)
        return 0;
    TRY(count_window(r, at, &w, last));
    return penalise(r, at, &w, t->value[0].number, repeated);
}

static int repetition_norm_apply(const struct transform *t, void *state, struct row *r, const struct transform_at *at)
{
    row_normalise(r);
    return repetition_apply(t, state, r, at);
}

static int frequency_apply(const struct transform *t, void *state, struct row *r, const struct transform_at *at)
{
    struct window w = last_of(at, at->n_prompt, t);
    (void)state;
    if (w.from == w.to)
        return 0;
    TRY(count_window(r, at, &w, every));
    return penalise(r, at, &w, t->value[0].number, subtracted);
}

static int presence_apply(const struct transform *t, void *state, struct row *r, const struct transform_at *at)
{
    struct window w = last_of(at, at->n_prompt, t);
    (void)state;
    if (w.from == w.to)
        return 0;
    TRY(count_window(r, at, &w, last));
    return penalise(r, at, &w, t->value[0].number, subtracted);
}

static int reward_apply(const struct transform *t, void *state, struct row *r, const struct transform_at *at)
{
    struct window w = { .to = at->n_prompt, .full = (double)at->n_prompt };
    (void)state;
    if (w.to == 0)
        return 0;
    TRY(count_window(r, at, &w, last));
    return penalise(r, at, &w, 1 / t->value[0].number, repeated);
}

/* The window of a type's rule, and what a symbol of it counts for. */
static bool window_of(const struct transform *t, const struct transform_at *at, struct window *w, counted **counts)
{
    *counts = t->type == &transform_frequency ? every : last;
    if (t->type == &transform_repetition || t->type == &transform_repetition_norm)
        *w = last_of(at, 0, t);
    else if (t->type == &transform_frequency || t->type == &transform_presence)
        *w = last_of(at, at->n_prompt, t);
    else if (t->type == &transform_prompt_reward)
        *w = (struct window){ .to = at->n_prompt, .full = (double)at->n_prompt };
    else
        return false;
    return true;
}

/* What transform_listed is to say of a symbol that counts so much. */
static double listed_value(const struct transform *t, double count)
{
    bool factor = t->type != &transform_frequency && t->type != &transform_presence;
    double penalty = t->type == &transform_prompt_reward ? 1 / t->value[0].number : t->value[0].number;
    if (!factor)
        return -(penalty * count);
    return count == 1 ? penalty : 1 + (penalty - 1) * count;
}

int transform_penalty_listed(const struct transform *t, const struct transform_at *at, uint32_t n,
                             struct transform_listed *out)
{
    struct window w;
    counted *counts;
    float *count = at->work->spare[SCRATCH_STEP];
    const struct row any = { .n = n };
    if (!window_of(t, at, &w, &counts))
        return 0;
    TRY(count_window(&any, at, &w, counts));
    for (size_t i = w.from; i < w.to; i++) {
        sym_t v = transform_symbol(at, i);
        if (count[v] > 0)
            transform_list(out, v, listed_value(t, (double)count[v]));
        count[v] = 0;
    }
    return 1;
}

#define LAST_N(what)                                                                                                   \
    {                                                                                                                  \
        .name = "last_n", .kind = PARAM_INT, .min = -1, .max = UINT32_MAX, .value = -1, .meaning = what                \
    }
#define DECAY                                                                                                          \
    {                                                                                                                  \
        .name = "decay", .kind = PARAM_INT, .max = UINT32_MAX,                                                         \
        .meaning = "symbols before these over which it fades to nothing"                                               \
    }

static const struct param repetition_params[] = {
    { .name = "penalty",
      .kind = PARAM_REAL,
      .max = MAX_PENALTY,
      .min_open = true,
      .required = true,
      .meaning = "divides a positive score, multiplies another; 1 is off, below 1 rewards" },
    LAST_N("last symbols of prompt and text that count; -1 all"),
    DECAY,
};
static const struct param frequency_params[] = {
    { .name = "penalty",
      .kind = PARAM_REAL,
      .min = -MAX_PENALTY,
      .max = MAX_PENALTY,
      .required = true,
      .meaning = "subtracted from the score for every occurrence; below 0 rewards" },
    LAST_N("last symbols of the text that count; -1 all"),
    DECAY,
};
static const struct param presence_params[] = {
    { .name = "penalty",
      .kind = PARAM_REAL,
      .min = -MAX_PENALTY,
      .max = MAX_PENALTY,
      .required = true,
      .meaning = "subtracted from the score of what occurs; below 0 rewards" },
    LAST_N("last symbols of the text that count; -1 all"),
    DECAY,
};
static const struct param reward_params[] = {
    { .name = "reward",
      .kind = PARAM_REAL,
      .max = MAX_PENALTY,
      .min = 1 / MAX_PENALTY,
      .required = true,
      .meaning = "multiplies a positive score, divides another; 1 is off, below 1 penalises" },
};

const struct transform_type transform_repetition = {
    .name = "repetition_penalty",
    .params = repetition_params,
    .n_params = 3,
    .meaning = "makes what has been said less likely, once a symbol, by a factor of its score",
    .domain = "logits",
    .source = "Keskar et al. 2019 (CTRL)",
    .shown = { "repetition_penalty=2" },
    .start = transform_start_none,
    .apply = repetition_apply,
    .accept = transform_accept_none,
    .single = transform_never_single,
};

const struct transform_type transform_repetition_norm = {
    .name = "repetition_penalty_norm",
    .params = repetition_params,
    .n_params = 3,
    .meaning = "repetition_penalty on log-probabilities: no offset of the scores matters",
    .domain = "logits",
    .source = "arXiv 2607.09791; Hugging Face normalize=True",
    .shown = { "repetition_penalty_norm=1.5" },
    .start = transform_start_none,
    .apply = repetition_norm_apply,
    .accept = transform_accept_none,
    .single = transform_never_single,
};

const struct transform_type transform_frequency = {
    .name = "frequency_penalty",
    .params = frequency_params,
    .n_params = 3,
    .meaning = "makes a symbol less likely with every time it was generated",
    .domain = "logits",
    .source = "OpenAI API, vLLM",
    .shown = { "frequency_penalty=0.5" },
    .start = transform_start_none,
    .apply = frequency_apply,
    .accept = transform_accept_none,
    .single = transform_never_single,
};

const struct transform_type transform_presence = {
    .name = "presence_penalty",
    .params = presence_params,
    .n_params = 3,
    .meaning = "makes a symbol less likely once it was generated",
    .domain = "logits",
    .source = "OpenAI API, vLLM",
    .shown = { "presence_penalty=0.5" },
    .start = transform_start_none,
    .apply = presence_apply,
    .accept = transform_accept_none,
    .single = transform_never_single,
};

const struct transform_type transform_prompt_reward = {
    .name = "prompt_reward",
    .params = reward_params,
    .n_params = 1,
    .meaning = "makes what stands in the prompt more likely, once a symbol, by a factor of its score",
    .domain = "logits",
    .source = "Hugging Face EncoderRepetitionPenaltyLogitsProcessor",
    .shown = { "prompt_reward=2" },
    .start = transform_start_none,
    .apply = reward_apply,
    .accept = transform_accept_none,
    .single = transform_never_single,
};
