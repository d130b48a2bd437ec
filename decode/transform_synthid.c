/* synthid(keys, ngram, seed, history): SynthID-Text's watermark: a tournament of one layer a key, which leaves the mean
 * distribution over keys as it was.
 *
 * Layer after layer p(v) <- p(v) (1 + g(v) - sum_u p(u) g(u)); decode/synthid.h has the g-values.  The generated symbols
 * alone make the context; where it came before, nothing is done.  Scores become log-probabilities.  Put it last,
 * behind a truncation.
 *
 * Other systems: the authors' Gemini uses another hash; Hugging Face gives -FLT_MAX where a layer leaves nothing, here
 * such a symbol is masked. */
#include "base/clones.h"
#include "base/err.h"
#include "base/mem.h"
#include "base/num.h"
#include "base/row_kernel.h"
#include "base/row_math.h"
#include "base/row_ops.h"
#include "decode/synthid.h"
#include "decode/transforms.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define MANY 8192 /* symbols not masked from which on the whole row is gone through, in floats */

struct marks {
    struct synthid *y;
    uint32_t *bits; /* synthid_bits() */
};

static void release(struct transform *t)
{
    struct marks *m = t->extra;
    free(m->y);
    free(m->bits);
    free(m);
    t->extra = NULL;
}

static int prepare(struct transform *t, const struct space *space)
{
    (void)space;
    if (t->extra)
        return 0; /* no parameter waits for a space */
    struct synthid *y =
        synthid_alloc(t->value[0].list, t->value[0].n_list, transform_count(t, 1), transform_count(t, 3));
    if (!y)
        return ERR_USAGE;
    synthid_table(y, transform_count(t, 2));
    struct marks *m = mem_alloc(1, sizeof *m);
    *m = (struct marks){ y, synthid_bits(y) };
    t->extra = m;
    return 0;
}

/* One layer over the n symbols id[], of probability p[]; factor[] is what all layers have made of them. */
static void layer(const struct marks *m, uint64_t context, uint32_t l, uint32_t n, const struct row_work *w)
{
    const uint32_t *bits = m->bits + (size_t)(l / 32) * 2 * SYNTHID_TABLE;
    uint8_t *bit = (uint8_t *)w->key;
    double ones = 0;
    for (uint32_t i = 0; i < n; i++) {
        bit[i] = bits[(context + w->id[i]) % SYNTHID_TABLE] >> l % 32 & 1;
        ones += bit[i] ? w->mass[i] : 0;
    }
    for (uint32_t i = 0; i < n; i++) {
        double grown = 1 + bit[i] - ones;
        w->mass[i] *= grown;
        w->value[i] = (float)((double)w->value[i] * grown);
    }
}

/* Few symbols, by the definition. */
static void apply_few(const struct marks *m, uint64_t context, struct row *r, struct row_work *w)
{
    uint32_t n = row_at_least(r, -INFINITY, w);
    for (uint32_t i = 0; i < n; i++) {
        w->mass[i] = math_exp64((double)w->value[i]);
        w->value[i] = 1;
    }
    for (uint32_t l = 0; l < m->y->n_layers; l++)
        layer(m, context, l, n, w);
    for (uint32_t i = 0; i < n; i++)
        r->score[w->id[i]] = (float)((double)r->score[w->id[i]] + num_log(fmax((double)w->value[i], 0)));
}

/* What two layers make of a symbol by its bits in them, of which the masses are given: sum[0] with the first, sum[1] with
 * the second, sum[2] with both. */
static void pair_factors(const double sum[3], double factor[4])
{
    double one = sum[0], two = (2 - one) * sum[2] + (1 - one) * (sum[1] - sum[2]);
    for (int i = 0; i < 4; i++)
        factor[i] = fmax(1 + (i & 1) - one, 0) * fmax(1 + (i >> 1) - two, 0);
}

