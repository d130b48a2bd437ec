/* xtc ("exclude top choices"): of the symbols with probability >= threshold, all but the least likely go.
 *
 * The least likely is the last of them in rank order; ties=all lets its equals stay (MLX).  Nothing happens where fewer than
 * two reach the threshold (always above 0.5), or where fewer than min_keep symbols would remain.
 *   form=draw      with probability `probability`, decided once a row by a uniform of its own stream (purpose RNG_CHAIN, so
 *                  that the draw of the symbol is the same with and without xtc)
 *   form=expected  the expectation over that decision, without a draw (ExLlama): the excluded, of mass m, times
 *                  1 - probability, the others times 1 + probability m / (1 - m)
 * Other systems: text-generation-webui leaves a row alone from which a newline or the end would go, ExLlama protects such
 * ids; here a `force` or `bias` behind the step does that. */
#include "base/row_math.h"
#include "decode/transforms.h"
#include <math.h>

enum { FORM_DRAW, FORM_EXPECTED };

/* Leaves in w->id those that go, of the n with score >= threshold. */
static uint32_t excluded(const struct transform *t, struct row_work *w, uint32_t n)
{
    uint32_t kept = 0;
    float least = INFINITY;
    sym_t last = 0;
    for (uint32_t i = 0; i < n; i++)
        if (w->value[i] <= least) {
            least = w->value[i];
            last = w->id[i];
        }
    for (uint32_t i = 0; i < n; i++) {
        bool stays = transform_word(t, 4) == TIES_ALL ? w->value[i] == least : w->id[i] == last;
        w->id[kept] = w->id[i];
        kept += !stays;
    }
    return kept;
}

static bool decided(double probability, const struct transform_at *at)
{
    if (at->decided)
        return at->decided[at->place];
    struct rng_address a = *at->address;
    a.purpose = RNG_CHAIN;
    struct rng_key key = rng_key(&a);
    return rng_uniform(&key, at->place) < probability;
}

static double xtc_chance(const struct transform *t)
{
    return transform_word(t, 3) == FORM_DRAW ? t->value[0].number : 1;
}

static int xtc_apply(const struct transform *t, void *state, struct row *r, const struct transform_at *at)
{
    double probability = t->value[0].number, threshold = t->value[1].number;
    (void)state;
    if (probability == 0)
        return 0;
    float least = threshold > 0 ? transform_least(r, math_log64(fmax(threshold, 0x1p-1000))) : -INFINITY;
    uint32_t n = row_at_least(r, least, at->work);
    n = n > 1 ? excluded(t, at->work, n) : 0;
    if (n == 0 || row_count(r) - n < transform_count(t, 2))
        return 0;
    if (transform_word(t, 3) == FORM_DRAW) {
        if (decided(probability, at))
            row_shift(r, at->work->id, n, -INFINITY);
        return 0;
    }
    double mass = 0;
    for (uint32_t i = 0; i < n; i++)
        mass += math_exp64((double)r->score[at->work->id[i]] - r->log_z);
    double others = math_log64(1 + probability * mass / fmax(1 - mass, 0x1p-100));
    row_shift(r, at->work->id, n, probability < 1 ? math_log64(1 - probability) - others : -INFINITY);
    return 0;
}

static const char *const forms[] = { "draw", "expected", NULL };
static const struct param xtc_params[] = {
    { .name = "probability",
      .kind = PARAM_REAL,
      .max = 1,
      .required = true,
      .meaning = "of acting on a row; 0 is off" },
    { .name = "threshold",
      .kind = PARAM_REAL,
      .max = 1,
      .value = .1,
      .meaning = "least probability of a top choice; above 0.5 nothing happens" },
    PARAM_MIN_KEEP,
    { .name = "form",
      .kind = PARAM_WORD,
      .words = forms,
      .meaning = "decided by a draw, or the expected distribution" },
    { .name = "ties",
      .kind = PARAM_WORD,
      .words = transform_ties_words,
      .meaning = "id: one symbol of the top choices stays; all: its equals stay too" },
};

const struct transform_type transform_xtc = {
    .name = "xtc",
    .params = xtc_params,
    .n_params = 5,
    .meaning = "takes the most probable choices away where others are good enough",
    .domain = "probabilities",
    .source = "p-e-w 2024 (text-generation-webui #6335)",
    .shown = { "xtc(1, threshold=0.1)", "xtc(0.5, threshold=0.1, form=expected)" },
    .start = transform_start_none,
    .apply = xtc_apply,
    .accept = transform_accept_none,
    .single = transform_never_single,
    .random = true,
    .blind = true,
    .chance = xtc_chance,
};