/* Two layers a turn over probabilities p[n]; the turn's factors stay for the next one, table[turn] has their logs. */
static void duels(const struct row_kernel *kernel, float p[], const uint32_t bits[], uint32_t n, uint32_t n_turns,
                  struct row_duel *d, float table[][4])
{
    for (uint32_t turn = 0; turn < n_turns; turn++) {
        double sum[3], factor[4];
        d->bit = 2 * turn;
        kernel->duel(p, bits, n, d, sum);
        pair_factors(sum, factor);
        for (int i = 0; i < 4; i++) {
            d->factor[i] = (float)factor[i];
            table[turn][i] = (float)num_log(factor[i]);
        }
        d->before = d->bit;
    }
}

/* x += y */
CLONES static void synthid_add(float *restrict x, const float *restrict y, uint32_t n)
{
    for (; n >= ROW_BLOCK; n -= ROW_BLOCK, x += ROW_BLOCK, y += ROW_BLOCK)
        for (int i = 0; i < ROW_BLOCK; i++) /* a count that the compiler knows */
            x[i] += y[i];
    for (uint32_t i = 0; i < n; i++)
        x[i] += y[i];
}

/* Symbols 65,536 apart have the same bits: their probabilities are p[i] together, i below 65,536.  By parts that stay in a
 * first cache. */
static uint32_t fold(const struct row *r, float p[])
{
    enum { PART = 4096 };
    float part[PART];
    for (uint32_t first = 0; first < r->n; first += PART) {
        uint32_t n = r->n - first < PART ? r->n - first : PART, at = first % SYNTHID_TABLE;
        float *to = first < SYNTHID_TABLE ? p + at : part;
        memcpy(to, r->score + first, n * sizeof *to);
        r->ops->kernel()->exp(to, n, 0); /* it is normalised */
        if (to == part)
            synthid_add(p + at, part, n);
    }
    return r->n < SYNTHID_TABLE ? r->n : SYNTHID_TABLE;
}

/* The whole row: a symbol's factors are told apart by its bits alone. */
static void apply_many(const struct marks *m, uint64_t context, struct row *r, struct row_work *w)
{
    const struct row_kernel *kernel = r->ops->kernel();
    struct row_duel d = { { 1, 1, 1, 1 }, 0, 0 };
    float *p = w->value, *gain = w->key;
    uint32_t n = fold(r, p);
    for (uint32_t l = 0; l < m->y->n_layers; l += 32) {
        const uint32_t *bits = m->bits + (size_t)l / 32 * 2 * SYNTHID_TABLE + context % SYNTHID_TABLE;
        uint32_t left = m->y->n_layers - l, n_turns = ((left < 32 ? left : 32) + 1) / 2;
        float table[16][4];
        if (l > 0) { /* the last factors of the layers before belong to other bits */
            for (uint32_t i = 0; i < n; i++)
                p[i] *= d.factor[(bits - 2 * SYNTHID_TABLE)[i] >> d.before & 3];
            d = (struct row_duel){ { 1, 1, 1, 1 }, 0, 0 };
        }
        duels(kernel, p, bits, n, n_turns, &d, table);
        kernel->tally(gain, bits, n, (const float(*)[4])table, n_turns);
        for (uint32_t first = 0; first < r->n; first += n)
            synthid_add(r->score + first, gain, r->n - first < n ? r->n - first : n);
    }
}

static int synthid_apply(const struct transform *t, void *state, struct row *r, const struct transform_at *at)
{
    const struct marks *m = t->extra;
    (void)state;
    if (synthid_again(m->y, at->made, 0, at->n_made))
        return 0;
    row_normalise(r);
    uint64_t context = synthid_context(m->y, at->made, at->n_made);
    if (row_count(r) < MANY)
        apply_few(m, context, r, at->work);
    else
        apply_many(m, context, r, at->work);
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
    .shown = { "synthid([17, 29, 43, 71])" },
    .start = transform_start_none,
    .apply = synthid_apply,
    .accept = transform_accept_none,
    .single = transform_never_single,
    .prepare = prepare,
    .release = release,
};
